"""Scaling laws: what is fitted to points of a law is that law, and the band holds the truth as often as it says."""

import numpy as np
import pytest

from orrery.errors import DataError
from orrery.evals.scaling import bootstrap, fit_power_law

E, A, ALPHA = 0.4, 30.0, 0.35


def truth(x: float) -> float:
    return E + A * x**-ALPHA


def test_points_of_a_law_give_that_law() -> None:
    sizes = [15e3, 43e3, 115e3, 246e3]
    law = fit_power_law(sizes, [truth(x) for x in sizes])
    assert (law.floor, law.scale, law.exponent) == pytest.approx((E, A, ALPHA), rel=1e-4)
    assert law.at(1e6) == pytest.approx(truth(1e6), rel=1e-6) and np.abs(law.residuals).max() < 1e-6


def test_no_other_floor_fits_better() -> None:
    rng, sizes = np.random.default_rng(3), np.geomspace(1e4, 1e6, 7)
    losses = (E + A * sizes**-ALPHA) * np.exp(rng.normal(0, 0.02, 7))
    law = fit_power_law(sizes.tolist(), losses.tolist())

    def error(floor: float) -> float:
        slope, intercept = np.polyfit(np.log(sizes), np.log(losses - floor), 1)
        return float(((np.log(floor + np.exp(intercept) * sizes**slope) - np.log(losses)) ** 2).sum())

    best = min(error(floor) for floor in np.linspace(0, losses.min() * 0.9999, 5000))
    assert (law.residuals**2).sum() <= best * (1 + 1e-6)


def test_three_points_whose_fall_slows_down_are_met_exactly_and_have_no_band() -> None:
    law = fit_power_law([1e3, 1e4, 1e5], [3.0, 1.7, 1.6])  # no law made these
    assert np.abs(law.residuals).max() < 1e-4
    assert bootstrap(law, [1e6], 100, 0) is None


@pytest.mark.parametrize("count", [4, 6, 8])
def test_the_band_holds_the_truth_about_nine_times_in_ten(count: int) -> None:
    sizes, held = np.geomspace(15e3, 530e3, count), 0
    for seed in range(100):
        noise = np.random.default_rng(seed).normal(0, 0.01, count)
        law = fit_power_law(sizes.tolist(), ((E + A * sizes**-ALPHA) * np.exp(noise)).tolist())
        band = bootstrap(law, [1.06e6], 100, 0)
        assert band is not None
        held += int(band[0][0] <= truth(1.06e6) <= band[1][0])
    assert 78 <= held <= 96


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [([1, 1, 2], [1, 1, 1], "2 different"), ([1, 2, 3], [1, 0, 1], "above 0"), ([1, 2], [1], "pairs")],
)
def test_what_makes_no_law_is_refused(x: list[float], y: list[float], says: str) -> None:
    with pytest.raises(DataError, match=says):
        fit_power_law(x, y)
