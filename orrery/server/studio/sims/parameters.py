"""Where a model's parameters are: every matrix of microGPT at any small size, and the same parts of larger models."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from orrery.errors import ConfigError
from orrery.models.config import TransformerConfig
from orrery.models.explain import KNOWN, count_parts
from orrery.scratch.microgpt import Shape, parameters
from orrery.server.studio.compute import Loaded

LARGER = ("GPT-2 124M", "GPT-2 1.5B")
MOST = 120_000  # scalars of microGPT, each a Python object, that are made to be counted
PARTS = {
    "token": "token embedding", "position": "position embedding", "output": "unembedding",
    "query": "attention projections", "key": "attention projections", "value": "attention projections",
    "mix": "attention projections", "up": "MLP", "down": "MLP",
}  # fmt: skip


@dataclass(frozen=True)
class ParametersRequest:
    """A shape of microGPT, and the models to be compared with it."""

    models: Sequence[str] = ()
    layers: int = 1
    width: int = 16
    heads: int = 4
    context: int = 16
    tokens: int = 27


@dataclass(frozen=True)
class Matrix:
    """One matrix of microGPT, and of which part it is."""

    name: str
    part: str
    rows: int
    columns: int
    parameters: int


@dataclass(frozen=True)
class Counted:
    """A model by its parts, as `orrery explain` names them."""

    name: str
    layers: int
    width: int
    heads: int
    parts: dict[str, int]
    parameters: int


@dataclass(frozen=True)
class ParametersAnswer:
    """Every matrix of microGPT, and the models beside it, itself first."""

    matrices: list[Matrix]
    models: list[Counted]


def count_parameters(asked: ParametersRequest, read: Sequence[Loaded]) -> ParametersAnswer:
    """Count on the models themselves. Raises ConfigError for a shape that cannot be, or is too large for scalars."""
    shape = Shape(asked.layers, asked.width, asked.heads, asked.context)
    if min(asked.layers, asked.width, asked.heads, asked.context, asked.tokens) < 1 or asked.width % asked.heads:
        raise ConfigError(f"a width of {asked.width} cannot be shared by {asked.heads} heads; all sizes are above 0")
    expected = asked.width * (2 * asked.tokens + asked.context + 12 * asked.layers * asked.width)
    if expected > MOST:
        raise ConfigError(f"{expected:,} scalars are too many to make here; at most {MOST:,}")
    weights = parameters(shape, asked.tokens, random.Random(0))
    matrices = [
        Matrix(name, PARTS[name.split(".")[-1]], len(matrix), len(matrix[0]), len(matrix) * len(matrix[0]))
        for name, matrix in weights.items()
    ]
    parts = {part: sum(one.parameters for one in matrices if one.part == part) for part in PARTS.values()}
    micro = Counted("microGPT", asked.layers, asked.width, asked.heads, parts, sum(parts.values()))
    ours = [counted(name, one.model.config) for name, one in zip(asked.models, read, strict=True)]
    return ParametersAnswer(matrices, [micro, *ours, *(counted(name, KNOWN[name]) for name in LARGER)])


def counted(name: str, config: TransformerConfig) -> Counted:
    """A model of the transformer by its parts."""
    parts = {part.name: part.parameters for part in count_parts(config, config.context) if part.parameters}
    return Counted(name, config.layers, config.width, config.heads, parts, sum(parts.values()))
