"""Scaling laws: how loss falls with size, tokens or compute, and how far such a fit can be trusted.

    law = fit_power_law([1e5, 2e5, 4e5, 8e5], [2.10, 1.74, 1.49, 1.31])
    law.at(1.6e6)                                     # what the next one should reach
    bootstrap(law, points=[1.6e6], draws=400, seed=0) # where it may be, nine times in ten

The form is L(x) = E + A·x^-α (Kaplan et al. 2020, arXiv 2001.08361; with the irreducible E, Hoffmann et al. 2022, arXiv
2203.15556). For a given E it is a straight line in log(L - E) against log x, so E is searched on a grid, ever finer,
and the rest is least squares; what is minimised is the squared error of log L, as in the latter.

Three numbers are fitted: three points whose fall slows down are met exactly and say nothing about how good the fit is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orrery.errors import DataError

GRID, ROUNDS = 64, 6  # values of E that are tried, and how often the finest interval is searched again
FITTED = 3
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PowerLaw:
    """A fit. `residuals`: log of measured over fitted, a point each. `x`, `y`: what it was fitted to."""

    floor: float  # E
    scale: float  # A
    exponent: float  # α
    x: Floats  # P
    y: Floats  # P

    def at(self, x: float) -> float:
        """The loss that it says for x."""
        return float(self.floor + self.scale * x**-self.exponent)

    @property
    def residuals(self) -> Floats:
        """Log of measured over fitted."""
        return np.log(self.y) - np.log(self.floor + self.scale * self.x**-self.exponent)


def fit_power_law(x: Sequence[float], y: Sequence[float]) -> PowerLaw:
    """Fit E + A·x^-α by least squares of log y, with E from 0 up to the least y.

    Raises:
        DataError: fewer than three different x, or a number that is not above 0.
    """
    xs, ys = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if (
        len(xs) != len(ys)
        or not (np.isfinite(xs).all() and np.isfinite(ys).all())
        or (xs <= 0).any()
        or (ys <= 0).any()
    ):
        raise DataError("a power law is fitted to pairs of numbers above 0")
    if len(np.unique(xs)) < FITTED:
        raise DataError(
            f"{len(np.unique(xs))} different sizes: a power law has three numbers, so it takes three at least"
        )
    floor, scale, exponent = _fit(xs, ys[None])
    return PowerLaw(float(floor[0]), float(scale[0]), float(exponent[0]), xs, ys)


def bootstrap(law: PowerLaw, points: Sequence[float], draws: int, seed: int) -> tuple[Floats, Floats] | None:
    """The 5% and 95% quantiles, at each of `points`, of fits to the law's own values with noise as large as it may be.

    How large it is is estimated from P - 3 residuals, the less surely the fewer there are: each draw takes another size
    for it, as its distribution has it (so that the noise is Student's). Of noisy points of a power law, 4 to 8 in
    number, the truth at twice the largest x lay between the two in 82% to 92% of all cases (tests/evals).
    None for three points, which leave no residuals.
    """
    count = len(law.x)
    free = count - FITTED
    if free < 1:
        return None
    rng = np.random.default_rng(seed)
    sizes = np.sqrt((law.residuals**2).sum() / rng.chisquare(free, (draws, 1)))  # S 1
    fitted = law.floor + law.scale * law.x**-law.exponent  # P
    floor, scale, exponent = _fit(law.x, fitted * np.exp(sizes * rng.standard_normal((draws, count))))  # S of each
    drawn = floor[:, None] + scale[:, None] * np.asarray(points, np.float64) ** -exponent[:, None]  # S points
    low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
    return low, high


def _fit(x: Floats, ys: Floats) -> tuple[Floats, Floats, Floats]:
    """E, A and α for each of several rows of values at the same x."""
    low, high = np.zeros(len(ys)), ys.min(axis=1) * (1 - 1e-6)
    for _ in range(ROUNDS):
        grid = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, GRID)  # S E
        intercept, slope = _line(np.log(x), np.log(ys[:, None] - grid[..., None]))  # S E
        fitted = grid[..., None] + np.exp(intercept[..., None] + slope[..., None] * np.log(x))  # S E P
        errors = ((np.log(fitted) - np.log(ys[:, None])) ** 2).sum(-1)  # S E
        best = errors.argmin(1)
        rows = np.arange(len(ys))
        low, high = grid[rows, np.maximum(best - 1, 0)], grid[rows, np.minimum(best + 1, GRID - 1)]
    return grid[rows, best], np.exp(intercept[rows, best]), -slope[rows, best]


def _line(x: Floats, ys: Floats) -> tuple[Floats, Floats]:
    """Intercept and slope of the straight line through each row of the last axis."""
    centred = x - x.mean()
    slope = (ys * centred).sum(-1) / (centred**2).sum()
    return ys.mean(-1) - slope * x.mean(), slope
