"""A power law through the losses of a few models, and what it says of the next."""

from types import ModuleType

import numpy as np

from orrery.evals.scaling import fit_power_law

TITLE = "Predict the next one"
TASK = """Losses of models of several sizes follow L = E + A·N^-α. Write `predict`: given E, fit the straight line of
log(L - E) against log N by least squares, and give back the loss that it says for another size. The check compares
with numpy's fit of a line, and then, with the E that the package finds for real losses, with the package's own law."""
STARTER = '''
import math


def predict(sizes: list[float], losses: list[float], floor: float, size: float) -> float:
    """The loss of a model of this size, by the line through log(loss - floor) against log(size)."""
    raise NotImplementedError
'''
SOLUTION = '''
import math


def predict(sizes: list[float], losses: list[float], floor: float, size: float) -> float:
    """The loss of a model of this size, by the line through log(loss - floor) against log(size)."""
    x = [math.log(one) for one in sizes]
    y = [math.log(one - floor) for one in losses]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / sum((a - mean_x) ** 2 for a in x)
    return floor + math.exp(mean_y + slope * (math.log(size) - mean_x))
'''
SIZES, LOSSES = [15e3, 43e3, 115e3, 246e3, 529e3], [3.07, 2.73, 2.41, 2.12, 1.85]  # bits per byte after 300 steps


def check(answer: ModuleType) -> None:
    """A law without noise, noisy ones, and real losses."""
    sizes = [1e4, 1e5, 1e6]
    found = answer.predict(sizes, [0.5 + 20 * size**-0.3 for size in sizes], 0.5, 1e7)
    right = 0.5 + 20 * 1e7**-0.3
    assert found is not None, "predict gives nothing back"
    assert abs(found - right) < 1e-9, f"losses of 0.5 + 20·N^-0.3 say {right:.4f} for 10 million; you say {found:.4f}"
    rng = np.random.default_rng(0)
    for _ in range(10):
        x = np.sort(rng.uniform(1e4, 1e6, 6))
        y = 0.3 + rng.uniform(5, 30) * x ** -rng.uniform(0.1, 0.5) * np.exp(rng.normal(0, 0.05, 6))
        slope, intercept = np.polyfit(np.log(x), np.log(y - 0.3), 1)
        right = 0.3 + np.exp(intercept + slope * np.log(3e6))
        found = answer.predict(x.tolist(), y.tolist(), 0.3, 3e6)
        assert abs(found - right) < 1e-6, f"through noisy points the line says {right:.4f}; you say {found:.4f}"
    law = fit_power_law(SIZES, LOSSES)
    found = answer.predict(SIZES, LOSSES, law.floor, 1e6)
    assert abs(found - law.at(1e6)) < 1e-6, f"for real losses the package says {law.at(1e6):.4f}; you say {found:.4f}"
