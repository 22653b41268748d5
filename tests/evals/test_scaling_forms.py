"""Laws of parameters and tokens: the fits find what made the points, and the bands hold as often as they say."""

import numpy as np
import pytest

from orrery.errors import DataError
from orrery.evals.scaling_forms import CHINCHILLA, EXCESS, KAPLAN, bands, fit_form, intervals

GRID = [(n, d) for n in (6e4, 1.7e5, 4.6e5, 9.8e5) for d in (7e5, 1.6e6, 4e6, 8e6)]
N, D = (np.array(column) for column in zip(*GRID, strict=True))
LARGER = (2e6, 3e7)
# A form, what is known of the law, its losses.
KNOWN = {
    "Kaplan": (KAPLAN, {"Nc": 1e6, "αN": 0.5, "Dc": 2e6, "αD": 0.8}),
    "Chinchilla": (CHINCHILLA, {"A": 60.0, "α": 0.5, "B": 3e4, "β": 0.75, "E": 0.3}),
    "excess": (EXCESS, {"A": 60.0, "α": 0.5, "B": 3e4, "β": 0.75}),
}


def loss(name: str, n: float | np.ndarray, d: float | np.ndarray) -> np.ndarray:
    """By the papers' formulas."""
    _, k = KNOWN[name]
    if name == "Kaplan":
        return np.asarray(((k["Nc"] / n) ** (k["αN"] / k["αD"]) + k["Dc"] / d) ** k["αD"])
    return np.asarray(k.get("E", 0.0) + k["A"] * n ** -k["α"] + k["B"] * d ** -k["β"])


def noisy(name: str, seed: int, size: float) -> list[float]:
    noise = np.random.default_rng(seed).normal(0, size, len(N))
    return (loss(name, N, D) * np.exp(noise)).tolist()


@pytest.mark.parametrize("name", KNOWN)
def test_points_of_a_law_give_that_law(name: str) -> None:
    form, truth = KNOWN[name]
    law = fit_form(form, N, D, loss(name, N, D))
    assert law.coefficients == pytest.approx(truth, rel=1e-4)
    assert law.at(*LARGER) == pytest.approx(float(loss(name, *LARGER)), rel=1e-6)
    assert np.abs(law.residuals).max() < 1e-6


@pytest.mark.parametrize("name", KNOWN)
def test_noisy_points_give_nearly_that_law(name: str) -> None:
    form, truth = KNOWN[name]
    law = fit_form(form, N, D, noisy(name, 1, 0.01))
    for exponent in {"α", "β", "αN", "αD"} & truth.keys():
        assert law.coefficients[exponent] == pytest.approx(truth[exponent], abs=0.1)
    assert law.at(*LARGER) == pytest.approx(float(loss(name, *LARGER)), rel=0.1)


def test_one_run_that_went_wrong_hardly_moves_the_fit() -> None:
    spoilt = loss("excess", N, D)
    spoilt[5] *= 1.5
    law = fit_form(EXCESS, N, D, spoilt)
    assert law.at(*LARGER) == pytest.approx(float(loss("excess", *LARGER)), rel=0.01)


def test_the_band_holds_a_new_run_about_nine_times_in_ten() -> None:
    held, size = 0, 0.02
    for seed in range(40):
        law = fit_form(EXCESS, N, D, noisy("excess", seed, size))
        band = bands(law, [LARGER], 60, 0)
        assert band is not None
        came = float(loss("excess", *LARGER)) * np.exp(np.random.default_rng([seed, 9]).normal(0, size))
        held += int(band[0][0] <= came <= band[1][0])
    assert 30 <= held <= 39


def test_an_exponent_lies_between_its_quantiles() -> None:
    law = fit_form(EXCESS, N, D, noisy("excess", 3, 0.02))
    low, high = intervals(law, 100, 0)["β"]
    assert low < law.coefficients["β"] < high and high - low < 0.4


def test_as_many_runs_as_numbers_have_no_band() -> None:
    law = fit_form(EXCESS, N[::4].tolist(), D[[0, 1, 2, 3]].tolist(), [1.0, 0.8, 0.6, 0.5])
    assert bands(law, [LARGER], 10, 0) is None
    assert intervals(law, 10, 0) == {}


def test_what_makes_no_law_is_refused() -> None:
    with pytest.raises(DataError, match="3 runs: excess's form has 4 numbers"):
        fit_form(EXCESS, [1, 2, 3], [1, 2, 3], [3, 2, 1])
    with pytest.raises(DataError, match="of different sizes"):
        fit_form(EXCESS, [1.0] * 5, [1, 2, 3, 4, 5], [5, 4, 3, 2, 1])
    with pytest.raises(DataError, match="above 0"):
        fit_form(EXCESS, [1, 2, 3, 4], [1, 2, 3, 4], [4, 3, 2, 0])
