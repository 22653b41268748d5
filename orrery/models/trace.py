"""A forward pass that can be watched and meddled with: attention weights, residual stream and logit lens.

    seen = trace(model, ids)
    seen.attention[2][0, 1]                  # layer 2, first row, head 1: how much token t (row) takes from s (column)
    seen.lens(2)                             # what the model would say had it only its first two blocks
    trace(model, ids, [HeadOff(layer=2, head=1)]).logits        # and what it says without that head

Fused attention gives no weights, so all is recomputed here by the plain formulas, and a test holds the logits equal to
the model's own. Edits are made on a copy; the model itself is never changed.

Shapes: B batch, T tokens, D width, H query heads, K key/value heads, C head width, V vocabulary.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from orrery.config import nearest
from orrery.errors import ConfigError, InferenceError
from orrery.models.layers import Attention, Block
from orrery.models.transformer import Transformer


@dataclass(frozen=True)
class HeadOff:
    """Let one query head add nothing to the residual stream."""

    layer: int
    head: int


@dataclass(frozen=True)
class WeightScaled:
    """Multiply one parameter, or only its rows `rows`, by `factor`."""

    name: str
    """As in `model.state_dict()`, such as "blocks.0.mlp.down.weight"."""
    factor: float
    rows: tuple[int, ...] | None = None


Edit = HeadOff | WeightScaled


@dataclass(frozen=True)
class Trace:
    """What happened in one forward pass over B rows of T tokens."""

    model: Transformer
    """The model that ran: the one given, or its edited copy."""
    attention: tuple[Tensor, ...]
    """A layer each, [B H T T]: rows are the tokens that look, columns those looked at; rows sum to 1."""
    residuals: tuple[Tensor, ...]
    """[B T D]: the stream after the embedding and after each block."""

    @torch.no_grad()
    def lens(self, depth: int) -> Tensor:
        """Logits [B T V] read off the stream after `depth` blocks (0: the embedding), through the last norm.

        The "logit lens" (nostalgebraist, 2020).
        """
        return self.model.unembed(self.model.final_norm(self.residuals[depth]))

    @property
    def logits(self) -> Tensor:
        """The model's answer, [B T V]."""
        return self.lens(-1)


@torch.no_grad()
def trace(model: Transformer, ids: Tensor, edits: Sequence[Edit] = ()) -> Trace:
    """Run `model` on `ids` [B T], with `edits` made first on a copy.

    Raises:
        ConfigError: an edit names a layer, head, parameter or row that the model does not have.
        InferenceError: more tokens than the model's context.
    """
    T = ids.shape[1]
    if model.config.context < T:
        raise InferenceError(f"{T} tokens exceed the model's context of {model.config.context}")
    if edits:
        model = copy.deepcopy(model)
        for edit in edits:
            apply_edit(model, edit)
    positions = torch.arange(T, device=ids.device)
    x = model.token_embedding(ids)  # B T D
    if not model.config.rotary:
        x = x + model.position_embedding(positions)
    attention, residuals = [], [x]
    for block in cast("list[Block]", model.blocks):
        weights, mixed = look(block.attention, block.attention_norm(x), positions, model.frequencies)
        x = x + block.attention.output(mixed)
        x = x + block.mlp(block.mlp_norm(x))
        attention.append(weights)
        residuals.append(x)
    return Trace(model, tuple(attention), tuple(residuals))


def look(part: Attention, x: Tensor, positions: Tensor, frequencies: Tensor | None) -> tuple[Tensor, Tensor]:
    """Attention by its formula: weights [B H T T], and the values they mix [B T HC], of normalised `x` [B T D]."""
    H, K, C = part.heads, part.kv_heads, part.head_width
    q, k, v = part.qkv(x).unflatten(-1, (-1, C)).split((H, K, K), dim=2)  # B T H C, B T K C, B T K C
    if part.normed:
        q, k = part.query_norm(q), part.key_norm(k)
    if frequencies is not None:
        angles = positions[:, None, None] * frequencies.to(x.device)  # T 1 C/2
        q, k = turn(q, angles), turn(k, angles)
    k, v = (part_of_group.repeat_interleave(H // K, dim=2) for part_of_group in (k, v))  # B T H C
    scores = torch.einsum("bthc,bshc->bhts", q, k) / C**0.5
    future = positions[None, :] > positions[:, None]  # T T
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)  # B H T T
    return weights, torch.einsum("bhts,bshc->bthc", weights, v).flatten(2)


def turn(x: Tensor, angles: Tensor) -> Tensor:
    """Rotate each pair (x[i], x[i + C/2]) of `x` [B T H C] by `angles` [T 1 C/2]."""
    first, second = x.chunk(2, dim=-1)
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


def apply_edit(model: Transformer, edit: Edit) -> None:
    """Change `model` as `edit` says."""
    weights = dict(model.named_parameters())
    if isinstance(edit, HeadOff):
        c = model.config
        if not (0 <= edit.layer < c.layers and 0 <= edit.head < c.heads):
            raise ConfigError(f"no head {edit.head} in layer {edit.layer}: {c.layers} layers of {c.heads} heads")
        # The output projection is the only reader of a head's result, so its columns are the switch.
        columns = slice(edit.head * c.head_width, (edit.head + 1) * c.head_width)
        weights[f"blocks.{edit.layer}.attention.output.weight"][:, columns] = 0
        return
    if edit.name not in weights:
        raise ConfigError(f"the model has no parameter '{edit.name}'; {nearest(edit.name, weights)}")
    weight = weights[edit.name]
    rows = range(len(weight)) if edit.rows is None else edit.rows
    if not all(0 <= row < len(weight) for row in rows):
        raise ConfigError(f"{edit.name} has rows 0 to {len(weight) - 1}; asked for {list(rows)}")
    weight[list(rows)] *= edit.factor
