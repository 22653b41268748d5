"""`orrery distill`: a smaller model learns from a larger one."""

from dataclasses import dataclass, field
from pathlib import Path

from orrery.commands.problems import ProblemCommand
from orrery.commands.stage import after, run_stage, with_steps
from orrery.stages.distill import DistillConfig, distill
from orrery.training.loop import TrainResult


@dataclass(frozen=True)
class DistillCommand(ProblemCommand):
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
    distill: DistillConfig = field(default_factory=DistillConfig)


def run_distill(config: DistillCommand) -> TrainResult:
    """Train, and say what came out. Raises what `orrery.stages.distill.distill` raises."""
    rewards = config.rewards()
    problems = config.problems(config.distill.seed)
    settings = with_steps(config.distill, config.steps, config.minutes)
    result = run_stage(
        config, settings.seed,
        lambda run: distill(settings, run, teacher=config.model, student=config.student, problems=problems,
                            rewards=rewards, minutes=config.minutes, resume=config.resume or None),
    )  # fmt: skip
    after(result, [f"held_out/{reward.name}" for reward in rewards], f"orrery chat --model {result.folder}")
    return result
