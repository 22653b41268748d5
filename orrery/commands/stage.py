"""What the commands of single stages share: a run around the training, and a last line."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rich.console import Console

from orrery.config import as_mapping
from orrery.errors import ConfigError
from orrery.stages.best_of_n import BestOfNConfig
from orrery.stages.contrastive import ContrastiveConfig
from orrery.stages.distill import DistillConfig
from orrery.stages.dpo import DPOConfig
from orrery.stages.grpo import GRPOConfig
from orrery.stages.ppo import PPOConfig
from orrery.stages.reward import RewardConfig
from orrery.training.loop import TrainResult
from orrery.training.progress import clock, show_progress
from orrery.training.runs import Run

Settings = TypeVar(
    "Settings", RewardConfig, DPOConfig, PPOConfig, GRPOConfig, BestOfNConfig, DistillConfig, ContrastiveConfig
)


class StageCommand(Protocol):
    """The part of a command's configuration that says where its run goes."""

    @property
    def run(self) -> str:
        """Name of the run."""

    @property
    def root(self) -> Path:
        """The folder that holds the runs."""


def with_steps(config: Settings, steps: int, minutes: float) -> Settings:
    """A stage's settings with what ``--steps`` says; 0 leaves them.

    Raises:
        ConfigError: fewer than none, or ``--minutes`` too, which decide the steps themselves.
    """
    if steps < 0:
        raise ConfigError(f"--steps is {steps}; it must be above 0, or left out")
    if steps and minutes:
        raise ConfigError("--minutes decides the steps: give either --minutes or --steps")
    return replace(config, train=replace(config.train, steps=steps)) if steps else config


def run_stage(config: StageCommand, seed: int, train: Callable[[Run], TrainResult]) -> TrainResult:
    """Open the run, show progress, train; a run that is refused leaves nothing behind."""
    recipe: dict[str, Any] = as_mapping(config)
    with (
        Run.open(config.run, recipe=recipe, seed=seed, root=config.root) as run,
        show_progress(run.events, Console(stderr=True, highlight=False)),
        run.nothing_left_if_refused(run.folder / "checkpoints"),
    ):
        return train(run)


def after(result: TrainResult, metrics: Sequence[str], then: str) -> None:
    """Say where the model is, what it reached, and what to do next."""
    reached = ", ".join(f"{name} {result.metrics[name]:.3f}" for name in metrics if name in result.metrics)
    Console(highlight=False).print(
        f"{result.folder}: {result.steps:,} steps in {clock(result.seconds)}{': ' + reached if reached else ''}\n"
        f"Next:  {then}",
        soft_wrap=True,
    )
