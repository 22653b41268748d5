"""The event log: what is written can be read back, whatever a kill or a full disk did to the file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orrery.errors import RunError
from orrery.training.events import Event, EventLog, read_events


def test_events_carry_their_order_attempt_stage_step_and_kind(tmp_path: Path) -> None:
    for _ in range(2):
        log = EventLog(tmp_path)
        log.append("metric", "base", 1, {"loss": 2.5})
        log.append("sample", "base", 1, {"text": "é😀"})
        log.close()
    events = read_events(tmp_path)
    assert [(e["seq"], e["attempt"], e["stage"], e["step"], e["kind"]) for e in events] == [
        (0, 1, "base", 1, "metric"), (1, 1, "base", 1, "sample"),
        (2, 2, "base", 1, "metric"), (3, 2, "base", 1, "sample"),
    ]  # fmt: skip
    assert events[1]["values"] == {"text": "é😀"} and events[0]["time"] > 1.7e9


def test_listeners_hear_every_event(tmp_path: Path) -> None:
    log, heard = EventLog(tmp_path), list[Event]()
    log.listeners.append(heard.append)
    log.append("status", "base", 0, {"status": "started"})
    assert heard == read_events(tmp_path)


def test_steps_of_an_older_attempt_past_the_resume_point_are_dropped(tmp_path: Path) -> None:
    def attempt(stage: str, start: int, steps: range) -> None:
        log = EventLog(tmp_path)
        log.append("status", stage, max(start, 0), {"status": "resumed", "from_step": start})
        for step in steps:
            log.append("metric", stage, step, {"loss": 10 * log.attempt + step})
        log.close()

    attempt("base", -1, range(1, 6))
    attempt("base", 3, range(4, 8))
    attempt("sft", -1, range(1, 3))
    attempt("sft", -1, range(1, 3))  # it died before its first checkpoint: all of it is done again
    losses = [(e["stage"], e["step"], e["values"]["loss"]) for e in read_events(tmp_path) if e["kind"] == "metric"]
    assert losses == [
        ("base", 1, 11), ("base", 2, 12), ("base", 3, 13),
        ("base", 4, 24), ("base", 5, 25), ("base", 6, 26), ("base", 7, 27),
        ("sft", 1, 41), ("sft", 2, 42),
    ]  # fmt: skip


@pytest.mark.parametrize("cut", [1, 7, 30])
def test_a_torn_last_line_is_ignored_by_readers_and_removed_by_the_next_writer(tmp_path: Path, cut: int) -> None:
    log = EventLog(tmp_path)
    for step in range(3):
        log.append("metric", "base", step, {"loss": 1.0})
    log.close()
    path = tmp_path / "events.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert [event["step"] for event in read_events(tmp_path)] == [0, 1]
    log = EventLog(tmp_path)
    log.append("metric", "base", 2, {"loss": 1.0})
    assert [(event["seq"], event["step"]) for event in read_events(tmp_path)] == [(0, 0), (1, 1), (2, 2)]


def test_a_damaged_line_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text('{"seq": 0}\n')
    with pytest.raises(RunError, match=r"events.jsonl line 1 is not an event"):
        read_events(tmp_path)


def test_numbers_that_json_lacks_become_null(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.append("metric", "base", 1, {"loss": float("nan"), "norms": [float("inf"), 1.0], "folder": tmp_path})
    line = (tmp_path / "events.jsonl").read_text()
    assert json.loads(line)["values"] == {"loss": None, "norms": [None, 1.0], "folder": str(tmp_path)}


def test_a_run_without_events_has_none(tmp_path: Path) -> None:
    assert read_events(tmp_path) == []


def test_a_full_disk_leaves_the_whole_lines_and_one_clear_error(tmp_path: Path) -> None:
    """A limit on the file's size fails in the kernel as a full disk does: part of the line is written, then no more."""
    limit = 1000
    code = f"""
import resource, sys
from pathlib import Path
from orrery.errors import RunError
from orrery.training.events import EventLog
log = EventLog(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    for step in range(100):
        log.append("metric", "base", step, {{"loss": 1.0}})
except RunError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "no space left on the disk while writing" in done.stdout
    size = (tmp_path / "events.jsonl").stat().st_size
    events = read_events(tmp_path)
    assert limit - 200 < size <= limit and len(events) > 5
    assert [event["step"] for event in events] == list(range(len(events)))
    assert (tmp_path / "events.jsonl").read_bytes().endswith(b"\n")
