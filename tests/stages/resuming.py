"""Resuming, proven for any stage: stopped after three steps and gone on with, it ends where it would have ended."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from orrery.models.hf import load_model
from orrery.training.events import read_events
from orrery.training.loop import train
from orrery.training.runs import Run
from orrery.training.stage import TrainConfig


def assert_resumed_is_whole(root: Path, make: Callable[[], Any], config: TrainConfig) -> None:
    """Runs ``whole`` and ``parts``: the same weights bit for bit, and the same losses and rewards at every step."""
    with Run.open("whole", recipe={}, root=root) as run:
        train(make(), config, run)
    halfway, steps = make(), 0

    def stop_after_three(models: Any, batch: Any, totals: Any, loss: Any = halfway.loss) -> Any:
        nonlocal steps
        steps += 1
        if steps == 3:
            (root / "parts" / "control.jsonl").write_text('{"command": "stop"}\n')
        return loss(models, batch, totals)

    halfway.loss = stop_after_three
    with Run.open("parts", recipe={}, root=root) as run:
        assert not train(halfway, config, run).finished
    with Run.open("parts", recipe={}, root=root) as run:
        assert train(make(), config, run, resume="auto").finished
    whole, parts = (load_model(root / name / halfway.name) for name in ("whole", "parts"))
    for (name, a), b in zip(whole.state_dict().items(), parts.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    for metric in ("loss", "reward"):
        logged = [
            [event["values"][metric] for event in read_events(root / name) if metric in event["values"]]
            for name in ("whole", "parts")
        ]
        assert logged[0] == logged[1] and len(logged[0]) in (0, config.steps)
