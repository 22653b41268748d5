"""Files and folders are the old content or the new one, never half of either."""

from pathlib import Path

import pytest

from orrery import files
from orrery.errors import RunError
from orrery.files import folder_written_atomically, remove_folder, remove_partial, write_atomically


def full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "made" / "notes.json"
    write_atomically(path, "old é")
    write_atomically(path, b"new")
    assert path.read_text() == "new" and list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "notes.json"
    write_atomically(path, "old")
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(RunError, match=f"no space left on the disk while writing {path}"):
        write_atomically(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    for content in ("old", "new"):
        with folder_written_atomically(tmp_path / "model") as new:
            assert new.name == "model" and not new.exists()
            new.mkdir()
            (new / f"{content}.txt").write_text(content)
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["new.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("I/O error (os error 28)")])
def test_a_failure_while_writing_a_folder_leaves_the_old_one(tmp_path: Path, error: Exception) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(RunError, match="no space left"), folder_written_atomically(tmp_path / "model") as new:
        new.mkdir()
        (new / "half").write_text("")
        raise error
    assert [path.name for path in tmp_path.rglob("*")] == ["model"]


def test_other_errors_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), folder_written_atomically(tmp_path / "model"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_removing_a_folder_hides_it_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process killed while it removes a checkpoint must not leave half of one under the checkpoint's name."""
    folder = tmp_path / "step-000001"
    folder.mkdir()
    (folder / "weights").write_text("w")

    def killed(path: Path, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(files.shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            remove_folder(folder)
    assert not folder.exists()
    remove_partial(tmp_path)
    assert list(tmp_path.iterdir()) == []
