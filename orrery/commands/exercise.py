"""`orrery exercise`: the exercises of the course, in your own editor."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from orrery.course.exercise import FOLDER, Exercise, exercise_of, exercises
from orrery.errors import ConfigError


@dataclass(frozen=True)
class ExerciseCommand:
    """Begin an exercise of the course, or check what you wrote. Without a number: list them all.

    Example: orrery exercise
    Example: orrery exercise 3
    Example: orrery exercise 3 --check
    """

    chapter: Annotated[int | None, tyro.conf.Positional] = None
    """The chapter that the exercise ends."""
    check: bool = False
    """Run your file and say what is still wrong in it."""
    solution: bool = False
    """Print one way to solve it."""
    folder: Path = FOLDER
    """Where your files are."""
    json: bool = False
    """Print the result of --check as JSON."""


def exercise(config: ExerciseCommand) -> None:
    """List, begin, check or show. Raises ConfigError for a chapter without an exercise, or a check before the file."""
    console = Console(highlight=False)
    if config.chapter is None:
        if config.check or config.solution:
            raise ConfigError("which exercise? give its chapter: orrery exercise 3 --check")
        console.print(table(config.folder))
        return
    chosen = exercise_of(config.chapter)
    path = config.folder / chosen.file
    if config.solution:
        console.print(chosen.solution.strip(), markup=False, soft_wrap=True)
    elif config.check:
        judge(chosen, path, config.json, console)
    else:
        known = path.exists()
        chosen.begin(config.folder)
        console.print(f"[bold]{chosen.title}[/]\n\n{chosen.task.strip()}\n", soft_wrap=True)
        console.print(f"{'Yours is' if known else 'Written'}: {path}; then: orrery exercise {chosen.chapter} --check")


def judge(chosen: Exercise, path: Path, as_json: bool, console: Console) -> None:
    """Say how it stands; ends the program with 1 where it is not solved."""
    judgement = chosen.judge(path)
    if as_json:
        print(json.dumps(asdict(judgement)))
    else:
        mark = "[green]✓[/]" if judgement.passed else "[red]✗[/]"
        console.print(mark, end=" ")
        console.print(judgement.message, markup=False, soft_wrap=True)
    if not judgement.passed:
        raise SystemExit(1)


def table(folder: Path) -> Table:
    """All exercises, and which have been begun."""
    lines = Table("chapter", "exercise", "yours")
    for chosen in exercises().values():
        path = folder / chosen.file
        lines.add_row(str(chosen.chapter), chosen.title, str(path) if path.exists() else "")
    return lines
