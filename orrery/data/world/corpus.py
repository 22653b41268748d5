"""The world's corpus and conversations made on all cores, in the same order and with the same bytes as on one."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from itertools import count
from multiprocessing import get_context
from typing import TypeVar

from orrery.data.documents import Document
from orrery.data.world.conversations import conversations
from orrery.data.world.generate import Split, documents
from orrery.data.world.world import World, WorldConfig
from orrery.tokenizers.chat import Message

T = TypeVar("T")
Mix = tuple[tuple[str, float], ...]
CHUNK = 2000  # documents or conversations a task


def corpus(
    world: WorldConfig,
    max_bytes: int,
    mix: Mapping[str, float] | None = None,
    split: Split = "train",
    workers: int = 2,
    start: int = 0,
) -> Iterator[Document]:
    """The world's documents from ``start`` on until their texts take ``max_bytes``, without their provenance.

    Provenance stays behind because it would cost more to send between processes than the text;
    `orrery.data.world.generate.document` gives it back for any document by its index.
    """
    size = 0
    for chunk in _in_order(_documents, (world, _frozen(mix), split), workers, start):
        for document in chunk:
            size += len(document.text.encode())
            if size > max_bytes:
                return
            yield document


def talk(
    world: WorldConfig, number: int, mix: Mapping[str, float] | None = None, workers: int = 2
) -> list[list[Message]]:
    """The messages of the world's first ``number`` conversations."""
    found: list[list[Message]] = []
    for chunk in _in_order(_conversations, (world, _frozen(mix)), workers):
        found += chunk[: number - len(found)]
        if len(found) == number:
            break
    return found


def _in_order(
    make: Callable[..., list[T]], arguments: tuple[object, ...], workers: int, start: int = 0
) -> Iterator[list[T]]:
    """Chunks without end, the first from item ``start`` on; the processes stay a little ahead of the reader."""
    # Spawned and not forked: a fork of a process whose libraries run threads can deadlock.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        ahead: deque[Future[list[T]]] = deque()
        try:
            for index in count():
                ahead.append(pool.submit(make, start + index * CHUNK, *arguments))
                if len(ahead) > 2 * workers:
                    yield ahead.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _documents(start: int, world: WorldConfig, mix: Mix | None, split: Split) -> list[Document]:
    made = documents(_world(world), count=CHUNK, start=start, mix=dict(mix) if mix else None, split=split)
    return [replace(document, provenance={}) for document in made]


def _conversations(start: int, world: WorldConfig, mix: Mix | None) -> list[list[Message]]:
    made = conversations(_world(world), CHUNK, start=start, mix=dict(mix) if mix else None)
    return [list(conversation.messages) for conversation in made]


def _frozen(mix: Mapping[str, float] | None) -> Mix | None:
    return tuple(mix.items()) if mix else None


@cache
def _world(config: WorldConfig) -> World:
    return World(config)
