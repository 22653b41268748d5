"""The report card of a run: ``report.json`` for programs, ``report.html`` for people.

Both are made from the run's own record (``run.json`` and ``events.jsonl``), so a report can be made again at any time
and says nothing that the run did not log. The page is one file: plots are inline SVG, there is nothing to fetch.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape
from matplotlib.figure import Figure

from orrery.evals.exams import LOWER_IS_BETTER
from orrery.evals.run import Score

ACCENT, MUTED, FLOOR = "#2563eb", "#9ca3af", "#d97706"
Event = Mapping[str, Any]


@dataclass(frozen=True)
class StageSummary:
    """What one stage cost and reached.

    Attributes:
        wall_s: seconds, resumes included.
        tokens: tokens trained on (padding not counted).
        bits_per_byte: held-out loss in bits per byte of text; None where it was not measured.
        floor_bits_per_byte: the entropy of the choices that made those documents; None for real text.
        by_genre: genre → its ``bits_per_byte`` and ``floor_bits_per_byte``.
    """

    wall_s: float
    tokens: int
    tokens_per_s: float
    parameters: int
    bits_per_byte: float | None = None
    floor_bits_per_byte: float | None = None
    by_genre: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """Everything a report shows; `report.json` is this without the conversations."""

    run: str
    minutes: float | None
    wall_s: float
    peak_memory_mb: float
    seed: int
    recipe: Mapping[str, Any]
    machine: Mapping[str, Any]
    exam_version: int | None
    stages: Mapping[str, StageSummary]
    exams: Sequence[Score]
    conversations: Sequence[Sequence[Mapping[str, Any]]] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``report.json``."""
        plain = asdict(self)
        del plain["conversations"]
        return plain


def render_html(report: Report, events: Sequence[Event]) -> str:
    """The report as one self-contained HTML page."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(["jinja"]))
    template = environment.get_template("report.html.jinja")
    samples = [event for event in events if event["kind"] == "sample" and "text" in event["values"]]
    return template.render(
        report=report,
        loss_plots=[(stage, _svg(_loss_figure(stage, events))) for stage in report.stages if _losses(stage, events)],
        genre_plots=[
            (stage, _svg(_genre_figure(summary))) for stage, summary in report.stages.items() if summary.by_genre
        ],
        exam_plot=_svg(exam_figure(report.exams)) if any(score.score is not None for score in report.exams) else "",
        exam_rows=exam_rows(report.exams),
        lower_is_better=LOWER_IS_BETTER,
        exam_stages=list(dict.fromkeys(score.stage for score in report.exams)),
        alarms=[event for event in events if event["kind"] == "alarm"],
        samples=samples[:: max(1, len(samples) // 8)],
    )


def exam_rows(scores: Sequence[Score]) -> list[tuple[str, dict[str, Score]]]:
    """Scores grouped by exam: (exam, stage → score), in the order in which exams first appear."""
    rows: dict[str, dict[str, Score]] = {}
    for score in scores:
        rows.setdefault(score.exam, {})[score.stage] = score
    return list(rows.items())


def _losses(stage: str, events: Sequence[Event]) -> list[tuple[int, float]]:
    return [
        (event["step"], event["values"]["loss"])
        for event in events
        if event["kind"] == "metric" and event["stage"] == stage and event["values"].get("loss") is not None
    ]


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    return figure, axes


def _loss_figure(stage: str, events: Sequence[Event]) -> Figure:
    figure, axes = _figure(6.4, 2.6)
    steps, losses = zip(*_losses(stage, events), strict=True)
    axes.plot(steps, losses, color=ACCENT, linewidth=1.0)
    axes.set_xlabel("step", fontsize=8)
    axes.set_ylabel("loss, nats a token", fontsize=8)
    axes.set_ylim(bottom=0)
    return figure


def _genre_figure(summary: StageSummary) -> Figure:
    genres = sorted(summary.by_genre, key=lambda genre: -(summary.by_genre[genre]["bits_per_byte"] or 0))
    figure, axes = _figure(6.4, 0.9 + 0.26 * len(genres))
    rows = range(len(genres))
    reached = [summary.by_genre[genre]["bits_per_byte"] or 0 for genre in genres]
    axes.barh(rows, reached, height=0.6, color=ACCENT, label="model")
    floors = [(row, summary.by_genre[genre]["floor_bits_per_byte"]) for row, genre in zip(rows, genres, strict=True)]
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
    figure, axes = _figure(6.4, 0.9 + 0.34 * len(rows))
    height = 0.76 / len(stages)
    for offset, stage in enumerate(stages):
        colour = MUTED if stage == "base" and len(stages) > 1 else ACCENT
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
    figure.legend(fontsize=8, frameon=False, loc="outside upper right", ncols=3)
    return figure


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
