"""The event log of a run: ``events.jsonl``, the one place where training reports anything.

One JSON object a line, appended and never changed:

    {"seq": 7, "attempt": 1, "time": 1735689600.5, "stage": "base", "step": 3, "kind": "metric", "values": {"loss": 6}}

    seq      counts the lines of the run from 0
    attempt  counts the processes that wrote to the run from 1; a resumed run has several
    time     seconds since 1970
    step     optimizer steps done in the stage when it was written
    kind     metric (numbers), sample (text the model wrote), status (a stage began, ended …), alarm (look here)

A process that is killed leaves events of steps after its last checkpoint, which the next attempt does again. When a
stage begins or resumes, its status event says from which step, and readers drop what that stage logged past it. The
last line may be torn by a kill; readers ignore it, and the next writer removes it.
"""

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from orrery.errors import RunError
from orrery.files import full_disk_named

Kind = Literal["metric", "sample", "status", "alarm"]
Event = dict[str, Any]
FILE = "events.jsonl"


class EventLog:
    """The writer of a run's events; there is one at a time (`orrery.training.runs.Run` sees to it).

    ``listeners`` are called with every event after it is written: the terminal's progress display is one.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.listeners: list[Callable[[Event], None]] = []
        with full_disk_named(self.path):
            self._file = self.path.open("ab", buffering=0)
        whole, events = _parse(self.path)
        self._file.truncate(whole)  # a torn last line of a killed process
        self._seq = events[-1]["seq"] + 1 if events else 0
        self.attempt = events[-1]["attempt"] + 1 if events else 1

    def append(self, kind: Kind, stage: str, step: int, values: Mapping[str, Any]) -> Event:
        """Write one event and tell the listeners.

        Raises:
            RunError: the disk is full; the log then ends with its last whole line.
        """
        event: Event = {
            "seq": self._seq,
            "attempt": self.attempt,
            "time": round(time.time(), 3),
            "stage": stage,
            "step": step,
            "kind": kind,
            "values": _jsonable(values),
        }
        line = json.dumps(event, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace") + b"\n"
        before = os.fstat(self._file.fileno()).st_size
        with full_disk_named(self.path):
            try:
                written = self._file.write(line)
                if written != len(line):  # a disk that fills up takes a part, then refuses
                    self._file.write(line[written:])
            except OSError:
                self._file.truncate(before)
                raise
        self._seq += 1
        for listener in self.listeners:
            listener(event)
        return event

    def sync(self) -> None:
        """Wait until what was appended is on the disk and would survive a power cut."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """No more events from this process."""
        self._file.close()


class NoEvents(EventLog):
    """What processes have that train along and do not write (`orrery.training.parallel`): events are dropped."""

    def __init__(self, folder: Path) -> None:
        self.path, self.listeners, self.attempt = folder / FILE, [], 1

    def append(self, kind: Kind, stage: str, step: int, values: Mapping[str, Any]) -> Event:
        """Drop it."""
        return {"stage": stage, "step": step, "kind": kind, "values": values}

    def sync(self) -> None:
        """Nothing was written."""

    def close(self) -> None:
        """Nothing is open."""


def read_events(folder: Path) -> list[Event]:
    """The events that count: those that the same stage, started or resumed later, did again are left out.

    Raises:
        RunError: a line other than the last is not an event.
    """
    path = folder / FILE
    kept: list[Event] = []
    for event in _parse(path)[1] if path.exists() else []:
        if event["kind"] == "status" and "from_step" in event["values"]:
            stage, start = event["stage"], event["values"]["from_step"]
            kept = [old for old in kept if old["stage"] != stage or old["step"] <= start]
        kept.append(event)
    return kept


def _parse(path: Path) -> tuple[int, list[Event]]:
    """The whole lines of the log and the number of bytes that they take."""
    raw = path.read_bytes()
    whole = raw.rfind(b"\n") + 1
    events = []
    for number, line in enumerate(raw[:whole].splitlines(), 1):
        try:
            event = json.loads(line)
            event["seq"], event["attempt"], event["stage"], event["step"], event["kind"], event["values"]
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path} line {number} is not an event; remove that line to go on") from error
        events.append(event)
    return whole, events


def _jsonable(value: Any) -> Any:
    """``value`` with what JSON has no word for replaced: NaN and infinities by null, paths by strings."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
