"""What `scaling_laws.py` makes of its runs: the fitted forms, the best size of each budget, the larger run foretold."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from orrery.evals.scaling_forms import CHINCHILLA, EXCESS, KAPLAN, Law, bands, fit_form
from orrery.evals.scaling_law import law_above_floor
from orrery.ledger.claim import Row

DRAWS = 200  # of each bootstrap
FORMS = {"Chinchilla": CHINCHILLA, "Kaplan": KAPLAN}  # as published: one with a floor to fit, one without any
ABOVE = {"Chinchilla, floor known": EXCESS, "Kaplan, floor known": KAPLAN}  # of the loss above the world's


def foretold(rows: Sequence[Row], parameters: int, tokens: int) -> dict[str, Any]:
    """What the smaller runs say of a larger one, in bits a byte above the floor: by the form above the floor that fits
    them best, and by each."""
    floor, at = rows[0]["floor"], (parameters, tokens)
    law = law_above_floor(rows)
    band = bands(law, [at], DRAWS, seed=0)
    assert band is not None, "there are more runs than numbers to fit"
    each = {title: one.at(*at) - (0 if title in ABOVE else floor) for title, one in laws_of(rows).items()}
    (best,) = (title for title, form in ABOVE.items() if form is law.form)
    return {
        "what": "prediction", "parameters": parameters, "tokens": tokens, "floor": floor, "excess": law.at(*at),
        "low": float(band[0][0]), "high": float(band[1][0]), "best": best, "each": each,
    }  # fmt: skip


def laws_of(rows: Sequence[Row]) -> dict[str, Law]:
    """Both forms, fitted to bits a byte and to bits a byte above the floor."""
    parameters, tokens, bits = ([row[name] for row in rows] for name in ("parameters", "tokens", "bits"))
    excess = [row["bits"] - row["floor"] for row in rows]
    return {
        **{title: fit_form(form, parameters, tokens, excess) for title, form in ABOVE.items()},
        **{title: fit_form(form, parameters, tokens, bits) for title, form in FORMS.items()},
    }


def best_sizes(rows: Sequence[Row]) -> dict[float, float]:
    """Budget → the parameters at the bottom of the parabola through its runs (loss against log of parameters).

    A budget with fewer than three sizes, or whose parabola has a top, has none.
    """
    found = {}
    for budget in dict.fromkeys(row["budget"] for row in rows):
        of_budget = [row for row in rows if row["budget"] == budget]
        if len(of_budget) < 3:
            continue
        sizes, losses = (np.array([row[name] for row in of_budget], np.float64) for name in ("parameters", "bits"))
        square, slope, _ = np.polyfit(np.log(sizes), losses, 2)
        if square > 0:
            found[budget] = float(np.exp(-slope / (2 * square)))
    return found


def exponent(best: Mapping[float, float]) -> float:
    """a of N ∝ C^a, by a straight line through the logarithms; NaN where there are not two budgets."""
    if len(best) < 2:
        return float("nan")
    return float(np.polyfit(np.log(list(best)), np.log(list(best.values())), 1)[0])
