"""The runs of microGPT below the folder of the runs: the small models that simulations scrub through.

GET /api/micro                                   which there are, and the steps that each has kept

find_micro(Path("runs"))[0].steps                # [0, 20, 40, …]; `orrery microgpt --run NAME` makes such a run
losses(read_micro(folder), weights, 16)          # of the first sixteen documents, in one go
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from fastapi import APIRouter
from torch import Tensor

from orrery.errors import OrreryError
from orrery.scratch import tensors
from orrery.server.errors import Problem
from orrery.server.studio.models import is_plain, made
from orrery.stages.microgpt import STAGE, MicroRun

SHAPE = "shape.json"
NOTHING = -100  # cross entropy's mark for a place that does not count

# N settings of the weights, B documents, T tokens


@dataclass(frozen=True)
class StudioMicro:
    """A run of microGPT. `steps`: those that were kept so far; `characters`: its tokens, BOS (the last) left out."""

    name: str
    steps: list[int]
    characters: str
    documents: int
    shapes: dict[str, list[int]]


def find_micro(root: Path) -> list[StudioMicro]:
    """All of them, the newest first; damaged ones are left out, as the list of runs tells of them."""
    folders = sorted((path.parent.parent for path in root.glob(f"*/{STAGE}/{SHAPE}")), key=made, reverse=True)
    found = []
    for folder in folders:
        try:
            run = read_micro(folder)
            shapes = {name: list(matrix.shape) for name, matrix in run.weights(0).items()}
        except OrreryError:
            continue
        characters = "".join(run.characters.characters)
        found.append(StudioMicro(folder.name, run.steps(), characters, len(run.documents), shapes))
    return found


def micro_folder(root: Path, name: str) -> Path:
    """The folder of the run of this name. Raises Problem 404 when there is none."""
    if not (is_plain(name) and (root / name / STAGE / SHAPE).is_file()):
        raise Problem(404, f"there is no run of microGPT {name!r} in {root}", "run_not_found", "micro")
    return root / name


def router(root: Path) -> APIRouter:
    """The address of the list."""
    found = APIRouter()

    @found.get("/micro", summary="The runs of microGPT")
    async def micro() -> list[StudioMicro]:
        return await asyncio.to_thread(find_micro, root)

    return found


def read_micro(run: Path) -> MicroRun:
    """A run, read again where it was made anew. Raises RunError when there is none."""
    shape = run / STAGE / SHAPE
    return _read(run, shape.stat().st_mtime_ns if shape.exists() else 0)


@lru_cache(maxsize=8)
def _read(run: Path, written: int) -> MicroRun:
    return MicroRun.read(run)


def batch(run: MicroRun, documents: int) -> tuple[Tensor, Tensor]:
    """The first documents as one block: tokens, and the token after each -> B T, B T; `NOTHING` past their ends."""
    bos = run.characters.bos
    rows = [torch.tensor([bos, *run.characters.encode(text), bos]) for text in run.documents[:documents]]
    longest = max(map(len, rows))
    ids = torch.stack([F.pad(row, (0, longest - len(row)), value=bos) for row in rows])
    counts = torch.tensor([len(row) for row in rows])
    targets = torch.where(torch.arange(1, longest) < counts[:, None], ids[:, 1:], NOTHING)
    return ids[:, :-1], targets


def batch_loss(run: MicroRun, weights: Mapping[str, Tensor], ids: Tensor, targets: Tensor) -> Tensor:
    """The mean over documents of what training makes small: the mean surprise at each next token of a document."""

    def one(ids: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(tensors.logits(weights, run.shape, ids), targets, ignore_index=NOTHING)

    found: Tensor = torch.vmap(one)(ids, targets)
    return found.mean()


def losses(run: MicroRun, weights: Mapping[str, Tensor], documents: int) -> Tensor:
    """The loss over the first documents for many settings of the weights at once: matrices N rows columns -> N."""
    ids, targets = batch(run, documents)
    found: Tensor = torch.vmap(lambda weights: batch_loss(run, weights, ids, targets))(dict(weights))
    return found
