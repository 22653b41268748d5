"""GET /api/scaling: the pretrained runs of the folder as points of scaling laws.

Runs can be compared where they differ in nothing but their size and how long they were trained: `group` is the same
then. Losses are bits per byte of held-out text after the last step, with the world's floor beside it where it is known.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter

from orrery.errors import OrreryError
from orrery.training.events import FILE, read_events
from orrery.training.runs import read_record

FREE = ("run", "root", "resume", "shape", "seed")  # of a recipe: what points of one law may differ in
FREE_TRAINING = ("steps", "evaluate_every", "sample_every", "checkpoint_every", "checkpoint_seconds", "snapshot_every")


@dataclass(frozen=True)
class Point:
    """A finished run. `tokens`: that it was trained on; `bits`: bits per byte of held-out text."""

    run: str
    group: str
    about: str
    parameters: int
    tokens: int
    steps: int
    bits: float
    floor: float | None


def router(root: Path) -> APIRouter:
    """The address. `root`: the folder of the runs."""
    found = APIRouter()

    @found.get("/scaling", summary="Pretrained runs, as points of scaling laws")
    async def scaling() -> list[Point]:
        return await asyncio.to_thread(points, root)

    return found


def points(root: Path) -> list[Point]:
    """All runs of `orrery pretrain` that are finished, the smallest first; damaged ones are left out."""
    found = []
    for path in root.glob(f"*/{FILE}"):
        state = path.stat()
        point = read(path.parent, state.st_mtime_ns, state.st_size)
        if point is not None:
            found.append(point)
    return sorted(found, key=lambda point: (point.group, point.parameters, point.tokens))


@lru_cache(maxsize=512)
def read(folder: Path, written: int, size: int) -> Point | None:
    """One run as its log was then; None where it is no finished pretraining."""
    try:
        recipe = read_record(folder)["recipe"]
        if not {"shape", "train", "world_megabytes"} <= recipe.keys():
            return None
        events = [event for event in read_events(folder) if event["stage"] == "base"]
    except (OrreryError, KeyError):
        return None
    told: dict[str, Any] = {}
    for event in events:
        told |= event["values"]  # what was said last counts
    if told.get("status") != "finished" or told.get("bits_per_byte") is None:
        return None
    return Point(
        run=folder.name, group=group_of(recipe), about=about(recipe), parameters=told["parameters"],
        tokens=told["tokens"], steps=events[-1]["step"], bits=told["bits_per_byte"],
        floor=told.get("floor_bits_per_byte"),
    )  # fmt: skip


def group_of(recipe: Mapping[str, Any]) -> str:
    """The same for recipes that differ in size and length only."""
    kept = {name: value for name, value in recipe.items() if name not in FREE}
    kept["train"] = {name: value for name, value in recipe["train"].items() if name not in FREE_TRAINING}
    kept["shape"] = {name: recipe["shape"][name] for name in ("architecture", "context")}
    text = json.dumps(kept, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def about(recipe: Mapping[str, Any]) -> str:
    """What the runs of a group have in common, for people."""
    text = ", ".join(recipe["data"]) or f"{recipe['world_megabytes']:g} MB of the world"
    return f"{text}, {recipe['vocab_size']:,} tokens, {recipe['train']['rows']} rows of {recipe['shape']['context']}"
