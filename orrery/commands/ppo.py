"""`orrery ppo`: reinforcement learning against a reward model."""

from dataclasses import dataclass, field
from pathlib import Path

from orrery.commands.stage import after, run_stage, with_steps
from orrery.data.world.world import WorldConfig
from orrery.stages.conversations import read_conversations
from orrery.stages.from_world import TRAINED, gold_score, wishes
from orrery.stages.ppo import PPOConfig, ppo
from orrery.stages.problems import read_prompts
from orrery.stages.rollouts import Prompt
from orrery.training.loop import TrainResult
from orrery.training.runs import RUNS


@dataclass(frozen=True)
class PPOCommand:
    """Let a model answer prompts, score the answers by a reward model, and make those that score well likelier, while
    it stays near to where it began.

    Data: {"prompt": …} a line, a conversation or what a user says. Without it, wishes for stories.

    Example: orrery ppo --model runs/speedrun/sft --reward-model runs/reward/reward --run ppo --minutes 5
    Example: orrery ppo --model runs/speedrun/sft --reward-model runs/reward/reward --ppo.kl 0
    """

    model: Path
    """The model folder to start from; it is the reference too."""
    reward_model: Path
    """A folder of `orrery reward`."""
    run: str = "ppo"
    """Name of the run, a folder in runs/."""
    data: tuple[str, ...] = ()
    """JSONL files of prompts. Empty: wishes for stories from the embedded world."""
    minutes: float = 0.0
    """How long it may take; the steps are fitted to it."""
    replay: tuple[str, ...] = ()
    """JSONL files of conversations that are read again on the way, so that less is forgotten; --ppo.replay is their
    weight."""
    steps: int = 0
    """Optimizer steps; 0: what the stage's train.steps says."""
    resume: str = ""
    """auto: go on from the run's newest whole checkpoint; or the path of a checkpoint. Empty: start."""
    wishes: int = 1_000
    """Stories that are wished for, when there is no --data."""
    world: WorldConfig = field(default_factory=WorldConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    root: Path = RUNS
    """The folder that holds the runs."""


def run_ppo(config: PPOCommand) -> TrainResult:
    """Train, and say what came out. Raises what `orrery.stages.ppo.ppo` raises."""
    prompts: list[Prompt] = []
    if config.data:
        prompts += read_prompts(config.data)
    else:
        prompts += wishes(config.world, config.wishes, TRAINED)
    settings = with_steps(config.ppo, config.steps, config.minutes)
    replayed = read_conversations(config.replay) if config.replay else []
    result = run_stage(
        config, settings.seed,
        lambda run: ppo(settings, run, parent=config.model, reward_model=config.reward_model, prompts=prompts,
                        gold=None if config.data else gold_score, conversations=replayed,
                        minutes=config.minutes, resume=config.resume or None),
    )  # fmt: skip
    after(result, ["held_out/score", "held_out/gold", "held_out/mean_length"], f"orrery chat --model {result.folder}")
    return result
