"""The smallest real stage: a tiny transformer learns to count. The loop's tests train it, some in a process of its own.

python tests/training/toy_stage.py RUNS STEPS [THREADS]      train (or resume) the run RUNS/toy; kill tests kill it
"""

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from orrery.data.packing import IGNORE, Batch, PackedBatches, Sequences
from orrery.models.hf import load_model, save_model
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.training.loop import train
from orrery.training.optim import OptimizerConfig
from orrery.training.runs import Run
from orrery.training.schedule import ScheduleConfig
from orrery.training.stage import TrainConfig

VOCAB, CONTEXT = 48, 32


def counting_documents(count: int = 120) -> Sequences:
    """Documents that count up or down from somewhere, of all lengths, between boundary tokens 0."""
    generator = np.random.default_rng(7)
    tokens, starts = [0], []
    for length in generator.integers(3, 50, count).tolist():
        starts.append(len(tokens) - 1)
        first, step = int(generator.integers(1, VOCAB)), int(generator.choice([-1, 1, 2]))
        tokens += [1 + (first + step * index) % (VOCAB - 1) for index in range(length)] + [0]
    bounds = np.array([*starts, len(tokens) - 1])
    return Sequences(np.array(tokens, dtype=np.uint16), bounds[:-1], bounds[1:] + 1)


class ToyStage:
    """Next-token prediction on `counting_documents`."""

    name = "toy"
    flops_per_token = 1e6
    first_loss = (3.0, 5.0)
    warnings = ()

    def __init__(self, config: TrainConfig, seed: int = 0, pause: float = 0.0) -> None:
        shape = TransformerConfig(
            VOCAB, width=32, layers=2, heads=2, kv_heads=1, head_width=16, mlp_width=64, context=CONTEXT
        )
        self.config, self.pause = config, pause
        self.model = Transformer(shape, torch.Generator().manual_seed(seed))
        self.models: Mapping[str, nn.Module] = {"model": self.model}
        self.data = counting_documents()
        self.evaluations: list[bool] = []

    def batches(self, state: Mapping[str, Any] | None) -> Iterator[Batch]:
        self._batches = PackedBatches(self.data, context=CONTEXT, rows=self.config.rows, seed=1)
        if state is not None:
            self._batches.load_state_dict(state["batches"])
        return self._batches

    def denominators(self, batch: Batch) -> dict[str, float]:
        return {"tokens": batch.supervised}

    def loss(
        self, models: Mapping[str, nn.Module], batch: Batch, denominators: Mapping[str, float]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        time.sleep(self.pause)
        trained = batch.targets != IGNORE
        logits = self.model.unembed(self.model.hidden(batch.ids, segments=batch.segments)[trained])
        targets = batch.targets[trained]
        right = (logits.argmax(-1) == targets).sum() / denominators["tokens"]
        if logits.dtype != torch.float64:
            logits = logits.float()
        return F.cross_entropy(logits, targets, reduction="sum") / denominators["tokens"], {"accuracy": right}

    def evaluate(self, full: bool) -> dict[str, float]:
        self.evaluations.append(full)
        return {"bits_per_byte": float(self.model.final_norm.weight.sum())}  # any number that training changes

    def samples(self) -> list[dict[str, Any]]:
        return [{"prompt": "1 2", "text": "3"}]

    def state_dict(self) -> dict[str, Any]:
        return {"batches": self._batches.state_dict()}

    def save(self, folder: Path) -> None:
        save_model(self.model, folder)

    def load(self, folder: Path) -> None:
        self.model.load_state_dict(load_model(folder).state_dict())


def toy_config(steps: int = 30, **changes: Any) -> TrainConfig:
    """Settings for a few fast steps; bfloat16 as in earnest."""
    settings: dict[str, Any] = {
        "steps": steps,
        "rows": 4,
        "device": "cpu",
        "optimizer": OptimizerConfig(lr=1e-2),
        "schedule": ScheduleConfig(warmup_steps=5),
        "evaluate_every": 10,
        "sample_every": 10,
        "checkpoint_every": 4,
        "checkpoint_seconds": 0.0,
    }
    return TrainConfig(**{**settings, **changes})


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    settings = toy_config(int(sys.argv[2]))
    with Run.open("toy", recipe={}, root=Path(sys.argv[1])) as the_run:
        train(ToyStage(settings, pause=0.02), settings, the_run, resume="auto")
