"""Backpropagation by hand: each line equals autograd, in float64."""

import pytest
import torch

from orrery.scratch.backprop import backward, compare, forward, weights_of
from orrery.scratch.ladder import BatchNormMLP


@pytest.fixture
def model() -> BatchNormMLP:
    torch.manual_seed(3)
    return BatchNormMLP(11, width=4, hidden=7).double()


def batch(model: BatchNormMLP, number: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randint(11, (number, model.window)), torch.randint(11, (number,))


def test_the_forward_pass_is_the_models_own(model: BatchNormMLP) -> None:
    x, y = batch(model)
    steps = forward(weights_of(model), x, y)
    torch.testing.assert_close(steps["loss"], torch.nn.functional.cross_entropy(model(x), y), rtol=1e-12, atol=0)


def test_every_line_is_what_autograd_says(model: BatchNormMLP) -> None:
    found = compare(model, *batch(model))
    assert len(found) == 21
    for name, (largest, difference) in found.items():
        assert difference < 1e-13, name
        assert largest > 1e-5 or name == "mean", f"{name}: a gradient that is nothing proves nothing"


def test_the_scores_gradient_in_one_line(model: BatchNormMLP) -> None:
    x, y = batch(model)
    with torch.no_grad():
        steps = forward(weights_of(model), x, y)
        gradients = backward(weights_of(model), x, y, steps)
        expected = (steps["chances"] - torch.nn.functional.one_hot(y, 11)) / len(y)
    torch.testing.assert_close(gradients["scores"], expected, rtol=1e-10, atol=1e-14)
