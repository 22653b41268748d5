"""A power law through the losses of some runs, and what it says of the next one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orrery.errors import DataError
from orrery.evals.scaling import bootstrap, fit_power_law

DRAWS, SEED = 300, 0
MOST_POINTS, CURVE = 64, 60


@dataclass(frozen=True)
class ScalingRequest:
    """Sizes and losses, and the size that is asked about."""

    x: Sequence[float]
    y: Sequence[float]
    next: float


@dataclass(frozen=True)
class ScalingAnswer:
    """The law E + A·x^-α, its residuals (log of measured over fitted), and its curve up to the next size.

    `low` and `high`, `next_low` and `next_high`: where the law may be, nine times in ten; None for three points.
    """

    floor: float
    scale: float
    exponent: float
    residuals: list[float]  # P
    curve_x: NDArray[np.float64]  # C
    curve_y: NDArray[np.float64]  # C
    low: NDArray[np.float64] | None  # C
    high: NDArray[np.float64] | None  # C
    next_y: float
    next_low: float | None
    next_high: float | None


def scaling_law(asked: ScalingRequest) -> ScalingAnswer:
    """Fit, and say what comes next. Raises DataError for fewer than three sizes, or what is not above 0."""
    if len(asked.x) > MOST_POINTS or not 0 < asked.next < np.inf:
        raise DataError(f"give at most {MOST_POINTS} points, and a next size above 0")
    law = fit_power_law(asked.x, asked.y)
    ends = min(*asked.x, asked.next), max(*asked.x, asked.next)
    curve = np.geomspace(*ends, CURVE)
    low, high = bootstrap(law, [*curve, asked.next], DRAWS, SEED) or (None, None)
    return ScalingAnswer(
        law.floor, law.scale, law.exponent, law.residuals.tolist(), curve, np.array([law.at(x) for x in curve]),
        None if low is None else low[:-1], None if high is None else high[:-1], law.at(asked.next),
        None if low is None else float(low[-1]), None if high is None else float(high[-1]),
    )  # fmt: skip
