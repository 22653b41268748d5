"""The trials of a sweep: their rows in the database, and the process that each one is while it runs.

A trial is one whole speedrun. Whoever runs it holds its lock file, and the speedrun's process inherits the lock: the
kernel (`flock`) frees it only when the sweep *and* the speedrun are gone, however they ended. So a trial that the
database calls running and whose lock is free was left behind, and whoever gets the lock goes on with it. A speedrun
that outlives its sweep (`kill -9`) runs on undisturbed, and its result is found when it is done.

Because of the locks all processes of a sweep share one folder of runs.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, ForeignKey, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from orrery.config import as_mapping, as_toml
from orrery.database import Base, Database
from orrery.files import write_atomically
from orrery.speedrun_config import SpeedrunConfig

SPEEDRUN = (sys.executable, "-m", "orrery", "speedrun")
STOPPED = (130, -signal.SIGINT, -signal.SIGTERM)  # exit codes of a speedrun that someone asked to stop
ERROR_LINES = 12  # of a failed trial's output, that are kept


class Sweep(Base):
    """A sweep: what was asked for. ``created`` is in seconds since 1970."""

    __tablename__ = "sweeps"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created: Mapped[float]
    settings: Mapped[dict[str, Any]] = mapped_column(JSON)


class Trial(Base):
    """One configuration with one seed at one rung.

    Attributes:
        number: of the configuration; the same at all rungs and for all seeds.
        rung: how often its steps were raised, 0 in random search.
        values: dotted settings that vary → what this configuration drew.
        status: waiting, running, done or failed.
        score: of the sweep's metric; None until it is done.
        metrics: ``STAGE.EXAM`` → share from 0 to 1, ``STAGE.bits_per_byte`` and so on.
        folder: its run directory.
        error: the end of what it said, where it failed.
        started: seconds since 1970, of its last attempt.
        seconds: that it took, over all attempts; of the last one where it failed.
    """

    __tablename__ = "trials"
    __table_args__ = (UniqueConstraint("sweep_id", "number", "rung", "seed"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    sweep_id: Mapped[int] = mapped_column(ForeignKey("sweeps.id"))
    number: Mapped[int]
    rung: Mapped[int]
    seed: Mapped[int]
    values: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[str] = mapped_column(default="waiting")
    score: Mapped[float | None]
    metrics: Mapped[dict[str, float]] = mapped_column(JSON, default=dict)
    folder: Mapped[str]
    error: Mapped[str] = mapped_column(default="")
    started: Mapped[float | None]
    seconds: Mapped[float | None]

    @property
    def over(self) -> bool:
        """It will not be run again."""
        return self.status in ("done", "failed")


class Job:
    """A trial under way, whose lock this process holds. Make one with `claim`."""

    def __init__(self, trial: Trial, lock: int) -> None:
        self.trial, self.folder, self._lock = trial, Path(trial.folder), lock
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, config: SpeedrunConfig, threads: int) -> None:
        """Write the recipe and start the speedrun, or go on with it; one that came to its end is left alone."""
        if (self.folder / "report.html").exists():  # the last thing that a speedrun writes
            return
        recipe = {key: value for key, value in as_mapping(config).items() if key != "resume"}
        text = f"# A trial of a sweep: orrery speedrun --recipe {self.folder}/recipe.toml\n"
        write_atomically(self.folder / "recipe.toml", f'{text}command = "speedrun"\n{as_toml(recipe)}')
        resume = ["--resume"] if (self.folder / "run.json").exists() else []
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*SPEEDRUN, "--recipe", str(self.folder / "recipe.toml"), *resume],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": str(threads)},
                pass_fds=(self._lock,),
                process_group=0,  # Ctrl-C reaches the sweep alone, which passes it on once: a second one ends it
            )

    @property
    def output(self) -> Path:
        """What the last attempt said. Beside the run: a speedrun that refuses what it was asked removes its folder."""
        return self.folder.with_name(f"{self.folder.name}.txt")

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self.process.poll() if self.process else 0

    def ask_to_stop(self) -> None:
        """As Ctrl-C does: it ends its step and saves its state."""
        if self.process:
            self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it and its helpers at once; `--resume` goes on from its last checkpoint."""
        if self.process and self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def close(self) -> None:
        """Let go of the trial; its row must say by now what became of it."""
        os.close(self._lock)


def claim(database: Database, trial: Trial) -> Job | None:
    """Take a trial that waits or was left behind, and mark it running; None where another process has it or ran it."""
    folder = Path(trial.folder)
    lock = take_lock(folder.parent / "locks" / folder.name)
    if lock is None:
        return None
    with database.session() as session:
        row = session.get_one(Trial, trial.id)  # as it is now that nobody else can change it
        if not row.over:
            row.status, row.started = "running", time.time()
    if row.over:
        os.close(lock)
        return None
    return Job(row, lock)


def error_of(output: str, exit_code: int) -> str:
    """Why a trial failed, from the end of what it said: the message of an error of ours, else the last lines.

    >>> print(error_of("step 1\\nZeroDivisionError: division by zero\\n", 1))
    ended with exit code 1:
    step 1
    ZeroDivisionError: division by zero
    """
    lines = [line for line in output.splitlines() if line.strip()][-ERROR_LINES:]
    if lines and lines[-1].startswith("orrery: "):
        return lines[-1].removeprefix("orrery: ")
    how = f"signal {-exit_code} ({signal.strsignal(-exit_code)})" if exit_code < 0 else f"exit code {exit_code}"
    return "\n".join([f"ended with {how}:", *lines])


def trials_of(database: Database, sweep: int) -> list[Trial]:
    """All trials of a sweep, in the order in which they were made."""
    with database.session() as session:
        return list(session.scalars(select(Trial).where(Trial.sweep_id == sweep).order_by(Trial.id)))


def new_trials(
    sweep: int, folder: Path, rung: int, drawn: Mapping[int, Mapping[str, Any]], seeds: Sequence[int]
) -> list[Trial]:
    """Rows for configurations (by number) at a rung, one a seed; the run directories will be in ``folder``."""
    return [
        Trial(
            sweep_id=sweep, number=number, rung=rung, seed=seed, values=dict(values),
            folder=str(folder / f"{number:03}-rung{rung}-seed{seed}"),
        )
        for number, values in drawn.items()
        for seed in seeds
    ]  # fmt: skip


def take_lock(path: Path) -> int | None:
    """The handle of a lock file, None where another has it; held until closed here and wherever it is inherited."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
