"""`orrery best-of-n`: learn from the best of one's own solutions."""

from dataclasses import dataclass, field
from pathlib import Path

from orrery.commands.problems import problems_for
from orrery.commands.stage import after, run_stage, with_steps
from orrery.stages.best_of_n import BestOfNConfig, best_of_n
from orrery.stages.rewards import rewards_from
from orrery.training.loop import TrainResult
from orrery.training.runs import RUNS


@dataclass(frozen=True)
class BestOfNCommand:
    """Let a model solve each problem several times, and learn from the best solution like from a demonstration.

    Problems: {"prompt": …, "truth": …} a line. Rewards as in `orrery grpo`.

    Example: orrery best-of-n --model runs/speedrun/sft --run expert --minutes 5
    """

    model: Path
    """The model folder to start from."""
    run: str = "best-of-n"
    """Name of the run, a folder in runs/."""
    data: tuple[str, ...] = ()
    """JSONL files of problems. Empty: sums of digits from the embedded world."""
    reward: tuple[str, ...] = ("numeric",)
    """Reward functions, NAME=WEIGHT or FILE.py:FUNCTION=WEIGHT."""
    minutes: float = 0.0
    """How long it may take; the steps are fitted to it."""
    steps: int = 0
    """Optimizer steps; 0: what the stage's train.steps says."""
    resume: str = ""
    """auto: go on from the run's newest whole checkpoint; or the path of a checkpoint. Empty: start."""
    world_problems: int = 5_000
    """How many problems of the world there are, when there is no --data."""
    best_of_n: BestOfNConfig = field(default_factory=BestOfNConfig)
    root: Path = RUNS
    """The folder that holds the runs."""


def run_best_of_n(config: BestOfNCommand) -> TrainResult:
    """Train, and say what came out. Raises what `orrery.stages.best_of_n.best_of_n` raises."""
    rewards = rewards_from(config.reward)
    problems = problems_for(config.data, config.world_problems, config.best_of_n.seed)
    settings = with_steps(config.best_of_n, config.steps, config.minutes)
    result = run_stage(
        config, settings.seed,
        lambda run: best_of_n(settings, run, parent=config.model, problems=problems, rewards=rewards,
                              minutes=config.minutes, resume=config.resume or None),
    )  # fmt: skip
    after(result, [f"held_out/{reward.name}" for reward in rewards], f"orrery chat --model {result.folder}")
    return result
