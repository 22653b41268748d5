"""What several rooms or both workers need is made once in a run of the tests, by whoever comes first.

    folder = made_once("runs", make_runs)       # make_runs(path) fills the folder that it is given

`FOLDER` is set by tests/conftest.py, and pytest removes it in time; what is in there is copied to be changed.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

FOLDER: Path | None = None  # None where no tests run, as in benchmarks


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """The folder `name`, made where it is not there; the other worker waits meanwhile."""
    assert FOLDER is not None, "tests/conftest.py sets it"
    made, partial = FOLDER / name, FOLDER / f"{name}.partial"
    with FileLock(f"{made}.lock"):
        if not made.exists():
            shutil.rmtree(partial, ignore_errors=True)  # of somebody who failed
            partial.mkdir()
            make(partial)
            partial.rename(made)
    return made
