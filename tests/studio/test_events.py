"""The stream of events: every event of a run once, in order, whatever is cut off, torn, killed or begun again."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orrery.training.events import FILE, read_events
from orrery.training.runs import Run
from tests.server.running import PATIENCE, eventually
from tests.studio.conftest import Studio

TOY = Path(__file__).parents[1] / "training" / "toy_stage.py"


@contextmanager
def listening(studio: Studio, query: str, last: str = "") -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
    """A stream as a browser reads it: (id, message) after (id, message)."""
    headers = {"Last-Event-ID": last} if last else {}
    with studio.http.stream("GET", f"/api/events?{query}", headers=headers) as answer:
        assert answer.status_code == 200

        def messages() -> Iterator[tuple[str, dict[str, Any]]]:
            place = last
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    place = line.removeprefix("id: ")
                if line.startswith("data: "):
                    yield place, json.loads(line.removeprefix("data: "))

        yield messages()


def test_nothing_is_lost_or_doubled_when_the_trainer_is_killed_and_the_reader_comes_and_goes(studio: Studio) -> None:
    folder = studio.root / "toy"
    command = [sys.executable, str(TOY), str(studio.root), "60"]
    trainer = subprocess.Popen(command)
    eventually((folder / FILE).exists, "the trainer writes")
    got: list[dict[str, Any]] = []
    place, killed, end, chance = "", False, time.monotonic() + PATIENCE, random.Random(1)
    while not got or got[-1]["values"].get("status") != "finished":
        assert time.monotonic() < end
        with listening(studio, "watch=run:toy", place) as messages:
            for _ in range(chance.randrange(1, 4)):
                place, message = next(messages)
                got += message["events"]
                if got[-1]["values"].get("status") == "finished":
                    break
        if not killed and len(got) > 20:
            killed = True
            trainer.kill()
            trainer.wait()
            with (folder / FILE).open("ab") as file:
                file.write(b'{"seq": 99')  # torn: the next attempt removes it
            trainer = subprocess.Popen(command)
    trainer.wait(PATIENCE)
    assert killed and trainer.returncode == 0
    lines = [json.loads(line) for line in (folder / FILE).read_bytes().splitlines()]
    assert got == lines and max(event["attempt"] for event in got) == 2


def test_the_list_of_runs_comes_whole_and_then_in_changes(studio: Studio) -> None:
    with listening(studio, "watch=runs") as messages:
        first = next(messages)[1]
        assert first["topic"] == "runs" and first["whole"] and "tiny" in [run["name"] for run in first["runs"]]
        with Run.open("new", recipe={}, root=studio.root) as run:
            run.events.append("status", "base", 0, {"status": "started", "steps": 5, "from_step": -1})
            change = next(messages)[1]
            assert [(run["name"], run["state"]) for run in change["runs"]] == [("new", "running")]
            assert not change["whole"]


def test_history_and_stream_meet(studio: Studio) -> None:
    history = studio.http.get("/api/runs/tiny/metrics").json()
    events = read_events(studio.root / "tiny")
    losses = [event["values"]["loss"] for event in events if event["kind"] == "metric" and "loss" in event["values"]]
    assert history["stages"]["base"]["values"]["loss"][: len(losses)] == losses
    with listening(studio, f"watch=run:tiny&after=run:tiny:{history['seq'] - 2}") as messages:
        assert [event["seq"] for event in next(messages)[1]["events"]] == [history["seq"] - 1, history["seq"]]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/runs/none", 404),
        ("/api/runs/..%2Ftiny", 404),
        ("/api/events?watch=run:none", 404),
        ("/api/events?watch=weather", 422),
        ("/api/events?watch=runs&after=x", 422),
        ("/api/runs/tiny/report", 404),
        ("/api/runs/tiny/metrics?points=0", 422),
    ],
)
def test_what_is_not_there_is_named(studio: Studio, path: str, status: int) -> None:
    answer = studio.http.get(path)
    assert answer.status_code == status and answer.json()["error"]["message"]
