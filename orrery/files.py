"""Writing files and folders so that a reader never meets half of one.

Everything is written beside its final place, flushed to the disk, and renamed: a process that is killed, or a disk
that fills up, leaves the old content or the new one. A full disk is a `RunError` that names the path.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orrery.errors import RunError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
PARTIAL = ".partial-"  # in the name of everything that is not whole yet


@contextmanager
def full_disk_named(path: Path) -> Iterator[None]:
    """Turn the errors that a full disk causes inside the block into one `RunError` that names ``path``.

    Libraries written in Rust and C++ report it as a message and not as an `OSError`; both forms are recognised.
    """
    try:
        yield
    except Exception as error:
        full = isinstance(error, OSError) and error.errno in _FULL
        if full or any(f"os error {number}" in str(error) for number in _FULL):
            raise RunError(f"no space left on the disk while writing {path}: free some and run it again") from error
        raise


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace the file ``path`` by ``content`` (text as UTF-8), or leave it as it was.

    Raises:
        RunError: the disk is full.
    """
    raw = content.encode() if isinstance(content, str) else content
    with full_disk_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}{PARTIAL}", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)  # mkstemp makes it readable by its owner only
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


@contextmanager
def folder_written_atomically(folder: Path) -> Iterator[Path]:
    """Yield a path of the same name beside ``folder``, not yet made; what the block makes there becomes ``folder``.

    What was at ``folder`` before is replaced. When the block raises, ``folder`` is as it was and nothing is left over.

    Raises:
        RunError: the disk is full.
    """
    with full_disk_named(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}{PARTIAL}", dir=folder.parent) as beside:
            new, old = Path(beside) / "new" / folder.name, Path(beside) / "old"
            new.parent.mkdir()
            yield new
            for path in [*new.rglob("*"), new]:
                _sync_folder(path) if path.is_dir() else _sync_file(path)
            if folder.exists():  # a folder cannot be renamed over another: for an instant there is none
                os.rename(folder, old)
            os.rename(new, folder)
        _sync_folder(folder.parent)


def remove_folder(folder: Path) -> None:
    """Remove ``folder`` such that a process killed half-way leaves no half folder under its name."""
    gone = folder.with_name(f".{folder.name}{PARTIAL}gone")
    shutil.rmtree(gone, ignore_errors=True)  # of an earlier process that was killed
    os.rename(folder, gone)
    shutil.rmtree(gone)


def remove_partial(folder: Path) -> None:
    """Remove what killed processes left half-written directly inside ``folder``; only its one writer may call this."""
    for path in folder.glob(f".*{PARTIAL}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make renames inside ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
