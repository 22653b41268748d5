"""The plots of a report: what each stage's curves were, what held-out text costs, and how the exams went."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from orrery.evals.run import Score

ACCENT, MUTED, FLOOR = "#2563eb", "#9ca3af", "#d97706"
COLOURS = {"base": MUTED, "sft": ACCENT, "dpo": "#7c3aed", "ppo": "#db2777", "grpo": "#059669"}
Event = Mapping[str, Any]

# Panels of a stage's curves, side by side: the title, and the metrics with what they are called. Where a stage learns
# from rewards its loss says little, so other things are shown.
LOSS = (("loss, nats a token", (("loss", ""),)),)
PANELS: Mapping[str, Sequence[tuple[str, Sequence[tuple[str, str]]]]] = {
    "reward": (
        ("loss, nats a pair", (("loss", ""),)),
        ("pairs in the right order", (("accuracy", "trained on"), ("held_out/accuracy", "held out"))),
    ),
    "dpo": (
        ("beta log(p / p_ref)", (("rewards/chosen", "chosen"), ("rewards/rejected", "rejected"))),
        ("pairs told apart", (("rewards/accuracies", "trained on"), ("held_out/rewards/accuracies", "held out"))),
    ),
    "ppo": (
        ("reward model's score", (("reward", "sampled"), ("held_out/score", "held out"))),
        ("hidden rubric (gold)", (("held_out/gold", "held out"),)),
        ("KL, nats a story", (("objective/kl", ""),)),
    ),
    "grpo": (
        ("share right", (("reward", "sampled"), ("held_out/numeric", "held out"))),
        ("length, tokens", (("completions/mean_length", ""),)),
        ("entropy, nats a token", (("entropy", ""),)),
    ),
}


def curves_figure(stage: str, events: Sequence[Event]) -> Figure | None:
    """A stage's curves by step; None where it logged none."""
    logged = [event for event in events if event["kind"] == "metric" and event["stage"] == stage]
    found = [
        (title, [(name, shown) for name, shown in metrics if any(name in event["values"] for event in logged)])
        for title, metrics in PANELS.get(stage, LOSS)
    ]
    panels = [(title, metrics) for title, metrics in found if metrics]
    if not panels:
        return None
    figure = Figure(figsize=(6.4, 2.4), layout="constrained")
    for column, (title, metrics) in enumerate(panels):
        axes = plain_axes(figure.add_subplot(1, len(panels), column + 1))
        for colour, (name, shown) in zip((ACCENT, FLOOR), metrics, strict=False):
            points = [(e["step"], e["values"][name]) for e in logged if e["values"].get(name) is not None]
            few = len(points) < 30
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.6 if few else 0.9,
                      marker="." if few else None, label=shown)  # fmt: skip
        axes.set_title(title, fontsize=8, loc="left")
        axes.set_xlabel("step", fontsize=8)
        if len(metrics) > 1:
            axes.legend(fontsize=7, frameon=False)
        if stage not in PANELS:
            axes.set_ylim(bottom=0)
    return figure


def exam_rows(scores: Sequence[Score]) -> list[tuple[str, dict[str, Score]]]:
    """Scores grouped by exam: (exam, stage → score), in the order in which exams first appear."""
    rows: dict[str, dict[str, Score]] = {}
    for score in scores:
        rows.setdefault(score.exam, {})[score.stage] = score
    return list(rows.items())


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, plain_axes(figure.add_subplot())


def plain_axes(axes: Any) -> Any:
    """Axes without a frame above and to the right, with small numbers."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    return axes


def genre_figure(by_genre: Mapping[str, Mapping[str, float | None]]) -> Figure:
    """Bits per byte of held-out text, genre by genre, with the floor."""
    genres = sorted(by_genre, key=lambda genre: -(by_genre[genre]["bits_per_byte"] or 0))
    figure, axes = _figure(6.4, 0.9 + 0.26 * len(genres))
    rows = range(len(genres))
    reached = [by_genre[genre]["bits_per_byte"] or 0 for genre in genres]
    axes.barh(rows, reached, height=0.6, color=ACCENT, label="model")
    floors = [(row, by_genre[genre]["floor_bits_per_byte"]) for row, genre in zip(rows, genres, strict=True)]
    known = [(row, floor) for row, floor in floors if floor is not None]
    if known:
        axes.plot([floor for _, floor in known], [row for row, _ in known], "|", color=FLOOR, markersize=11,
                  markeredgewidth=2.5, label="floor")  # fmt: skip
    axes.set_yticks(list(rows), genres)
    axes.invert_yaxis()
    axes.set_xlabel("bits per byte of held-out text", fontsize=8)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    return figure


def exam_figure(scores: Sequence[Score], spread_is: str = "95% interval") -> Figure:
    """Bars of all exams, by stage; ``spread_is`` says what the thin lines are."""
    rows = [(exam, stages) for exam, stages in exam_rows(scores) if any(s.score is not None for s in stages.values())]
    stages = list(dict.fromkeys(score.stage for score in scores))
    figure, axes = _figure(6.4, 0.9 + max(0.34, 0.12 * len(stages)) * len(rows))
    height = 0.76 / len(stages)
    for offset, stage in enumerate(stages):
        colour = COLOURS.get(stage, ACCENT) if len(stages) > 1 else ACCENT
        shown = False
        for row, (_, by_stage) in enumerate(rows):
            score = by_stage.get(stage)
            if score is None or score.score is None or score.low is None or score.high is None:
                continue
            spread = [[max(0.0, score.score - score.low)], [max(0.0, score.high - score.score)]]
            axes.barh(row + (offset - (len(stages) - 1) / 2) * height, score.score, height, color=colour, xerr=spread,
                      error_kw={"elinewidth": 0.8, "ecolor": "#374151"}, label=None if shown else stage)  # fmt: skip
            shown = True
    chances = [(row, score.chance) for row, (_, by_stage) in enumerate(rows) for score in list(by_stage.values())[:1]]
    axes.plot([chance for _, chance in chances], [row for row, _ in chances], "|", color=FLOOR, markersize=9,
              markeredgewidth=2, label="chance")  # fmt: skip
    axes.set_yticks(range(len(rows)), [exam for exam, _ in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel(f"share of questions ({spread_is})", fontsize=8)
    figure.legend(fontsize=8, frameon=False, loc="outside upper right", ncols=6)
    return figure


def svg(figure: Figure) -> str:
    """The figure as an SVG element, to stand inside a page."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
