"""Trainings of the toy stage in a process that torchrun starts, one after the other; the tests of parallelism look at
what they leave.

    torchrun --nproc_per_node=2 tests/training/parallel_job.py RUNS '[{"name": "ddp", "settings": {"rows": 5}}]'

A training may be ``stopped`` or ``killed`` (its second rank, with kill -9) after a step, and may ``resume``.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from toy_stage import ToyStage, toy_config

from orrery.training import parallel
from orrery.training.control import Control, send
from orrery.training.loop import train
from orrery.training.optim import OptimizerConfig
from orrery.training.runs import Run
from orrery.training.stage import TrainConfig


class Killed(ToyStage):
    """Its second rank is killed in the middle of the step after ``step``."""

    def __init__(self, config: TrainConfig, step: int) -> None:
        super().__init__(config)
        self.left = step

    def loss(self, *arguments: Any) -> Any:
        self.left -= 1
        if self.left < 0 and parallel.rank() == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().loss(*arguments)


def job_config(optimizer: str = "adamw", **settings: Any) -> TrainConfig:
    """Settings of a training, in float32."""
    kind = OptimizerConfig(kind=optimizer, lr=1e-2)  # type: ignore[arg-type]
    return toy_config(**{"steps": 8, "precision": "float32", "optimizer": kind, "checkpoint_every": 3, **settings})


def train_one(
    root: Path, name: str, settings: dict[str, Any], stopped: int = 0, killed: int = 0, resume: str | None = None
) -> None:
    """One training, in the run ``name``."""
    config = job_config(**settings)
    with Run.open(name, recipe={}, root=root) as run:

        def stop(event: dict[str, Any]) -> None:
            if event["kind"] == "metric" and event["step"] == stopped:
                send(run.folder, Control("stop"))

        run.events.listeners.append(stop)
        train(Killed(config, killed) if killed else ToyStage(config), config, run, resume=resume)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for one in json.loads(sys.argv[2]):
        train_one(Path(sys.argv[1]), **one)
