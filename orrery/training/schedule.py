r"""The learning rate over time: warm-up, stable, decay (WSD; Hu et al. 2024, arXiv 2404.06395).

        ________________
       /                \
      /                  \
    warm-up   stable    warm-down

Unlike a cosine the stable part does not know where the end is: a run can be continued from it.
"""

from dataclasses import dataclass
from typing import Literal

from orrery.errors import ConfigError


@dataclass(frozen=True)
class ScheduleConfig:
    """The learning rate's course, as shares of its peak."""

    kind: Literal["wsd", "constant"] = "wsd"
    """wsd: linear warm-up, stable, linear warm-down; constant: warm-up, then stable to the end."""
    warmup_steps: int = 20
    warmdown_share: float = 0.4
    """Share of all steps that the warm-down takes, at the end."""
    final_share: float = 0.0
    """Share of the peak that the last step would reach."""

    def __post_init__(self) -> None:
        if self.kind not in ("wsd", "constant"):
            raise ConfigError(f"schedule kind {self.kind!r} is not one of wsd, constant")
        if self.warmup_steps < 0:
            raise ConfigError(f"warmup_steps is {self.warmup_steps}; it cannot be negative")
        for name in ("warmdown_share", "final_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must lie between 0 and 1")


def lr_share(step: int, steps: int, config: ScheduleConfig) -> float:
    """Share of the peak learning rate that step number ``step`` (from 0) of ``steps`` uses; never 0 inside the run.

    >>> wsd = ScheduleConfig(warmup_steps=2, warmdown_share=0.4)
    >>> [round(lr_share(step, 10, wsd), 2) for step in range(10)]
    [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    share = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    if config.kind == "wsd":
        down = config.warmdown_share * steps
        if steps - step < down:
            share = min(share, config.final_share + (1 - config.final_share) * (steps - step) / down)
    return share
