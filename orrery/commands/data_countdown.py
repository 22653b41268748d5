"""`orrery data countdown`: problems that can be checked, for learning to reason from rewards alone."""

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.progress import track

from orrery.data.countdown import LARGEST, TARGETS, games
from orrery.errors import ConfigError
from orrery.files import write_atomically


@dataclass(frozen=True)
class CountdownCommand:
    """Write problems of the countdown game: make a number of others, each used once. All of them can be solved.

    Each line has prompt and truth, as `orrery grpo --data` reads them with --reward countdown, and a solution.

    Example: orrery data countdown --out countdown.jsonl --count 50000
    Example: orrery data countdown --out countdown-test.jsonl --count 1000 --test
    Example: orrery data countdown --out countdown-base.jsonl --base
    """

    out: Path
    """The file to write."""
    count: int = 10_000
    """How many problems."""
    numbers: int = 4
    """Each has 3 to so many numbers; the more, the harder."""
    base: bool = False
    """Prompts as the beginning of a text, for base models (`orrery grpo-zero`)."""
    test: bool = False
    """Problems that no training file has, whatever its seed."""
    seed: int = 0
    """Another seed, other problems."""


def write_countdown(config: CountdownCommand) -> None:
    """Write them.

    Raises:
        ConfigError: a count below 1 or above what there is, or numbers out of 3 to 6.
        RunError: the disk is full.
    """
    if config.count < 1:
        raise ConfigError(f"--count is {config.count}; ask for at least one")
    if not 3 <= config.numbers <= 6:
        raise ConfigError(f"--numbers is {config.numbers}; it must lie between 3 and 6")
    console = Console(stderr=True)
    made = islice(games(config.seed, config.numbers, config.test), config.count)
    lines = [
        json.dumps(
            {
                "prompt": game.beginning if config.base else game.question,
                "truth": {"numbers": game.numbers, "target": game.target},
                "solution": game.solution,
            }
        )
        for game in track(made, "writing", config.count, console=console, disable=not console.is_terminal)
    ]
    if len(lines) < config.count:
        raise ConfigError(
            f"--count is {config.count}, but there are only about {len(lines)} such problems; ask for fewer"
        )
    write_atomically(config.out, "\n".join(lines) + "\n")
    print(
        f"{config.count:,} problems in {config.out}: 3 to {config.numbers} numbers up to {LARGEST}, "
        f"to make {TARGETS.start} to {TARGETS.stop - 1}"
    )
