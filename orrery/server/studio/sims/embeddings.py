"""The embeddings of microGPT at all steps that were kept, in one plane, so that what moves is what is learnt."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from orrery.stages.microgpt import MicroRun


@dataclass(frozen=True)
class EmbeddingsRequest:
    """Which matrix: the vector of each token, or of each position. `last`: the last step that is wanted; none: all."""

    micro: str
    matrix: Literal["token", "position"] = "token"
    last: int | None = None


@dataclass(frozen=True)
class EmbeddingsAnswer:
    """The vectors at each step, and where they are in the plane in which those of the last step differ most.

    `points`: by principal component analysis of the last step, its mean taken off; all steps use this one plane, so
    no axis flips or turns on the way. `share`: of the last step's variance, for each of the two axes.
    """

    steps: list[int]
    names: list[str]  # V
    vectors: NDArray[np.float32]  # S V D
    points: NDArray[np.float32]  # S V 2
    share: list[float]


def embeddings(asked: EmbeddingsRequest, run: MicroRun) -> EmbeddingsAnswer:
    """The way of every vector through training."""
    steps = [step for step in run.steps() if asked.last is None or step <= max(0, asked.last)]
    vectors = torch.stack([run.weights(step)[asked.matrix] for step in steps])  # S V D
    characters = run.characters.characters
    names = [*characters, "BOS"] if asked.matrix == "token" else [str(i) for i in range(run.shape.context)]
    mean = vectors[-1].mean(0)
    _, spread, axes = torch.linalg.svd(vectors[-1] - mean, full_matrices=False)
    points = (vectors - mean) @ axes[:2].T  # S V 2
    share = (spread.square() / spread.square().sum())[:2]
    return EmbeddingsAnswer(steps, names, vectors.float().numpy(), points.float().numpy(), share.tolist())
