"""A run directory: everything that one experiment wrote, with one writer at a time.

    runs/NAME/
      run.json         recipe, seed, versions, hardware, git state, what was asked
      events.jsonl     see orrery/training/events.py
      control.jsonl    see orrery/training/control.py
      checkpoints/     whole model folders of stages under way
      base/ sft/ …     the model folders of finished stages
      lock             held by the process that writes

The lock is the kernel's (`flock`): it goes with its process, however that ends, so nothing stale is left behind.

Of processes that train together (`orrery.training.parallel`) the first opens a run so, and the others follow: they read
its record and write nothing.
"""

import fcntl
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

from orrery import __version__
from orrery.errors import CheckpointError, ConfigError, DataError, RunError, TokenizerError
from orrery.files import remove_partial, write_atomically
from orrery.training import parallel
from orrery.training.events import EventLog, NoEvents
from orrery.training.machine import hardware

RUNS = Path("runs")
NAME = r"[\w][\w.+-]*"  # of a run


class Run:
    """An open run directory; a context manager. Make one with `Run.open`.

    Attributes:
        folder: runs/NAME.
        record: what run.json says.
        events: the log to append to.
        new: this process made the run.
    """

    def __init__(self, folder: Path, record: dict[str, Any], lock: int | None, new: bool) -> None:
        self.folder, self.record, self._lock, self.new = folder, record, lock, new
        self.events = NoEvents(folder) if lock is None else EventLog(folder)

    @property
    def name(self) -> str:
        """The run's name, that of its folder."""
        return self.folder.name

    @classmethod
    def open(cls, name: str, *, recipe: Mapping[str, Any], seed: int = 0, root: Path = RUNS) -> Self:
        """Open runs/NAME for writing, making it where it does not exist.

        Whether stages in it may be done anew or gone on with is for `orrery.training.loop.train` to say.

        Args:
            recipe: the resolved configuration, plain values; kept as it is when the run already has one.

        Raises:
            ConfigError: ``name`` is no plain folder name.
            RunError: another process has the run open, or the disk is full.
        """
        check_name(name)
        return parallel.first_then_others(partial(cls._open, root / name, recipe, seed))

    @classmethod
    def _open(cls, folder: Path, recipe: Mapping[str, Any], seed: int) -> Self:
        if parallel.rank():
            return cls(folder, read_record(folder), lock=None, new=False)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise RunError(f"{error.filename} is a file, not a folder of runs") from error
        lock = _take_lock(folder)
        try:
            remove_partial(folder)
            path = folder / "run.json"
            new = not path.exists()
            if not new:
                record = read_record(folder)
            else:
                record = _new_record(folder.name, recipe, seed)
                write_atomically(path, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
            return cls(folder, record, lock, new)
        except BaseException:
            os.close(lock)
            raise

    def note(self, **entries: Any) -> None:
        """Add to run.json, for instance the plan that was fitted to the machine; later entries replace earlier ones."""
        self.record = {**self.record, **entries}
        if self._lock is not None:
            write_atomically(self.folder / "run.json", json.dumps(self.record, indent=2, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Let go of the run."""
        self.events.close()
        if self._lock is not None:
            os.close(self._lock)

    @contextmanager
    def nothing_left_if_refused(self, first: Path) -> Iterator[None]:
        """Remove the run when the block refuses what was asked for before ``first`` exists, in a run that is new.

        ``first`` is the first thing worth keeping. So bad input leaves nothing behind and the name stays free.
        """
        try:
            yield
        except (ConfigError, DataError, TokenizerError, CheckpointError):
            if self.new and not first.exists():
                shutil.rmtree(self.folder)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0] is not None:
            parallel.leave_at_once()
        self.close()


def read_record(folder: Path) -> dict[str, Any]:
    """What run.json of a run says.

    Raises:
        RunError: ``folder`` is no run directory, or the file is damaged.
    """
    try:
        record: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"{folder} is no run: it has no run.json") from error
    except ValueError as error:
        raise RunError(f"{folder / 'run.json'} is damaged: {error}") from error
    return record


def _take_lock(folder: Path) -> int:
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        raise RunError(
            f"{folder} is being written by process {holder}: wait for it, stop it, or choose another --run"
        ) from error
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
    return handle


def check_name(name: str) -> None:
    """Raise ConfigError for what cannot be the name of a run, which is that of its folder."""
    if not re.fullmatch(NAME, name):
        raise ConfigError(f"'{name}' is no name for a run: use letters, digits, '.', '_', '+' and '-'")


def _new_record(name: str, recipe: Mapping[str, Any], seed: int) -> dict[str, Any]:
    return {
        "name": name,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "asked": sys.argv[1:],
        "seed": seed,
        "recipe": dict(recipe),
        "versions": versions(),
        "hardware": hardware(),
        "git": git_state(),
    }


def versions() -> dict[str, str]:
    """Versions of Python, Orrery and the libraries that numbers depend on."""
    found = {"python": platform.python_version(), "orrery": __version__}
    for package in ("torch", "numpy", "safetensors", "tokenizers", "tiktoken"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def git_state() -> dict[str, Any] | None:
    """Commit of Orrery's own source and whether it was changed since; None when it is not a git checkout."""
    source = Path(__file__).resolve().parents[2]
    if not (source / ".git").exists():
        return None
    try:
        commit = _git(source, "rev-parse", "HEAD")
        return {"commit": commit, "changed": bool(_git(source, "status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):  # no git program, or a repository without a commit
        return None


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
