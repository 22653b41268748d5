"""kill -9 at random moments: the resumed run logs the very losses of an undisturbed one, and locks nobody out."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from toy_stage import ToyStage, toy_config

from orrery.models.hf import load_model
from orrery.training.events import read_events
from orrery.training.loop import train
from orrery.training.runs import Run

SCRIPT = Path(__file__).parent / "toy_stage.py"


def kill_and_resume(root: Path, kills: int, steps: int) -> None:
    """Train in a process, kill it `kills` times after random times of training, let it end; compare with one piece."""
    chance = random.Random(kills)
    events = root / "toy" / "events.jsonl"
    for _ in range(kills):
        before = events.stat().st_size if events.exists() else 0
        process = subprocess.Popen([sys.executable, str(SCRIPT), str(root), str(steps)])
        while process.poll() is None and (not events.exists() or events.stat().st_size <= before):
            time.sleep(0.01)  # until it trains
        time.sleep(chance.uniform(0.0, 0.5))
        assert process.poll() is None, "it ended before it was killed: the test needs more steps"
        process.kill()
        process.wait()
    subprocess.run([sys.executable, str(SCRIPT), str(root), str(steps)], check=True, timeout=120)
    config = toy_config(steps)
    with Run.open("whole", recipe={}, root=root) as run:
        train(ToyStage(config), config, run)
    disturbed, whole = (
        [
            (event["step"], event["values"]["loss"], event["values"]["grad_norm"])
            for event in read_events(root / name)
            if event["kind"] == "metric" and "loss" in event["values"]
        ]
        for name in ("toy", "whole")
    )
    assert disturbed == whole and len(whole) == steps
    ends = [load_model(root / name / "toy").state_dict() for name in ("toy", "whole")]
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])
    attempts = {event["attempt"] for event in read_events(root / "toy")}
    assert max(attempts) == kills + 1
    assert not list((root / "toy").rglob("*partial*"))


def test_a_run_killed_twice_is_the_undisturbed_run_bit_for_bit(tmp_path: Path) -> None:
    kill_and_resume(tmp_path, kills=2, steps=60)


@pytest.mark.slow
def test_a_run_killed_ten_times_is_the_undisturbed_run_bit_for_bit(tmp_path: Path) -> None:
    kill_and_resume(tmp_path, kills=10, steps=220)
