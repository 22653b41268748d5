"""The picture of `scaling_laws.py`: loss above the floor against tokens, and the curves of equal operations."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from orrery.evals.report_plots import ACCENT, plain_axes
from orrery.evals.scaling_law import law_above_floor
from orrery.ledger.claim import Row
from orrery.ledger.plots import COLOURS
from orrery.ledger.scaling_fits import best_sizes


def laws_and_budgets(figure: Figure, rows: Sequence[Sequence[Row]]) -> None:
    """All seeds' runs; lines and bottoms are of the first seed's fit."""
    left, right = (plain_axes(axes) for axes in figure.subplots(1, 2))
    for seed, of_seed in enumerate(rows):
        runs = [row for row in of_seed if row["what"] == "run"]
        against_tokens(left, runs, first=seed == 0)
        (said,), (came,) = ([row for row in of_seed if row["what"] == what] for what in ("prediction", "outcome"))
        left.errorbar([said["tokens"]], [said["excess"]], color="black", capsize=3, linewidth=1,
                      yerr=[[said["excess"] - said["low"]], [said["high"] - said["excess"]]],
                      label=None if seed else "foretold")  # fmt: skip
        left.plot(came["tokens"], excess(came), "*", color=ACCENT, markersize=10, label=None if seed else "came out")
        of_budgets(right, runs, first=seed == 0)
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())  # they would run into one another
        axes.legend(frameon=False, fontsize=7)
    left.set_xlabel("tokens")
    left.set_ylabel("bits a byte above the floor")
    right.set_xlabel("parameters")


def against_tokens(axes: Axes, runs: Sequence[Row], first: bool) -> None:
    """A colour a size: dots and the law's line."""
    law = law_above_floor(runs)
    for parameters, colour in zip(sorted({row["parameters"] for row in runs}), COLOURS, strict=False):
        points = [(row["tokens"], excess(row)) for row in runs if row["parameters"] == parameters]
        axes.plot(*zip(*points, strict=True), "o", color=colour, markersize=4,
                  label=f"{parameters / 1e6:.2f}M" if first else None)  # fmt: skip
        if first:
            tokens = np.geomspace(min(row["tokens"] for row in runs), max(row["tokens"] for row in runs), 40)
            axes.plot(tokens, [law.at(parameters, count) for count in tokens], color=colour, linewidth=0.8)


def of_budgets(axes: Axes, runs: Sequence[Row], first: bool) -> None:
    """A colour a budget: dots, and the parabola and its bottom where it has one."""
    best = best_sizes(runs)
    for budget, colour in zip(dict.fromkeys(row["budget"] for row in runs), COLOURS, strict=False):
        points = np.array([(row["parameters"], excess(row)) for row in runs if row["budget"] == budget]).T
        axes.plot(*points, "o", color=colour, markersize=4, label=f"{budget:.3g} operations" if first else None)
        if first and budget in best:
            parabola = np.polyfit(np.log(points[0]), points[1], 2)
            sizes = np.geomspace(points[0].min(), points[0].max(), 40)
            axes.plot(sizes, np.polyval(parabola, np.log(sizes)), color=colour, linewidth=0.8)
            axes.plot(best[budget], np.polyval(parabola, np.log(best[budget])), "v", color="black", markersize=5)


def excess(row: Row) -> float:
    """Bits a byte above the floor."""
    above: float = row["bits"] - row["floor"]
    return above
