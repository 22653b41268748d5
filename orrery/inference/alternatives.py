"""What else a model could have written: for each token of a text its probability, and the likeliest ones there.

for choice in alternatives(engine, ids, top=3):
    print(choice.id, choice.probability, choice.likeliest)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from orrery.errors import ContextFull
from orrery.inference.engine import Engine

POSITIONS = 64  # unembedded at a time: the logits of all would take a gigabyte where context and vocabulary are large


@dataclass(frozen=True)
class Choice:
    """One token of a text: its id and probability, and the likeliest (id, probability) there, falling."""

    id: int
    probability: float
    likeliest: list[tuple[int, float]]


@torch.no_grad()
def alternatives(engine: Engine, ids: Sequence[int], top: int) -> list[Choice]:
    """The choices that made `ids`, one for every token but the first, each given those before it.

    One forward pass without a cache. The probabilities are the model's own: those of `Engine.logprobs`, which no
    temperature, filter or penalty has changed.

    Raises ContextFull when there are more ids than the context has positions.
    """
    if len(ids) > engine.context:
        raise ContextFull(f"the text has {len(ids)} tokens; the model's context is {engine.context}")
    hidden = engine.model.hidden(torch.tensor([ids], device=engine.device))[0]  # T D
    choices = []
    for start in range(0, len(ids) - 1, POSITIONS):
        stop = min(start + POSITIONS, len(ids) - 1)
        probabilities = engine.model.unembed(hidden[start:stop]).float().softmax(-1)  # t V
        likeliest = probabilities.topk(min(top, probabilities.shape[-1]))  # t top
        for row, id_ in enumerate(ids[start + 1 : stop + 1]):
            pairs = zip(likeliest.indices[row].tolist(), likeliest.values[row].tolist(), strict=True)
            choices.append(Choice(id_, probabilities[row, id_].item(), list(pairs)))
    return choices
