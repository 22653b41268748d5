"""`orrery reward`: a reward model from preferences."""

from dataclasses import dataclass, field

from orrery.commands.preferences import PreferenceCommand, as_begun, rankings_for
from orrery.commands.stage import after, run_stage, with_steps
from orrery.stages.reward import RewardConfig, reward
from orrery.training.loop import TrainResult


@dataclass(frozen=True)
class RewardCommand(PreferenceCommand):
    """Train a model that scores answers as people would, from pairs or rankings of them.

    Data: {"prompt", "chosen", "rejected"} or {"prompt", "ranking": [best, …, worst]} a line. Without it and
    --people, the model writes stories and a labeller who errs ranks them.

    Example: orrery reward --model runs/speedrun/sft --data preferences.jsonl --run mine
    Example: orrery reward --model runs/speedrun/sft --people
    """

    run: str = "reward"
    """Name of the run, a folder in runs/."""
    reward: RewardConfig = field(default_factory=RewardConfig)


def run_reward(config: RewardCommand) -> TrainResult:
    """Train, and say what came out. Raises what `rankings_for` and `orrery.stages.reward.reward` raise."""
    settings = with_steps(config.reward, config.steps, config.minutes)
    rankings = rankings_for(config, settings.seed)
    result = run_stage(
        config, settings.seed,
        lambda run: reward(settings, run, parent=config.model, rankings=as_begun(run, "reward", rankings),
                           minutes=config.minutes, resume=config.resume or None),
    )  # fmt: skip
    metrics = ["held_out/accuracy", "held_out/margin", "held_out/calibration_error", "held_out/gold_agreement"]
    after(result, metrics, f"orrery ppo --model {config.model} --reward-model {result.folder}")
    return result
