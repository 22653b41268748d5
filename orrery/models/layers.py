"""The parts of a transformer's block: rotary positions, attention, the two kinds of MLP.

Shapes, at the end of lines:
    B batch   T tokens   S slots attended to   D width   M MLP width
    H query heads   K key/value heads   G = H / K query heads that share one key/value head   C head width

On a CPU passes over memory cost as much as the matrix products, hence: one projection for queries, keys and values;
rotary tables and masks that come ready made, once for all layers; rotation of queries and keys together. Gate and up
of the MLP stay apart, because their halves of a joint result are not contiguous, which costs more than it saves.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from orrery.models.cache import KVCache
from orrery.models.config import TransformerConfig
from orrery.models.norm import RMSNorm


@dataclass(frozen=True)
class Pass:
    """What all layers of one forward pass share."""

    mask: Tensor | None  # [T S] or [B 1 T S], added to the scores: 0 or -inf; None: causal, left to the fused kernel
    rope: tuple[Tensor, Tensor] | None  # tables of `rotary_tables`
    cache: KVCache | None
    slots: tuple[Tensor, Tensor] | None  # where this pass writes to the cache: rows [B 1], positions [B T]
    used: int  # S


def make_norm(config: TransformerConfig) -> nn.Module:
    """The norm that the architecture uses on the residual stream."""
    if config.architecture == "gpt2":
        return nn.LayerNorm(config.width, eps=config.norm_eps)
    return RMSNorm(config.width, config.norm_eps)


def rotary_frequencies(config: TransformerConfig) -> Tensor:
    """Angle a token, in radians, of each of the C/2 rotated pairs -> [C/2], float32, on the CPU."""
    exponents = torch.arange(0, config.head_width, 2, dtype=torch.float32, device="cpu") / config.head_width
    frequencies = 1.0 / config.rope_base**exponents
    scaling = config.rope_scaling
    if scaling is None:
        return frequencies
    turns = scaling.original_context * frequencies / (2 * math.pi)
    low, high = scaling.low_frequency_factor, scaling.high_frequency_factor
    kept = ((turns - low) / (high - low)).clamp(0, 1)  # 1: a short wave, left as it is; 0: a long one, stretched
    return kept * frequencies + (1 - kept) * frequencies / scaling.factor


def rotary_tables(positions: Tensor, frequencies: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and signed sines (-sin for the first half, +sin for the second) of `positions` -> [B T 1 C] each."""
    angles = positions[:, :, None, None].float() * frequencies  # B T 1 C/2
    cosine, sine = angles.cos().to(dtype), angles.sin().to(dtype)
    return torch.cat((cosine, cosine), dim=-1), torch.cat((-sine, sine), dim=-1)


def rotate(x: Tensor, cosine: Tensor, signed_sine: Tensor) -> Tensor:
    """Turn each pair (x[i], x[i + C/2]) of `x` [B T H C] by its position's angle (RoFormer, arXiv 2104.09864).

    (a, b) becomes (a cos - b sin, b cos + a sin). Rolling by half the width brings each one its partner.
    """
    return torch.addcmul(x * cosine, x.roll(x.shape[-1] // 2, dims=-1), signed_sine)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Mix values `v` [B K S C] by how well queries `q` [B H T C] match keys `k` [B K S C] -> [B H T C].

    `mask` is added to the scores; without one the attention is causal (only where there is a fused kernel for it).

    The fused kernel is the rule. For bfloat16 on a CPU two plain matrix products take half its time in training,
    because of its backward pass; in float32 they take a third more.
    """
    H, T, C = q.shape[1:]
    K, S = k.shape[1:3]
    if mask is None or q.device.type != "cpu" or q.dtype != torch.bfloat16:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=H != K)
    q = (q * C**-0.5).reshape(-1, K, H // K * T, C)  # B K GT C: heads that share keys become one taller matrix
    scores = (q @ k.transpose(-2, -1)).view(-1, H, T, S) + mask
    weights = scores.softmax(dim=-1).view(-1, K, H // K * T, S)
    return (weights @ v).view(-1, H, T, C)


class Attention(nn.Module):
    """Causal self-attention in which G query heads share each key/value head."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        biases = config.architecture == "gpt2"
        self.heads, self.kv_heads, self.head_width = config.heads, config.kv_heads, config.head_width
        heads = config.heads + 2 * config.kv_heads
        self.qkv = nn.Linear(config.width, heads * config.head_width, bias=biases)  # rows: queries, keys, values
        self.output = nn.Linear(config.heads * config.head_width, config.width, bias=biases)
        if config.architecture == "qwen3":
            self.query_norm = RMSNorm(config.head_width, config.norm_eps)
            self.key_norm = RMSNorm(config.head_width, config.norm_eps)
        self.normed = config.architecture == "qwen3"

    def forward(self, x: Tensor, shared: Pass, layer: int) -> Tensor:
        H, K, C = self.heads, self.kv_heads, self.head_width
        q, k, v = self.qkv(x).unflatten(-1, (-1, C)).split((H, K, K), dim=2)  # B T H C, B T K C, B T K C
        if self.normed:
            q, k = self.query_norm(q), self.key_norm(k)
        if shared.rope is not None:
            q, k = rotate(torch.cat((q, k), dim=2), *shared.rope).split((H, K), dim=2)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)  # B H T C, B K T C, B K T C
        if shared.cache is not None and shared.slots is not None:
            k, v = shared.cache.extend(layer, shared.slots, k, v, shared.used)  # B K S C
        return self.output(attend(q, k, v, shared.mask).transpose(1, 2).flatten(2))  # B T D


class SwiGLU(nn.Module):
    """down(silu(gate(x)) * up(x)), without biases (arXiv 2002.05202)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.gate = nn.Linear(config.width, config.mlp_width, bias=False)
        self.up = nn.Linear(config.width, config.mlp_width, bias=False)
        self.down = nn.Linear(config.mlp_width, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))  # B T M inside


class GELU(nn.Module):
    """down(gelu(up(x))), with biases; the tanh approximation of GELU, as GPT-2 has it (arXiv 1606.08415)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.width, config.mlp_width)
        self.down = nn.Linear(config.mlp_width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(x), approximate="tanh"))  # B T M inside


class Block(nn.Module):
    """One layer: attention, then an MLP, each reading a normalised copy of the residual stream and adding to it."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention_norm = make_norm(config)
        self.attention = Attention(config)
        self.mlp_norm = make_norm(config)
        self.mlp = GELU(config) if config.architecture == "gpt2" else SwiGLU(config)

    def forward(self, x: Tensor, shared: Pass, layer: int) -> Tensor:
        x = x + self.attention(self.attention_norm(x), shared, layer)  # B T D
        return x + self.mlp(self.mlp_norm(x))
