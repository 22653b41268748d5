"""Scaling laws in two variables, the parameters N and the tokens D: Kaplan's form and Chinchilla's.

    law = fit_form(CHINCHILLA, parameters, tokens, losses)
    law.at(1e6, 8e6)                              # what a model of 1M parameters should reach on 8M tokens
    bands(law, [(1e6, 8e6)], draws=400, seed=0)   # where a run of it may end, nine times in ten

    Kaplan      L = [(Nc/N)^(αN/αD) + Dc/D]^αD       Kaplan et al. 2020, arXiv 2001.08361, equation 1.5
    Chinchilla  L = E + A/N^α + B/D^β                Hoffmann et al. 2022, arXiv 2203.15556, equation 2
    excess      L - E = A/N^α + B/D^β                the same where E, the entropy of the text, is known

As in the latter (approach 3) what is minimised is the Huber loss (δ = 0.001) of the difference of logarithms, from many
starts. Their optimizer stopped too early (Besiroglu et al. 2024, arXiv 2404.10102); here each start takes
Levenberg's damped steps until nothing gets better, with the weights that make of squares a Huber loss.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from orrery.errors import DataError

DELTA = 1e-3  # of the Huber loss
STEPS, PRECISION, PATIENCE = 100, 1e-6, 4  # at most; a share of the loss that counts; steps without it
Floats = NDArray[np.float64]
Numbers = Sequence[float] | Floats


@dataclass(frozen=True)
class Form:
    """A formula with numbers to fit.

    Attributes:
        text: the formula.
        names: of the numbers.
        log_loss: numbers [S, K], log N [P], log D [P] → log L [S, P].
        starts: numbers to start from, given the mean of log L: [S, K]. Log N and log D are centred meanwhile.
        shifted: numbers for centred logarithms → for plain ones, given what was taken off log N and log D.
    """

    name: str
    text: str
    names: tuple[str, ...]
    log_loss: Callable[[Floats, Floats, Floats], Floats]
    starts: Callable[[float], Floats]
    shifted: Callable[[Floats, float, float], Floats]


@dataclass(frozen=True)
class Law:
    """A form that was fitted to runs. `numbers`: in the order of the form's names, logarithms of scales."""

    form: Form
    numbers: Floats  # K
    n: Floats  # P; logarithms of parameters, tokens and losses
    d: Floats  # P
    y: Floats  # P

    def at(self, parameters: float, tokens: float) -> float:
        """The loss that it says."""
        return float(np.exp(self.form.log_loss(self.numbers[None], np.log([parameters]), np.log([tokens]))[0, 0]))

    @property
    def residuals(self) -> Floats:
        """Log of measured over fitted."""
        return self.y - self.form.log_loss(self.numbers[None], self.n, self.d)[0]

    @property
    def typical_residual(self) -> float:
        """The root of the mean square."""
        return float(np.sqrt((self.residuals**2).mean()))

    @property
    def coefficients(self) -> dict[str, float]:
        """The numbers by name; scales as they stand in the formula."""
        return {name: _plain(name, value) for name, value in zip(self.form.names, self.numbers, strict=True)}


SCALES = ("A", "B", "E", "Nc", "Dc")  # fitted as logarithms
EXPONENTS = (0.25, 0.6, 1.0)


def _chinchilla(numbers: Floats, n: Floats, d: Floats) -> Floats:
    a, alpha, b, beta, e = (numbers[:, k, None] for k in range(5))
    return np.logaddexp(np.logaddexp(a - alpha * n, b - beta * d), e)


def _excess(numbers: Floats, n: Floats, d: Floats) -> Floats:
    a, alpha, b, beta = (numbers[:, k, None] for k in range(4))
    return np.logaddexp(a - alpha * n, b - beta * d)


def _kaplan(numbers: Floats, n: Floats, d: Floats) -> Floats:
    nc, alpha_n, dc, alpha_d = (numbers[:, k, None] for k in range(4))
    return alpha_d * np.logaddexp(alpha_n / alpha_d * (nc - n), dc - d)


def _starts(shares: Sequence[tuple[float, ...]]) -> Callable[[float], Floats]:
    """Exponents from a grid, and shares of the mean loss for each term."""

    def starts(level: float) -> Floats:
        return np.array([
            [level + np.log(share[0]), alpha, level + np.log(share[1]), beta, *(level + np.log(s) for s in share[2:])]
            for alpha, beta, share in product(EXPONENTS, EXPONENTS, shares)
        ])  # fmt: skip

    return starts


def _kaplan_starts(level: float) -> Floats:
    return np.array([[level / alpha, alpha, level / beta, beta] for alpha, beta in product(EXPONENTS, EXPONENTS)])


def _shift_terms(numbers: Floats, n: float, d: float) -> Floats:
    moved = numbers.copy()
    moved[0] += numbers[1] * n
    moved[2] += numbers[3] * d
    return moved


def _shift_kaplan(numbers: Floats, n: float, d: float) -> Floats:
    return numbers + np.array([n, 0, d, 0])


KAPLAN = Form("Kaplan", "[(Nc/N)^(αN/αD) + Dc/D]^αD", ("Nc", "αN", "Dc", "αD"), _kaplan, _kaplan_starts, _shift_kaplan)
CHINCHILLA = Form("Chinchilla", "E + A/N^α + B/D^β", ("A", "α", "B", "β", "E"), _chinchilla,
                  _starts([(0.4, 0.4, 0.2), (0.2, 0.2, 0.6), (0.5, 0.5, 0.01)]), _shift_terms)  # fmt: skip
EXCESS = Form(
    "excess",
    "A/N^α + B/D^β",
    ("A", "α", "B", "β"),
    _excess,
    _starts([(0.5, 0.5), (0.2, 0.8), (0.8, 0.2)]),
    _shift_terms,
)


def fit_form(form: Form, parameters: Numbers, tokens: Numbers, losses: Numbers) -> Law:
    """Fit a form to runs.

    Raises:
        DataError: fewer runs than the form has numbers, only one size or one count of tokens, or a number not above 0.
    """
    runs = np.array([parameters, tokens, losses], np.float64)  # 3 P
    if not (np.isfinite(runs).all() and (runs > 0).all()):
        raise DataError("a scaling law is fitted to numbers above 0")
    if runs.shape[1] < len(form.names) or min(len(np.unique(runs[0])), len(np.unique(runs[1]))) < 2:
        raise DataError(
            f"{runs.shape[1]} runs: {form.name}'s form has {len(form.names)} numbers, so it takes at least as many "
            "runs, of different sizes and tokens"
        )
    n, d, y = np.log(runs)
    starts = form.starts(float(y.mean()))
    fitted, errors = _minimise(form, starts, n - n.mean(), d - d.mean(), np.broadcast_to(y, (len(starts), len(y))))
    return Law(form, form.shifted(fitted[errors.argmin()], n.mean(), d.mean()), n, d, y)


def draws_of(law: Law, draws: int, seed: int) -> tuple[Floats, Floats] | None:
    """Fits to the law's own values with noise as large as it may be -> numbers [S, K], the size of each noise [S].

    As in `orrery.evals.scaling.bootstrap` the size is drawn too, as its distribution has it after P - K residuals.
    None where there are none.
    """
    count, free = len(law.y), len(law.y) - len(law.form.names)
    if free < 1:
        return None
    rng = np.random.default_rng(seed)
    sizes = np.sqrt((law.residuals**2).sum() / rng.chisquare(free, draws))  # S
    noise = sizes[:, None] * rng.standard_normal((draws, count))  # S P
    n0, d0 = law.n.mean(), law.d.mean()
    start = np.broadcast_to(law.form.shifted(law.numbers, -n0, -d0), (draws, len(law.numbers)))
    fitted, _ = _minimise(law.form, start, law.n - n0, law.d - d0, law.y - law.residuals + noise)
    return np.array([law.form.shifted(one, n0, d0) for one in fitted]), sizes


def bands(law: Law, points: Sequence[tuple[float, float]], draws: int, seed: int) -> tuple[Floats, Floats] | None:
    """The 5% and 95% quantiles of what a run of each (parameters, tokens) ends at, its own noise included.

    None where there are no more runs than numbers.
    """
    drawn = draws_of(law, draws, seed)
    if drawn is None:
        return None
    numbers, sizes = drawn
    n, d = np.log(np.array(points, np.float64)).T
    noise = sizes[:, None] * np.random.default_rng([seed, 1]).standard_normal((draws, len(points)))
    low, high = np.quantile(np.exp(law.form.log_loss(numbers, n, d) + noise), [0.05, 0.95], axis=0)
    return low, high


def intervals(law: Law, draws: int, seed: int) -> dict[str, tuple[float, float]]:
    """The 5% and 95% quantiles of each coefficient, by name; none where there are no more runs than numbers."""
    drawn = draws_of(law, draws, seed)
    if drawn is None:
        return {}
    found = zip(law.form.names, np.quantile(drawn[0], [0.05, 0.95], axis=0).T, strict=True)
    return {name: (_plain(name, low), _plain(name, high)) for name, (low, high) in found}


def _plain(name: str, value: float) -> float:
    """A fitted number as it stands in the formula; a scale that was fitted away is 0."""
    return round(float(np.exp(value)), 12) if name in SCALES else float(value)


def _minimise(form: Form, starts: Floats, n: Floats, d: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Levenberg's method for several rows at once -> numbers [S, K] and Huber losses [S]. y: [S, P]."""
    numbers, damping = starts.copy(), np.full(len(starts), 1e-2)
    residuals = form.log_loss(numbers, n, d) - y  # S P
    errors, small, idle = _huber(residuals), 1e-6, 0
    for _ in range(STEPS):
        slopes = np.stack(
            [
                (form.log_loss(numbers + small * step, n, d) - y - residuals) / small
                for step in np.eye(numbers.shape[1])
            ],
            axis=-1,
        )  # S P K
        weights = np.minimum(1, DELTA / np.maximum(np.abs(residuals), 1e-12))[..., None]  # S P 1
        curvature = slopes.transpose(0, 2, 1) @ (weights * slopes)  # S K K
        scale = np.einsum("skk->sk", curvature)
        curvature = curvature + (damping[:, None] * scale + 1e-12)[..., None] * np.eye(numbers.shape[1])
        gradient = (slopes * weights * residuals[..., None]).sum(1)  # S K
        moved = numbers - np.linalg.solve(curvature, gradient[..., None])[..., 0]
        there = form.log_loss(moved, n, d) - y
        better = np.isfinite(there).all(1) & (_huber(there) < errors)
        numbers = np.where(better[:, None], moved, numbers)
        residuals = np.where(better[:, None], there, residuals)
        gained, errors = errors - _huber(residuals), _huber(residuals)
        idle = 0 if (gained > PRECISION * errors).any() else idle + 1
        if idle == PATIENCE:
            break
        damping = np.where(better, damping / 3, damping * 4).clip(1e-9, 1e9)
    return numbers, errors


def _huber(residuals: Floats) -> Floats:
    """Summed over the last axis."""
    size = np.abs(residuals)
    return np.where(size <= DELTA, residuals**2 / 2, DELTA * (size - DELTA / 2)).sum(-1)
