"""`orrery best-of-n`: learn from the best of one's own solutions."""

from dataclasses import dataclass, field

from orrery.commands.problems import ProblemCommand
from orrery.commands.stage import after, run_stage, with_steps
from orrery.stages.best_of_n import BestOfNConfig, best_of_n
from orrery.training.loop import TrainResult


@dataclass(frozen=True)
class BestOfNCommand(ProblemCommand):
    """Let a model solve each problem several times, and learn from the best solution like from a demonstration.

    Problems: {"prompt": …, "truth": …} a line. Rewards as in `orrery grpo`.

    Example: orrery best-of-n --model runs/speedrun/sft --run expert --minutes 5
    """

    run: str = "best-of-n"
    """Name of the run, a folder in runs/."""
    best_of_n: BestOfNConfig = field(default_factory=BestOfNConfig)


def run_best_of_n(config: BestOfNCommand) -> TrainResult:
    """Train, and say what came out. Raises what `orrery.stages.best_of_n.best_of_n` raises."""
    rewards = config.rewards()
    problems = config.problems(config.best_of_n.seed)
    settings = with_steps(config.best_of_n, config.steps, config.minutes)
    result = run_stage(
        config, settings.seed,
        lambda run: best_of_n(settings, run, parent=config.model, problems=problems, rewards=rewards,
                              minutes=config.minutes, resume=config.resume or None),
    )  # fmt: skip
    after(result, [f"held_out/{reward.name}" for reward in rewards], f"orrery chat --model {result.folder}")
    return result
