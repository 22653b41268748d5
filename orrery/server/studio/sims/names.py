"""Names that microGPT makes up, letter by letter, at a step of its training that was kept."""

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orrery.errors import ConfigError
from orrery.stages.microgpt import MicroRun

MOST = 50


@dataclass(frozen=True)
class NamesRequest:
    """Which step, and how to draw: temperature, start and seed are those of `orrery microgpt`."""

    micro: str
    step: int
    temperature: float = 0.5
    start: str = ""
    seed: int = 1
    count: int = 12


@dataclass(frozen=True)
class Name:
    """A name that was made up. `seen`: the documents have it."""

    text: str
    seen: bool


@dataclass(frozen=True)
class NamesAnswer:
    """The first name in full: the tokens drawn, and the chances that all had each time. Then all the names as texts.

    `tokens`: the text of each token of the vocabulary; the end of a name is "".
    """

    names: list[Name]
    drawn: list[int]  # T
    chances: NDArray[np.float64]  # T V
    tokens: list[str]  # V


def names(asked: NamesRequest, run: MicroRun) -> NamesAnswer:
    """Make up names. Raises what `MicroRun.write` raises, RunError for a step that was not kept."""
    if not 1 <= asked.count <= MOST:
        raise ConfigError(f"{asked.count} names: ask for 1 to {MOST}")
    weights, rng = run.weights(asked.step), random.Random(asked.seed)
    written = [run.write(weights, rng, asked.temperature, asked.start) for _ in range(asked.count)]
    texts = [run.text(letters, asked.start) for letters in written]
    return NamesAnswer(
        names=[Name(text, text in run.known) for text in texts],
        drawn=[letter.token for letter in written[0]],
        chances=np.array([letter.chances for letter in written[0]]),
        tokens=[*run.characters.characters, ""],
    )
