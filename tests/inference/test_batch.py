"""Rows decoded together get what each would get alone, and cost nothing once they are done."""

import random
from collections.abc import Callable, Iterator

import pytest
import torch

import orrery.inference.forward as forward_module
from orrery.errors import InferenceError
from orrery.inference.batch import Batch
from orrery.inference.forward import PREFILL_TOKENS, Feed, Forward
from orrery.inference.row import Row, Written
from orrery.inference.sampling import Sampling
from orrery.models.transformer import Transformer, TransformerConfig
from tests.inference.compiler import COMPILER

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


@pytest.fixture(params=["compiled", "torch"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each test runs with the compiled kernel and with PyTorch's operations."""
    if request.param == "torch":
        monkeypatch.setattr(forward_module.Kernel, "of", lambda model, cache: None)
    elif not COMPILER:
        pytest.skip("there is no C++ compiler")
    return str(request.param)


@pytest.fixture
def fed(monkeypatch: pytest.MonkeyPatch) -> list[list[Feed]]:
    """What the model is fed, step by step, while the test runs."""
    steps: list[list[Feed]] = []
    original = Forward.__call__

    def watch(self: Forward, feeds: list[Feed]) -> torch.Tensor:
        steps.append(feeds)
        return original(self, feeds)

    monkeypatch.setattr(Forward, "__call__", watch)
    return steps


def tokens(steps: list[list[Feed]]) -> int:
    """How many tokens were fed in all."""
    return sum(len(feed.ids) for feeds in steps for feed in feeds)


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
    chunk: int = PREFILL_TOKENS,
    first: int = 0,
) -> list[list[Written]]:
    """All messages of every request; `feed(request, message)` are the ids fed after its message of that number."""
    each = [sampling] * len(rows) if isinstance(sampling, Sampling) else sampling
    batch = Batch(
        model, slots=slots, length=length, stops=STOPS, banned=torch.tensor([BANNED]), token_bytes=letters, chunk=chunk
    )
    messages: list[list[Written]] = [[] for _ in rows]
    waiting = [Row(first + i, list(prompt), one) for i, (prompt, one) in enumerate(zip(rows, each, strict=True))]
    while waiting or batch.rows:
        while waiting and batch.free:
            batch.add(waiting.pop(0))
        for row in batch.step():
            if row.done:
                messages[row.request - first].append(row.written)
                more = feed(row.request - first, len(messages[row.request - first]))
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


def test_rows_that_are_fed_more_go_on_from_their_cache_inside_the_batch(
    model: Transformer, fed: list[list[Feed]]
) -> None:
    rows = prompts(18, longest=8)
    told = prompts(18, longest=9)

    def feed(request: int, message: int) -> list[int]:
        return told[request] if message <= request % 3 else []  # some rows never, some once, some twice

    messages = run(model, rows, Sampling(max_tokens=40), 7, feed=feed)
    for i, (prompt, written) in enumerate(zip(rows, messages, strict=True)):
        ids, budget = list(prompt), 40
        for message in written:
            expected = greedy_alone(model, ids, budget)
            assert message.ids == expected, f"request {i}"
            ids += expected + told[i]
            budget -= len(expected)
    assert {len(written) for written in messages} >= {1, 2}
    written = sum(len(message.ids) for all_of_it in messages for message in all_of_it)
    more = sum(len(told[i]) * (len(all_of_it) - 1) for i, all_of_it in enumerate(messages))
    assert tokens(fed) == sum(map(len, rows)) + written + more - len(rows), "every token is computed once"


def test_finished_rows_are_not_computed_any_more(model: Transformer, fed: list[list[Feed]]) -> None:
    rows = prompts(24)
    messages = run(model, rows, Sampling(max_tokens=20), 24)
    assert len(fed[0]) == 24
    assert tokens(fed[1:]) == sum(len(m[0].ids) - 1 for m in messages)


@pytest.mark.parametrize("way", ["torch"], indirect=True)  # the kernel takes no padding, and `chunk` bounds it
def test_pytorch_is_never_given_more_than_it_may_take_at_once(
    model: Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = prompts(24)
    expected = run(model, rows, Sampling(max_tokens=20), 24)
    widths: list[int] = []
    original = model.hidden

    def count(ids: torch.Tensor, **rest: object) -> torch.Tensor:
        widths.append(ids.numel())
        return original(ids, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(model, "hidden", count)
    monkeypatch.setattr(forward_module, "PREFILL_TOKENS", 64)
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


def test_siblings_of_one_prompt_are_fed_once_and_write_what_each_writes_alone(
    model: Transformer, fed: list[list[Feed]]
) -> None:
    different = [[i, *prompt] for i, prompt in enumerate(prompts(5, longest=20), start=5)]
    different = [[*prompt, *range(10, 20)] for prompt in different]
    rows = [prompt for prompt in different for _ in range(4)]
    told = [[5, 6, 7], [9] * 12]

    def feed(request: int, message: int) -> list[int]:
        return told[request % 2] if message == 1 and request % 4 < 2 else []  # siblings part: some are fed, some done

    sampling = Sampling(temperature=1.0, max_tokens=30, seed=4)
    together = run(model, rows, sampling, 20, feed=feed)
    assert sorted(len(one.ids) for one in fed[0]) == sorted(map(len, different)), "five prompts, not twenty"
    assert [len(one.ids) for one in fed[1]].count(1) == 20, "the siblings' last token, and the firsts' second"
    few = run(model, rows, sampling, 7, feed=feed)  # newcomers and those that go on are fed in the same steps
    for i, prompt in enumerate(rows):
        (alone,) = run(model, [prompt], sampling, 1, feed=lambda _, message, i=i: feed(i, message), first=i)
        for mine in (together[i], few[i]):
            assert [message.ids for message in mine] == [message.ids for message in alone], f"request {i}"
            for one, other in zip(mine, alone, strict=True):
                torch.testing.assert_close(
                    torch.tensor(one.logprobs), torch.tensor(other.logprobs), atol=1e-4, rtol=1e-4
                )


def test_a_prompt_in_pieces_gives_what_it_gives_whole_and_others_write_meanwhile(
    model: Transformer, fed: list[list[Feed]]
) -> None:
    rows = [*prompts(3, longest=4), [7] * 40, *prompts(2, longest=4)]
    whole = run(model, rows, Sampling(max_tokens=12), 6)
    del fed[:]
    pieces = run(model, rows, Sampling(max_tokens=12), 6, chunk=9)
    assert [m[0].ids for m in pieces] == [m[0].ids for m in whole]
    reading = [feeds for feeds in fed if any(len(feed.ids) > 1 and feed.start for feed in feeds)]
    assert len(reading) >= 4 and all(any(len(feed.ids) == 1 for feed in feeds) for feeds in reading)
    assert all(sum(len(feed.ids) for feed in feeds if len(feed.ids) > 1) <= 9 for feeds in fed)


def test_what_a_prompt_begins_with_is_copied_from_rows_that_write_or_have_ended(
    model: Transformer, fed: list[list[Feed]]
) -> None:
    system, first = list(range(5, 30)), [30, 31, 32]
    (said,) = run(model, [[*system, *first]], Sampling(max_tokens=6), 1)
    conversation = [*system, *first, *said[0].ids, 33, 34]
    rows = [[*system, *first], conversation, [*system, 35, 36], [*system, 35, 37], prompts(1)[0]]
    expected = [greedy_alone(model, row, 6) for row in rows]
    for slots in (2, 8):
        del fed[:]
        messages = run(model, rows, Sampling(max_tokens=6), slots)
        assert [message[0].ids for message in messages] == expected
        fresh = tokens(fed) - sum(len(message[0].ids) - 1 for message in messages)
        most = len(conversation) + 2 + 2 + len(rows[-1]) + len(rows)  # each row's last token is computed in any case
        assert fresh <= most, f"{slots} slots: what they begin with is computed once"


def test_a_row_can_leave_at_any_time_and_its_slot_is_free_at_once(model: Transformer) -> None:
    rows = prompts(4)
    expected = [greedy_alone(model, prompt, 20) for prompt in rows]
    batch = Batch(model, slots=2, length=CONTEXT, stops=STOPS, banned=torch.tensor([BANNED]), token_bytes=letters)
    gone, stays, late = (Row(i, list(rows[i]), Sampling(max_tokens=20)) for i in (0, 1, 2))
    batch.add(gone)
    batch.add(stays)
    batch.step()
    batch.remove(gone)
    assert batch.free == 1
    batch.add(late)
    while batch.rows:
        for row in batch.step():
            if row.done:
                batch.remove(row)
    assert (stays.ids, late.ids) == (expected[1], expected[2])


def test_details_are_what_the_formulas_say(model: Transformer) -> None:
    """Raw: log-softmax of the model's logits. Shaped: the same after bias and temperature, before top-k."""
    prompt = prompts(1)[0]
    sampling = Sampling(temperature=0.5, top_k=3, logit_bias=((9, 2.0),), max_tokens=8)
    batch = Batch(model, slots=1, length=CONTEXT, stops=STOPS, banned=torch.tensor([BANNED]), token_bytes=letters)
    row = Row(0, list(prompt), sampling, top=4, score_prompt=True)
    batch.add(row)
    while not row.done:
        batch.step()
    with torch.no_grad():
        logits = model(torch.tensor([prompt + row.ids]))[0]
    raw, biased = logits.log_softmax(-1), logits.clone()
    biased[:, 9] += 2.0
    shaped = (biased / 0.5).log_softmax(-1)
    for place, (token, detail) in enumerate(zip(row.ids, row.details, strict=True), start=len(prompt) - 1):
        assert detail.id == token and len(detail.top) == 4
        assert detail.logprob == pytest.approx(float(raw[place, token]), abs=1e-4)
        assert detail.shaped == pytest.approx(float(shaped[place, token]), abs=1e-4)
        assert [one for one, _, _ in detail.top] == raw[place].topk(4).indices.tolist()
        for one, its_raw, its_shaped in detail.top:
            assert its_raw == pytest.approx(float(raw[place, one]), abs=1e-4)
            assert its_shaped == pytest.approx(float(shaped[place, one]), abs=1e-4)
    for place, score in enumerate(row.prompt_scores):
        assert score.id == prompt[place + 1]
        assert score.logprob == pytest.approx(float(raw[place, score.id]), abs=1e-4)
    assert len(row.prompt_scores) == len(prompt) - 1


@pytest.mark.parametrize("way", ["compiled"], indirect=True)  # PyTorch's rounding depends on the shapes
def test_the_kernels_results_are_the_same_bits_in_any_company(model: Transformer) -> None:
    rows = prompts(20)
    alone = [run(model, [row], Sampling(max_tokens=15), 1)[0][0].logprobs for row in rows]
    for slots, chunk in ((20, PREFILL_TOKENS), (7, PREFILL_TOKENS), (20, 5)):
        assert [m[0].logprobs for m in run(model, rows, Sampling(max_tokens=15), slots, chunk=chunk)] == alone
