"""Trainings that the studio starts: each is an `orrery …` process of its own, as if somebody had typed it.

    jobs = Jobs(Path("runs"), Forms(COMMANDS))
    job = jobs.start("dpo", {"model": "speedrun/sft", "minutes": 2})
    jobs.stop(job.run)                  # finishes its step and writes a checkpoint; `resume` goes on from there

A training is detached: it goes on when the studio is stopped, and a studio that is started later finds it again. What
it was asked and what it prints is below the folder of the runs:

    runs/.studio/jobs/ID.toml           the recipe that it was started with: `orrery COMMAND --recipe ID.toml`
    runs/.studio/jobs/ID.json           command, run, process
    runs/.studio/jobs/ID.log            what it printed
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from orrery.config import as_toml
from orrery.errors import ConfigError
from orrery.files import write_atomically
from orrery.server.errors import Problem
from orrery.server.studio.forms import Forms
from orrery.server.studio.holder import holder
from orrery.server.studio.runs import run_folder
from orrery.training.control import Control, send
from orrery.training.runs import check_name, read_record

LINES = 200  # of what a job printed
ENDING = 5.0  # seconds that a process may take to end when it is done
INTERRUPTED = 130  # exit code of a training that was told to stop: no error
MOST_BYTES = 2**16  # of its end that are looked at for them


@dataclass(frozen=True)
class Record:
    """A job as its file keeps it. `born`: when its process began, which tells it from a later one of that number."""

    id: str
    command: str
    run: str
    values: dict[str, Any]
    started: float
    pid: int
    born: float


@dataclass(frozen=True)
class Job:
    """A job as pages see it. `code`: how it ended, None where another studio started it; `error`: what it said then."""

    id: str
    command: str
    run: str
    started: float
    running: bool
    code: int | None
    error: str


LESSON = {"steps": 3000, "snapshot_every": 50}  # of microGPT: five seconds of training, sixty states to look at


class Jobs:
    """The trainings of one folder of runs."""

    def __init__(self, root: Path, forms: Forms) -> None:
        self.root, self.forms, self.folder = root.absolute(), forms, root.absolute() / ".studio" / "jobs"
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, command: str, given: Mapping[str, Any]) -> Job:
        """Start a command with these values; the others have their defaults.

        A run that is not named gets a free name. A path that is a model's name, such as speedrun/sft, is that model.

        Raises:
            Problem: 404 for a command that does not train, 422 for a wrong value, 409 when the run is being written.
        """
        values = self.forms.values(command, given)
        values["run"] = given.get("run") or self.free_name(values["run"] or command.replace(" ", "-"))
        try:
            check_name(values["run"])
        except ConfigError as error:
            raise Problem(422, f"run: {error}", "invalid_value", "run") from error
        for name in ("model", "reward_model", "teacher"):
            if values.get(name) and (self.root / values[name] / "config.json").is_file():
                values[name] = str(self.root / values[name])
        return self._start(command, values)

    def start_samples(self) -> list[Job]:
        """Train what the pages begin with where there is no run yet: microGPT, and the smallest whole speedrun."""
        if any(self.root.glob("*/run.json")) or any(self.runs(record) for record in self.records()):
            return []
        return [self.start("microgpt", LESSON), self.start("speedrun", self.forms.form("speedrun").recipes["sample"])]

    def resume(self, run: str) -> Job:
        """Go on with what was last done in a run, or with what made it.

        Raises:
            Problem: 404 when there is no such run, 409 when it is being written, 422 when no command here made it.
        """
        folder = run_folder(self.root, run)
        last = next((record for record in self.records() if record.run == run), None)
        if last is not None:
            command, values = last.command, last.values
        else:
            record = read_record(folder)
            asked = " ".join(map(str, record.get("asked", [])))
            known = [words for words in self.forms.configs if asked == words or asked.startswith(f"{words} ")]
            if not known:
                raise Problem(422, f"{run} was made by `orrery {asked}`, which the studio cannot go on with")
            command, values = max(known, key=len), record["recipe"]
        resume = True if isinstance(values.get("resume"), bool) else "auto"
        return self._start(command, self.forms.values(command, {**values, "run": run, "resume": resume}))

    def _start(self, command: str, values: dict[str, Any]) -> Job:
        run, now = values["run"], time.time()
        while self.process_of(run) is not None:
            if holder(self.root / run) is None and time.time() < now + ENDING:
                time.sleep(0.1)  # it has let go of the run, and is about to end
                continue
            raise Problem(409, f"{run} is being written: stop it first, or choose another name", "run_in_use", "run")
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{now % 1 * 1e6:06.0f}"
        path = self.folder / f"{name}.toml"
        write_atomically(path, as_toml({"command": command, **_without_none({**values, "root": str(self.root)})}))
        with path.with_suffix(".log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "orrery", *command.split(), "--recipe", str(path)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=self.root.parent,
                env={**os.environ, "PYTHONUNBUFFERED": "1"}, start_new_session=True,
            )  # fmt: skip
        self._children[name] = process
        born = psutil.Process(process.pid).create_time()
        record = Record(name, command, run, values, now, process.pid, born)
        write_atomically(path.with_suffix(".json"), json.dumps(asdict(record), indent=1, ensure_ascii=False))
        return self.job(record)

    def stop(self, run: str, at_once: bool = False) -> None:
        """Ask what writes to a run to finish its step, write a checkpoint and end; `at_once`: to end without.

        Raises:
            Problem: 409 when nothing writes to it.
        """
        pid = self.process_of(run)
        if pid is None:
            raise Problem(409, f"nothing writes to {run}", "run_not_running", "run")
        if not at_once and (self.root / run / "run.json").is_file():
            send(self.root / run, Control("stop"))
        os.kill(pid, signal.SIGTERM if at_once else signal.SIGINT)  # outside of training nobody reads the control file

    def learning_rate(self, run: str, factor: float) -> None:
        """Multiply the learning rate of the stage that is running from now on.

        Raises:
            Problem: 404 when there is no such run, 409 when nothing writes to it.
            ConfigError: a factor that is negative or no number.
        """
        folder, control = run_folder(self.root, run), Control("learning_rate", factor)
        if holder(folder) is None:
            raise Problem(409, f"nothing writes to {run}", "run_not_running", "run")
        send(folder, control)

    def process_of(self, run: str) -> int | None:
        """The process that writes to a run, or is about to; None when there is none."""
        starting = (record.pid for record in self.records() if record.run == run and self.runs(record))
        return holder(self.root / run) or next(starting, None)

    def jobs(self) -> list[Job]:
        """All jobs, the newest first."""
        return [self.job(record) for record in self.records()]

    def job(self, record: Record) -> Job:
        """A job as it stands."""
        running, child = self.runs(record), self._children.get(record.id)
        code = child.returncode if child is not None else None
        said = (
            []
            if running or code == INTERRUPTED
            else [line for line in self.lines(record.id) if line.startswith("orrery: ")]
        )
        error = said[-1].removeprefix("orrery: ") if said else ""
        return Job(record.id, record.command, record.run, record.started, running, code, error)

    def runs(self, record: Record) -> bool:
        """Whether the process of a job still runs."""
        if child := self._children.get(record.id):
            return child.poll() is None
        try:
            process = psutil.Process(record.pid)
            return abs(process.create_time() - record.born) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def records(self) -> list[Record]:
        """What was started, the newest first."""
        paths = sorted(self.folder.glob("*.json"), reverse=True)
        return [Record(**json.loads(path.read_text(encoding="utf-8"))) for path in paths]

    def lines(self, job: str) -> list[str]:
        """The last lines that a job printed. Raises Problem 404 when there is no such job."""
        path = self.folder / f"{job}.log"
        if not all(part.isdigit() for part in job.split("-")) or not path.is_file():
            raise Problem(404, f"there is no job {job!r}", "job_not_found")
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - MOST_BYTES))
            return file.read().decode("utf-8", "replace").splitlines()[-LINES:]

    def free_name(self, base: str) -> str:
        """A name that no run has, and no job is about to give to one: base, base-2, …"""
        taken = {record.run for record in self.records() if self.runs(record)}
        names = (base if number == 1 else f"{base}-{number}" for number in range(1, 10_000))
        return next(name for name in names if name not in taken and not (self.root / name).exists())


def _without_none(values: Any) -> Any:
    """Without what has no value, for which TOML has no word: it is the default wherever it can be."""
    if not isinstance(values, Mapping):
        return values
    return {name: _without_none(value) for name, value in values.items() if value is not None}
