"""`orrery grpo` and `orrery grpo-zero`: reinforcement learning from rewards that can be checked."""

from dataclasses import dataclass, field

from orrery.commands.problems import ProblemCommand
from orrery.commands.stage import after, run_stage, with_steps
from orrery.errors import ConfigError
from orrery.stages.conversations import read_conversations
from orrery.stages.from_world import lookups
from orrery.stages.grpo import GRPOConfig, grpo
from orrery.stages.rewards import rewards_from
from orrery.tools.calculator import CALCULATOR
from orrery.tools.registry import Tool
from orrery.training.loop import TrainResult


@dataclass(frozen=True)
class GRPOCommand(ProblemCommand):
    """Let a model solve problems and learn from what was right: for each it writes a group of answers, and those above
    the group's mean become likelier. Watch reward and length; the loss is near 0 by design.

    Problems: {"prompt": …, "truth": …} a line, or GSM8K's files as they are. Rewards: exact, contains, numeric, marked
    (numeric, but only after ####), steps, ended, countdown and answered (the game of `orrery data countdown`, and that
    there is an answer in its tags), or your own function (prompt, completion, truth) -> float, each with a weight; what
    has weight 0 is only shown.

    Example: orrery grpo --model runs/speedrun/sft --run reason --minutes 5
    Example: orrery grpo --model runs/speedrun/sft --data sums.jsonl --reward numeric --reward mine.py:brief=0.1
    Example: orrery grpo --model MODEL --data countdown.jsonl --reward countdown=0.9 --reward answered=0.1
    Example: orrery grpo --model MODEL --data gsm8k.jsonl --tools --reward numeric --reward marked=0
    Example: orrery grpo --model runs/agent/sft --agent --grpo.call-cost 0.05 --run practice
    """

    run: str = "grpo"
    """Name of the run, a folder in runs/."""
    tools: bool = False
    """Let the model call the calculator."""
    agent: bool = False
    """Instead of --data: questions of made-up worlds, to be searched for in one to four steps. Rewarded is the right
    last line, unless --reward says otherwise."""
    replay: tuple[str, ...] = ()
    """JSONL files of conversations that are read again on the way, so that less is forgotten; --grpo.replay is their
    weight."""
    grpo: GRPOConfig = field(default_factory=GRPOConfig)


@dataclass(frozen=True)
class GRPOZeroCommand(GRPOCommand):
    """GRPO from a base model, which has seen no demonstration: prompts are plain text that it goes on with.

    Example: orrery grpo-zero --model runs/speedrun/base --data sums.jsonl --run zero
    """

    run: str = "grpo-zero"
    """Name of the run, a folder in runs/."""


def run_grpo(config: GRPOCommand) -> TrainResult:
    """Train, and say what came out.

    Raises:
        ConfigError: --agent with problems of one's own, or for a base model. And what `orrery.stages.grpo.grpo` raises.
    """
    zero = isinstance(config, GRPOZeroCommand)
    if config.agent and (config.data or zero):
        raise ConfigError("--agent brings its own questions, for an assistant: leave out --data, and take orrery grpo")
    rewards = rewards_from(["exact"]) if config.agent and not config.reward else config.rewards()
    tools: tuple[Tool, ...] = (CALCULATOR,) if config.tools else ()
    if config.agent:
        problems, tools = lookups(config.world_problems, config.grpo.seed)
    else:
        problems = config.problems(config.grpo.seed, plain=zero)
    settings = with_steps(config.grpo, config.steps, config.minutes)
    replayed = read_conversations(config.replay) if config.replay else []
    result = run_stage(
        config, settings.seed,
        lambda run: grpo(settings, run, parent=config.model, problems=problems, rewards=rewards, tools=tools,
                         conversations=replayed, name="grpo-zero" if zero else "grpo", minutes=config.minutes,
                         resume=config.resume or None),
    )  # fmt: skip
    after(result, [f"held_out/{reward.name}" for reward in rewards], f"orrery chat --model {result.folder}")
    return result
