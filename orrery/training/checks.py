"""What is looked at before and while a stage trains, so that nothing goes wrong in silence.

The list is Karpathy's (A Recipe for Training Neural Networks, 2019): is the first loss what it should be, does every
batch have something to learn from, does every layer get a gradient, do numbers stay finite. What cannot be right ends
the run; what looks wrong is an ``alarm`` event. (That one batch can be overfitted is a test of the project's.)
"""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from orrery.errors import DataError, RunError
from orrery.training.optim import whole_tensor
from orrery.training.parallel import Share
from orrery.training.stage import Batch

_LAYER = re.compile(r"^((?:.*?\.)?\d+)\.|^([^.]+)")  # up to the first number, or the first name


def check_batch(batch: Batch | Share, step: int) -> None:
    """Raise `DataError` when the batch has no token to train on: its loss would be 0 or not a number."""
    if batch.supervised == 0:
        raise DataError(
            f"step {step}: none of the batch's {batch.tokens} tokens is trained on; look at the loss mask: a "
            "conversation needs an assistant's message, and a context long enough to reach it"
        )


def check_first_loss(loss: float, expected: tuple[float, float]) -> str | None:
    """A warning when the first loss lies outside of the expected range.

    Raises:
        RunError: it is not a finite number.
    """
    low, high = expected
    if not math.isfinite(loss):
        raise RunError(
            f"the first loss is {loss}: the weights or the data are broken; nothing can be trained from here"
        )
    if low <= loss <= high:
        return None
    return (
        f"the first loss is {loss:.2f}, expected {low:.2f} to {high:.2f}: look at the initialisation, or whether the "
        "parent model and the tokenizer belong together"
    )


def layer_of(name: str) -> str:
    """The layer that a parameter belongs to, for gradient norms by layer.

    >>> layer_of("blocks.3.attention.qkv.weight"), layer_of("token_embedding.weight")
    ('blocks.3', 'token_embedding')
    """
    match = _LAYER.match(name)
    return (match.group(1) or match.group(2)) if match else name


def gradient_norms(models: Mapping[str, nn.Module]) -> dict[str, float]:
    """Norm of the gradient of each layer that is trained; layers of several models carry the model's name before."""
    squares: dict[str, list[Tensor]] = {}
    for model_name, model in models.items():
        prefix = f"{model_name}." if len(models) > 1 else ""
        for name, weight in model.named_parameters():
            if weight.requires_grad:
                norm = weight.new_zeros(()) if weight.grad is None else torch.linalg.vector_norm(weight.grad)
                squares.setdefault(prefix + layer_of(name), []).append(whole_tensor(norm).float().square())
    return {layer: float(torch.stack(parts).sum().sqrt()) for layer, parts in squares.items()}


def check_gradients(norms: Mapping[str, float]) -> list[str]:
    """Warnings about layers that get no gradient at the first step.

    Raises:
        RunError: a layer's gradient is not finite.
    """
    broken = [layer for layer, norm in norms.items() if not math.isfinite(norm)]
    if broken:
        raise RunError(f"the first gradient of {', '.join(broken)} is not finite: try precision float32")
    return [f"{layer} gets no gradient: it will not learn" for layer, norm in norms.items() if norm == 0]


@dataclass
class LossWatch:
    """Early warning of divergence: knows the running mean and spread of the loss, and counts broken steps.

    A spike is a loss more than `SIGMAS` standard deviations, and at least `MARGIN`, above the running mean.
    """

    steps: int = 0
    mean: float = 0.0
    variance: float = 0.0
    bad: int = 0  # broken steps in a row

    MEMORY = 0.98  # share of the running mean that a step keeps: about 50 steps count
    WARMUP = 50  # steps before the first spike can be told
    SIGMAS = 6.0
    MARGIN = 0.5

    def finite(self, loss: float) -> str | None:
        """Take in the loss of a good step; a warning when it is a spike."""
        self.bad = 0
        excess = loss - self.mean
        limit = max(self.MARGIN, self.SIGMAS * math.sqrt(self.variance))
        spike = self.steps >= self.WARMUP and excess > limit
        self.steps += 1
        keep = min(self.MEMORY, 1 - 1 / self.steps)  # the plain mean at first
        self.mean += (1 - keep) * excess
        self.variance = keep * (self.variance + (1 - keep) * excess**2)
        return f"the loss jumped to {loss:.3f} from a mean of {loss - excess:.3f}" if spike else None

    def broken(self, loss: float, norm: float) -> str:
        """Take in a step whose loss or gradient is not finite; returns what to say."""
        self.bad += 1
        return f"loss {loss}, gradient norm {norm}: the step is skipped"

    def check(self, limit: int) -> None:
        """Raise `RunError` when the last ``limit`` steps were all broken."""
        if self.bad >= limit:
            raise RunError(
                f"{self.bad} steps in a row had a loss or gradient that is not finite: training diverged. Go back to "
                "an earlier checkpoint, or start again with a lower learning rate, longer warm-up or precision float32"
            )

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return asdict(self)
