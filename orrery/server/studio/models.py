"""The model folders of all runs, by the names that the studio calls them: their paths below the folder of the runs.

find_models(Path("runs"))[0].name                         # "speedrun/base"
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from orrery.errors import OrreryError
from orrery.inference.speaker import is_assistant
from orrery.models.explain import count_parts
from orrery.models.hf import WEIGHTS, load_tokenizer
from orrery.models.hf_config import CLASSES, SCORE_CLASSES, config_from_hf, read_json
from orrery.server.errors import Problem
from orrery.training.runs import read_record

Kind = Literal["base", "assistant", "reward"]


@dataclass(frozen=True)
class StudioModel:
    """A model folder of a run.

    `stage`: which stage made it. `step`, `tokens`: how many optimizer steps that stage has done, and how many tokens it
    has read in them. `kind`: what it is good for: it goes on with texts, answers, or scores answers.
    """

    name: str
    run: str
    stage: str
    step: int
    tokens: int
    kind: Kind
    parameters: int
    layers: int
    heads: int
    width: int
    context: int
    vocab_size: int
    created: float


def find_models(root: Path) -> list[StudioModel]:
    """All models of the runs in `root`: the newest run first, within a run as its stages made them."""
    runs = sorted((path for path in root.glob("*") if (path / "run.json").is_file()), key=made, reverse=True)
    return [model for run in runs for model in models_of(run)]


def made(run: Path) -> str:
    """When a run was made, as its record says; text that sorts."""
    try:
        return str(read_record(run).get("created", ""))
    except OrreryError:  # damaged: the list of runs says so
        return ""


def models_of(run: Path) -> Iterator[StudioModel]:
    """The models of a run, the oldest first; folders that are no models of ours are left out."""
    folders = [path for path in run.glob("*") if (path / WEIGHTS).is_file()]
    for folder in sorted(folders, key=lambda path: (path / WEIGHTS).stat().st_mtime):
        if (model := model_in(folder)) is not None:
            yield model


def model_in(folder: Path) -> StudioModel | None:
    """The model in a folder; None where there is none, or one of another kind, such as an embedder."""
    if not ((folder / WEIGHTS).is_file() and (folder / "config.json").is_file()):
        return None
    try:
        return read_model(folder, (folder / WEIGHTS).stat().st_mtime)
    except OrreryError:
        return None


def model_named(root: Path, name: str) -> StudioModel:
    """The model of this name, without looking at all the others. Raises Problem 404 when there is none."""
    run, _, stage = name.partition("/")
    known = is_plain(run) and is_plain(stage) and (root / run / "run.json").is_file()
    model = model_in(root / run / stage) if known else None
    if model is not None:
        return model
    raise Problem(404, f"there is no model {name!r} in {root}", "model_not_found", "model")


def is_plain(name: str) -> bool:
    """Whether a name that a page sends leads to something in a folder, and nowhere else."""
    return name not in ("", ".", "..") and "/" not in name


@lru_cache(maxsize=512)
def read_model(folder: Path, written: float) -> StudioModel:
    """What there is to say of one model folder, whose weights were written then."""
    scores = "ForSequenceClassification" in str(read_json(folder / "config.json").get("architectures"))
    config = config_from_hf(folder, SCORE_CLASSES if scores else CLASSES)
    return StudioModel(
        name=f"{folder.parent.name}/{folder.name}",
        run=folder.parent.name,
        stage=folder.name,
        step=done(folder, "step"),
        tokens=done(folder, "tokens"),
        kind="reward" if scores else "assistant" if is_assistant(folder, load_tokenizer(folder)) else "base",
        parameters=sum(part.parameters for part in count_parts(config, config.context)),
        layers=config.layers,
        heads=config.heads,
        width=config.width,
        context=config.context,
        vocab_size=config.vocab_size,
        created=written,
    )


def done(folder: Path, what: Literal["step", "tokens"]) -> int:
    """What the stage that made a model has done, as its trainer's state says; 0 where it has none."""
    try:
        state = json.loads((folder / "trainer" / "state.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return 0
    return int(state[what])
