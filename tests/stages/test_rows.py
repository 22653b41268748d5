"""Rows of completions: their log-probabilities, in parts or whole, and the shape of what is taken from them."""

from dataclasses import dataclass

import pytest
import torch
from copying_task import policy, problems, tokenizer
from torch import Tensor

from orrery.errors import ConfigError, DataError
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.stages import rows as module
from orrery.stages.rollouts import logprob_difference, roll_out
from orrery.stages.rows import Rows, padded, spread, token_logprobs


@dataclass(frozen=True)
class Marked(Rows):
    mark: Tensor
    per_token: Tensor


def example() -> Marked:
    ids = padded([[1, 2, 3], [4, 5, 6, 7, 8], [9, 10]])
    trained = padded([[0, 1, 1], [0, 0, 0, 1, 1], [0, 1]], torch.bool)
    return Marked(ids, trained, torch.tensor([3, 5, 2]), torch.tensor([7, 8, 9]), ids * 10, metrics={"a": 1.0})


def test_what_is_taken_is_as_wide_as_its_longest_row() -> None:
    taken = example().take(torch.tensor([2, 0]))
    assert taken.ids.tolist() == [[9, 10, 0], [1, 2, 3]]
    assert taken.per_token.tolist() == [[90, 100, 0], [10, 20, 30]] and taken.mark.tolist() == [9, 7]
    assert (taken.rows, taken.tokens, taken.supervised) == (2, 5, 3)
    assert taken.metrics == {"a": 1.0}


def test_parts_have_all_rows_once() -> None:
    parts = example().split(2)
    assert [part.mark.tolist() for part in parts] == [[7, 8], [9]]
    assert parts[1].ids.shape == (1, 2)


def test_logprobs_are_those_of_the_whole_softmax() -> None:
    model, batch = (
        policy(),
        roll_out(
            Engine(policy(), tokenizer()), [p.prompt for p in problems(4)], 3, Sampling(1.0, max_tokens=8, seed=0)
        ).rows(),
    )
    found = token_logprobs(model, batch.ids, batch.trained)
    everything = model(batch.ids).float().log_softmax(-1)
    rows, columns = batch.trained.nonzero(as_tuple=True)
    torch.testing.assert_close(found, everything[rows, columns - 1, batch.ids[rows, columns]])
    torch.testing.assert_close(spread(found, batch.trained)[batch.trained], found)


def test_in_parts_they_are_the_same_and_so_are_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    model = policy()
    batch = roll_out(
        Engine(model, tokenizer()), [p.prompt for p in problems(4)], 3, Sampling(1.0, max_tokens=8, seed=0)
    ).rows()

    def run() -> tuple[Tensor, Tensor]:
        model.zero_grad()
        logprobs = token_logprobs(model, batch.ids, batch.trained)
        (logprobs * torch.arange(len(logprobs))).sum().backward()
        return logprobs.detach(), torch.cat([weight.grad.flatten() for weight in model.parameters()])

    whole = run()
    monkeypatch.setattr(module, "LOGITS", 5 * model.config.vocab_size)
    parts = run()
    torch.testing.assert_close(whole[0], parts[0])
    torch.testing.assert_close(whole[1], parts[1], rtol=1e-4, atol=1e-5)


def test_rollouts_repeat_with_the_seed_and_carry_the_engines_logprobs() -> None:
    engine = Engine(policy(), tokenizer())
    prompts = [p.prompt for p in problems(3)]
    one, same, other = (roll_out(engine, prompts, 4, Sampling(1.0, max_tokens=8, seed=seed)) for seed in (1, 1, 2))
    assert one.texts == same.texts != other.texts
    assert [len(group) for group in one.texts] == [4, 4, 4]
    assert logprob_difference(engine, one.rows(), one.logprobs(), most=12)["logprob_difference"] < 1e-4
    with torch.no_grad():
        engine.model.final_norm.weight *= 1.5
    changed = logprob_difference(engine, one.rows(), one.logprobs(), most=12)
    assert changed["logprob_difference"] > changed["logprob_difference/mean"] > 1e-2, "and it would be noticed"


def test_a_conversations_answer_is_trained_on_and_nothing_else() -> None:
    engine = Engine(policy(), tokenizer())
    rollouts = roll_out(engine, [[{"role": "user", "content": "abcda>"}]], 2, Sampling(1.0, max_tokens=6, seed=0))
    batch = rollouts.rows()
    for row, one in enumerate(rollouts.written[0]):
        assert batch.ids[row, : len(one.prompt_ids)].tolist() == one.prompt_ids
        assert not batch.trained[row, : len(one.prompt_ids)].any()
        assert batch.trained[row].sum() == sum(one.trained) > 0


def test_prompts_are_of_one_kind() -> None:
    with pytest.raises(DataError, match="give one kind"):
        roll_out(
            Engine(policy(), tokenizer()), ["a>", [{"role": "user", "content": "a>"}]], 1, Sampling(1.0, max_tokens=4)
        )


@pytest.mark.parametrize("sampling", [Sampling(0.7), Sampling(1.0, top_k=5), Sampling(1.0, top_p=0.9), Sampling(0.0)])
def test_only_the_policys_own_distribution_is_trained_on(sampling: Sampling) -> None:
    with pytest.raises(ConfigError, match="temperature 1, no top-k, no top-p"):
        roll_out(Engine(policy(), tokenizer()), ["a>"], 2, sampling)


def test_two_processes_write_what_one_writes() -> None:
    engine = Engine(policy(), tokenizer())
    sampling = Sampling(1.0, max_tokens=6, seed=5)
    threads = torch.get_num_threads()
    try:
        found = []
        for number in (1, 2):
            torch.set_num_threads(number)
            found.append(roll_out(engine, [p.prompt for p in problems(9)], 4, sampling))
    finally:
        torch.set_num_threads(threads)
    assert found[0].texts == found[1].texts
    torch.testing.assert_close(found[0].logprobs(), found[1].logprobs(), atol=1e-5, rtol=1e-5)
