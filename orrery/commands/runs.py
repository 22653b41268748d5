"""`orrery runs`: what is in the runs folder, read from each run's own record."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

from orrery.errors import RunError
from orrery.training.events import Event, read_events
from orrery.training.runs import RUNS, read_record


@dataclass(frozen=True)
class RunsConfig:
    """List the runs with what they reached, or show one run's stages and alarms.

    Example: orrery runs
    Example: orrery runs speedrun
    """

    name: Annotated[str, tyro.conf.Positional] = ""
    """A run to show; all are listed when it is left out."""
    root: Path = RUNS
    """The folder that holds the runs."""


def runs(config: RunsConfig) -> None:
    """Print the list, or one run. Raises `RunError` for a run that does not exist."""
    console = Console(highlight=False)
    if config.name:
        show_run(config.root / config.name, console)
        return
    folders = sorted(path.parent for path in config.root.glob("*/run.json"))
    if not folders:
        console.print(f"No runs in {config.root}/ yet. Begin with  [bold]orrery speedrun --minutes 10[/]")
        return
    table = Table(box=None, padding=(0, 2))
    for column in ("run", "created", "stage", "step", "loss", "bits/byte", "state"):
        table.add_column(column, no_wrap=column != "run")
    for folder in folders:
        record, events = read_record(folder), read_events(folder)
        rows = stage_rows(events)
        last = next((row for row in reversed(rows) if row[2]), rows[-1] if rows else ["", "", "", "", "empty"])
        table.add_row(folder.name, str(record.get("created", ""))[5:16].replace("T", " "), *last)
    console.print(table)


def show_run(folder: Path, console: Console) -> None:
    """One run: what was asked, its stages, its alarms, its model folders."""
    if not folder.is_dir():
        raise RunError(f"no run {folder}; `orrery runs` lists those that are there")
    record, events = read_record(folder), read_events(folder)
    console.print(f"[bold]{folder.name}[/]  seed {record.get('seed')}  orrery {' '.join(record.get('asked', []))}")
    table = Table("stage", "step", "loss", "bits/byte", "state", box=None, padding=(0, 2))
    for row in stage_rows(events):
        table.add_row(*row)
    console.print(table)
    for event in events:
        if event["kind"] == "alarm":
            console.print(f"[yellow]{event['stage']} step {event['step']}: {event['values'].get('message', '')}[/]")
    for model in sorted(path.parent for path in folder.glob("*/config.json")):
        console.print(f"model   {model}")
    if (folder / "report.html").exists():
        console.print(f"report  {folder / 'report.html'}")


def stage_rows(events: list[Event]) -> list[list[str]]:
    """For each stage in order: name, step of steps, last loss, last bits per byte, state."""
    stages: dict[str, dict[str, Any]] = {}
    for event in events:
        values, row = event["values"], stages.setdefault(event["stage"], {"step": 0, "time": 0.0})
        row["step"], row["time"] = max(row["step"], event["step"]), event["time"]
        row.update({key: values[key] for key in ("loss", "bits_per_byte", "steps", "status") if key in values})
    return [
        [
            stage,
            f"{row['step']}/{row['steps']}" if "steps" in row else str(row["step"]),
            f"{row['loss']:.3f}" if isinstance(row.get("loss"), float) else "",
            f"{row['bits_per_byte']:.3f}" if isinstance(row.get("bits_per_byte"), float) else "",
            state(row),
        ]
        for stage, row in stages.items()
    ]


def state(row: dict[str, Any]) -> str:
    """A stage's state in words: what it last said, and how long ago when it has not ended."""
    status = str(row.get("status", ""))
    if status in ("started", "resumed"):
        age = time.time() - row["time"]
        return "running" if age < 60 else f"silent for {age / 60:.0f} min"
    return status
