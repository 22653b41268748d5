"""Low-rank adapters in the training loop: what is trained, kept and resumed. `test_lora.py` is about their numbers."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from toy_stage import ToyStage

from orrery.errors import ConfigError
from orrery.models.hf import load_model
from orrery.models.lora import load_adapter
from orrery.training.events import read_events
from orrery.training.loop import TrainResult, train
from orrery.training.optim import OptimizerConfig
from orrery.training.runs import Run
from orrery.training.stage import TrainConfig

CONFIG = TrainConfig(
    steps=6, rows=4, precision="float32", device="cpu", lora_rank=2, lora_alpha=4, checkpoint_every=3,
    checkpoint_seconds=0, evaluate_every=0, sample_every=0, optimizer=OptimizerConfig(kind="adamw", lr=1e-2),
)  # fmt: skip


def trained(root: Path, name: str, config: TrainConfig = CONFIG, resume: str | None = None) -> tuple[TrainResult, Run]:
    with Run.open(name, recipe={}, root=root) as run:
        return train(ToyStage(config), config, run, resume=resume), run


def test_only_adapters_are_trained_and_the_folder_holds_the_merged_model_and_them(tmp_path: Path) -> None:
    result, run = trained(tmp_path, "toy")
    base = ToyStage(CONFIG).model
    merged = load_model(result.folder)
    for (name, before), after in zip(base.named_parameters(), merged.parameters(), strict=True):
        in_blocks = name.startswith("blocks.") and before.dim() == 2
        assert torch.equal(before, after) != in_blocks, name
    load_adapter(base, result.folder / "adapter")
    assert all(torch.equal(a, b) for a, b in zip(base.parameters(), merged.parameters(), strict=True))
    events = read_events(run.folder)
    (started,) = [event["values"] for event in events if event["values"].get("status") == "started"]
    kept = load_file(result.folder / "adapter" / "adapter_model.safetensors")
    assert started["trained_parameters"] == sum(tensor.numel() for tensor in kept.values())


def test_a_run_that_is_stopped_and_resumed_has_the_same_adapters_bit_by_bit(tmp_path: Path) -> None:
    whole, _ = trained(tmp_path, "whole")
    with Run.open("halves", recipe={}, root=tmp_path) as run:
        stage = ToyStage(CONFIG)
        stop_after(stage, 3)
        with pytest.raises(Stopped):
            train(stage, CONFIG, run)
    with pytest.raises(ConfigError, match="lora_rank = 2, not 0"):
        trained(tmp_path, "halves", replace(CONFIG, lora_rank=0), resume="auto")
    halves, _ = trained(tmp_path, "halves", resume="auto")
    for name in ("model.safetensors", "adapter/adapter_model.safetensors"):
        assert (whole.folder / name).read_bytes() == (halves.folder / name).read_bytes()


class Stopped(Exception):
    """Somebody pulled the plug."""


def stop_after(stage: ToyStage, steps: int) -> None:
    """Let the stage fail at the step after so many."""
    loss, seen = stage.loss, []

    def failing(*arguments):  # type: ignore[no-untyped-def]
        seen.append(1)
        if len(seen) > steps:
            raise Stopped
        return loss(*arguments)

    stage.loss = failing  # type: ignore[method-assign]


def test_weights_that_are_cut_up_among_processes_take_no_adapters(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="choose --train.parallel ddp"):
        trained(tmp_path, "toy", replace(CONFIG, parallel="fsdp"))
