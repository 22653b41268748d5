"""Cross-entropy in one go: PyTorch's numbers and gradients."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from orrery.models import cross_entropy as module
from orrery.models.cross_entropy import cross_entropy


def drawn(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """States [N D], weights [V D], targets [N], and what each token's loss is weighted with [N]."""
    generator = torch.Generator().manual_seed(0)
    states = (2 * torch.randn(70, 24, generator=generator)).to(dtype).requires_grad_()
    weight = torch.randn(50, 24, generator=generator).to(dtype).requires_grad_()
    targets = torch.randint(50, (70,), generator=generator)
    return states, weight, targets, torch.randn(70, generator=generator).to(dtype)


@pytest.mark.parametrize("rows", [1, 32, 70])
def test_loss_and_gradients_are_pytorchs_however_many_rows_are_made_at_once(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CACHED", rows * 50)
    states, weight, targets, weighted = drawn(torch.float64)
    nats = cross_entropy(states, weight, targets)
    expected = F.cross_entropy(F.linear(states, weight), targets, reduction="none")
    torch.testing.assert_close(nats, expected)
    ours = torch.autograd.grad(nats @ weighted, [states, weight])
    torch.testing.assert_close(ours, torch.autograd.grad(expected @ weighted, [states, weight]))


def test_in_bfloat16_it_is_as_near_to_the_truth_as_pytorchs() -> None:
    states, weight, targets, weighted = drawn(torch.float32)
    truth = torch.autograd.grad(cross_entropy(states, weight, targets) @ weighted, [states, weight])
    with torch.autocast("cpu", torch.bfloat16):
        ours = torch.autograd.grad(cross_entropy(states, weight, targets) @ weighted, [states, weight])
        theirs_nats = F.cross_entropy(F.linear(states, weight).float(), targets, reduction="none")
        theirs = torch.autograd.grad(theirs_nats @ weighted, [states, weight])
    for one, other, right in zip(ours, theirs, truth, strict=True):
        assert one.dtype == torch.float32
        assert (one - right).norm() < 1.5 * (other - right).norm()


def test_a_target_that_is_impossible_costs_what_its_logit_says_and_is_not_infinite() -> None:
    states, weight = torch.tensor([[200.0]]), torch.tensor([[1.0], [-1.0]], requires_grad=True)
    assert cross_entropy(states, weight, torch.tensor([1])).item() == 400.0
    assert cross_entropy(states, weight, torch.tensor([0])).item() == 0.0


def test_what_is_frozen_gets_no_gradient_and_nothing_to_predict_is_no_error() -> None:
    states, weight, targets, _ = drawn(torch.float32)
    cross_entropy(states.detach(), weight, targets).sum().backward()
    assert states.grad is None and weight.grad is not None
    assert cross_entropy(states[:0], weight, targets[:0]).sum().item() == 0.0
    with torch.no_grad():
        torch.testing.assert_close(
            cross_entropy(states, weight, targets), F.cross_entropy(F.linear(states, weight), targets, reduction="none")
        )
