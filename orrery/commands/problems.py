"""What the commands of GRPO, best-of-n and distillation share: problems and their rewards."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from orrery.stages.from_world import sums
from orrery.stages.problems import Problem, read_problems
from orrery.stages.rewards import Reward, rewards_from
from orrery.training.runs import RUNS


@dataclass(frozen=True)
class ProblemCommand:
    """What the three are asked."""

    model: Path
    """The model folder to start from."""
    run: str = ""
    """Name of the run, a folder in runs/."""
    data: tuple[str, ...] = ()
    """JSONL files of problems. Empty: sums of digits from the embedded world."""
    reward: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """A reward function, NAME=WEIGHT or FILE.py:FUNCTION=WEIGHT; may be given several times. None: numeric."""
    minutes: float = 0.0
    """How long it may take; the steps are fitted to it."""
    steps: int = 0
    """Optimizer steps; 0: what the stage's train.steps says."""
    resume: str = ""
    """auto: go on from the run's newest whole checkpoint; or the path of a checkpoint. Empty: start."""
    world_problems: int = 5_000
    """How many problems of the world there are, when there is no --data."""
    root: Path = RUNS
    """The folder that holds the runs."""

    def rewards(self) -> list[Reward]:
        """The rewards asked for. Raises what `rewards_from` raises."""
        return rewards_from(self.reward or ("numeric",))

    def problems(self, seed: int, plain: bool = False) -> list[Problem]:
        """The problems of the files, or of the world where there is none.

        Args:
            plain: prompts are text that a base model goes on with.

        Raises:
            DataError: a file cannot be read, see `read_problems`.
            ConfigError: fewer than two problems of the world.
        """
        return read_problems(self.data, plain) if self.data else sums(self.world_problems, seed, plain)
