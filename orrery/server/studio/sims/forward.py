"""The whole forward pass of a model of a run, from its parts to one number and what adds up to it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from orrery.models.trace import Trace, WeightScaled
from orrery.server.studio.compute import Loaded
from orrery.server.studio.sims.parts import PER_HEAD, Place, factors, matrix, parts_of
from orrery.server.studio.sims.traced import Likely, Text, check_within, likely_next, read_text, traced

LENS = 3  # tokens named for each depth and position
COLUMNS = 256  # of a matrix, at most, are sent
LIKELY = 24  # columns of logits and probabilities: the likeliest tokens
TERMS = 12  # products of a sum that are named


@dataclass(frozen=True)
class ForwardRequest:
    """A text, and what is to be changed on a copy of the weights."""

    model: str
    text: str
    edits: Sequence[WeightScaled] = ()


@dataclass(frozen=True)
class PartShape:
    """A part of the pass: one a layer and a head, where it has them."""

    name: str
    per_layer: bool
    per_head: bool
    shape: tuple[int, int]


@dataclass(frozen=True)
class Parameter:
    """A parameter that can be changed."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Guess:
    """A token that a depth of the model would say next, with its probability."""

    id: int
    text: str
    probability: float


@dataclass(frozen=True)
class ForwardAnswer:
    """What there is to look at, and what each depth would say (the logit lens; 0: the embedding alone).

    `lens`: for each depth and position the likeliest next tokens. `likely`: those of the last depth, with the edits and
    without.
    """

    tokens: list[str]
    ids: list[int]
    layers: int
    heads: int
    parts: list[PartShape]
    parameters: list[Parameter]
    lens: list[list[list[Guess]]]
    likely: list[list[Likely]]


@torch.inference_mode()
def forward(asked: ForwardRequest, read: Loaded) -> ForwardAnswer:
    """All parts by name and shape. Raises ConfigError for a text that is too long, or an edit of what is not there."""
    text = read_text(read, asked.text)
    seen, whole = traced(read, text.ids, tuple(asked.edits)), traced(read, text.ids)
    config = read.model.config
    return ForwardAnswer(
        tokens=list(text.tokens),
        ids=list(text.ids),
        layers=config.layers,
        heads=config.heads,
        parts=[shape_of(seen, name) for name in parts_of(seen)],
        parameters=[Parameter(name, tuple(weight.shape)) for name, weight in read.model.named_parameters()],
        lens=[guesses(read, seen.lens(depth)[0]) for depth in range(config.layers + 1)],
        likely=likely_next(read, *(one.logits[0].float().log_softmax(-1) for one in (whole, seen))),
    )


def shape_of(seen: Trace, name: str) -> PartShape:
    """A part with its size."""
    rows, columns = matrix(seen, Place(name)).shape
    per_layer = name not in ("embedding", "final norm", "logits", "probabilities")
    return PartShape(name, per_layer, name in PER_HEAD, (rows, columns))


def guesses(read: Loaded, logits: Tensor) -> list[list[Guess]]:
    """The likeliest tokens of each row of logits [T V]."""
    top = logits.float().softmax(-1).topk(LENS)
    return [
        [Guess(id, read.tokenizer.decode([id]), p) for p, id in zip(values, ids, strict=True)]
        for values, ids in zip(top.values.tolist(), top.indices.tolist(), strict=True)
    ]


@dataclass(frozen=True)
class PartRequest:
    """One part; of logits and probabilities the columns that are likeliest at position `row`.

    `change`: after the edits less before them.
    """

    model: str
    text: str
    part: str
    layer: int = 0
    head: int = 0
    row: int = 0
    change: bool = False
    edits: Sequence[WeightScaled] = ()


@dataclass(frozen=True)
class PartAnswer:
    """A part's numbers. `columns`: which of its `width` columns these are; `names`: theirs, where they are tokens."""

    values: NDArray[np.float32]  # T n
    columns: list[int]
    names: list[str] | None
    width: int


@torch.inference_mode()
def forward_part(asked: PartRequest, read: Loaded) -> PartAnswer:
    """The numbers of one part. Raises ConfigError for a part, layer, head or position that is not there."""
    text, place = located(asked, read)
    values = matrix(traced(read, text.ids, tuple(asked.edits)), place)
    names, width = None, values.shape[1]
    columns = torch.arange(min(width, COLUMNS))
    if place.part in ("logits", "probabilities"):
        columns = values[asked.row].topk(min(LIKELY, width)).indices
        names = [read.tokenizer.decode([id]) for id in columns.tolist()]
    elif place.part in ("scores", "weights"):
        names = list(text.tokens)
    if asked.change:
        values = values - matrix(traced(read, text.ids), place)
    return PartAnswer(values[:, columns].float().numpy(), columns.tolist(), names, width)


@dataclass(frozen=True)
class CellRequest:
    """One number of a part."""

    model: str
    text: str
    part: str
    row: int
    column: int
    layer: int = 0
    head: int = 0
    edits: Sequence[WeightScaled] = ()


@dataclass(frozen=True)
class Term:
    """One product of a sum."""

    name: str
    left: float
    right: float
    product: float


@dataclass(frozen=True)
class CellAnswer:
    """A number, and the products that add up to it: the largest by name, `others` together."""

    value: float
    left_is: str
    right_is: str
    terms: list[Term]
    others: float
    count: int


@torch.inference_mode()
def forward_cell(asked: CellRequest, read: Loaded) -> CellAnswer:
    """The sum behind one number. Raises ConfigError for one that is not there."""
    text, place = located(asked, read)
    seen = traced(read, text.ids, tuple(asked.edits))
    values = matrix(seen, place)
    check_within("column", asked.column, values.shape[1])
    made = factors(seen, place, text.ids, text.tokens, asked.row, asked.column)
    product = (made.left * made.right).float()
    largest = product.abs().topk(min(TERMS, len(product))).indices.tolist()
    return CellAnswer(
        value=float(values[asked.row, asked.column]),
        left_is=made.left_is,
        right_is=made.right_is,
        terms=[Term(made.names[i], float(made.left[i]), float(made.right[i]), float(product[i])) for i in largest],
        others=float(product.sum() - product[largest].sum()),
        count=len(product),
    )


def located(asked: PartRequest | CellRequest, read: Loaded) -> tuple[Text, Place]:
    """The text and the part that are asked for. Raises ConfigError for a layer, head or position that is not there."""
    text, config = read_text(read, asked.text), read.model.config
    check_within("layer", asked.layer, config.layers)
    check_within("head", asked.head, config.heads)
    check_within("row", asked.row, len(text.ids))
    return text, Place(asked.part, asked.layer, asked.head)
