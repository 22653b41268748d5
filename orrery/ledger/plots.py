"""Pictures that several claims share."""

from collections.abc import Callable, Mapping, Sequence

from matplotlib.figure import Figure

from orrery.evals.report_plots import ACCENT, FLOOR, MUTED, plain_axes
from orrery.ledger.claim import Measured, Row

COLOURS = (ACCENT, MUTED, FLOOR, "#059669", "#7c3aed", "#db2777")
Plot = Callable[[Figure, Sequence[Sequence[Row]]], None]
Summarise = Callable[[Sequence[Row]], Measured]
Point = tuple[float, float]


def dots(summarise: Summarise, names: Sequence[str], label: str, log: bool = False) -> Plot:
    """A line for each of these measured numbers, a dot on it for each seed."""

    def plot(figure: Figure, rows: Sequence[Sequence[Row]]) -> None:
        axes = plain_axes(figure.add_subplot())
        for of_seed in rows:
            found = summarise(of_seed)
            known = [(found[name], place) for place, name in enumerate(names) if name in found]
            axes.plot([value for value, _ in known], [place for _, place in known], "o", color=ACCENT, alpha=0.6)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.grid(axis="y", color="#e5e7eb")
        axes.set_xlabel(label)
        if log:
            axes.set_xscale("log")
        else:
            low, high = axes.get_xlim()
            axes.set_xlim(min(0.0, low), max(1.0, high) if high <= 1.1 else high)

    return plot


def lines(curves: Callable[[Sequence[Row]], Mapping[str, Sequence[Point]]], x: str, y: str, log: bool = False) -> Plot:
    """A seed's named curves in one panel, a colour a name, all seeds over one another."""

    def plot(figure: Figure, rows: Sequence[Sequence[Row]]) -> None:
        axes = plain_axes(figure.add_subplot())
        for seed, of_seed in enumerate(rows):
            for (name, points), colour in zip(curves(of_seed).items(), COLOURS, strict=False):
                axes.plot(*zip(*points, strict=True), color=colour, marker="." if len(points) < 30 else None,
                          linewidth=1.2, label=None if seed else name)  # fmt: skip
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        if log:
            axes.set_xscale("log")
        axes.legend(frameon=False, fontsize=8)

    return plot
