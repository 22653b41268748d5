"""For the terminal: exams as a table (a row an exam, a column a stage, with intervals, n, chance), and messages."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from orrery.evals.exams import LOWER_IS_BETTER
from orrery.evals.run import Score
from orrery.evals.tasks import TaskResult


def exam_table(scores: Sequence[Score], title: str = "Exams") -> Table:
    """All scores side by side by stage; where two stages sat an exam, an arrow says what the last one changed.

    An arrow is shown when the intervals do not overlap: ↑ better, ↓ worse (for exams where lower is better too).
    Intervals are shown where there is room for them, beside two stages at most.
    """
    stages = list(dict.fromkeys(score.stage for score in scores))
    rows: dict[str, dict[str, Score]] = {}
    for score in scores:
        rows.setdefault(score.exam, {})[score.stage] = score
    table = Table(title=title, title_justify="left", caption_justify="left")
    intervals = len(stages) <= 2
    table.caption = f"Share of questions in percent{', with 95% intervals' if intervals else ''}; ▽ lower is better."
    table.add_column("exam")
    for stage in stages:
        table.add_column(stage, justify="right")
    if len(stages) > 1:
        table.add_column("")
    table.add_column("chance", justify="right")
    table.add_column("n", justify="right")
    for exam, by_stage in rows.items():
        cells = [_cell(by_stage.get(stage), intervals) for stage in stages]
        if len(stages) > 1:
            cells.append(_arrow(by_stage.get(stages[0]), by_stage.get(stages[-1]), exam in LOWER_IS_BETTER))
        chance = max(score.chance for score in by_stage.values())
        n = max(score.n for score in by_stage.values())
        name = f"{exam} ▽" if exam in LOWER_IS_BETTER else exam
        table.add_row(name, *cells, f"{100 * chance:.0f}" if chance else "", str(n or ""))
    return table


def _cell(score: Score | None, interval: bool) -> Text:
    if score is None or score.score is None or score.low is None or score.high is None:
        return Text("n/a", style="dim")
    text = Text(f"{100 * score.score:.0f}", style="bold")
    if interval:
        text.append(f" [{100 * score.low:.0f}–{100 * score.high:.0f}]".rjust(10), style="not bold dim")
    return text


def _arrow(first: Score | None, last: Score | None, lower_is_better: bool) -> Text:
    if first is None or last is None or None in (first.low, first.high, last.low, last.high):
        return Text("")
    higher, lower = last.low > first.high, last.high < first.low  # type: ignore[operator]
    if not higher and not lower:
        return Text("")
    return Text("↑", style="green") if higher != lower_is_better else Text("↓", style="red")


def task_table(results: Sequence[TaskResult], title: str = "Tasks") -> Table:
    """A row a metric: its value with the standard error, the 95% interval, chance, shots where there are any."""
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.caption = "Shares in percent; bits per byte as they are, lower is better. ± is the standard error."
    shots = any(result.paper.shots for result in results)
    table.add_column("task")
    table.add_column("metric", no_wrap=True)
    for column in ("score", "95%", "chance", *(["shots"] if shots else []), "n"):
        table.add_column(column, justify="right", no_wrap=True)
    for result in results:
        task = result.paper.task
        scale, digits = (1, 3) if task.kind == "bits_per_byte" else (100, 1)
        for number, metric in enumerate(result.metrics):
            score = Text(f"{scale * metric.value:.{digits}f}", style="bold")
            score.append(f" ± {scale * metric.error:.{digits}f}", style="not bold dim")
            table.add_row(
                "" if number else f"{task.name} v{task.version}",
                metric.name,
                score,
                Text(f"{scale * metric.low:.{digits}f}–{scale * metric.high:.{digits}f}", style="dim"),
                "" if result.chance is None else f"{100 * result.chance:.0f}",
                *([str(result.paper.shots)] if shots else []),
                f"{metric.n:,}",
            )
    return table


def conversation_line(message: Mapping[str, Any]) -> str:
    """One message of a conversation, its text before its calls, further lines under the first."""
    calls = "".join(
        f" [dim]→ {call['function']['name']} {escape(json.dumps(call['function']['arguments']))}[/]"
        for call in message.get("tool_calls", ())
    )
    colour = {"user": "bold", "tool": "dim"}.get(message["role"], "")
    text = escape(str(message.get("content") or "").replace("\n", "\n" + " " * 11))
    said = f"[{colour}]{text}[/]" if colour else text
    return f"{message['role']:>9}  {said}{calls}" if text else f"{message['role']:>9} {calls}"


def compared_table(compared: Sequence[Mapping[str, Any]]) -> Table:
    """The stages after tuning side by side; fields as in `orrery.stages.compare.Compared`."""
    table = Table(title="Post-training, on wishes and sums that no stage has seen", title_justify="left",
                  caption_justify="left")  # fmt: skip
    table.caption = (
        "At temperature 1. Gold: the hidden rubric; score: the reward model's; KL: nats an answer from\n"
        "the first row's model. Sums of 3 to 7 steps: right in percent, tokens of an answer, and in percent\n"
        "how they were answered: at once / in steps / in steps and checked."
    )
    for column in ("stage", "gold", "score", "KL", "sums", "tokens", "KL", "how"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for row in compared:
        table.add_row(
            row["stage"],
            f"{row['gold']:.2f} ± {row['gold_sd']:.2f}",
            f"{row['score']:+.2f}",
            f"{row['story_kl']:.1f}",
            f"{100 * row['sums']:.0f}",
            f"{row['sum_length']:.0f}",
            f"{row['sum_kl']:.1f}",
            "/".join(f"{100 * share:.0f}" for share in row["styles"].values()),
        )
    return table
