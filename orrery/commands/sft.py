"""`orrery sft`: tune a base model into an assistant, on conversations of your own or of the embedded world."""

from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from orrery.config import as_mapping
from orrery.data.world.corpus import talk
from orrery.data.world.world import WorldConfig
from orrery.errors import ConfigError
from orrery.stages.sft import SFTConfig, read_conversations, sft
from orrery.training.loop import TrainResult
from orrery.training.progress import clock, show_progress
from orrery.training.runs import RUNS, Run


@dataclass(frozen=True)
class SFTCommand:
    """Tune a model on conversations, {"messages": [{"role": …, "content": …}, …]} a line, or on those of the world.

    Only what the assistant says is trained on. The result is a Hugging Face model folder, runs/NAME/sft.

    Example: orrery sft --model runs/speedrun/base --data chats.jsonl --run mine
    """

    model: Path
    """The model folder to start from."""
    run: str = "sft"
    """Name of the run, a folder in runs/."""
    data: tuple[str, ...] = ()
    """JSONL files or folders of them. Empty: conversations of the embedded world."""
    resume: str = ""
    """auto: go on from the run's newest whole checkpoint; or the path of a checkpoint. Empty: start."""
    world_conversations: int = 20_000
    """How many conversations of the world are written, when there is no --data."""
    world: WorldConfig = field(default_factory=WorldConfig)
    sft: SFTConfig = field(default_factory=SFTConfig)
    root: Path = RUNS
    """The folder that holds the runs."""


def run_sft(config: SFTCommand) -> TrainResult:
    """Read, tune, and say what came out. Raises what `read_conversations` and `orrery.stages.sft.sft` raise."""
    if config.world_conversations < 1:
        raise ConfigError(f"--world-conversations is {config.world_conversations}; ask for at least one")
    console = Console(stderr=True, highlight=False)
    conversations = read_conversations(config.data) if config.data else talk(config.world, config.world_conversations)
    with (
        Run.open(config.run, recipe=as_mapping(config), seed=config.sft.seed, root=config.root) as run,
        show_progress(run.events, console),
        run.nothing_left_if_refused(run.folder / "checkpoints"),
    ):
        result = sft(config.sft, run, parent=config.model, conversations=conversations, resume=config.resume or None)
    Console(highlight=False).print(
        f"{result.folder}: {result.tokens:,} tokens in {clock(result.seconds)}\n"
        f"Next:  orrery chat --model {result.folder}"
    )
    return result
