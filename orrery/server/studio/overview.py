"""What the runs have come to, kept up to date from their event logs: each is read on from where it was left.

overview = Overview(Path("runs"))
overview.runs()[0].stages[-1].step
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from orrery.errors import OrreryError
from orrery.server.studio.holder import holder
from orrery.server.studio.tail import Tail
from orrery.training.events import Event
from orrery.training.runs import read_record

State = Literal["running", "finished", "stopped", "failed", "broken off"]
POINTS = 64  # of the small curve in the list: every other one goes when there are twice as many
FRESH = 0.5  # seconds that an answer may be old: several readers share one look at the files
# The number that says how a stage goes: the first of these that it reports.
TELLING = ("reward", "accuracy", "rewards/accuracies", "loss")


@dataclass(frozen=True)
class StageSummary:
    """A stage of training. `metric`: the number that says how it goes, with its newest `value`.

    `steps`: how many it will do; `seconds_left`: as it guesses itself; `seconds`: that it has taken, pauses left out.
    """

    name: str
    state: State
    step: int
    steps: int
    metric: str
    value: float | None
    loss: float | None
    seconds: float
    seconds_left: float | None
    parameters: int


@dataclass(frozen=True)
class RunSummary:
    """A run. `command`: the words that made it; `stages`: of training, in order; `curve`: of its newest stage.

    `doing`: the last part that has begun or ended. `problem`: why it cannot be read, empty when it can.
    """

    name: str
    created: str
    command: str
    state: State
    seed: int
    stages: list[StageSummary]
    curve: list[float]
    seconds: float
    alarms: int
    seq: int
    doing: str
    report: bool
    problem: str = ""


@dataclass
class _Stage:
    """What a stage's events have come to so far."""

    status: str = ""
    step: int = 0
    steps: int = 0
    parameters: int = 0
    loss: float | None = None
    values: dict[str, float] = field(default_factory=dict)
    curve: list[tuple[int, float]] = field(default_factory=list)
    every: int = 1  # steps between the points of the curve
    seconds: float = 0.0
    last: tuple[int, float] = (0, 0.0)  # attempt and time of the last event

    def take(self, event: Event) -> None:
        """Take in an event of this stage."""
        values: Mapping[str, Any] = event["values"]
        attempt, now = event["attempt"], event["time"]
        if self.last[0] == attempt:
            self.seconds += max(0.0, now - self.last[1])
        self.last, self.step = (attempt, now), event["step"]
        if event["kind"] == "status":
            self.take_status(values)
        elif event["kind"] == "metric":
            self.values.update({key: value for key, value in values.items() if isinstance(value, int | float)})
            if isinstance(values.get("loss"), float):
                self.loss = values["loss"]
            telling = next((name for name in TELLING if name in self.values), "")
            if isinstance(values.get(telling), int | float) and self.step % self.every == 0:
                self.add_point(self.step, values[telling])

    def take_status(self, values: Mapping[str, Any]) -> None:
        """It begins, goes on, or ends."""
        if values.get("status") != "controlled":
            self.status = str(values.get("status", ""))
        if "steps" in values:
            self.steps, self.parameters = values["steps"], values.get("parameters", 0)
        if "from_step" in values:  # what was logged past it is done again
            self.curve = [point for point in self.curve if point[0] <= values["from_step"]]

    def add_point(self, step: int, value: float) -> None:
        """A point of the curve, which stays short."""
        self.curve.append((step, value))
        if len(self.curve) >= 2 * POINTS:
            self.every *= 2
            self.curve = [point for point in self.curve if point[0] % self.every == 0]

    def summary(self, name: str, held: bool) -> StageSummary:
        """For the page."""
        ended: dict[str, State] = {"finished": "finished", "stopped": "stopped", "interrupted": "stopped"}
        state = ended.get(self.status, "failed" if self.status == "failed" else "running" if held else "broken off")
        metric = next((name for name in TELLING if name in self.values), "")
        left = self.values.get("seconds_left") if state == "running" else None
        return StageSummary(name, state, self.step, self.steps, metric, self.values.get(metric), self.loss,
                            self.seconds, left, self.parameters)  # fmt: skip


class _Run:
    """One run, read on."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tail = folder, Tail(folder)
        self.start_anew()

    def start_anew(self) -> None:
        """Before the first event."""
        self.stages: dict[str, _Stage] = {}
        self.alarms, self.seconds, self.last, self.doing = 0, 0.0, (0, 0.0), ""

    def read_on(self) -> None:
        """Take in what is new."""
        while events := self.tail.poll():
            if self.tail.restarted:
                self.start_anew()
            for event in events:
                self.take(event)

    def take(self, event: Event) -> None:
        """One event."""
        attempt, now, stage = event["attempt"], event["time"], event["stage"]
        if self.last[0] == attempt:
            self.seconds += max(0.0, now - self.last[1])
        self.last = (attempt, now)
        self.alarms += event["kind"] == "alarm"
        if event["kind"] == "status":
            self.doing = stage
        if stage in self.stages or "steps" in event["values"]:  # parts that are no training have no steps
            self.stages.setdefault(stage, _Stage()).take(event)

    def summary(self) -> RunSummary:
        """For the page. Raises RunError when the run is damaged."""
        record = read_record(self.folder)
        self.read_on()
        held, report = holder(self.folder) is not None, (self.folder / "report.json").exists()
        stages = [stage.summary(name, held) for name, stage in self.stages.items()]
        unfinished = "plan" in record and not report  # a speedrun ends with its report
        newest = max(self.stages.values(), key=lambda stage: stage.last[1]).curve if self.stages else []
        state: State = "running" if held else "stopped" if unfinished or not stages else "finished"
        if stages and not held and stages[-1].state != "finished":
            state = stages[-1].state
        return RunSummary(
            name=self.folder.name, created=str(record.get("created", "")), command=" ".join(record.get("asked", [])),
            state=state, seed=int(record.get("seed", 0)), stages=stages, curve=[value for _, value in newest],
            seconds=self.seconds, alarms=self.alarms, seq=self.tail.seq, doing=self.doing, report=report,
        )  # fmt: skip


class Overview:
    """All runs of a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._runs: dict[str, _Run] = {}
        self._lock, self._looked, self._found = Lock(), -FRESH, list[RunSummary]()

    def runs(self) -> list[RunSummary]:
        """The summaries, the newest run first; at most `FRESH` seconds old."""
        with self._lock:
            if time.monotonic() - self._looked >= FRESH:
                self._found, self._looked = self._look(), time.monotonic()
            return self._found

    def _look(self) -> list[RunSummary]:
        names = {path.parent.name for path in self.root.glob("*/run.json")}
        self._runs = {name: self._runs.get(name) or _Run(self.root / name) for name in names}
        return sorted((_summary(run) for run in self._runs.values()), key=lambda run: run.created, reverse=True)


def _summary(run: _Run) -> RunSummary:
    try:
        return run.summary()
    except OrreryError as error:
        name = run.folder.name
        return RunSummary(name, "", "", "failed", 0, [], [], 0.0, 0, run.tail.seq, "", False, problem=str(error))
