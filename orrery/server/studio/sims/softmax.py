"""Softmax over scores that a reader sets, with and without taking off the largest first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orrery.errors import ConfigError


@dataclass(frozen=True)
class SoftmaxRequest:
    """Scores, and the number that they are divided by."""

    logits: Sequence[float]
    temperature: float = 1.0


@dataclass(frozen=True)
class SoftmaxAnswer:
    """The steps, in float32: scores over temperature, less the largest, their powers of e, and the shares of the sum.

    `naive`: the shares without taking off the largest; null where e to the power of a score is more than float32 holds.
    """

    scaled: NDArray[np.float32]  # V
    shifted: NDArray[np.float32]  # V
    powers: NDArray[np.float32]  # V
    probabilities: NDArray[np.float32]  # V
    naive: list[float]  # V
    entropy: float


def softmax(asked: SoftmaxRequest) -> SoftmaxAnswer:
    """Scores as probabilities, step by step. Raises ConfigError for no scores, or a temperature that is not above 0."""
    if not 1 <= len(asked.logits) <= 4096:
        raise ConfigError(f"{len(asked.logits)} scores: give 1 to 4,096")
    if not asked.temperature > 0:
        raise ConfigError(f"a temperature of {asked.temperature:g} cannot be: it divides the scores; give one above 0")
    scaled = (np.asarray(asked.logits, np.float64) / asked.temperature).astype(np.float32)
    shifted = scaled - scaled.max()
    powers = np.exp(shifted)
    probabilities = powers / powers.sum()
    with np.errstate(over="ignore", invalid="ignore"):
        overflowing = np.exp(scaled)
        naive = overflowing / overflowing.sum()
    kept = probabilities[probabilities > 0].astype(np.float64)
    entropy = float(-(kept * np.log(kept)).sum())
    return SoftmaxAnswer(scaled, shifted, powers, probabilities, naive.tolist(), entropy)
