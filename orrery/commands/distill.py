"""`orrery distill`: a smaller model learns from a larger one."""

from dataclasses import dataclass, field
from pathlib import Path

from orrery.commands.problems import problems_for
from orrery.commands.stage import after, run_stage, with_steps
from orrery.stages.distill import DistillConfig, distill
from orrery.stages.rewards import rewards_from
from orrery.training.loop import TrainResult
from orrery.training.runs import RUNS


@dataclass(frozen=True)
class DistillCommand:
    """Let a teacher solve problems, and a smaller student learn from the solutions that are right: from their words,
    and from the teacher's whole distribution at each.

    Problems: {"prompt": …, "truth": …} a line. Rewards as in `orrery grpo`.

    Example: orrery distill --model runs/reason/grpo --run small --minutes 5
    """

    model: Path
    """The teacher's folder."""
    student: Path | None = None
    """A model folder with the same tokenizer to start from; without it a fresh model, half as wide and half as deep."""
    run: str = "distill"
    """Name of the run, a folder in runs/."""
    data: tuple[str, ...] = ()
    """JSONL files of problems. Empty: sums of digits from the embedded world."""
    reward: tuple[str, ...] = ("numeric",)
    """Reward functions, NAME=WEIGHT or FILE.py:FUNCTION=WEIGHT: what a right solution is."""
    minutes: float = 0.0
    """How long it may take; the steps are fitted to it."""
    steps: int = 0
    """Optimizer steps; 0: what the stage's train.steps says."""
    resume: str = ""
    """auto: go on from the run's newest whole checkpoint; or the path of a checkpoint. Empty: start."""
    world_problems: int = 5_000
    """How many problems of the world there are, when there is no --data."""
    distill: DistillConfig = field(default_factory=DistillConfig)
    root: Path = RUNS
    """The folder that holds the runs."""


def run_distill(config: DistillCommand) -> TrainResult:
    """Train, and say what came out. Raises what `orrery.stages.distill.distill` raises."""
    rewards = rewards_from(config.reward)
    problems = problems_for(config.data, config.world_problems, config.distill.seed)
    settings = with_steps(config.distill, config.steps, config.minutes)
    result = run_stage(
        config, settings.seed,
        lambda run: distill(settings, run, teacher=config.model, student=config.student, problems=problems,
                            rewards=rewards, minutes=config.minutes, resume=config.resume or None),
    )  # fmt: skip
    after(result, [f"held_out/{reward.name}" for reward in rewards], f"orrery chat --model {result.folder}")
    return result
