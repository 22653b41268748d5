"""Requests that come and go: each gets what it would get alone, in its turn, and leaves nothing behind."""

from collections.abc import Hashable

import pytest
import torch

import orrery.inference.scheduler as scheduler_module
from orrery.errors import ContextFull, InferenceError
from orrery.inference.engine import Engine
from orrery.inference.forward import Feed, Forward
from orrery.inference.sampling import Sampling
from orrery.inference.scheduler import Request, Scheduler, Update
from tests.inference.assistant import ANSWERS, CONTEXT, Assistant, user

GREEDY = Sampling(max_tokens=40)


@pytest.fixture
def engine(assistant: Assistant) -> Engine:
    return assistant.engine(tools=())


def prompt(engine: Engine, question: str) -> list[int]:
    return engine.prompt([user(question)])


def serve(scheduler: Scheduler) -> dict[Hashable, list[Update]]:
    """Step until nobody is left -> all updates, by request."""
    updates: dict[Hashable, list[Update]] = {}
    while scheduler.busy:
        for update in scheduler.step():
            updates.setdefault(update.id, []).append(update)
    return updates


def ids(updates: list[Update]) -> list[int]:
    return [token.id for update in updates for token in update.tokens]


def test_each_request_gets_what_the_engine_gives_it_alone_whenever_it_comes(engine: Engine) -> None:
    questions = list(ANSWERS) * 3
    ways = [GREEDY, Sampling(1.2, max_tokens=30, seed=5), Sampling(0.8, top_p=0.9, max_tokens=30, stop=("e",))]
    scheduler = Scheduler(engine, slots=4)
    updates: dict[Hashable, list[Update]] = {}
    for number, question in enumerate(questions):
        scheduler.submit(Request(number, prompt(engine, question), ways[number % 3], number=number))
        for update in scheduler.step():  # one step between two arrivals
            updates.setdefault(update.id, []).append(update)
    for number, more in serve(scheduler).items():
        updates.setdefault(number, []).extend(more)
    for number, question in enumerate(questions):
        (alone,) = engine.generate([prompt(engine, question)], ways[number % 3], first=number)
        assert ids(updates[number]) == alone.ids
        last = updates[number][-1]
        assert last.finished == alone.finish_reason and all(update.finished is None for update in updates[number][:-1])
        assert last.stopped == (alone.ids[-1] in engine.stops)
        logprobs = [token.logprob for update in updates[number] for token in update.tokens]
        assert logprobs == pytest.approx(alone.logprobs, abs=1e-4)
    assert scheduler.running == scheduler.waiting == scheduler.held == 0


def test_requests_are_served_in_the_order_of_their_coming(engine: Engine) -> None:
    scheduler = Scheduler(engine, slots=2)
    for number in range(6):
        scheduler.submit(Request(number, prompt(engine, "Hi"), Sampling(1.0, max_tokens=4, seed=number)))
    assert (scheduler.running, scheduler.waiting) == (0, 6)
    order: list[Hashable] = []
    while scheduler.busy:
        order += [update.id for update in scheduler.step() if update.id not in order]
        assert scheduler.running <= 2
    assert order == sorted(order)  # type: ignore[type-var]


def test_a_cancelled_request_is_gone_at_once_running_or_waiting(engine: Engine) -> None:
    scheduler = Scheduler(engine, slots=2)
    for number in range(4):
        scheduler.submit(Request(number, prompt(engine, "Greet the world"), GREEDY))
    scheduler.step()
    for gone in (0, 3, "never there"):
        scheduler.cancel(gone)
    assert (scheduler.running, scheduler.waiting) == (1, 1)
    updates = serve(scheduler)
    assert updates.keys() == {1, 2}
    (alone,) = engine.generate([prompt(engine, "Greet the world")], GREEDY)
    assert ids(updates[1]) == ids(updates[2]) == alone.ids


def test_a_long_prompt_does_not_stall_those_that_write(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_module, "CHUNK", 16)
    scheduler = Scheduler(engine, slots=2)
    scheduler.submit(Request("short", prompt(engine, "Hi"), Sampling(1.5, max_tokens=100, seed=1)))
    while not scheduler.step():
        pass
    scheduler.submit(Request("long", [5] * 200, Sampling(max_tokens=2)))
    steps = [scheduler.step()]
    while all(update.id != "long" for update in steps[-1]):
        steps.append(scheduler.step())
    steps.pop()
    assert len(steps) >= 200 // 16 - 1 and all([update.id for update in now] == ["short"] for now in steps)


def test_n_answers_compute_their_prompt_once_and_a_next_turn_finds_the_last(engine: Engine) -> None:
    scheduler = Scheduler(engine, slots=8)
    asked = prompt(engine, "Greet the world")
    assert len(asked) > 8
    for number in range(5):
        scheduler.submit(Request(number, asked, Sampling(2.0, max_tokens=12, seed=3), number=number))
    updates = serve(scheduler)
    assert [updates[number][0].cached for number in range(5)] == [0, *[len(asked) - 1] * 4]
    written = [tuple(ids(updates[number])) for number in range(5)]
    assert len(set(written)) == 5, "each has a stream of its own"
    more = [*asked, *written[2], *asked]
    scheduler.submit(Request("next", more, GREEDY))
    assert serve(scheduler)["next"][0].cached == len(asked) + len(written[2]) - 1
    (alone,) = engine.generate([more], GREEDY)
    scheduler.submit(Request("again", more, GREEDY))
    assert ids(serve(scheduler)["again"]) == alone.ids


def test_a_full_context_ends_a_request_by_its_length(engine: Engine) -> None:
    scheduler = Scheduler(engine, context=32)
    sampling = Sampling(max_tokens=200, logit_bias=tuple((stop, -1e9) for stop in engine.stops))
    scheduler.submit(Request(0, [5] * 20, sampling))
    updates = serve(scheduler)[0]
    assert len(ids(updates)) == 12 and updates[-1].finished == "length"
    scheduler.submit(Request(0, [5] * 31, sampling))
    assert len(ids(serve(scheduler)[0])) == 1


def test_prompts_are_scored_as_a_trainer_scores_them(engine: Engine) -> None:
    asked = prompt(engine, "Two sums")
    scheduler = Scheduler(engine)
    scheduler.submit(Request("unscored", asked, GREEDY))
    scheduler.submit(Request("scored", asked, Sampling(max_tokens=1), top=2, score_prompt=True))
    first = serve(scheduler)["scored"][0]
    assert [score.id for score in first.prompt] == asked[1:] and first.cached == 0
    (expected,) = engine.logprobs([asked])
    torch.testing.assert_close(torch.tensor([score.logprob for score in first.prompt]), expected, atol=1e-4, rtol=0)
    assert all(len(score.top) == 2 and score.top[0][1] >= score.logprob - 1e-6 for score in first.prompt)
    assert len(first.tokens[0].top) == 2 and first.tokens[0].shaped is not None


def test_what_cannot_be_served_is_refused_and_disturbs_nobody(engine: Engine) -> None:
    scheduler = Scheduler(engine, slots=1, max_waiting=2)
    scheduler.submit(Request("first", prompt(engine, "Hi"), GREEDY))
    scheduler.step()
    vocab = engine.model.config.vocab_size
    with pytest.raises(ContextFull, match=f"{CONTEXT} tokens"):
        scheduler.submit(Request("long", [1] * CONTEXT, GREEDY))
    for bad, message in (
        (Request("empty", [], GREEDY), "is empty"),
        (Request("odd", [vocab], GREEDY), "outside the model's vocabulary"),
        (Request("biased", [1], Sampling(logit_bias=((vocab, 1.0),))), "logit_bias"),
        (Request("stopped", [1], Sampling(stop_ids=(-1,))), "stop id -1"),
        (Request("first", [1], GREEDY), "already"),
    ):
        with pytest.raises(InferenceError, match=message):
            scheduler.submit(bad)
    for number in range(2):
        scheduler.submit(Request(number, prompt(engine, "Hi"), GREEDY))
    with pytest.raises(InferenceError, match="2 requests are waiting"):
        scheduler.submit(Request(2, prompt(engine, "Hi"), GREEDY))
    assert serve(scheduler).keys() == {"first", 0, 1}


def test_a_model_whose_logits_are_no_numbers_fails_its_requests_and_not_the_scheduler(assistant: Assistant) -> None:
    engine = assistant.engine(tools=())
    weight = engine.model.final_norm.weight
    scheduler = Scheduler(engine, slots=2)
    for number in range(3):
        scheduler.submit(Request(number, prompt(engine, "Hi"), GREEDY))
    kept = weight.detach().clone()
    with torch.no_grad():
        weight[0] = torch.nan
    failed = scheduler.step()
    with torch.no_grad():
        weight.copy_(kept)
    assert [update.id for update in failed] == [0, 1] and all("not finite" in update.error for update in failed)
    assert serve(scheduler)[2][-1].finished == "stop"


def test_a_step_that_fails_ends_those_under_way_and_not_who_comes_later(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = Scheduler(engine, slots=2)
    for number in range(3):
        scheduler.submit(Request(number, prompt(engine, "Hi"), GREEDY))
    with monkeypatch.context() as broken:

        def fail(self: Forward, feeds: list[Feed]) -> torch.Tensor:
            raise RuntimeError("not enough memory")

        broken.setattr(Forward, "__call__", fail)
        failed = scheduler.step()
    assert [(update.id, update.error) for update in failed] == [(0, "not enough memory"), (1, "not enough memory")]
    assert serve(scheduler)[2][-1].finished == "stop"
