"""Batches of prompts with completions: what reward modelling, DPO, PPO and GRPO train on.

    ids       p p p p c c c e . .      prompt, completion, its end, padding
    trained   . . . . x x x x . .      the tokens that the model wrote (never the prompt, never a tool's answer)

Whatever else a method knows of a token (its old log-probability, its advantage …) is another tensor of the same shape,
0 where nothing is trained. Padding comes last, where causal attention never looks.

    R rows, T tokens of the longest row, N trained tokens of all rows, V vocabulary, D width
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from orrery.models.transformer import Transformer

LOGITS = 1 << 22  # most logits held at once: 16 MiB in float32


@dataclass(frozen=True)
class Rows:
    """Rows of tokens; a method's batch adds tensors whose first dimension is R.

    Attributes:
        ids: [R … T], padded at the end. (Pairs and rankings are [R K T].)
        trained: [R … T], bool.
        lengths: [R …], tokens without padding.
        metrics: to be logged of the batch as a whole.
        alarms: to be raised when it is trained on.
    """

    ids: Tensor
    trained: Tensor
    lengths: Tensor
    metrics: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    alarms: Sequence[str] = field(default=(), kw_only=True)

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.ids)

    @property
    def tokens(self) -> int:
        """Positions that hold text."""
        return int(self.lengths.sum())

    @property
    def supervised(self) -> int:
        """Tokens that are trained on."""
        return int(self.trained.sum())

    def take(self, rows: Tensor) -> Self:
        """The rows of these indices, as wide as the longest of them."""
        width, longest = self.ids.shape[-1], int(self.lengths[rows].max())
        taken: dict[str, Any] = {}
        for name, value in self.tensors().items():
            wide = value.ndim == self.ids.ndim and value.shape[-1] == width
            taken[name] = value[rows][..., :longest] if wide else value[rows]
        return self.with_tensors(taken)

    def split(self, rows: int) -> Sequence[Self]:
        """Parts of at most ``rows`` rows."""
        return [self.take(part) for part in torch.arange(self.rows).split(rows)]

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        return self.with_tensors({name: value.to(device) for name, value in self.tensors().items()})

    def with_tensors(self, tensors: Mapping[str, Any]) -> Self:
        """The same with other tensors, by their names."""
        return replace(self, **tensors)

    def tensors(self) -> dict[str, Tensor]:
        """All its tensors, by their names."""
        named = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {name: value for name, value in named if isinstance(value, Tensor)}


def padded(rows: Sequence[Sequence[float]], dtype: torch.dtype = torch.long) -> Tensor:
    """Sequences of numbers as one tensor [R T], filled with 0 at the end."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], dtype=dtype)


def token_logprobs(model: Transformer, ids: Tensor, trained: Tensor) -> Tensor:
    """What the model thinks of the trained tokens: log-probabilities [N], float32, in the order of ``ids[trained]``."""
    return state_logprobs(model, *token_states(model, ids, trained))


def token_states(model: Transformer, ids: Tensor, trained: Tensor) -> tuple[Tensor, Tensor]:
    """The model's state before each trained token [N D], and the token itself [N]."""
    rows, columns = trained.nonzero(as_tuple=True)  # N
    return model.hidden(ids)[rows, columns - 1], ids[rows, columns]


def state_logprobs(model: Transformer, states: Tensor, targets: Tensor) -> Tensor:
    """Log-probabilities of targets [N] after states [N D] -> [N], float32."""

    def score(states: Tensor, targets: Tensor) -> Tensor:
        return -model.nats(states, targets)

    return in_parts(score, model.config.vocab_size, states, targets)


def in_parts(score: Callable[..., Tensor], vocab: int, *tensors: Tensor) -> Tensor:
    """A function of N tokens' states, in parts of so many that N x V logits are never held.

    Where there is more than one part, their gradients compute it again.
    """
    size = max(1, LOGITS // vocab)
    if len(tensors[0]) <= size:
        return score(*tensors)
    parts = zip(*(tensor.split(size) for tensor in tensors), strict=True)
    return torch.cat([checkpoint(score, *part, use_reentrant=False) for part in parts])


@torch.no_grad()
def frozen_logprobs(model: Transformer, rows: Rows) -> Tensor:
    """What a model that is not trained thinks of the trained tokens, at their places [R T]; 0 elsewhere."""
    found = torch.zeros(rows.trained.shape)
    for chosen in torch.arange(rows.rows).split(64):
        some = rows.take(chosen).to(model.token_embedding.weight.device)
        logprobs = token_logprobs(model, some.ids, some.trained)
        found[chosen, : some.ids.shape[1]] = spread(logprobs, some.trained).cpu()
    return found


def joined(parts: Sequence[Tensor]) -> Tensor:
    """What was computed for parts of the rows, [r t] each, as one tensor, as wide as the widest."""
    widest = max(part.shape[1] for part in parts)
    return torch.cat([F.pad(part, (0, widest - part.shape[1])) for part in parts])


def spread(values: Tensor, trained: Tensor) -> Tensor:
    """Numbers of the trained tokens [N] back at their places [R T], 0 elsewhere."""
    return torch.zeros(trained.shape, dtype=values.dtype, device=values.device).masked_scatter(trained, values)
