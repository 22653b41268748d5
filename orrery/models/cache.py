"""The key/value cache: what attention needs to remember of the tokens that a sequence already has."""

import torch
from torch import Tensor

from orrery.errors import InferenceError
from orrery.models.config import TransformerConfig


class KVCache:
    """Keys and values of every layer for up to `length` tokens of each of `batch` sequences.

    `lengths` [B] says how many tokens of each row are held; the next forward pass goes on from there. After prompts
    of different lengths went in right-padded, set `lengths` to their true lengths: what the padding wrote lies beyond
    them, where no query looks until it is overwritten.

    Raises `InferenceError` when `length` exceeds the model's context.
    """

    def __init__(
        self,
        config: TransformerConfig,
        batch: int,
        length: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        if length > config.context:
            raise InferenceError(f"a cache of {length} tokens is longer than the model's context of {config.context}")
        shape = (config.layers, batch, config.kv_heads, length, config.head_width)
        # Zeros and not empty: unused slots get probability 0, and 0 times a NaN found in memory would be NaN.
        self.keys = torch.zeros(shape, dtype=dtype, device=device)  # L B K S C
        self.values = torch.zeros(shape, dtype=dtype, device=device)  # L B K S C
        self.lengths = torch.zeros(batch, dtype=torch.long, device=device)  # B

    @property
    def capacity(self) -> int:
        """How many tokens a row can hold."""
        return self.keys.shape[3]

    def select(self, rows: Tensor) -> None:
        """Keep only `rows` (indices or a boolean mask over the batch), in that order."""
        self.keys, self.values, self.lengths = self.keys[:, rows], self.values[:, rows], self.lengths[rows]

    def extend(
        self, layer: int, slots: tuple[Tensor, Tensor], k: Tensor, v: Tensor, used: int
    ) -> tuple[Tensor, Tensor]:
        """Write keys and values [B K T C] at `slots` (rows [B 1], positions [B T]); return the first `used` of all."""
        rows, positions = slots
        keys, values = self.keys[layer], self.values[layer]  # B K S C, views
        keys[rows, :, positions] = k.transpose(1, 2).to(keys.dtype)
        values[rows, :, positions] = v.transpose(1, 2).to(values.dtype)
        return keys[:, :, :used].to(k.dtype), values[:, :, :used].to(v.dtype)
