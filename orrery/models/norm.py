"""RMSNorm with a backward pass that touches memory few times.

RMSNorm (arXiv 1910.07467) divides a vector by its root mean square r and scales it by learned weights w:

    y = w * x / r        r = sqrt(mean(x^2) + eps)

It is LayerNorm without the mean, and so is its gradient. With g = w * dL/dy and n = x / r, over a width of D:

    LayerNorm, when the mean is 0:   dL/dx = (g - mean(g) - n * mean(g * n)) / r
    RMSNorm:                         dL/dx = (g           - n * mean(g * n)) / r

PyTorch has a single-pass kernel for the first on a CPU and a chain of ten for the second, which took a twelfth of a
training step. So the backward pass here runs LayerNorm's kernel with a mean of 0 and adds back mean(g) / r.
"""

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """y and 1 / r of the formulas above; in float32 (float64 stays float64), y then in `x`'s type."""
    wide = widen(x)
    inverse = torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    return (wide * inverse * weight).to(x.dtype), inverse


class _RMSNormFunction(torch.autograd.Function):
    """`rms_norm` with the backward pass above."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        y, inverse = rms_norm(x, weight, eps)
        ctx.save_for_backward(x, inverse, weight)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, dy: Tensor) -> tuple[Tensor, Tensor, None]:  # type: ignore[no-untyped-def]
        x, inverse, weight = ctx.saved_tensors
        dy, scale = widen(dy), widen(weight)
        dx, dweight, _ = torch.ops.aten.native_layer_norm_backward(
            dy, widen(x), x.shape[-1:], torch.zeros_like(inverse), inverse, scale, None, [True, True, False]
        )
        dx.addcmul_(inverse, (dy @ scale).unsqueeze(-1), value=1 / x.shape[-1])
        return dx.to(x.dtype), dweight.to(weight.dtype), None


class RMSNorm(nn.Module):
    """`weight * x / rms(x)` over the last dimension, computed in float32 and returned in `x`'s type."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        if not torch.is_grad_enabled():  # a Function's overhead is felt when tokens are made one by one
            return rms_norm(x, self.weight, self.eps)[0]
        return _RMSNormFunction.apply(x, self.weight, self.eps)


def widen(x: Tensor) -> Tensor:
    """`x` in float32 at least."""
    return x if x.dtype == torch.float64 else x.float()
