"""The ladder: each model is what its name says, reads only what came before, and learns under the same regime."""

import math
import random

import pytest
import torch
from torch import nn

from orrery.data.names import OUR_NAMES
from orrery.errors import DataError
from orrery.scratch.ladder import GRU, LSTM, RNN, RUNGS, BatchNormMLP, BigramCounts, Transformer
from orrery.scratch.ladder_training import (
    NOTHING,
    Budget,
    Examples,
    build,
    sample,
    score,
    split_names,
    split_text,
    surprise,
    train,
)
from orrery.scratch.layer_statistics import look, updates

NAMES = OUR_NAMES.read_text().split()


@pytest.fixture(scope="module")
def split():
    return split_names(NAMES)


# The split


def test_the_split_is_always_the_same_and_keeps_every_name_once() -> None:
    one, other = split_names(NAMES), split_names(list(NAMES))
    assert torch.equal(one.test.x, other.test.x)
    sizes = [len(part.x) for part in (one.train, one.dev, one.test)]
    assert sum(sizes) == len(NAMES) and sizes[0] == int(len(NAMES) * 0.8)
    rows = torch.cat([one.train.x, one.dev.x, one.test.x])
    assert len({tuple(row) for row in rows.tolist()}) == len(set(NAMES))


def test_a_row_is_a_name_between_its_ends() -> None:
    split = split_names(["ab", "c", *("abc" for _ in range(8))])
    bos = split.characters.bos
    rows = {
        tuple(x): tuple(y)
        for part in (split.train, split.dev, split.test)
        for x, y in zip(part.x.tolist(), part.y.tolist(), strict=True)
    }
    assert rows[(bos, 0, 1, bos)] == (0, 1, bos, NOTHING)
    assert rows[(bos, 2, bos, bos)] == (2, bos, NOTHING, NOTHING)


def test_windows_are_the_characters_before_each_target() -> None:
    examples = Examples(torch.tensor([[9, 1, 2, 9]]), torch.tensor([[1, 2, 9, NOTHING]]))
    x, y = examples.windows(3)
    assert x.tolist() == [[9, 9, 9], [9, 9, 1], [9, 1, 2]]
    assert y.tolist() == [1, 2, 9]
    assert examples.windows(1)[0].tolist() == [[9], [1], [2]]


def test_text_is_split_in_its_order_and_scored_once() -> None:
    text = "".join(random.Random(0).choices("abcd\n", k=2000))
    split = split_text(text, context=20)
    ids = torch.tensor(split.characters.encode(text))
    assert torch.equal(split.train.x[0], ids[:20]) and torch.equal(split.train.y[5], ids[6:26])
    assert torch.equal(split.dev.x[0], ids[1600:1620]) and torch.equal(split.test.x[1], ids[1820:1840])
    assert len(split.train.x) == 1600 - 20 and len(split.test.x) == 199 // 20


@pytest.mark.parametrize("names", [[], ["anna"], ["anna"] * 9])
def test_too_few_names_are_refused(names: list[str]) -> None:
    with pytest.raises(DataError, match="at least ten"):
        split_names(names)


def test_too_short_a_text_is_refused() -> None:
    with pytest.raises(DataError, match="it needs 650"):
        split_text("short")


# The models


def test_counts_are_the_frequencies_of_pairs() -> None:
    split = split_names(["ab"] * 10)
    model = BigramCounts(3)
    train(model, split, Budget())
    a, b, bos = 0, 1, 2
    chances = model(torch.tensor([[bos], [a], [b]])).exp()
    torch.testing.assert_close(chances[0, a], torch.tensor(9 / 11))
    torch.testing.assert_close(chances[1], torch.tensor([1 / 11, 9 / 11, 1 / 11]))
    torch.testing.assert_close(chances[2, bos], torch.tensor(9 / 11))


def test_the_bigram_network_comes_to_the_counts(split) -> None:
    counts, network = build("bigram-counts", split), build("bigram-network", split)
    loss = {name: train(model, split, Budget(800)).loss for name, model in (("counts", counts), ("network", network))}
    assert loss["network"]["train"] == pytest.approx(loss["counts"]["train"], abs=0.03)


@pytest.mark.parametrize("rung", [rung for rung in RUNGS if RUNGS[rung].window == 0])
def test_models_of_sequences_do_not_see_what_comes_later(rung: str) -> None:
    torch.manual_seed(0)
    model = RUNGS[rung](9)
    x = torch.randint(9, (4, 12))
    changed = x.clone()
    changed[:, 7:] = (x[:, 7:] + 1) % 9
    before, after = model(x), model(changed)
    assert torch.equal(before[:, :7], after[:, :7])
    assert (before[:, 7:] != after[:, 7:]).any(-1).all()


@pytest.mark.parametrize("rung", [rung for rung in RUNGS if rung != "bigram-counts"])
def test_each_network_begins_near_a_blind_guess_and_learns(rung: str, split) -> None:
    model = build(rung, split)
    few = Examples(split.train.x[:300], split.train.y[:300])
    begin = score(model, few)
    climbed = train(model, split, Budget(steps=60, batch=64))
    assert begin == pytest.approx(math.log(27), abs=0.7)
    assert climbed.loss["dev"] < begin - 0.3
    assert climbed.parameters == sum(p.numel() for p in model.parameters())


def test_the_rnn_is_elmans(split) -> None:
    torch.manual_seed(0)
    ours, theirs = RNN(9, width=4, hidden=5), nn.RNN(4, 5, batch_first=True)
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(ours.state.weight[:, :4])
        theirs.weight_hh_l0.copy_(ours.state.weight[:, 4:])
        theirs.bias_ih_l0.copy_(ours.state.bias)
        theirs.bias_hh_l0.zero_()
        x = torch.randint(9, (3, 6))
        torch.testing.assert_close(ours(x), ours.output(theirs(ours.embedding(x))[0]))


def test_the_lstm_is_pytorchs() -> None:
    torch.manual_seed(0)
    ours, theirs = LSTM(9, width=4, hidden=5), nn.LSTM(4, 5, batch_first=True)
    # PyTorch orders its gates input, forget, cell, output; ours are keep (forget), add (input), show, new (cell).
    order = torch.cat([torch.arange(5) + 5 * gate for gate in (1, 0, 3, 2)])
    with torch.no_grad():
        weight, bias = ours.gates.weight[order], ours.gates.bias[order]
        theirs.weight_ih_l0.copy_(weight[:, :4])
        theirs.weight_hh_l0.copy_(weight[:, 4:])
        theirs.bias_ih_l0.copy_(bias)
        theirs.bias_hh_l0.zero_()
        x = torch.randint(9, (3, 6))
        torch.testing.assert_close(ours(x), ours.output(theirs(ours.embedding(x))[0]))


def test_the_gru_follows_the_papers_equations() -> None:
    torch.manual_seed(0)
    model = GRU(9, width=4, hidden=5).double()
    x = torch.randint(9, (1, 3))
    h = torch.zeros(5, dtype=torch.float64)
    with torch.no_grad():
        for token in model.embedding(x)[0]:
            z, r = torch.sigmoid(model.gates.weight @ torch.cat([token, h]) + model.gates.bias).split(5)
            new = torch.tanh(model.new.weight @ torch.cat([token, r * h]) + model.new.bias)
            h = z * h + (1 - z) * new
        torch.testing.assert_close(model(x)[0, -1], model.output(h))


def test_attention_of_the_transformer_is_the_formula() -> None:
    torch.manual_seed(0)
    block = Transformer(9, width=8, heads=2, layers=1).blocks[0].double()
    x = torch.randn(1, 5, 8, dtype=torch.float64)
    with torch.no_grad():
        query, key, value = (block.attention_norm(x)[0] @ block.query_key_value.weight.T).split(8, 1)
        found = []
        for head in (slice(0, 4), slice(4, 8)):
            fits = (query[:, head] @ key[:, head].T / 2).masked_fill(torch.ones(5, 5).triu(1).bool(), -math.inf)
            found.append(fits.softmax(1) @ value[:, head])
        stream = x[0] + torch.cat(found, 1) @ block.mix.weight.T
        expected = stream + block.down(block.relu(block.up(block.mlp_norm(stream))))
        torch.testing.assert_close(block(x)[0], expected)


def test_batch_normalisation_brings_the_hidden_layer_to_mean_0_and_variance_1() -> None:
    torch.manual_seed(0)
    model = BatchNormMLP(9)
    with torch.no_grad():
        model.hidden.weight *= 50
        normed = model.norm(model.hidden(model.embedding(torch.randint(9, (400, 5))).flatten(1)))
    torch.testing.assert_close(normed.mean(0), torch.zeros(200), rtol=0, atol=1e-5)
    torch.testing.assert_close(normed.var(0, correction=0), torch.ones(200), rtol=0, atol=1e-3)


# Training


def test_the_same_seed_gives_the_same_training(split) -> None:
    one, same, other = (train(build("gru", split, seed), split, Budget(5, 16), seed).curve for seed in (1, 1, 2))
    assert one == same != other


def test_the_score_is_the_mean_over_every_character(split) -> None:
    model = build("transformer", split)
    part = Examples(split.dev.x[:37], split.dev.y[:37])
    assert score(model, part) == pytest.approx(surprise(model.eval(), part).item(), rel=1e-5)


def test_samples_end_by_themselves_or_at_their_length(split) -> None:
    generator = torch.Generator().manual_seed(0)
    model = build("mlp", split)
    train(model, split, Budget(200, 64))
    names = [sample(model, split, generator) for _ in range(20)]
    assert all(len(name) <= split.train.x.shape[1] and name.isalpha() or not name for name in names)
    assert sum(2 <= len(name) <= 12 for name in names) >= 12
    text = split_text("the cat sat on the mat\n" * 100)
    assert len(sample(build("lstm", text), text, generator, length=50)) == 50


def test_models_of_running_text_are_larger(split) -> None:
    text = split_text("the cat sat on the mat\n" * 100)
    small, large = (sum(p.numel() for p in build("transformer", of).parameters()) for of in (split, text))
    assert large > 4 * small


# Looking inside


def test_look_counts_flat_and_dead_units() -> None:
    model = nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 2), nn.ReLU())
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[0.0], [0.0], [4.0]]))
        model[0].bias.copy_(torch.tensor([9.0, 0.1, 0.0]))  # always flat, never flat, flat for large inputs
        model[2].weight.zero_()
        model[2].bias.copy_(torch.tensor([-1.0, 1.0]))  # always shut, always open
    with look(model) as seen:
        model(torch.tensor([[0.1], [2.0]])).sum().backward()
    assert seen["1"]["saturated"] == pytest.approx(3 / 6)
    assert seen["1"]["dead"] == pytest.approx(1 / 3)
    assert (seen["3"]["saturated"], seen["3"]["dead"]) == (0.5, 0.5)
    assert not model[1]._forward_hooks, "nothing is left behind"


def test_updates_compare_a_step_with_what_it_moves() -> None:
    model = nn.Linear(4, 3)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    model(torch.randn(5, 4)).square().sum().backward()
    with torch.no_grad():
        model.weight *= 1.001
    assert updates(model, before)["weight"]["update"] == pytest.approx(1e-3, rel=1e-3)


def test_training_looks_inside_every_layer(split) -> None:
    climbed = train(build("transformer", split), split, Budget(3, 16))
    assert [step for step, _, _ in climbed.curve] == [0, 1, 2]
    for seen in climbed.layers:
        assert {f"blocks.{i}.relu" for i in range(3)} <= set(seen)
        assert all(values["update"] > 0 for name, values in seen.items() if name.endswith("up.weight"))
