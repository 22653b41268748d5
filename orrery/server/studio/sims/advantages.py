"""Groups of rewards as advantages, by each of the package's estimators."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from orrery.errors import ConfigError
from orrery.stages.advantages import group_advantages


@dataclass(frozen=True)
class AdvantagesRequest:
    """Rewards of several prompts' completions, equally many of each: [P G]."""

    rewards: Sequence[Sequence[float]]


@dataclass(frozen=True)
class AdvantagesAnswer:
    """Advantages as GRPO, REINFORCE++ and Dr. GRPO have them, and which groups are all equal and teach nothing."""

    group: NDArray[np.float32]  # P G
    batch: NDArray[np.float32]  # P G
    none: NDArray[np.float32]  # P G
    dropped: list[bool]  # P


def advantages(asked: AdvantagesRequest) -> AdvantagesAnswer:
    """All three. Raises ConfigError for groups of unequal sizes, or of one."""
    sizes = {len(group) for group in asked.rewards}
    if len(sizes) != 1:
        raise ConfigError(f"groups of {', '.join(map(str, sorted(sizes))) or 'nothing'}: give groups of one size")
    rewards = torch.tensor(asked.rewards, dtype=torch.float32)
    found = {name: group_advantages(rewards, name).numpy() for name in ("group", "batch", "none")}
    return AdvantagesAnswer(**found, dropped=(rewards.std(1) <= 1e-6).tolist())
