"""Which process writes to a run: `orrery.training.runs` keeps a lock there, with the number of its process inside."""

import fcntl
import os
from pathlib import Path

import psutil


def holder(folder: Path) -> int | None:
    """The process that has the run in `folder` open for writing; None when nobody has.

    The lock itself is asked only where that process still lives: to ask is to hold it for an instant, in which another
    process that wants it would be refused.
    """
    try:
        handle = os.open(folder / "lock", os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        written = os.pread(handle, 32, 0).strip()
        if not written.isdigit() or not psutil.pid_exists(int(written)):
            return None
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return int(written)
    finally:
        os.close(handle)
