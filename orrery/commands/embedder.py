"""`orrery embedder`: tune a model so that passages about the same thing have like vectors."""

from dataclasses import dataclass, field
from pathlib import Path

from orrery.commands.stage import after, run_stage, with_steps
from orrery.errors import ConfigError
from orrery.stages.contrastive import ContrastiveConfig, contrastive, read_passages
from orrery.training.loop import TrainResult
from orrery.training.runs import RUNS


@dataclass(frozen=True)
class EmbedderCommand:
    """Tune a language model into an embedder, for search by meaning: two spans of one passage should have like vectors,
    and unlike those of other passages. The files may be the ones that are to be searched.

    Example: orrery embedder --model runs/speedrun/base --data docs README.md --minutes 2
    Example: orrery index docs --index docs.db --embedder runs/embedder/embedder
    """

    model: Path
    """The model folder to start from."""
    data: tuple[Path, ...] = ()
    """Files and folders of text, Markdown, Python and PDF."""
    run: str = "embedder"
    """Name of the run, a folder in runs/."""
    minutes: float = 0.0
    """How long it may take; the steps are fitted to it."""
    steps: int = 0
    """Optimizer steps; 0: what contrastive.train.steps says."""
    resume: str = ""
    """auto: go on from the run's newest whole checkpoint; or the path of a checkpoint. Empty: start."""
    contrastive: ContrastiveConfig = field(default_factory=ContrastiveConfig)
    root: Path = RUNS
    """The folder that holds the runs."""


def run_embedder(config: EmbedderCommand) -> TrainResult:
    """Train, and say what came out.

    Raises:
        ConfigError: no --data. And what `orrery.stages.contrastive` raises.
    """
    if not config.data:
        raise ConfigError("say what to learn from: --data FOLDER, for instance the files that are to be searched")
    settings = with_steps(config.contrastive, config.steps, config.minutes)
    passages = read_passages(config.data)
    result = run_stage(
        config, settings.seed,
        lambda run: contrastive(settings, run, parent=config.model, passages=passages, minutes=config.minutes,
                                resume=config.resume or None),
    )  # fmt: skip
    after(result, ["held_out/accuracy"], f"orrery index FOLDER --index my.db --embedder {result.folder}")
    return result
