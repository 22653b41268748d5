"""What a stage gives to the one training loop: a stream of batches and a loss.

`orrery/stages/pretrain.py` is the shortest example. A loss is returned as a *sum to add up*: each microbatch divides by
denominators that were counted over the whole batch (its trained tokens, say), so the microbatches' losses and gradients
add up to exactly those of the undivided batch, however it is split.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import torch
from torch import Tensor, nn

from orrery.errors import ConfigError
from orrery.training.machine import Precision
from orrery.training.optim import OptimizerConfig
from orrery.training.schedule import ScheduleConfig


class Batch(Protocol):
    """What one optimizer step trains on; `orrery.data.packing.Batch` is one, `orrery.stages.rows.Rows` another."""

    @property
    def rows(self) -> int:
        """How many rows it has."""

    @property
    def tokens(self) -> int:
        """Positions that hold text (padding not counted)."""

    @property
    def supervised(self) -> int:
        """Positions that are trained on."""

    @property
    def metrics(self) -> Mapping[str, float]:
        """To be logged with the step, besides what the loss reports."""

    @property
    def alarms(self) -> Sequence[str]:
        """What went wrong when it was made."""

    def split(self, rows: int) -> Sequence[Self]:
        """Microbatches of at most ``rows`` rows."""

    def to(self, device: torch.device) -> Self:
        """The same on another device."""


class Objective(Protocol):
    """What is minimised. `loss` may depend on nothing but its arguments and the models' weights: several processes
    compute it at once (`orrery.training.helpers`).

    Attributes:
        models: by name, some trained, some frozen (``requires_grad`` of their parameters says which).
    """

    models: Mapping[str, nn.Module]

    def denominators(self, batch: Any) -> dict[str, float]:
        """What the loss of ``batch``'s parts is divided by, counted over all of it."""

    def loss(
        self, models: Mapping[str, nn.Module], batch: Any, denominators: Mapping[str, float]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The microbatch's share of the loss, and of other metrics (detached); both add up over microbatches."""


class Stage(Objective, Protocol):
    """One stage of training.

    Attributes:
        name: names the stage's events and its model folder in the run (``base``, ``sft`` …).
        flops_per_token: operations that training on one token takes, forward and backward.
        first_loss: the range in which the first loss lies when all is well.
        warnings: what a person should know about the data; they become alarms when training starts.
    """

    name: str
    flops_per_token: float
    first_loss: tuple[float, float]
    warnings: Sequence[str]

    def batches(self, state: Mapping[str, Any] | None) -> Iterator[Any]:
        """Batches without end, from the beginning or from what `state_dict` gave."""

    def evaluate(self, full: bool) -> dict[str, float]:
        """Metrics on held-out data: on a part of it, or on all of it when training ends. May be empty."""

    def samples(self) -> list[dict[str, Any]]:
        """Some text that the model writes now, as values of ``sample`` events."""

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on after the last batch given: cursors, generators, unfinished work."""

    def save(self, folder: Path) -> None:
        """Write the model folder that a person can use; ``folder`` does not exist yet."""

    def load(self, folder: Path) -> None:
        """Take the weights over from a folder that `save` wrote."""


@dataclass(frozen=True)
class TrainConfig:
    """How a stage is trained, whichever it is."""

    steps: int = 1000
    """Optimizer steps."""
    rows: int = 16
    """Rows of packed tokens a step; each is as long as the model's context."""
    micro_rows: int = 0
    """Rows that go through the model at once, to save memory; 0: all. The result is the same."""
    precision: Precision = "bfloat16"
    """bfloat16: matrix products in bfloat16, weights and sums in float32."""
    device: str = "auto"
    """cpu, cuda, or auto: the GPU where there is one."""
    compile: Literal["auto", "on", "off"] = "auto"
    """torch.compile for the blocks; auto: on a GPU for runs of 500 steps or more."""
    activation_checkpointing: bool = False
    """Compute each block twice instead of keeping what is inside it, to save memory. The result is the same."""
    parallel: Literal["auto", "ddp", "fsdp"] = "auto"
    """How processes that torchrun starts share a model: ddp, all hold it; fsdp, each holds a part; auto: ddp."""
    lora_rank: int = 0
    """Rank of low-rank adapters, which are trained in place of the weights they stand beside (LoRA); 0: none."""
    lora_alpha: float = 32.0
    """What adapters add counts alpha / rank times."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    log_every: int = 1
    """Steps between metric events."""
    layers_every: int = 100
    """Steps between gradient norms by layer."""
    evaluate_every: int = 200
    """Steps between evaluations on a part of the held-out data; 0: only at the end."""
    sample_every: int = 200
    """Steps between samples; 0: only at the end."""
    checkpoint_every: int = 0
    """Steps between checkpoints; 0: by time only."""
    checkpoint_seconds: float = 30.0
    """Seconds between checkpoints; 0: by steps only."""
    keep_checkpoints: int = 2
    """How many of the newest checkpoints are kept."""
    snapshot_every: int = 0
    """Steps between models that stay for good, in snapshots/STAGE/, the untrained one too; 0: none."""
    bad_steps: int = 5
    """So many steps in a row with a loss or gradient that is not finite end the run."""

    def __post_init__(self) -> None:
        if self.precision not in ("float32", "bfloat16"):
            raise ConfigError(f"precision {self.precision!r} is not one of float32, bfloat16")
        if self.compile not in ("auto", "on", "off"):
            raise ConfigError(f"compile {self.compile!r} is not one of auto, on, off")
        if self.parallel not in ("auto", "ddp", "fsdp"):
            raise ConfigError(f"parallel {self.parallel!r} is not one of auto, ddp, fsdp")
        for name in ("steps", "rows", "log_every", "layers_every", "keep_checkpoints", "bad_steps"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.lora_rank < 0 or not self.lora_alpha > 0:
            raise ConfigError(
                f"lora_rank {self.lora_rank} and lora_alpha {self.lora_alpha:g}: give ranks and alphas above 0"
            )
        counts = ("micro_rows", "evaluate_every", "sample_every", "checkpoint_every", "checkpoint_seconds")
        for name in (*counts, "snapshot_every"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it cannot be negative")


# Settings that decide the numbers of a run; a resumed run must have them as they were.
BINDING = ("steps", "rows", "precision", "optimizer", "schedule", "lora_rank", "lora_alpha")
