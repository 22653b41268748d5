"""`orrery COMMAND …`: finds the command, fills its configuration from recipe and flags, runs it.

Each command is a frozen dataclass, whose docstring is its help, and a function that takes it. Modules are imported
only when their command runs, so that `orrery --help` answers at once.
"""

import importlib
import inspect
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table

from orrery import __version__
from orrery.commands.table import COMMANDS, MANY_PROCESSES, Command
from orrery.config import nearest, read_recipe
from orrery.errors import ConfigError, OrreryError

NO_SPACE_LEFT = 28  # errno.ENOSPC


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the `orrery` program. Exit codes: 0 done, 2 the user's to mend, 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Threads that wait for each other spin; where anything else runs too, they then wait for whole time slices. With a
    # short spin, training with two threads is twice as fast or better on a busy machine and no slower on an idle one.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # read when torch is loaded, which no import above does
    try:
        sys.exit(_run(words))
    except OrreryError as error:
        _fail(str(error))
    except BrokenPipeError:  # `orrery … | head`: the reader has seen enough
        sys.stderr.close()
        sys.exit(0)
    except (FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        _fail(f"{error.filename}: {error.strerror}")
    except OSError as error:
        if error.errno != NO_SPACE_LEFT:
            raise
        where = f" ({error.filename})" if error.filename else ""
        _fail(f"the disk is full{where}: free some space, then go on with --resume")
    except KeyboardInterrupt as stopped:  # training says how to go on
        print(f"\norrery: {stopped or 'interrupted'}", file=sys.stderr)
        sys.exit(130)


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        _print_commands(COMMANDS)
        return 0
    if words[0] == "--version":
        print(f"orrery {__version__}")
        return 0
    command = _find(words)
    if command is None:
        group = [known for known in COMMANDS if known.words.split()[0] == words[0]]
        if group and (len(words) == 1 or words[1] in ("-h", "--help")):
            _print_commands(group)
            return 0 if len(words) > 1 else 2
        known = [known.words for known in group] or sorted({known.words.split()[0] for known in COMMANDS})
        raise ConfigError(
            f"no command '{' '.join(words[:2] if group else words[:1])}'; {nearest(' '.join(words[:2]), known)}"
        )
    if os.environ.get("WORLD_SIZE", "1") != "1":  # torchrun started several of these
        if command.words not in MANY_PROCESSES:
            raise ConfigError(f"orrery {command.words} is one process: torchrun is for {', '.join(MANY_PROCESSES)}")
        importlib.import_module("orrery.training.parallel").join()
    result = getattr(importlib.import_module(command.module), command.function)(parse(command, words))
    return result if isinstance(result, int) else 0


def parse(command: Command, words: Sequence[str]) -> Any:
    """The configuration that ``words`` (the command's own words included) ask for; `--recipe` is read first."""
    cls = getattr(importlib.import_module(command.module), command.config)
    rest, recipe = list(words[len(command.words.split()) :]), None
    if "recipe" not in {field.name for field in fields(cls)}:  # a sweep's recipe is one of the speedruns that it makes
        rest, recipe = _take_recipe(rest)
    default = read_recipe(recipe, cls, command.words) if recipe else None
    told = re.sub(r"\n+Example:", "\n\nExample:", inspect.getdoc(cls) or "")  # else examples run together on one line
    return tyro.cli(cls, args=rest, default=default, prog=f"orrery {command.words}", description=told)


def _find(words: Sequence[str]) -> Command | None:
    matching = [known for known in COMMANDS if list(words[: len(known.words.split())]) == known.words.split()]
    return matching[0] if matching else None


def _take_recipe(words: list[str]) -> tuple[list[str], str | None]:
    for index, word in enumerate(words):
        if word == "--recipe":
            if index + 1 == len(words):
                raise ConfigError("--recipe needs a name or a .toml file")
            return words[:index] + words[index + 2 :], words[index + 1]
        if word.startswith("--recipe="):
            return words[:index] + words[index + 1 :], word.removeprefix("--recipe=")
    return words, None


def _print_commands(commands: Sequence[Command]) -> None:
    console = Console(highlight=False)
    console.print("[bold]orrery[/] COMMAND …   the whole life of a language model, desk-sized\n")
    table = Table(box=None, show_header=False, padding=(0, 3, 0, 2))
    for command in commands:
        table.add_row(f"[bold]{command.words}[/]", command.summary)
    console.print(table)
    console.print(
        "\nBegin with  [bold]orrery speedrun --minutes 10[/]   Details and an example:  [bold]orrery COMMAND --help[/]"
    )


def _fail(message: str) -> None:
    print(f"orrery: {message}", file=sys.stderr)
    sys.exit(2)
