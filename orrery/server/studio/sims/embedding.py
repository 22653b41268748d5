"""Rows of a model's embedding: two tokens multiplied number by number, and the tokens that point the same way."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from orrery.errors import ConfigError
from orrery.server.studio.compute import Loaded


@dataclass(frozen=True)
class EmbeddingRequest:
    """Two texts, of each of which the first token counts, and how many neighbours of the first to name."""

    model: str
    first: str
    second: str
    top: int = 10


@dataclass(frozen=True)
class Row:
    """One token's row. `pieces`: all tokens of the text that was given; the first is meant."""

    id: int
    text: str
    pieces: list[str]
    vector: NDArray[np.float32]  # D
    norm: float


@dataclass(frozen=True)
class Neighbour:
    """A token, its cosine with the first one, and their dot product."""

    id: int
    text: str
    cosine: float
    dot: float


@dataclass(frozen=True)
class EmbeddingAnswer:
    """The two rows, what comes of multiplying them, and the tokens whose rows are nearest to the first by angle.

    `typical`: how large the cosine of two tokens is that are picked at random (root of the mean square).
    """

    first: Row
    second: Row
    products: NDArray[np.float32]  # D
    dot: float
    cosine: float
    typical: float
    neighbours: list[Neighbour]


@torch.inference_mode()
def embedding(asked: EmbeddingRequest, read: Loaded) -> EmbeddingAnswer:
    """Compare two rows of the token embedding. Raises ConfigError for an empty text."""
    table = read.model.token_embedding.weight[: read.tokenizer.vocab_size].float()  # V D
    first, second = row(asked.first, table, read), row(asked.second, table, read)
    a, b = table[first.id], table[second.id]
    units = table / table.norm(dim=1, keepdim=True).clamp(min=1e-12)  # V D
    cosines = units @ units[first.id]  # V
    nearest = [id for id in cosines.argsort(descending=True).tolist() if id != first.id][: asked.top]
    # All pairs' cosine² together are |UᵀU|² (Frobenius), 1 of it for each token with itself: no V × V table is needed.
    V = len(units)
    typical = (((units.T @ units) ** 2).sum() - V).clamp(min=0).div(V * (V - 1)).sqrt()
    return EmbeddingAnswer(
        first=first,
        second=second,
        products=(a * b).numpy(),
        dot=(a @ b).item(),
        cosine=cosines[second.id].item(),
        typical=typical.item(),
        neighbours=[
            Neighbour(id, read.tokenizer.decode([id]), cosines[id].item(), (table[id] @ a).item()) for id in nearest
        ],
    )


def row(text: str, table: torch.Tensor, read: Loaded) -> Row:
    """The row of the first token of a text."""
    ids = read.tokenizer.encode(text)
    if not ids:
        raise ConfigError("there is no token in an empty text: give at least one character")
    pieces = [read.tokenizer.decode([id]) for id in ids]
    return Row(ids[0], pieces[0], pieces, table[ids[0]].numpy(), table[ids[0]].norm().item())
