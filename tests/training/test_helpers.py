"""Helper processes: the gradients of one process, and an end with their parent however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from torch import Tensor
from toy_stage import ToyStage, toy_config

from orrery.errors import RunError
from orrery.models.hf import load_model
from orrery.training.events import read_events
from orrery.training.helpers import Helpers
from orrery.training.loop import train
from orrery.training.runs import Run
from orrery.training.stage import TrainConfig
from orrery.training.step import precision_context

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="helpers are forked, which is safe on Linux only")
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def no_helper_stays() -> Iterator[None]:
    before = set(psutil.Process().children())  # Python's own, of tests before this one
    yield
    assert set(psutil.Process().children()) <= before


def gradients(config: TrainConfig, processes: int, batches: int = 3) -> tuple[list[float], list[float], Tensor]:
    """Losses, accuracies and the summed gradient of some batches, with so many processes."""
    torch.set_num_threads(processes)
    stage = ToyStage(config)
    stage.model.to(torch.float64)
    helpers = Helpers(stage, config, CPU, partial(precision_context, config, CPU))
    assert helpers.processes == min(processes, config.rows)
    stream = stage.batches(None)  # type: ignore[call-overload]
    results = [helpers.accumulate(next(stream)) for _ in range(batches)]
    helpers.close()
    gradient = torch.cat([w.grad.flatten() for w in stage.model.parameters() if w.grad is not None])
    return [float(loss) for loss, _ in results], [float(parts["accuracy"]) for _, parts in results], gradient


@pytest.mark.parametrize("rows", [2, 4, 7])
@pytest.mark.parametrize("micro_rows", [0, 1])
def test_processes_sum_to_one(rows: int, micro_rows: int) -> None:
    config = toy_config(1, rows=rows, precision="float32", micro_rows=micro_rows)
    losses, accuracies, gradient = gradients(config, 1)
    for processes in (2, 3):
        others = gradients(config, processes)
        assert others[0] == pytest.approx(losses, rel=1e-12) and others[1] == pytest.approx(accuracies, rel=1e-6)
        torch.testing.assert_close(others[2], gradient, rtol=0, atol=1e-12)


def trained(root: Path, name: str, config: TrainConfig, stop_after: int | None = None) -> list[tuple[int, float]]:
    """Losses of a run; with ``stop_after`` stopped there and resumed."""
    with Run.open(name, recipe={}, root=root) as run:
        if stop_after is not None:

            def stop(event: Any) -> None:
                if event["kind"] == "metric" and event["step"] == stop_after:
                    (root / name / "control.jsonl").write_text('{"command": "stop"}\n')

            run.events.listeners.append(stop)
        result = train(ToyStage(config), config, run)
        assert result.finished == (stop_after is None)
    if stop_after is not None:
        (root / name / "control.jsonl").unlink()
        with Run.open(name, recipe={}, root=root) as run:
            assert train(ToyStage(config), config, run, resume="auto").finished
    events = read_events(root / name)
    assert {event["values"]["processes"] for event in events if "processes" in event["values"]} == {3}
    return [(e["step"], e["values"]["loss"]) for e in events if "loss" in e["values"]]


def test_a_run_with_helpers_learns_and_resumes_bit_for_bit(tmp_path: Path) -> None:
    config = toy_config(24)
    whole = trained(tmp_path, "whole", config)
    parts = trained(tmp_path, "parts", config, stop_after=9)
    assert whole == parts and len(whole) == 24 and whole[-1][1] < 0.8 * whole[0][1]
    ends = [load_model(tmp_path / name / "toy").state_dict() for name in ("whole", "parts")]
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])


class Failing(ToyStage):
    """The loss fails in a helper, or ends the helper."""

    def __init__(self, config: TrainConfig, how: str) -> None:
        super().__init__(config)
        self.how, self.parent = how, os.getpid()

    def loss(self, *arguments: Any) -> Any:
        if os.getpid() != self.parent:
            if self.how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ValueError("no such luck")
        return super().loss(*arguments)


@pytest.mark.parametrize(
    ("how", "said"), [("raises", "(?s)helper process.*failed.*no such luck"), ("killed", "ended.*--resume")]
)
def test_a_failing_helper_ends_the_run_with_a_reason(tmp_path: Path, how: str, said: str) -> None:
    config = toy_config(5)
    with Run.open("failing", recipe={}, root=tmp_path) as run, pytest.raises(RunError, match=said):
        train(Failing(config, how), config, run)


def test_helpers_end_with_a_killed_parent_and_give_its_lock_back(tmp_path: Path) -> None:
    script = Path(__file__).parent / "toy_stage.py"
    process = subprocess.Popen([sys.executable, str(script), str(tmp_path), "500", "3"])
    events = tmp_path / "toy" / "events.jsonl"
    while process.poll() is None and not (events.exists() and events.read_text().count('"loss"') > 2):
        time.sleep(0.01)
    helpers = psutil.Process(process.pid).children()
    assert len(helpers) == 2
    process.kill()
    process.wait()
    psutil.wait_procs(helpers, timeout=10)
    assert not any(helper.is_running() and helper.status() != psutil.STATUS_ZOMBIE for helper in helpers)
    with Run.open("toy", recipe={}, root=tmp_path):
        pass  # nobody holds the lock
