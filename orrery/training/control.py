"""How a running stage is told something: lines appended to ``control.jsonl`` in its run directory.

    {"command": "stop"}                            finish the step, write a checkpoint, end
    {"command": "learning_rate", "value": 0.5}     multiply the scheduled learning rates by this from now on

The loop reads new lines between steps and logs each one that it applied. Lines from before the process started are
left alone: they were meant for an earlier attempt.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orrery.errors import ConfigError
from orrery.files import full_disk_named

FILE = "control.jsonl"


@dataclass(frozen=True)
class Control:
    """One command; ``value`` belongs to ``learning_rate`` (a factor, 0 or more) and is ignored otherwise."""

    command: Literal["stop", "learning_rate"]
    value: float = 1.0

    def __post_init__(self) -> None:
        if self.command not in ("stop", "learning_rate"):
            raise ConfigError(f"'{self.command}' is no command to a run: stop or learning_rate")
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise ConfigError(f"a learning rate factor must be a number, not {self.value!r}")
        if not math.isfinite(self.value) or self.value < 0:
            raise ConfigError(f"a learning rate factor must be 0 or more, not {self.value}")


def send(folder: Path, control: Control) -> None:
    """Append a command for the stage that is running in the run directory ``folder``."""
    line = json.dumps({"command": control.command, "value": control.value}) + "\n"
    with full_disk_named(folder / FILE), (folder / FILE).open("a", encoding="utf-8") as file:
        file.write(line)


class ControlReader:
    """Reads the commands that arrive after it was made."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._offset = self._path.stat().st_size if self._path.exists() else 0

    def poll(self) -> tuple[list[Control], list[str]]:
        """New commands, and a message for each line that is none. A line that is still being written waits."""
        if not self._path.exists() or self._path.stat().st_size <= self._offset:
            return [], []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            raw = file.read()
        whole = raw[: raw.rfind(b"\n") + 1]
        self._offset += len(whole)
        commands, problems = [], []
        for line in whole.splitlines():
            try:
                commands.append(Control(**json.loads(line)))
            except (ValueError, TypeError, ConfigError) as error:
                problems.append(f"{self._path.name}: {line.decode(errors='replace')[:80]} is ignored: {error}")
        return commands, problems
