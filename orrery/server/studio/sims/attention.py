"""Attention in a model of a run: who looks at whom, one head step by step, and what changes without it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from orrery.models.trace import HeadOff
from orrery.server.studio.compute import Loaded
from orrery.server.studio.sims.traced import Likely, check_within, likely_next, read_text, traced


@dataclass(frozen=True)
class AttentionRequest:
    """A text, and the heads that are to be switched off."""

    model: str
    text: str
    heads_off: Sequence[HeadOff] = ()


@dataclass(frozen=True)
class AttentionAnswer:
    """What all heads look at, without those switched off, and what that changes.

    `logprobs`, `logprobs_after`: of each token but the first, in nats, as the tokens before it expect it. `likely`: for
    each position the next tokens that are likeliest before or after.
    """

    tokens: list[str]
    ids: list[int]
    weights: NDArray[np.float32]  # L H T T
    logprobs: NDArray[np.float32]  # T-1
    logprobs_after: NDArray[np.float32]  # T-1
    likely: list[list[Likely]]


@torch.inference_mode()
def attention(asked: AttentionRequest, read: Loaded) -> AttentionAnswer:
    """All heads on a text. Raises ConfigError for a text that is too long, or a head that is not there."""
    text = read_text(read, asked.text)
    seen, whole = traced(read, text.ids, tuple(asked.heads_off)), traced(read, text.ids)
    before, after = (one.logits[0].float().log_softmax(-1) for one in (whole, seen))  # T V
    following = torch.tensor(text.ids[1:])[:, None]  # T-1 1
    return AttentionAnswer(
        tokens=list(text.tokens),
        ids=list(text.ids),
        weights=torch.stack([weights[0] for weights in seen.attention]).numpy(),
        logprobs=before[:-1].gather(-1, following)[:, 0].numpy(),
        logprobs_after=after[:-1].gather(-1, following)[:, 0].numpy(),
        likely=likely_next(read, before, after),
    )


@dataclass(frozen=True)
class HeadRequest:
    """One head of one layer, and the token from which it looks."""

    model: str
    text: str
    layer: int
    head: int
    query: int
    heads_off: Sequence[HeadOff] = ()


@dataclass(frozen=True)
class HeadAnswer:
    """The steps of one head at one position, with the tokens after it, too, which the mask hides.

    `dots`: query · key. `scores`: dots / √C. `weights`: softmax of those not hidden. `mixed`: weights · values.
    """

    query: NDArray[np.float32]  # C
    keys: NDArray[np.float32]  # T C
    values: NDArray[np.float32]  # T C
    dots: NDArray[np.float32]  # T
    scores: NDArray[np.float32]  # T
    weights: NDArray[np.float32]  # T
    mixed: NDArray[np.float32]  # C


@torch.inference_mode()
def attention_head(asked: HeadRequest, read: Loaded) -> HeadAnswer:
    """One head, step by step. Raises ConfigError for a layer, head or position that is not there."""
    text, config = read_text(read, asked.text), read.model.config
    check_within("layer", asked.layer, config.layers)
    check_within("head", asked.head, config.heads)
    check_within("query", asked.query, len(text.ids))
    did = traced(read, text.ids, tuple(asked.heads_off)).blocks[asked.layer]
    head, C = asked.head, config.head_width
    scores = did.scores[0, head, asked.query]  # T
    return HeadAnswer(
        query=did.queries[0, head, asked.query].numpy(),
        keys=did.keys[0, head].numpy(),
        values=did.values[0, head].numpy(),
        dots=(scores * C**0.5).numpy(),
        scores=scores.numpy(),
        weights=did.weights[0, head, asked.query].numpy(),
        mixed=did.mixed[0, asked.query, head * C : (head + 1) * C].numpy(),
    )
