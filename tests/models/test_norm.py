"""RMSNorm's own backward pass equals the derivative that PyTorch finds for the plain formula."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from orrery.models.norm import RMSNorm


def inputs(shape: tuple[int, ...], dtype: torch.dtype) -> tuple[RMSNorm, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    norm = RMSNorm(shape[-1], eps=1e-5).to(dtype)
    with torch.no_grad():
        norm.weight.normal_(generator=generator)
    x = torch.randn(shape, generator=generator, dtype=dtype) * 3 + 1
    return norm, x.requires_grad_(), torch.randn(shape, generator=generator, dtype=dtype)


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 4, 6)])
def test_gradients_are_exact(shape: tuple[int, ...]) -> None:
    norm, x, dy = inputs(shape, torch.float64)
    assert torch.autograd.gradcheck(norm, x)
    expected = torch.autograd.grad(F.rms_norm(x, shape[-1:], norm.weight, 1e-5), (x, norm.weight), dy)
    found = torch.autograd.grad(norm(x), (x, norm.weight), dy)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_bfloat16_is_computed_in_float32_and_rounded_once() -> None:
    norm, x, dy = inputs((4, 64), torch.float32)
    narrow = x.detach().bfloat16().requires_grad_()
    wide = narrow.detach().float().requires_grad_()
    y, expected = norm(narrow), norm(wide)
    assert y.dtype == torch.bfloat16 and torch.equal(y, expected.bfloat16())
    dy = dy.bfloat16()
    dx, dx_expected = torch.autograd.grad(y, narrow, dy)[0], torch.autograd.grad(expected, wide, dy.float())[0]
    assert torch.equal(dx, dx_expected.bfloat16())


def test_without_gradients_the_numbers_are_the_same() -> None:
    norm, x, _ = inputs((4, 64), torch.float32)
    with torch.no_grad():
        assert torch.equal(norm(x), norm(x.clone().requires_grad_()))
    assert torch.equal(norm(x), norm(x).detach())
