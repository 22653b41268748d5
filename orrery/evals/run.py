"""Sit the exams: every question of every exam in a few large batches, greedily, and a score with its interval.

    run = run_exams(engine, build_exams(world), "sft", chat=True)
    run.scores[0]        Score(stage='sft', exam='facts_head', score=0.72, low=0.61, high=0.82, n=200, chance=0.06)

Intervals are 95% bootstrap intervals over clusters: questions about one entity are right or wrong together, so whole
entities are drawn again, not questions (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 8).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from orrery.errors import ConfigError
from orrery.evals.exams import EXAM_NAMES
from orrery.evals.exams.checks import CHECKS
from orrery.evals.exams.exam import Exam, Item, Reply
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.tokenizers.chat import Message, render

RESAMPLES = 1000
DRAWN = 1 << 20  # numbers that are drawn in one go
BATCH = 512  # requests that the engine gets in one call; progress is told after each
Progress = Callable[[int, int], None]  # (requests done, requests in all)
TOO_LONG = "(the question is longer than the model's context)"


@dataclass(frozen=True)
class Score:
    """The score of one exam at one stage; None where the exam makes no sense for that model ("n/a").

    Attributes:
        score: share of items that count, 0 to 1; for a few exams lower is better (``exams.LOWER_IS_BETTER``).
        low: lower end of the 95% interval.
        high: upper end of the 95% interval.
        n: items.
        chance: score of a good guess that does not read the question.
    """

    stage: str
    exam: str
    score: float | None
    low: float | None
    high: float | None
    n: int
    chance: float


@dataclass(frozen=True)
class Transcript:
    """One question with its reply, for people: reports show some."""

    exam: str
    question: str
    reply: str
    right: bool
    labels: Mapping[str, str]


@dataclass(frozen=True)
class _Request:
    """One different question: conversation or text, and how many tokens its reply may have."""

    key: str
    room: int
    messages: Sequence[Message] = ()
    prompt: str = ""


@dataclass(frozen=True)
class ExamRun:
    """What came out: a score an exam, the scores of an exam's parts (by digits, by relation), and every transcript."""

    scores: list[Score]
    parts: list[Score] = field(default_factory=list)
    transcripts: list[Transcript] = field(default_factory=list)


def run_exams(
    engine: Engine,
    exams: Sequence[Exam],
    stage: str,
    chat: bool,
    on_progress: Progress | None = None,
) -> ExamRun:
    """Let a model sit the exams, greedily.

    Args:
        stage: what the model is called in the scores: "base", "sft".
        chat: it answers conversations; otherwise it continues text.
        on_progress: called now and then with requests done and requests in all.

    Raises:
        ConfigError: an exam without items.
    """
    for exam in exams:
        if not exam.items:
            raise ConfigError(f"the exam '{exam.name}' has no items; the world is too small for it, or its limit is 0")
    sat = [exam for exam in exams if exam.stage in ("both", "chat" if chat else "base")]
    requests = _requests(sat, chat)
    replies = (_chat_replies if chat else _continuations)(engine, requests, on_progress)
    run = ExamRun([])
    for exam in exams:
        if exam not in sat:
            run.scores.append(Score(stage, exam.name, None, None, None, 0, exam.chance))
            continue
        judged = [(item, replies[_key(item, chat)]) for item in exam.items]
        right = np.array([CHECKS[item.check if chat else item.base_check](item, reply) for item, reply in judged])
        run.scores.append(_score(stage, exam.name, right, exam.items, exam.chance))
        run.parts.extend(_parts(stage, exam, right))
        run.transcripts.extend(
            Transcript(exam.name, _shown(item, chat), _said(reply), bool(ok), item.labels)
            for (item, reply), ok in zip(judged, right, strict=True)
        )
    return run


def not_applicable(stage: str) -> list[Score]:
    """Scores of a run on text of one's own: there is no world to ask about, so every exam is "n/a"."""
    return [Score(stage, name, None, None, None, 0, 0.0) for name in EXAM_NAMES]


def bootstrap(right: np.ndarray, clusters: Sequence[str], resamples: int = RESAMPLES) -> tuple[float, float]:
    """The 95% interval of the mean of ``right`` [n] when whole clusters are drawn again, always with the same seed."""
    names, index = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.bincount(index, weights=right, minlength=len(names))
    low, high = np.quantile(redrawn(sums, np.bincount(index, minlength=len(names)), resamples), (0.025, 0.975))
    return float(low), float(high)


def redrawn(amounts: np.ndarray, sizes: np.ndarray, resamples: int = RESAMPLES) -> np.ndarray:
    """All amounts over all sizes [n each] when the n are drawn again, so many times [resamples]."""
    generator, n, rates = np.random.default_rng(0), len(sizes), np.empty(resamples)
    block = max(1, DRAWN // n)
    for start in range(0, resamples, block):
        drawn = generator.integers(n, size=(min(block, resamples - start), n))
        rates[start : start + block] = amounts[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return rates


def _score(stage: str, exam: str, right: np.ndarray, items: Sequence[Item], chance: float) -> Score:
    low, high = bootstrap(right, [item.cluster for item in items])
    return Score(stage, exam, float(right.mean()), low, high, len(items), chance)


def _parts(stage: str, exam: Exam, right: np.ndarray) -> list[Score]:
    """The score of each value of the exam's label: ``arithmetic_direct: digits 2``."""
    values = list(dict.fromkeys(item.labels.get(exam.by, "") for item in exam.items)) if exam.by else []
    parts = []
    for value in values:
        chosen = [i for i, item in enumerate(exam.items) if item.labels.get(exam.by, "") == value]
        name = f"{exam.name}: {exam.by} {value}"
        parts.append(_score(stage, name, right[chosen], [exam.items[i] for i in chosen], exam.chance))
    return parts


def _key(item: Item, chat: bool) -> str:
    return json.dumps(item.messages) if chat else item.prompt or ""


def _requests(exams: Iterable[Exam], chat: bool) -> list[_Request]:
    """Each different question once, those whose replies have little room first.

    A question that stands in several exams gets the most room that one of them gives; exams that share one question
    share one reply.
    """
    room: dict[str, int] = {}
    asked: dict[str, Item] = {}
    for exam in exams:
        for item in exam.items:
            key = _key(item, chat)
            asked[key] = item
            room[key] = max(room.get(key, 0), exam.max_tokens if chat else exam.base_tokens)
    keys = sorted(asked, key=lambda key: (room[key], key))
    return [_Request(key, room[key], asked[key].messages or (), asked[key].prompt or "") for key in keys]


def _batches(requests: Sequence[_Request], on_progress: Progress | None) -> Iterator[Sequence[_Request]]:
    """At most ``BATCH`` requests with the same room at a time; progress is told when the next ones are asked for."""
    start = 0
    for _, same in groupby(requests, key=lambda request: request.room):
        waiting = list(same)
        while waiting:
            yield waiting[:BATCH]
            start += len(waiting[:BATCH])
            waiting = waiting[BATCH:]
            if on_progress is not None:
                on_progress(start, len(requests))


def _chat_replies(engine: Engine, requests: Sequence[_Request], on_progress: Progress | None) -> dict[str, Reply]:
    replies: dict[str, Reply] = {}
    end = engine.tokenizer.end_of_turn_id
    for batch in _batches(requests, on_progress):
        prompts = [render(request.messages, engine.tokenizer, add_generation_prompt=True).ids for request in batch]
        fits = [request for request, ids in zip(batch, prompts, strict=True) if len(ids) < engine.context]
        replies.update({request.key: Reply(TOO_LONG, ended=False) for request in batch})
        turns = engine.turns([request.messages for request in fits], Sampling(max_tokens=batch[0].room))
        for request, turn in zip(fits, turns, strict=True):
            ended = turn.finish_reason == "stop" and turn.ids[-1] == end
            replies[request.key] = Reply(turn.messages[-1]["content"], turn.messages, ended)
    return replies


def _continuations(engine: Engine, requests: Sequence[_Request], on_progress: Progress | None) -> dict[str, Reply]:
    replies: dict[str, Reply] = {}
    tokenizer, begin = engine.tokenizer, engine.tokenizer.begin_id  # a document starts after it
    # Every check of a continuation ends at the first new line.
    newlines = tuple(i for i in range(tokenizer.vocab_size) if b"\n" in tokenizer.token_bytes(i))
    for batch in _batches(requests, on_progress):
        encoded = tokenizer.encode_batch([request.prompt for request in batch])
        prompts = [(request, [begin, *ids]) for request, ids in zip(batch, encoded, strict=True)]
        fits = [(request, ids) for request, ids in prompts if len(ids) < engine.context]
        replies.update({request.key: Reply(TOO_LONG, ended=False) for request in batch})
        completions = engine.generate([ids for _, ids in fits], Sampling(max_tokens=batch[0].room, stop_ids=newlines))
        for (request, _), completion in zip(fits, completions, strict=True):
            replies[request.key] = Reply(completion.text, ended=completion.finish_reason == "stop")
    return replies


def _shown(item: Item, chat: bool) -> str:
    if not chat:
        return item.prompt or ""
    messages = item.messages or ()
    return messages[0]["content"] if len(messages) == 1 else "\n".join(f"{m['role']}: {m['content']}" for m in messages)


def _said(reply: Reply) -> str:
    """All that the model said; calls as the expressions that were asked for, with their results."""
    if not reply.messages:
        return reply.text
    lines = []
    for message in reply.messages:
        if message["role"] == "tool":
            lines.append(f"→ {message['content']}")
            continue
        if message["content"]:
            lines.append(message["content"])
        for call in message.get("tool_calls", []):
            function = call["function"]
            lines.append(f"[{function['name']} {json.dumps(function['arguments'], ensure_ascii=False)}]")
    return "\n".join(lines)
