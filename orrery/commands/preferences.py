"""Where `orrery reward` and `orrery dpo` get preferences: from files, from people, or from the world's labeller."""

from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from orrery.data.world.world import WorldConfig
from orrery.database import database_exists, open_database
from orrery.errors import ConfigError, DataError
from orrery.post_training import ranked_stories
from orrery.stages.preferences import Ranking, read_rankings
from orrery.stages.rankings import rankings_of_people
from orrery.training.runs import RUNS, Run


@dataclass(frozen=True)
class PreferenceCommand:
    """What `orrery reward` and `orrery dpo` are both asked."""

    model: Path
    """The model folder to start from."""
    run: str = ""
    """Name of the run, a folder in runs/."""
    data: tuple[str, ...] = ()
    """JSONL or parquet files of preferences. Without them and --people, the world's labeller ranks stories."""
    people: bool = False
    """Learn from the rankings that people made with `orrery rank`; where there is --data, from both."""
    minutes: float = 0.0
    """How long it may take; the steps are fitted to it."""
    steps: int = 0
    """Optimizer steps; 0: what the stage's train.steps says."""
    resume: str = ""
    """auto: go on from the run's newest whole checkpoint; or the path of a checkpoint. Empty: start."""
    wishes: int = 1_000
    """Stories that are wished for, when there is neither --data nor --people."""
    completions: int = 4
    """Stories that the model writes for each."""
    noise: float = 0.5
    """How much the labeller errs: the scale of what is added to the rubric's score; 0: not at all."""
    max_tokens: int = 128
    """Most tokens of a story."""
    world: WorldConfig = field(default_factory=WorldConfig)
    root: Path = RUNS
    """The folder that holds the runs."""


def rankings_for(config: PreferenceCommand, seed: int) -> list[Ranking]:
    """The rankings that were asked for: of files, of people, or of the world's labeller where there is neither.

    Raises:
        ConfigError: there is no ranking of people.
        DataError: as `read_rankings` and `world_rankings`.
        RunError: the database cannot be used.
    """
    found: list[Ranking] = []
    if config.data:
        found += read_rankings(config.data)
    if config.people:
        found += _of_people(config)
    if found:
        return found
    return ranked_stories(
        config.model, config.world, config.wishes, config.completions, config.noise, config.max_tokens, seed,
        Console(stderr=True),
    )  # fmt: skip


def as_begun(run: Run, stage: str, rankings: list[Ranking]) -> list[Ranking]:
    """The rankings with which the stage began in this run: those that people made since come last, and are left out.

    Raises:
        DataError: there are fewer now.
    """
    count = run.record.get(f"rankings/{stage}")
    if count is None:
        run.note(**{f"rankings/{stage}": len(rankings)})
        return rankings
    if len(rankings) < count:
        raise DataError(
            f"run {run.name} began with {count} rankings, now there are {len(rankings)}: take another --run"
        )
    if len(rankings) > count:
        Console(stderr=True, highlight=False).print(f"the {count} rankings that the run began with, of {len(rankings)}")
    return rankings[:count]


def of_root(root: Path) -> str:
    """The flag that commands of the same runs need."""
    return "" if root == RUNS else f" --root {root}"


def _of_people(config: PreferenceCommand) -> list[Ranking]:
    found: list[Ranking] = []
    if database_exists(config.root):  # opening it would make it
        with open_database(config.root) as database:
            found = rankings_of_people(database)
    if not found:
        command = f"orrery rank --model {config.model}{of_root(config.root)}"
        raise ConfigError(f"no ranking of people yet: make some with `{command}`")
    return found
