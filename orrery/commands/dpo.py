"""`orrery dpo`: preferences without a reward model."""

from dataclasses import dataclass, field
from pathlib import Path

from orrery.commands.preferences import PreferenceCommand, as_begun, rankings_for
from orrery.commands.stage import after, run_stage, with_steps
from orrery.stages.dpo import DPOConfig, dpo
from orrery.training.loop import TrainResult


@dataclass(frozen=True)
class DPOCommand(PreferenceCommand):
    """Make preferred answers likelier and others less likely, compared with the model as it began.

    Data: {"prompt", "chosen", "rejected"} or {"prompt", "ranking": [best, …, worst]} a line. Without it and
    --people, the model writes stories and a labeller who errs ranks them.

    Example: orrery dpo --model runs/speedrun/sft --data preferences.jsonl --run mine
    Example: orrery dpo --model runs/speedrun/sft --people
    """

    model: Path
    """The model folder to start from; it is the reference too."""
    run: str = "dpo"
    """Name of the run, a folder in runs/."""
    dpo: DPOConfig = field(default_factory=DPOConfig)


def run_dpo(config: DPOCommand) -> TrainResult:
    """Train, and say what came out. Raises what `rankings_for` and `orrery.stages.dpo.dpo` raise."""
    settings = with_steps(config.dpo, config.steps, config.minutes)
    rankings = rankings_for(config, settings.seed)
    result = run_stage(
        config, settings.seed,
        lambda run: dpo(settings, run, parent=config.model, rankings=as_begun(run, "dpo", rankings),
                        minutes=config.minutes, resume=config.resume or None),
    )  # fmt: skip
    after(result, ["held_out/rewards/accuracies", "held_out/rewards/margins"], f"orrery chat --model {result.folder}")
    return result
