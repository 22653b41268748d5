"""What an exam is: questions with their right answers, and how a reply is judged."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from orrery.tokenizers.chat import Message

EXAM_VERSION = 1  # raise it with any change to items or checks: scores of two versions cannot be compared
LEAST, MOST = 200, 400  # items that an exam should and may have
T = TypeVar("T")


@dataclass(frozen=True)
class Item:
    """One question of an exam.

    Attributes:
        exam: the exam's name.
        cluster: what the question is about (an entity, a word, a topic): intervals resample these, because questions
            about one thing are right or wrong together.
        check: name of the function in ``checks.CHECKS`` that judges the assistant's reply.
        messages: the conversation to be answered; None where the exam makes no sense for an assistant.
        prompt: the text to be continued by a base model; None where it makes no sense for one.
        base_check: as ``check``, for the base model's continuation.
        answers: right answers, any of which will do.
        base_answers: right continuations where they are not the answers themselves ("2850 metres" for "2850").
        others: values that a right reply must not name, so that listing every value earns nothing.
        labels: by what else scores may be broken down: digits, relation, aspect.
        queries: what an agent has to search for, in this order.
    """

    exam: str
    cluster: str
    check: str = ""
    messages: tuple[Message, ...] | None = None
    prompt: str | None = None
    base_check: str = ""
    answers: tuple[str, ...] = ()
    base_answers: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    queries: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exam:
    """A set of items that one score sums up.

    Attributes:
        about: what it measures, in one line.
        chance: score of a good guess that does not read the question; 0 where there is nothing to guess.
        stage: which models can sit it: "base" continues text, "chat" answers conversations.
        lower_is_better: the score is the share of a failure.
        max_tokens: room for an assistant's reply, all its tool calls together.
        base_tokens: room for a base model's continuation.
        by: the label by which the score is broken down too; empty for none.
    """

    name: str
    about: str
    items: tuple[Item, ...]
    chance: float = 0.0
    stage: Literal["base", "chat", "both"] = "both"
    lower_is_better: bool = False
    max_tokens: int = 48
    base_tokens: int = 16
    by: str = ""


@dataclass(frozen=True)
class Reply:
    """What a model gave back.

    Attributes:
        text: the continuation, or the content of the assistant's last message.
        messages: all new messages, calls and tool results among them; empty for a base model.
        ended: the model ended its turn by itself, with ``<|im_end|>``.
    """

    text: str
    messages: Sequence[Message] = ()
    ended: bool = True


def rng_for(name: str, seed: int) -> random.Random:
    """The random numbers of one exam in one world: changing one exam leaves the others as they were."""
    return random.Random(f"exam {EXAM_VERSION} {name} {seed}")  # a string seeds by SHA-512, the same everywhere


def some(items: Sequence[T], most: int, rng: random.Random) -> list[T]:
    """At most ``most`` of the items, drawn at random, in their order."""
    if len(items) <= most:
        return list(items)
    return [items[i] for i in sorted(rng.sample(range(len(items)), most))]


def limited(exams: Sequence[Exam], seed: int, limit: int | None) -> list[Exam]:
    """The exams with at most ``limit`` of their items, drawn at random; None for the exams as they are."""
    if limit is None:
        return list(exams)
    return [replace(exam, items=tuple(some(exam.items, limit, rng_for(f"{exam.name} limit", seed)))) for exam in exams]


def asked(question: str) -> tuple[Message, ...]:
    """The question as a conversation."""
    return ({"role": "user", "content": question},)
