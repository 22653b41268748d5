"""Where an experiment works: its seed, a place to log to, models of speedruns, and trainings of its own."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import track

from orrery.data.prepare import Prepared, read_back
from orrery.data.world.world import WorldConfig
from orrery.errors import RunError
from orrery.training.progress import show_progress
from orrery.training.runs import Run, read_record

LEDGER = "ledger"  # the folder in runs/ that holds all that experiments leave
T = TypeVar("T")


@dataclass(frozen=True)
class Lab:
    """One attempt at a claim with one seed.

    Attributes:
        claim: its name.
        seed: decides whatever is drawn.
        run: an open run, its events and folder.
        root: the folder of runs, where speedruns are looked for.
        console: where progress is shown.
    """

    claim: str
    seed: int
    run: Run
    root: Path
    console: Console

    def log(self, **row: Any) -> None:
        """Note a row of numbers: a raw event, from which the verdict follows."""
        self.run.events.append("metric", self.claim, 0, row)

    def show(self, prompt: str, text: str, **more: Any) -> None:
        """Note something that a model wrote."""
        self.run.events.append("sample", self.claim, 0, {"prompt": prompt, "text": text, **more})

    def each(self, things: Sequence[T], what: str) -> Iterable[T]:
        """The things in order, with a progress bar."""
        return track(things, what, console=self.console, transient=True)

    @property
    def world(self) -> WorldConfig:
        """The world that the speedrun of this seed was about."""
        return WorldConfig(seed=self.seed)

    def speedrun(self, stage: str, agent: bool = False) -> Path:
        """The newest speedrun with this seed that has a finished ``stage`` ("base", "sft", "grpo" …).

        Args:
            agent: of those by the recipe for agents.

        Raises:
            RunError: there is none.
        """
        found = [
            report.parent
            for report in self.root.glob("*/report.json")
            if (report.parent / stage / "config.json").exists()
            and (record := read_record(report.parent))["seed"] == self.seed
            and bool(record["recipe"].get("agent")) == agent
        ]
        if not found and agent:
            raise RunError(
                f"no agent with seed {self.seed} in {self.root}/: make one with "
                f"orrery speedrun --recipe agent --seed {self.seed} --run agent-{self.seed}"
            )
        if not found:
            full = "" if stage in ("base", "sft") else " --full --minutes 25"
            raise RunError(
                f"no speedrun with seed {self.seed} in {self.root}/ has a finished '{stage}': make one with "
                f"orrery speedrun{full} --seed {self.seed} --run speedrun-{self.seed}"
            )
        return max(found, key=lambda folder: (folder / "report.json").stat().st_mtime)

    def model(self, stage: str) -> Path:
        """That stage's model folder. Raises RunError as `speedrun`."""
        return self.speedrun(stage) / stage

    def agent(self) -> Path:
        """The model folder of the agent with this seed. Raises RunError where there is none."""
        return self.speedrun("grpo", agent=True) / "grpo"

    def text(self) -> Prepared:
        """Tokenizer and documents of the speedrun. Raises RunError as `speedrun`."""
        folder = self.speedrun("base")
        prepared = read_back(folder / "data")
        if prepared is None:
            raise RunError(f"{folder} has no documents left in data/: the experiment needs them")
        return prepared

    @contextmanager
    def training(self, name: str, recipe: Mapping[str, Any]) -> Iterator[Run]:
        """An open run for a training of one's own, named by what it is made of.

        What was trained before from the same recipe and seed, for this claim or another, is found there again: stages
        are to be called with ``resume="auto"``.
        """
        recipe = {**recipe, "seed": self.seed}
        digest = hashlib.blake2b(json.dumps(recipe, sort_keys=True, default=str).encode(), digest_size=4).hexdigest()
        folder = self.root / LEDGER
        with (
            Run.open(f"{name}-{digest}", recipe=recipe, seed=self.seed, root=folder) as run,
            show_progress(run.events, self.console),
        ):
            yield run


def made_of(model: Path) -> str:
    """What a model folder is, for a recipe: its run, when that was begun, and its stage."""
    return f"{model.parent.name} of {read_record(model.parent)['created']}: {model.name}"
