"""Run directories: one writer, a record of what was asked, names that are plain."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orrery.errors import ConfigError, RunError
from orrery.training.control import Control, ControlReader, send
from orrery.training.runs import Run, read_record


def test_a_run_records_what_was_asked_and_where(tmp_path: Path) -> None:
    with Run.open("first", recipe={"steps": 3}, seed=7, root=tmp_path):
        pass
    record = read_record(tmp_path / "first")
    assert record["recipe"] == {"steps": 3} and record["seed"] == 7 and record["name"] == "first"
    assert {"python", "orrery", "torch", "numpy"} <= set(record["versions"])
    assert record["hardware"]["cores"] == os.cpu_count() and record["hardware"]["memory_gb"] > 0
    assert record["created"] and "asked" in record and "git" in record


def test_a_run_keeps_its_record_when_it_is_opened_again(tmp_path: Path) -> None:
    with Run.open("first", recipe={"steps": 3}, root=tmp_path) as run:
        run.note(plan={"layers": 4})
    with Run.open("first", recipe={"steps": 99}, root=tmp_path) as run:
        assert run.record["recipe"] == {"steps": 3} and run.record["plan"] == {"layers": 4}


def test_a_second_writer_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    with (
        Run.open("first", recipe={}, root=tmp_path),
        pytest.raises(RunError, match=f"being written by process {os.getpid()}: wait for it, stop it, or choose"),
    ):
        Run.open("first", recipe={}, root=tmp_path)
    Run.open("first", recipe={}, root=tmp_path).close()


def test_another_process_is_refused_too_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from orrery.training.runs import Run
Run.open("first", recipe={}, root=Path(sys.argv[1]))
print("open", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "open\n"
        with pytest.raises(RunError, match=f"process {process.pid}"):
            Run.open("first", recipe={}, root=tmp_path)
        process.kill()
    with Run.open("first", recipe={}, root=tmp_path) as run:
        assert run.events.attempt == 1


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "-x", "a b"])
def test_a_name_that_is_no_plain_folder_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="is no name for a run"):
        Run.open(name, recipe={}, root=tmp_path)


def test_a_file_in_the_place_of_the_run_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "first").write_text("")
    with pytest.raises(RunError, match="is a file"):
        Run.open("first", recipe={}, root=tmp_path)


def test_a_folder_that_is_no_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is no run: it has no run.json"):
        read_record(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(RunError, match="damaged"):
        read_record(tmp_path)


def test_leftovers_of_killed_writers_are_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "first" / ".base.partial-abc" / "new").mkdir(parents=True)
    Run.open("first", recipe={}, root=tmp_path).close()
    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == ["events.jsonl", "lock", "run.json"]


def test_control_commands_arrive_once_and_a_line_being_written_waits(tmp_path: Path) -> None:
    send(tmp_path, Control("stop"))
    reader = ControlReader(tmp_path)
    assert reader.poll() == ([], [])
    send(tmp_path, Control("learning_rate", 0.5))
    with (tmp_path / "control.jsonl").open("a") as file:
        file.write('{"command": "st')
    assert reader.poll() == ([Control("learning_rate", 0.5)], [])
    with (tmp_path / "control.jsonl").open("a") as file:
        file.write('op"}\n[1]\n')
    commands, problems = reader.poll()
    assert commands == [Control("stop")] and len(problems) == 1 and "[1] is ignored" in problems[0]


@pytest.mark.parametrize("value", [-1, float("nan"), "fast", True])
def test_a_learning_rate_factor_must_be_a_number(value: object) -> None:
    with pytest.raises(ConfigError, match="factor must be"):
        Control("learning_rate", value)  # type: ignore[arg-type]
