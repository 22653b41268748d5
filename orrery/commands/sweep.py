"""`orrery sweep`: the search for better settings, with its progress and its table."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from orrery.config import as_mapping
from orrery.search.objective import TARGETS, Objective, is_failure
from orrery.search.rungs import Configuration
from orrery.search.settings import SweepConfig
from orrery.sweep import SweepProgress, SweepResult, sweep
from orrery.training.progress import clock

COMPARED = 5  # configurations whose exams are shown side by side


@dataclass(frozen=True)
class SweepCommand(SweepConfig):
    """Search for better settings of the speedrun: draw them at random, run each, compare the reports.

    The same command, or --name alone, goes on with a sweep that was stopped, and shows the table of a finished one.

    Example: orrery sweep --name lr --trials 8 --minutes 2 --vary pretrain.optimizer.lr=0.005..0.04:log
    """

    json: bool = False
    """Print JSON instead of tables."""


def run_sweep(config: SweepCommand) -> SweepResult:
    """Sweep, and say what came out. Raises what `orrery.sweep.sweep` does."""
    bar = Progress(
        TextColumn("[bold]sweep"), BarColumn(bar_width=24), TextColumn("{task.fields[line]}"),
        console=Console(stderr=True, highlight=False), transient=True,
    )  # fmt: skip
    with bar:
        task, said = bar.add_task("", line="", total=None), 0

        def show(progress: SweepProgress) -> None:
            nonlocal said
            over = progress.done + progress.failed
            line = progress_line(progress)
            bar.update(task, total=over + progress.running + progress.left, completed=over, line=line)
            if over > said and not bar.console.is_terminal:  # a file or a pipe: a line for each trial that ends
                bar.console.print(line, soft_wrap=True)
            said = over

        result = sweep(config, show)
    if config.json:
        print(json.dumps(as_json(result), indent=1))
        return result
    out = Console(highlight=False)
    out.print(table(result))
    for one in result.configurations:
        if one.error:
            error = one.error.splitlines()[-1]
            out.print(f"#{one.number} failed: {error} (more in {one.folders[0]}.txt)", markup=False, soft_wrap=True)
    out.print(exams_table(result.configurations[:COMPARED]))
    out.print(f"\nThe best one:  orrery speedrun --recipe {result.recipe}", soft_wrap=True)
    return result


def progress_line(progress: SweepProgress) -> str:
    """Where the sweep stands, on one line.

    >>> progress_line(SweepProgress(done=3, failed=1, running=2, left=2, best=None, seconds_left=75.0))
    '3 done  1 failed  2 running  2 left  1:15 to go'
    """
    failed = [f"{progress.failed} failed"] if progress.failed else []
    parts = [f"{progress.done} done", *failed, f"{progress.running} running", f"{progress.left} left"]
    if progress.best is not None:
        parts.append(f"best {progress.best.score:.4g} (#{progress.best.number})")
    if progress.seconds_left is not None:
        parts.append(f"{clock(progress.seconds_left)} to go")
    return "  ".join(parts)


def table(result: SweepResult) -> Table:
    """All configurations, best first."""
    settings = result.settings
    better = "lower" if Objective(settings.metric).lower_is_better else "higher"
    found = Table(title=f"Sweep {result.name}", title_justify="left", caption_justify="left")
    of_seeds = f"mean of seeds {', '.join(map(str, settings.seeds))}" if len(settings.seeds) > 1 else "one seed"
    found.caption = f"{settings.metric}: {better} is better; {of_seeds}. Seconds are those of all its runs."
    found.add_column("#", justify="right")
    for key in settings.vary:
        found.add_column(key.replace(".", "\n"), justify="right")
    if settings.rungs > 1:
        found.add_column("rung", justify="right")
    found.add_column(settings.metric.replace(".", "\n"), justify="right", style="bold")
    found.add_column("seconds", justify="right")
    for one in result.configurations:
        rung = [str(one.rung + 1)] if settings.rungs > 1 else []
        score = "failed" if one.score is None else f"{one.score:.4g}"
        values = (str(one.values[key]) for key in settings.vary)
        found.add_row(str(one.number), *values, *rung, score, f"{one.seconds:.0f}")
    return found


def exams_table(best: Sequence[Configuration]) -> Table:
    """The exams that have a target, side by side for the best configurations, with losses above them."""
    found = Table(title="The best of them", title_justify="left", caption_justify="left")
    found.caption = "Losses in bits per byte; exams in per cent of the questions."
    found.add_column("")
    found.add_column("target", justify="right")
    for one in best:
        found.add_column(f"#{one.number}", justify="right")
    for metric in ("base.bits_per_byte", "base.excess", "sft.bits_per_byte"):
        found.add_row(metric, "", *(_cell(one, metric, ".3f", 1) for one in best))
    for metric, target in TARGETS.items():
        sign = "≤" if is_failure(metric) else "≥"
        found.add_row(metric, f"{sign} {target:g}", *(_cell(one, metric, ".0f", 100) for one in best))
    return found


def as_json(result: SweepResult) -> dict[str, Any]:
    """The result as plain values."""
    configurations = [asdict(one) for one in result.configurations]
    settings = as_mapping(result.settings)
    return {"name": result.name, "recipe": str(result.recipe), "settings": settings, "configurations": configurations}


def _cell(one: Configuration, metric: str, form: str, times: float) -> str:
    return f"{times * one.metrics[metric]:{form}}" if metric in one.metrics else "n/a"
