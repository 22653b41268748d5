"""From micro to macro: what models of this machine, microGPT and well-known ones consist of, and what they cost.

Sizes are counted on each architecture (orrery/models/explain.py). How much the well-known ones read, and what that
cost, are their makers' words; nothing of that is run here.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from orrery.data.names import OUR_NAMES
from orrery.models.explain import KNOWN, count_parts
from orrery.models.transformer import TransformerConfig
from orrery.scratch.microgpt import Characters, Shape, parameters
from orrery.server.studio.compute import Loaded

MICRO_STEPS = 1000  # of one name each, as `orrery microgpt` does


@dataclass(frozen=True)
class Told:
    """What is known of a model that is not run here: the tokens it read, in sequences of how many, and the FLOPs of its
    training as its makers give them."""

    source: str
    tokens: float | None = None
    sequence: int = 1024
    training: float | None = None


TOLD = {
    "GPT-2 124M": Told("Radford et al. 2019: WebText, 40 GB; tokens and compute are not published"),
    "GPT-2 1.5B": Told("Radford et al. 2019: WebText, 40 GB; tokens and compute are not published"),
    "GPT-3 175B": Told("Brown et al. 2020, arXiv 2005.14165, table D.1", 300e9, 2048, 3.14e23),
    "Llama 3 8B": Told("model card of Meta-Llama-3-8B: “over 15T tokens”; compute is not published", 15e12, 8192),
    "Llama 3.1 405B": Told("Llama Team 2024, arXiv 2407.21783, section 3", 15.6e12, 8192, 3.8e25),
}


@dataclass(frozen=True)
class ScaleRequest:
    """The models of this machine to set beside the well-known ones."""

    models: Sequence[str] = ()


@dataclass(frozen=True)
class Size:
    """One model. `flops`: of a forward pass, a token, in sequences as it is trained on; training takes thrice that.

    `tokens`: that it was trained on, null where that is not known; of models of this machine their run knows it.
    `training`: FLOPs of its training as its makers give them, null where they do not.
    """

    name: str
    kind: Literal["scratch", "here", "elsewhere"]
    parameters: int
    layers: int
    width: int
    context: int
    vocab_size: int
    flops: int
    tokens: float | None = None
    training: float | None = None
    source: str = ""


@dataclass(frozen=True)
class ScaleAnswer:
    """All of them, the smallest first."""

    sizes: list[Size]


def scale(asked: ScaleRequest, read: Sequence[Loaded]) -> ScaleAnswer:
    """Count each model's parameters and arithmetic."""
    sizes = [micro(), *elsewhere()]
    sizes += [of_config(name, "here", one.model.config) for name, one in zip(asked.models, read, strict=True)]
    return ScaleAnswer(sorted(sizes, key=lambda size: size.parameters))


@lru_cache(maxsize=1)
def elsewhere() -> list[Size]:
    """The well-known ones."""
    return [of_config(name, "elsewhere", config, TOLD[name]) for name, config in KNOWN.items()]


def of_config(
    name: str, kind: Literal["here", "elsewhere"], config: TransformerConfig, told: Told | None = None
) -> Size:
    """One architecture, counted; its FLOPs in sequences as long as those it was trained on."""
    parts = count_parts(config, min(config.context, told.sequence) if told else config.context)
    return Size(
        name=name,
        kind=kind,
        parameters=sum(part.parameters for part in parts),
        layers=config.layers,
        width=config.width,
        context=config.context,
        vocab_size=config.vocab_size,
        flops=sum(part.flops for part in parts),
        tokens=told.tokens if told else None,
        training=told.training if told else None,
        source=told.source if told else "",
    )


@lru_cache(maxsize=1)
def micro() -> Size:
    """microGPT on its list of names, counted on its own weights: 2 FLOPs for each that a token is multiplied with."""
    names, shape = OUR_NAMES.read_text(encoding="utf-8").split(), Shape()
    characters = Characters(names)
    weights = parameters(shape, characters.size, random.Random(0))
    counts = {name: sum(map(len, matrix)) for name, matrix in weights.items()}
    multiplied = sum(counts.values()) - counts["token"] - counts["position"]
    letters = sum(map(len, names)) / len(names)
    return Size(
        name="microGPT",
        kind="scratch",
        parameters=sum(counts.values()),
        layers=shape.layers,
        width=shape.width,
        context=shape.context,
        vocab_size=characters.size,
        flops=2 * multiplied + 4 * shape.layers * shape.width * shape.context,
        tokens=MICRO_STEPS * (letters + 1),
        source=f"orrery microgpt: {MICRO_STEPS:,} names of {letters + 1:.1f} tokens",
    )
