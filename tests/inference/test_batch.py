"""Rows decoded together get what each would get alone, and cost nothing once they are done."""

import random
from collections.abc import Callable, Iterator

import pytest
import torch

import orrery.inference.batch as batch_module
from orrery.errors import InferenceError
from orrery.inference.batch import Batch, Row, Written
from orrery.inference.sampling import Sampling
from orrery.models.transformer import Transformer, TransformerConfig

STOPS, BANNED, VOCAB, CONTEXT = [0, 2, 3, 4], 1, 40, 64


@pytest.fixture(params=["qwen3", "llama", "gpt2"])
def model(request: pytest.FixtureRequest) -> Transformer:
    """Small and untied, so that it does not repeat itself and some rows stop early."""
    config = TransformerConfig(
        vocab_size=VOCAB,
        architecture=request.param,
        width=32,
        layers=2,
        heads=4,
        kv_heads=4 if request.param == "gpt2" else 2,
        head_width=8,
        mlp_width=48,
        context=CONTEXT,
        tied=False,
        embedding_std=0.5,
    )
    return Transformer(config, torch.Generator().manual_seed(1))


def letters(token: int) -> bytes:
    """Each token as two letters, so that a text may begin or end within one."""
    return bytes([97 + token // 10, 97 + token % 10])


def prompts(count: int, longest: int = 30) -> list[list[int]]:
    """Prompts of very different lengths."""
    choice = random.Random(0)
    return [[choice.randrange(2, VOCAB) for _ in range(choice.randint(1, longest))] for _ in range(count)]


def run(
    model: Transformer,
    rows: list[list[int]],
    sampling: Sampling | list[Sampling],
    slots: int,
    length: int = CONTEXT,
    feed: Callable[[int, int], list[int]] = lambda request, message: [],
) -> list[list[Written]]:
    """All messages of every request; `feed(request, message)` are the ids fed after its message of that number."""
    each = [sampling] * len(rows) if isinstance(sampling, Sampling) else sampling
    most = max(one.max_tokens for one in each)
    batch = Batch(
        model, slots=slots, length=length, most=most, stops=torch.tensor(STOPS), banned=torch.tensor([BANNED]),
        token_bytes=letters,
    )  # fmt: skip
    messages: list[list[Written]] = [[] for _ in rows]
    waiting = [Row(i, list(prompt), one) for i, (prompt, one) in enumerate(zip(rows, each, strict=True))]
    while waiting or batch.rows:
        while waiting and batch.free:
            batch.add(waiting.pop(0))
        for row in batch.step():
            messages[row.request].append(batch.written(row))
            more = feed(row.request, len(messages[row.request]))
            batch.go_on(row, more if len(more) <= batch.room(row) else [])
    return messages


@torch.no_grad()
def greedy_alone(model: Transformer, prompt: list[int], max_tokens: int, length: int = CONTEXT) -> list[int]:
    """The plainest generation there is: one sequence, no cache, the whole of it again for every token."""
    ids = list(prompt)
    while len(ids) < length and len(ids) < len(prompt) + max_tokens:
        logits = model(torch.tensor([ids]))[0, -1]
        logits[BANNED] = -torch.inf
        ids.append(int(logits.argmax()))
        if ids[-1] in STOPS:
            break
    return ids[len(prompt) :]


def test_ragged_rows_write_what_each_writes_alone_without_a_cache(model: Transformer) -> None:
    rows = prompts(24)
    expected = [greedy_alone(model, prompt, 20) for prompt in rows]
    lengths = {len(ids) for ids in expected}
    assert len(lengths) > 3 and 20 in lengths, "the case is worth testing only if some rows stop early"
    for slots in (1, 3, 24):
        messages = run(model, rows, Sampling(max_tokens=20), slots)
        assert [message[0].ids for message in messages] == expected
        assert all(message[0].stopped == (message[0].ids[-1] in STOPS) for message in messages)
        assert not any(BANNED in message[0].ids for message in messages)


def test_a_row_ends_when_prompt_and_text_fill_the_length(model: Transformer) -> None:
    rows = prompts(12)
    messages = run(model, rows, Sampling(max_tokens=99), 5, length=33)
    assert [message[0].ids for message in messages] == [greedy_alone(model, prompt, 99, 33) for prompt in rows]
    assert any(len(prompt) + len(m[0].ids) == 33 for prompt, m in zip(rows, messages, strict=True))


def test_every_request_is_sampled_in_its_own_way_whatever_the_others_want(model: Transformer) -> None:
    """Greedy and at a temperature, filtered, penalised, biased, with stops of their own: all in one batch."""
    ways = [
        Sampling(max_tokens=20),
        Sampling(temperature=1.0, seed=5, max_tokens=12),
        Sampling(temperature=0.7, top_k=5, seed=1, max_tokens=20),
        Sampling(temperature=1.3, min_p=0.2, seed=2, max_tokens=7),
        Sampling(repetition_penalty=1.5, max_tokens=20),
        Sampling(temperature=1.0, presence_penalty=2.0, frequency_penalty=0.5, max_tokens=20),
        Sampling(logit_bias=((7, 50.0),), max_tokens=5),
        Sampling(temperature=1.0, stop_ids=tuple(range(5, 20)), max_tokens=20),
    ]
    rows = prompts(24)
    each = [ways[i % len(ways)] for i in range(len(rows))]
    alone = {way: run(model, rows, way, 24) for way in ways}
    for slots in (3, 24):
        for i, (written,) in enumerate(run(model, rows, each, slots)):
            (expected,) = alone[each[i]][i]
            assert (written.ids, written.stopped) == (expected.ids, expected.stopped), f"request {i}: {each[i]}"
            assert len(written.ids) <= each[i].max_tokens
    biased = [i for i, way in enumerate(each) if way.logit_bias]
    assert all(alone[each[i]][i][0].ids == [7] * 5 for i in biased)


def test_a_stop_text_ends_a_row_wherever_tokens_begin_and_end(model: Transformer) -> None:
    """A stop of the last letter of one token and the first of the next; the other rows go on as they would."""
    rows = prompts(12)
    plain = run(model, rows, Sampling(max_tokens=20), 12)
    texts = [b"".join(map(letters, written.ids)).decode() for (written,) in plain]
    long = max(range(12), key=lambda i: len(texts[i]))
    stop = texts[long][5:7]
    each = [Sampling(max_tokens=20, stop=(stop, "zzz")) if i == long else Sampling(max_tokens=20) for i in range(12)]
    stopped = run(model, rows, each, 5)
    (written,) = stopped[long]
    end = texts[long].find(stop) + len(stop)
    assert written.stop == (stop, "zzz") and not written.stopped
    assert written.ids == plain[long][0].ids[: -(-end // 2)], "the token that completes it is the last"
    for i in set(range(12)) - {long}:
        assert stopped[i][0].ids == plain[i][0].ids


def test_a_penalty_counts_what_was_read_and_written_as_transformers_does(model: Transformer) -> None:
    from transformers import RepetitionPenaltyLogitsProcessor

    sampling = Sampling(repetition_penalty=1.4, max_tokens=15)
    theirs = RepetitionPenaltyLogitsProcessor(1.4)
    rows = prompts(8)
    for prompt, (written,) in zip(rows, run(model, rows, sampling, 8), strict=True):
        ids = list(prompt)
        for token in written.ids:
            with torch.no_grad():
                logits = theirs(torch.tensor([ids]), model(torch.tensor([ids]))[:, -1].clone())  # type: ignore[arg-type]
            logits[0, BANNED] = -torch.inf
            assert int(logits.argmax()) == token
            ids.append(token)


def test_log_probabilities_are_those_of_a_full_forward_pass(model: Transformer) -> None:
    rows = prompts(16)
    messages = run(model, rows, Sampling(temperature=1.0, max_tokens=30), 6)
    for prompt, (written,) in zip(rows, messages, strict=True):
        ids = torch.tensor(prompt + written.ids)
        with torch.no_grad():
            full = model(ids[None, :-1])[0].log_softmax(-1).gather(1, ids[1:, None])[len(prompt) - 1 :, 0]
        torch.testing.assert_close(torch.tensor(written.logprobs), full, atol=1e-4, rtol=0)


def test_a_request_samples_the_same_tokens_in_any_company(model: Transformer) -> None:
    rows = prompts(20)
    sampling = Sampling(temperature=1.0, top_p=0.95, max_tokens=15, seed=4)
    alone = run(model, rows, sampling, 1)
    assert run(model, rows, sampling, 20) == run(model, rows, sampling, 20)
    assert [m[0].ids for m in run(model, rows, sampling, 20)] == [m[0].ids for m in alone]
    other_seed = run(model, rows, Sampling(temperature=1.0, top_p=0.95, max_tokens=15, seed=5), 20)
    assert [m[0].ids for m in other_seed] != [m[0].ids for m in alone]
    same_prompt = run(model, [rows[0]] * 8, sampling, 8)
    assert len({tuple(m[0].ids) for m in same_prompt}) > 4


def test_rows_that_are_fed_more_go_on_from_their_cache_inside_the_batch(model: Transformer) -> None:
    rows = prompts(18, longest=8)
    fed = [ids for ids in prompts(18, longest=9)]

    def feed(request: int, message: int) -> list[int]:
        return fed[request] if message <= request % 3 else []  # some rows never, some once, some twice

    seen: list[int] = []
    original = model.hidden

    def count(ids: torch.Tensor, **rest: object) -> torch.Tensor:
        seen.append(ids.numel())
        return original(ids, **rest)  # type: ignore[arg-type]

    model.hidden = count  # type: ignore[method-assign, assignment]
    messages = run(model, rows, Sampling(max_tokens=40), 7, feed=feed)
    del model.hidden
    for i, (prompt, written) in enumerate(zip(rows, messages, strict=True)):
        ids, budget = list(prompt), 40
        for message in written:
            expected = greedy_alone(model, ids, budget)
            assert message.ids == expected, f"request {i}"
            ids += expected + fed[i]
            budget -= len(expected)
    assert {len(written) for written in messages} >= {1, 2}
    most = sum(map(len, rows)) + sum(len(m.ids) for w in messages for m in w) + sum(len(f) + 1 for f in fed) * 2
    assert sum(seen) < 2 * most, "feeding a tool's answer must not run the whole prompt again"


def test_finished_rows_are_not_computed_any_more(model: Transformer, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = prompts(24)
    sizes: list[tuple[int, int]] = []
    original = model.hidden

    def count(ids: torch.Tensor, **rest: object) -> torch.Tensor:
        sizes.append((ids.shape[0], ids.shape[1]))
        return original(ids, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(model, "hidden", count)
    messages = run(model, rows, Sampling(max_tokens=20), 24)
    assert sizes[0][0] == 24
    assert sum(n for n, tokens in sizes[1:]) == sum(len(m[0].ids) - 1 for m in messages)


def test_a_large_prefill_is_split_and_gives_the_same(model: Transformer, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = prompts(24)
    expected = run(model, rows, Sampling(max_tokens=20), 24)
    widths: list[int] = []
    original = model.hidden

    def count(ids: torch.Tensor, **rest: object) -> torch.Tensor:
        widths.append(ids.numel())
        return original(ids, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(model, "hidden", count)
    monkeypatch.setattr(batch_module, "PREFILL_TOKENS", 64)
    assert [m[0].ids for m in run(model, rows, Sampling(max_tokens=20), 24)] == [m[0].ids for m in expected]
    assert max(widths) <= 64


def test_logits_that_are_no_numbers_are_an_error(model: Transformer) -> None:
    with torch.no_grad():
        model.final_norm.weight[0] = torch.nan
    with pytest.raises(InferenceError, match="not finite"):
        run(model, prompts(2), Sampling(), 2)


def test_a_batch_leaves_the_model_trainable(model: Transformer) -> None:
    run(model, prompts(3), Sampling(), 3)
    model(torch.tensor([[2, 3, 4]])).sum().backward()
    assert all(weight.grad is not None for weight in _used(model))


def _used(model: Transformer) -> Iterator[torch.nn.Parameter]:
    return (weight for name, weight in model.named_parameters() if "position" not in name)


def test_siblings_of_one_prompt_are_fed_once_and_write_what_each_writes_alone(model: Transformer) -> None:
    different = prompts(5, longest=20)
    rows = [prompt for prompt in different for _ in range(4)]
    fed = [[5, 6, 7], [9] * 12]

    def feed(request: int, message: int) -> list[int]:
        return fed[request % 2] if message == 1 and request % 4 < 2 else []  # siblings part: some are fed, some done

    seen: list[int] = []
    original = model.hidden

    def count(ids: torch.Tensor, **rest: object) -> torch.Tensor:
        seen.append(ids.shape[0] if ids.shape[1] > 1 else 0)
        return original(ids, **rest)  # type: ignore[arg-type]

    model.hidden = count  # type: ignore[method-assign, assignment]
    sampling = Sampling(temperature=1.0, max_tokens=30, seed=4)
    together = run(model, rows, sampling, 20, feed=feed)
    few = run(model, rows, sampling, 7, feed=feed)  # newcomers and those that go on are fed in the same steps
    del model.hidden
    assert max(seen) <= 10 and seen[0] == 5, "five prompts, not twenty"
    for i, prompt in enumerate(rows):
        alone: list[Written] = []
        batch = Batch(model, slots=1, length=CONTEXT, most=30, stops=torch.tensor(STOPS), banned=torch.tensor([BANNED]),
                  token_bytes=letters)  # fmt: skip
        batch.add(Row(i, list(prompt), sampling))
        while batch.rows:
            for row in batch.step():
                alone.append(batch.written(row))
                more = feed(i, len(alone))
                batch.go_on(row, more if len(more) <= batch.room(row) else [])
        for mine in (together[i], few[i]):
            assert [message.ids for message in mine] == [message.ids for message in alone], f"request {i}"
            for one, other in zip(mine, alone, strict=True):
                torch.testing.assert_close(
                    torch.tensor(one.logprobs), torch.tensor(other.logprobs), atol=1e-4, rtol=1e-4
                )
