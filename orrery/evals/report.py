"""The report card of a run: ``report.json`` for programs, ``report.html`` for people.

Both are made from the run's own record (``run.json`` and ``events.jsonl``), so a report can be made again at any time
and says nothing that the run did not log. The page is one file: plots are inline SVG, there is nothing to fetch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

from orrery.evals.exams import LOWER_IS_BETTER
from orrery.evals.report_plots import Event, curves_figure, exam_figure, exam_rows, genre_figure, svg
from orrery.evals.run import Score
from orrery.evals.scaling_law import Expected


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
    compared: Sequence[Mapping[str, Any]] = ()
    """The stages after tuning side by side, see `orrery.stages.compare.Compared`."""
    conversations: Sequence[Sequence[Mapping[str, Any]]] = ()
    expected: Expected | None = None
    """What the scaling law expected of pretraining; what came is ``bits_per_byte`` of the stage ``base``."""

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
        curves=[(stage, svg(figure)) for stage in report.stages if (figure := curves_figure(stage, events))],
        genre_plots=[
            (stage, svg(genre_figure(summary.by_genre))) for stage, summary in report.stages.items() if summary.by_genre
        ],
        exam_plot=svg(exam_figure(report.exams)) if any(score.score is not None for score in report.exams) else "",
        exam_rows=exam_rows(report.exams),
        lower_is_better=LOWER_IS_BETTER,
        exam_stages=list(dict.fromkeys(score.stage for score in report.exams)),
        alarms=[event for event in events if event["kind"] == "alarm"],
        samples=samples[:: max(1, len(samples) // 8)],
    )
