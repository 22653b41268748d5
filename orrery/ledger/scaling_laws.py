"""Can a larger run be foretold from smaller ones?

Models of six sizes are trained on a speedrun's own recipe (`scaling_runs.py`) at four budgets of floating-point
operations; laws of L(N, D) are fitted to them (`orrery.evals.scaling_forms`); and before a run with eight times the
largest budget is trained, what it should reach is written into this run's record and its events, with the time.

N counts all parameters, the tied embedding once: it is the unembedding too, so its products are paid for. D counts the
positions of pretraining, and every document is read once. What is foretold is the loss above the world's floor, which
is known here and nowhere else. Both forms are fitted to that, and the one that fits the smaller runs better foretells;
beside it they are fitted as they were published, Chinchilla's with a floor to find and Kaplan's without any.
(Kaplan et al. 2020, arXiv 2001.08361; Hoffmann et al. 2022, arXiv 2203.15556, of which the curves of equal operations
are approach 2 and the fit is approach 3.)
"""

import time
from collections.abc import Mapping, Sequence
from math import isclose
from typing import Any

from orrery.evals.scaling_forms import intervals
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed
from orrery.ledger.lab import Lab
from orrery.ledger.scaling_fits import DRAWS, best_sizes, exponent, foretold, laws_of
from orrery.ledger.scaling_plots import laws_and_budgets
from orrery.ledger.scaling_runs import TOKENS_A_STEP, Size, Text, run_of

# Floating-point operations → the models that get so many. None is narrower than 64 or trained for fewer than 500 steps:
# such runs lay up to 15% off every law (docs/log.md).
SIZES = {
    1.5e12: (Size(64, 2),),
    2.1e12: (Size(64, 2), Size(64, 3)),
    3e12: (Size(64, 2), Size(64, 3), Size(64, 4), Size(96, 2)),
    6e12: (Size(64, 2), Size(64, 3), Size(64, 4), Size(96, 2), Size(96, 3), Size(128, 2)),
}
TIMES, LARGE = 8, Size(128, 4)
AFTERWARDS = {1.2e13: (Size(96, 3), Size(128, 4))}  # for the law that plans use; the claim does not look at them
SHOWN = ("α", "β", "E", "αN", "αD")  # of the coefficients, with intervals
WITHIN = 0.05  # of the loss above the floor


def measure(lab: Lab) -> None:
    """A row for each run, then the prediction, the run that it is about, and those that come afterwards."""
    larger = LARGE.steps_for(TIMES * max(SIZES))
    planned = [(budget, size) for budget, sizes in SIZES.items() for size in sizes]
    text = Text(lab, most_steps=max(larger, *(size.steps_for(budget) for budget, size in planned)))
    rows = []
    for budget, size in planned:
        rows.append({"what": "run", "budget": budget, **run_of(lab, text, size, size.steps_for(budget))})
        lab.log(**rows[-1])
    lab.log(**written_down(lab, foretold(rows, LARGE.parameters, larger * TOKENS_A_STEP)))
    lab.log(what="outcome", budget=TIMES * max(SIZES), **run_of(lab, text, LARGE, larger))
    for budget, sizes in AFTERWARDS.items():
        for size in sizes:
            lab.log(what="afterwards", budget=budget, **run_of(lab, text, size, size.steps_for(budget)))


def written_down(lab: Lab, prediction: Mapping[str, Any]) -> Mapping[str, Any]:
    """The prediction as the run's record has it; an attempt before this one may have written the same there."""
    before = lab.run.record.get("prediction", {"tokens": 0, "excess": 0.0})
    if before["tokens"] != prediction["tokens"] or not isclose(before["excess"], prediction["excess"], rel_tol=1e-3):
        lab.run.note(prediction={**prediction, "written": int(time.time())})  # whole seconds, as records of runs have
    noted: Mapping[str, Any] = lab.run.record["prediction"]
    return noted


def summarise(rows: Sequence[Row]) -> Measured:
    """The fits, the best sizes, what was foretold and what came."""
    runs = [row for row in rows if row["what"] == "run"]
    (said,), (came,) = ([row for row in rows if row["what"] == what] for what in ("prediction", "outcome"))
    excess, largest = came["bits"] - came["floor"], max(row["flops"] for row in runs)
    found = {"runs that were fitted": float(len(runs)), "times the operations": came["flops"] / largest}
    for title, law in laws_of(runs).items():
        for name, value in law.coefficients.items():
            found[f"{title}: {name}"] = value
        for name, ends in intervals(law, DRAWS, seed=0).items():
            if name in SHOWN:
                found[f"{title}: {name}, 5%"], found[f"{title}: {name}, 95%"] = ends
        found[f"{title}: typical residual"] = law.typical_residual
        found[f"{title}: missed by"] = said["each"][title] / excess - 1
    best = best_sizes(runs)
    for budget, parameters in best.items():
        found[f"best size for {budget:.3g} operations"] = round(parameters)
    return {
        **found,
        "N grows as C to the": exponent(best),
        "floor": came["floor"],
        "foretold": said["excess"],
        "foretold, 5%": said["low"],
        "foretold, 95%": said["high"],
        "came out": excess,
        "missed by": said["excess"] / excess - 1,
        "written before it was trained, minutes": (came["began"] - said["written"]) / 60,
        "minutes of training": sum(row["seconds"] for row in rows if "seconds" in row) / 60,
    }


def of_seed(one: Measured) -> Verdict:
    """The rule in code, for a seed."""
    if not one["written before it was trained, minutes"] >= 0:
        return "unclear"
    if abs(one["missed by"]) <= WITHIN:
        return "holds"
    return "unclear" if one["foretold, 5%"] <= one["came out"] <= one["foretold, 95%"] else "refuted"


CLAIM = Claim(
    name="scaling_laws",
    says="Loss falls as a power law of parameters and tokens, so that a larger run can be foretold from smaller ones.",
    source="Kaplan et al. 2020, arXiv 2001.08361; Hoffmann et al. 2022, arXiv 2203.15556",
    refuted_by="a run with eight times the operations of the largest that was fitted misses what was foretold",
    rule="Thirteen runs at four budgets are fitted above the known floor by Kaplan's form and by Chinchilla's, and "
    "what the better fit says of a run with eight times the largest budget is written down before that is trained. "
    "Holds if in every seed it misses the loss above the floor by at most 5%; refuted if in every seed it misses by "
    "more and the outcome lies outside the interval that was written down with it (nine times in ten).",
    minutes=13,
    measure=measure,
    summarise=summarise,
    judge=by_seed(of_seed),
    plot=laws_and_budgets,
)
