"""Cross-entropy of a vocabulary's logits, without passing over all of the logits ten times.

With h the state before a token, W the unembedding, and t the token that came:

    z = W h        nats = log(sum(exp(z))) - z[t]        p = softmax(z)
    d nats / dz = p - onehot(t)        d nats / dh = W^T (p - onehot(t))        d nats / dW = (p - onehot(t)) h^T

Written with PyTorch's operations this passes a dozen times over N x V numbers, most of them in float32: a quarter of
a training step of a small model. Here logits are made a few rows at a time, stay in the processor's cache while all is
computed of them, and leave `p - onehot(t)` in the states' own type, which the backward pass multiplies. (The gradient
along with the loss: Liger kernel, Hsu et al. 2024, arXiv 2410.10989, section 3.2.)

Shapes: N tokens, D width, V vocabulary.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

CACHED = 1 << 18  # logits that are made in one go on a CPU: 1 MiB of float32
ON_GPU = 1 << 28  # elsewhere: large enough to keep it busy


def cross_entropy(states: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Nats of each of `targets` [N] by the logits of `states` [N D] and `weight` [V D] -> [N], float32 at least.

    Equal to `F.cross_entropy(F.linear(states, weight).float(), targets, reduction="none")` but for rounding.
    """
    if torch.is_autocast_enabled(states.device.type):
        dtype = torch.get_autocast_dtype(states.device.type)
        states, weight = states.to(dtype), weight.to(dtype)
    if not (torch.is_grad_enabled() and (states.requires_grad or weight.requires_grad)):
        return F.cross_entropy(_wide(F.linear(states, weight)), targets, reduction="none")
    nats: Tensor = _CrossEntropy.apply(states, weight, targets)
    return nats


class _CrossEntropy(torch.autograd.Function):
    """`cross_entropy`, with the gradient of the logits made in the forward pass."""

    @staticmethod
    def forward(ctx: FunctionCtx, states: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        slope = states.new_empty(len(states), len(weight))  # p - onehot(t): N V
        nats = []
        rows = max(1, (CACHED if states.device.type == "cpu" else ON_GPU) // len(weight))
        for some, here, into in zip(states.split(rows), targets.split(rows), slope.split(rows), strict=True):
            logits = F.linear(some, weight)
            at = here[:, None]
            wide = _wide(logits)
            p = wide.softmax(-1)
            # log(sum(exp(z))) by the likeliest token, whose probability is never 0.
            total = wide.amax(-1) - p.amax(-1).log()
            nats.append(total - wide.gather(1, at)[:, 0])
            into.copy_(p.scatter_add_(1, at, p.new_full((1, 1), -1.0).expand_as(at)))
        ctx.save_for_backward(states, weight, slope)
        return torch.cat(nats) if nats else _wide(states.new_empty(0))

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # type: ignore[no-untyped-def]
        states, weight, slope = ctx.saved_tensors
        upstream = upstream.to(states.dtype)[:, None]  # N 1
        of_states = (slope @ weight).mul_(upstream) if ctx.needs_input_grad[0] else None
        of_weight = slope.t() @ (states * upstream) if ctx.needs_input_grad[1] else None
        return of_states, of_weight, None


def _wide(x: Tensor) -> Tensor:
    """`x` in float32 at least."""
    return x if x.dtype == torch.float64 else x.float()
