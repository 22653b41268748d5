"""The main job end to end, its training in real processes: killed, resumed, reported, chatted with."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from orrery import plan, speedrun
from orrery.evals.exams import EXAM_NAMES, EXAM_VERSION, build_exams
from orrery.training.events import read_events
from tests.typed import typed

TINY = [
    "--minutes", "2", "--width", "32", "--layers", "2", "--vocab-size", "600", "--pretrain-steps", "60",
    "--sft-steps", "30", "--pretrain.rows", "4", "--sft.rows", "4", "--pretrain.checkpoint-every", "5",
]  # fmt: skip
# Steps and sizes are given, so that nothing depends on how fast the machine is: it is measured for a moment only.
MEASURE_LESS = "from orrery import plan; plan.MEASURE_SECONDS = 0.1; from orrery.cli import main; main()"
ORRERY = [sys.executable, "-c", MEASURE_LESS]


def run(*words: str, cwd: Path) -> str:
    """In this process -> what it prints."""
    done = typed(*words, cwd=cwd)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def less(monkeypatch: pytest.MonkeyPatch) -> None:
    """A speedrun in this process is measured for a moment too, and asks little: its scores are not looked at."""
    monkeypatch.setattr(plan, "MEASURE_SECONDS", 0.1)
    monkeypatch.setattr(speedrun, "build_exams", partial(build_exams, limit=4))


def losses(folder: Path) -> list[tuple[str, int, float]]:
    return [
        (event["stage"], event["step"], event["values"]["loss"])
        for event in read_events(folder)
        if event["kind"] == "metric" and "loss" in event["values"]
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a speedrun that was killed with -9 in the middle of pretraining and resumed."""
    cwd = tmp_path_factory.mktemp("speedrun")
    process = subprocess.Popen([*ORRERY, "speedrun", *TINY], cwd=cwd, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while not list((cwd / "runs" / "speedrun" / "checkpoints").glob("base/step-*/config.json")):
        assert process.poll() is None and time.monotonic() < deadline, "no checkpoint came"
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (cwd / "runs" / "speedrun" / "base").exists(), "it was killed in the middle"
    done = subprocess.run([*ORRERY, "speedrun", "--resume"], cwd=cwd, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    yield cwd


def test_the_report_has_every_figure(place: Path) -> None:
    report = json.loads((place / "runs/speedrun/report.json").read_text())
    assert report["minutes"] == 2 and report["seed"] == 0 and report["exam_version"] == EXAM_VERSION
    assert report["wall_s"] > 0 and report["peak_memory_mb"] > 0
    for stage in ("base", "sft"):
        figures = report["stages"][stage]
        assert figures["tokens"] > 0 and figures["parameters"] > 0 and figures["bits_per_byte"] > 0
    base = report["stages"]["base"]
    assert 0 < base["floor_bits_per_byte"] < base["bits_per_byte"]
    assert set(base["by_genre"]) >= {"encyclopedia", "story", "worksheet"}
    taken = {(row["stage"], row["exam"]) for row in report["exams"]}
    assert taken == {(stage, exam) for stage in ("base", "sft") for exam in EXAM_NAMES}
    for row in report["exams"]:
        if row["stage"] == "sft":
            assert row["n"] >= 200 and 0 <= row["low"] <= row["score"] <= row["high"] <= 1


def test_the_page_needs_nothing_from_outside(place: Path) -> None:
    page = (place / "runs/speedrun/report.html").read_text()
    assert "<svg" in page and "facts_head" in page
    for outside in ("<script", "<link", "src=", "@import", "url(http"):
        assert outside not in page


def test_a_resumed_run_is_the_run_that_was_never_stopped(place: Path, less: None) -> None:
    run("speedrun", *TINY, "--run", "whole", cwd=place)
    whole, resumed = place / "runs/whole", place / "runs/speedrun"
    assert losses(whole) == losses(resumed)
    for stage in ("base", "sft"):  # whatever they are asked, they answer alike
        weights = [(folder / stage / "model.safetensors").read_bytes() for folder in (whole, resumed)]
        assert weights[0] == weights[1]


def test_a_finished_run_is_not_written_over(place: Path) -> None:
    again = typed("speedrun", "--run", "speedrun", cwd=place)
    assert again.returncode == 2 and "add --resume" in again.stderr


def test_what_was_made_can_be_talked_to_examined_and_listed(place: Path) -> None:
    assert run("chat", "--model", "runs/speedrun/sft", "--prompt", "Hello!", cwd=place).endswith("\n")
    exams = json.loads(run("eval", "--model", "runs/speedrun/sft", "--json", "--limit", "4", cwd=place))
    assert [row["exam"] for row in exams["exams"]] == list(EXAM_NAMES)
    assert "speedrun" in run("runs", cwd=place)
    assert "report.html" in run("runs", "speedrun", cwd=place)
    assert "residual stream" in run("model", "runs/speedrun/sft", cwd=place)


def test_text_of_ones_own_takes_the_place_of_the_world(tmp_path: Path, less: None) -> None:
    words = "the old ship sailed over the quiet sea while seven gulls followed it home".split()
    pages = [" ".join(words[(i * j + j) % len(words)] for j in range(40)) + "." for i in range(400)]
    (tmp_path / "notes.txt").write_text("\n\n".join(pages))
    run("speedrun", *TINY, "--pretrain-steps", "20", "--sft-steps", "10", "--data", "notes.txt", cwd=tmp_path)
    report = json.loads((tmp_path / "runs/speedrun/report.json").read_text())
    assert report["stages"]["base"]["bits_per_byte"] > 0 and report["stages"]["base"]["floor_bits_per_byte"] is None
    assert all(row["score"] is None for row in report["exams"])
