"""A forward pass that can be watched and meddled with: every tensor of every block, residual stream and logit lens.

    seen = trace(model, ids)
    seen.attention[2][0, 1]                  # layer 2, first row, head 1: how much token t (row) takes from s (column)
    seen.blocks[2].queries[0, 1]             # and what its tokens ask for
    seen.lens(2)                             # what the model would say had it only its first two blocks
    trace(model, ids, [HeadOff(layer=2, head=1)]).logits        # and what it says without that head

Fused attention gives no weights, so all is recomputed here by the plain formulas, and a test holds the logits equal to
the model's own. Edits are made on a copy; the model itself is never changed.

Shapes: B batch, T tokens, D width, M MLP width, H query heads, K key/value heads, C head width, V vocabulary.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from orrery.config import nearest
from orrery.errors import ConfigError, InferenceError
from orrery.models.layers import GELU, Attention, Block, SwiGLU
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
class BlockTrace:
    """Every tensor of one block, in the order in which they are made. Each query head has its own keys and values."""

    attention_input: Tensor
    """[B T D]: the stream, normalised."""
    projected: tuple[Tensor, Tensor, Tensor]
    """Queries [B H T C], keys and values [B K T C] as the projection gives them."""
    queries: Tensor
    """[B H T C]: normalised and rotated, where the model does so; so are the keys."""
    keys: Tensor
    """[B H T C]"""
    values: Tensor
    """[B H T C]"""
    scores: Tensor
    """[B H T T]: queries · keys / √C, before the mask."""
    weights: Tensor
    """[B H T T]: rows are the tokens that look, columns those looked at; rows sum to 1."""
    mixed: Tensor
    """[B T HC]: weights · values, the heads side by side."""
    attention_output: Tensor
    """[B T D]: what attention adds to the stream."""
    middle: Tensor
    """[B T D]: the stream after that."""
    mlp_input: Tensor
    """[B T D]: it, normalised."""
    gate: Tensor | None
    """[B T M], in an MLP that has one."""
    up: Tensor
    """[B T M]"""
    hidden: Tensor
    """[B T M]: silu(gate) * up, or gelu(up)."""
    mlp_output: Tensor
    """[B T D]: what the MLP adds to the stream."""


@dataclass(frozen=True)
class Trace:
    """What happened in one forward pass over B rows of T tokens."""

    model: Transformer
    """The model that ran: the one given, or its edited copy."""
    blocks: tuple[BlockTrace, ...]
    residuals: tuple[Tensor, ...]
    """[B T D]: the stream after the embedding and after each block."""

    @property
    def attention(self) -> tuple[Tensor, ...]:
        """The weights, a layer each, [B H T T]."""
        return tuple(block.weights for block in self.blocks)

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
    blocks, residuals = [], [x]
    for block in cast("list[Block]", model.blocks):
        blocks.append(trace_block(block, x, positions, model.frequencies))
        x = blocks[-1].middle + blocks[-1].mlp_output
        residuals.append(x)
    return Trace(model, tuple(blocks), tuple(residuals))


def trace_block(block: Block, x: Tensor, positions: Tensor, frequencies: Tensor | None) -> BlockTrace:
    """One block on the stream `x` [B T D], by its formulas."""
    looking = block.attention_norm(x)
    projected = project(block.attention, looking)
    queries, keys, values = compared(block.attention, projected, positions, frequencies)
    scores, weights, mixed = look(queries, keys, values)
    found = block.attention.output(mixed)
    middle = x + found
    thinking = block.mlp_norm(middle)
    gate, up, hidden = think(block.mlp, thinking)
    return BlockTrace(
        looking, projected, queries, keys, values, scores, weights, mixed, found, middle, thinking, gate, up, hidden,
        block.mlp.down(hidden),
    )  # fmt: skip


def project(part: Attention, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries [B H T C], keys and values [B K T C] of the normalised stream `x` [B T D]."""
    H, K = part.heads, part.kv_heads
    heads = part.qkv(x).unflatten(-1, (-1, part.head_width)).transpose(1, 2)  # B H+2K T C
    q, k, v = heads.split((H, K, K), dim=1)
    return q, k, v


def compared(
    part: Attention, projected: tuple[Tensor, Tensor, Tensor], positions: Tensor, frequencies: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """What `projected` becomes before queries meet keys: normalised, rotated, and one of each for each query head."""
    q, k, v = projected
    if part.normed:
        q, k = part.query_norm(q), part.key_norm(k)
    if frequencies is not None:
        angles = positions[:, None] * frequencies.to(q.device)  # T C/2
        q, k = turn(q, angles), turn(k, angles)
    group = part.heads // part.kv_heads
    return q, k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)


def look(queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Attention by its formula, of [B H T C] each: scores and weights [B H T T], and the mixed values [B T HC]."""
    T, C = queries.shape[-2:]
    scores = queries @ keys.transpose(-2, -1) / C**0.5  # B H T T
    future = torch.ones(T, T, dtype=torch.bool, device=scores.device).triu(1)  # T T
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)  # B H T T
    return scores, weights, (weights @ values).transpose(1, 2).flatten(2)


def think(part: SwiGLU | GELU, x: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
    """The inside of an MLP by its formula, of the normalised stream `x` [B T D]: gate, up and hidden, [B T M] each."""
    up = part.up(x)
    if isinstance(part, GELU):
        return None, up, F.gelu(up, approximate="tanh")
    gate = part.gate(x)
    return gate, up, F.silu(gate) * up


def turn(x: Tensor, angles: Tensor) -> Tensor:
    """Rotate each pair (x[i], x[i + C/2]) of `x` [B H T C] by `angles` [T C/2]."""
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
