"""What the studio knows of runs, from logs that grow: each event once, columns for charts, the state of every stage."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orrery.errors import RunError
from orrery.server.studio.history import tables
from orrery.server.studio.overview import Overview
from orrery.server.studio.tail import MOST_BYTES, Tail
from orrery.training.events import FILE, EventLog, read_events
from orrery.training.runs import Run


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    """The log of a run that is being written."""
    events = EventLog(tmp_path)
    yield events
    events.close()


def write(log: EventLog, count: int, text: str = "") -> None:
    for _ in range(count):
        log.append("metric", "base", 1, {"loss": 1.0, "text": text})


def seqs(events: list[dict[str, Any]]) -> list[int]:
    return [event["seq"] for event in events]


def test_a_reader_gets_what_is_new_and_nothing_twice(tmp_path: Path, log: EventLog) -> None:
    tail = Tail(tmp_path)
    assert tail.poll() == []
    write(log, 3)
    assert seqs(tail.poll()) == [0, 1, 2]
    assert tail.poll() == []
    write(log, 2)
    assert seqs(tail.poll()) == [3, 4] and not tail.restarted


def test_a_reader_that_comes_back_goes_on_from_any_event(tmp_path: Path, log: EventLog) -> None:
    chance = random.Random(0)
    for _ in range(60):
        write(log, 1, "ä" * chance.randrange(200))
    for after in range(-1, 60):
        tail = Tail(tmp_path, after)
        assert seqs(tail.poll()) == list(range(after + 1, 60)) and not tail.restarted


def test_a_line_that_is_not_whole_waits_for_its_end_and_a_torn_one_never_comes(tmp_path: Path, log: EventLog) -> None:
    write(log, 2)
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[:-9])
    tail = Tail(tmp_path)
    assert seqs(tail.poll()) == [0]
    again = EventLog(tmp_path)  # the next writer removes the torn line
    event = again.append("metric", "base", 1, {"loss": 2.0})
    again.close()
    assert [(one["seq"], one["attempt"]) for one in tail.poll()] == [(1, event["attempt"])] and not tail.restarted


def test_a_long_log_comes_in_pieces_and_a_line_longer_than_a_piece_comes_too(tmp_path: Path, log: EventLog) -> None:
    write(log, 20, "x" * (MOST_BYTES // 6))
    write(log, 1, "y" * (2 * MOST_BYTES))
    write(log, 1)
    tail, pieces = Tail(tmp_path), []
    while piece := tail.poll():
        pieces.append(seqs(piece))
    assert sum(pieces, []) == list(range(22)) and len(pieces) > 4


def test_a_reader_begins_anew_when_the_run_was_made_anew(tmp_path: Path, log: EventLog) -> None:
    write(log, 5)
    tail, gone = Tail(tmp_path), Tail(tmp_path, after=4)
    assert len(tail.poll()) == 5 and gone.poll() == []
    (tmp_path / FILE).unlink()
    new = EventLog(tmp_path)
    write(new, 2)
    new.close()
    for reader in (tail, gone, Tail(tmp_path, after=4)):
        assert seqs(reader.poll()) == [0, 1] and reader.restarted


def test_a_line_that_is_no_event_is_named(tmp_path: Path, log: EventLog) -> None:
    write(log, 1)
    with (tmp_path / FILE).open("a") as file:
        file.write('{"seq": 1}\n')
    with pytest.raises(RunError, match="not an event"):
        Tail(tmp_path).poll()


def test_columns_hold_every_value_and_short_ones_their_mean_and_their_extremes(tmp_path: Path, log: EventLog) -> None:
    losses = [random.Random(step).random() for step in range(1, 101)]
    for step, loss in enumerate(losses, 1):
        log.append("metric", "base", step, {"loss": loss, "tokens": 10 * step})
        if step % 50 == 0:
            log.append("metric", "base", step, {"bits_per_byte": float(step), "full": False})
    whole = tables(read_events(tmp_path), 1000)["base"]
    assert whole.step == list(range(1, 101)) and whole.tokens[-1] == 1000 and whole.values["loss"] == losses
    assert [value for value in whole.values["bits_per_byte"] if value is not None] == [50.0, 100.0]
    assert "full" not in whole.values and not whole.low
    short = tables(read_events(tmp_path), 30)["base"]
    assert short.every == 4 and short.step == list(range(4, 101, 4))
    assert short.values["loss"][3] == pytest.approx(sum(losses[12:16]) / 4)
    assert (short.low["loss"][3], short.high["loss"][3]) == (min(losses[12:16]), max(losses[12:16]))
    assert short.values["bits_per_byte"][0] is None and short.values["bits_per_byte"][12] == 50.0


def test_the_overview_follows_a_run_and_drops_what_was_done_again(tmp_path: Path) -> None:
    begin = {"steps": 20, "parameters": 7, "from_step": -1}
    with Run.open("a", recipe={}, root=tmp_path) as run:
        run.events.append("status", "base", 0, {"status": "started", **begin})
        for step in range(1, 11):
            run.events.append("metric", "base", step, {"loss": 1.0 / step})
        (found,) = Overview(tmp_path).runs()
        assert (found.state, found.stages[0].state, found.stages[0].step) == ("running", "running", 10)
        assert found.curve == [1.0 / step for step in range(1, 11)]
    (found,) = Overview(tmp_path).runs()
    assert (found.state, found.stages[0].state) == ("broken off", "broken off")
    with Run.open("a", recipe={}, root=tmp_path) as run:
        run.events.append("status", "base", 4, {"status": "resumed", **begin, "from_step": 4})
        run.events.append("metric", "base", 5, {"loss": 9.0})
        run.events.append("status", "base", 20, {"status": "finished"})
    (found,) = Overview(tmp_path).runs()
    assert found.state == "finished" and found.curve == [1.0, 1 / 2, 1 / 3, 1 / 4, 9.0]
