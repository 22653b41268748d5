"""Backpropagation by hand: every gradient of an MLP with batch normalisation, line by line, without autograd.

    python -m orrery.scratch.backprop     # how far each line is from what autograd says

The model is `BatchNormMLP` of the ladder. `forward` writes down each step, `backward` walks them in reverse: one line
of mathematics a line of code, each the derivative of the loss by that step's result. The tests hold every one of them
against autograd in float64.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from orrery.scratch.ladder import BatchNormMLP

# N windows, W tokens a window, D width, H hidden, V tokens


@dataclass(frozen=True)
class Weights:
    """The parameters of the MLP, by their roles."""

    table: Tensor  # [V, D]
    inner: Tensor  # [H, W D]
    gain: Tensor  # [H]
    shift: Tensor  # [H]
    outer: Tensor  # [V, H]
    bias: Tensor  # [V]


def weights_of(model: BatchNormMLP) -> Weights:
    """The model's own tensors."""
    norm, output = model.norm, model.output
    return Weights(model.embedding.weight, model.hidden.weight, norm.weight, norm.bias, output.weight, output.bias)


def forward(weights: Weights, x: Tensor, y: Tensor, eps: float = 1e-5) -> dict[str, Tensor]:
    """Windows [N, W] and targets [N] -> every step on the way to the loss, in order.

    Raises:
        IndexError: a token that the table does not have.
    """
    s = {"embedded": weights.table[x].flatten(1)}  # [N, W D]
    s["hidden"] = s["embedded"] @ weights.inner.T  # [N, H]
    s["mean"] = s["hidden"].mean(0)  # [H]
    s["centred"] = s["hidden"] - s["mean"]  # [N, H]
    s["variance"] = s["centred"].square().mean(0)  # [H]
    s["scale"] = (s["variance"] + eps) ** -0.5  # [H]
    s["normed"] = s["centred"] * s["scale"]  # [N, H]
    s["shifted"] = s["normed"] * weights.gain + weights.shift  # [N, H]
    s["active"] = s["shifted"].tanh()  # [N, H]
    s["scores"] = s["active"] @ weights.outer.T + weights.bias  # [N, V]
    s["powers"] = (s["scores"] - s["scores"].max(1, keepdim=True).values.detach()).exp()  # [N, V]
    s["total"] = s["powers"].sum(1, keepdim=True)  # [N, 1]
    s["chances"] = s["powers"] / s["total"]  # [N, V]
    s["surprises"] = -s["chances"][torch.arange(len(y)), y].log()  # [N]
    s["loss"] = s["surprises"].mean()
    return s


def backward(weights: Weights, x: Tensor, y: Tensor, s: dict[str, Tensor]) -> dict[str, Tensor]:
    """The steps of `forward` -> the gradient of the loss by every one of them and by every weight, by name."""
    n, rows = len(y), torch.arange(len(y))
    g = {"loss": torch.ones_like(s["loss"])}
    g["surprises"] = torch.full_like(s["surprises"], 1 / n)  # a mean passes on an n-th
    g["chances"] = torch.zeros_like(s["chances"])
    g["chances"][rows, y] = -g["surprises"] / s["chances"][rows, y]  # the slope of -ln p is -1/p; others play no part
    g["total"] = -(g["chances"] * s["powers"]).sum(1, keepdim=True) / s["total"] ** 2  # what was broadcast is summed
    g["powers"] = g["chances"] / s["total"] + g["total"]  # two ways lead from the powers to the loss
    g["scores"] = g["powers"] * s["powers"]  # e^x is its own slope. In one line: (chances - one at y) / n
    g["active"] = g["scores"] @ weights.outer
    g["outer"] = g["scores"].T @ s["active"]
    g["bias"] = g["scores"].sum(0)
    g["shifted"] = g["active"] * (1 - s["active"] ** 2)  # the slope of tanh
    g["gain"] = (g["shifted"] * s["normed"]).sum(0)
    g["shift"] = g["shifted"].sum(0)
    g["normed"] = g["shifted"] * weights.gain
    g["scale"] = (g["normed"] * s["centred"]).sum(0)
    g["variance"] = g["scale"] * -0.5 * s["scale"] ** 3  # the slope of v^-½ is -½ v^-³⁄²
    g["centred"] = g["normed"] * s["scale"] + g["variance"] * 2 * s["centred"] / n
    g["mean"] = -g["centred"].sum(0)  # 0 but for rounding: to move the mean moves nothing behind the centring
    g["hidden"] = g["centred"] + g["mean"] / n
    g["embedded"] = g["hidden"] @ weights.inner
    g["inner"] = g["hidden"].T @ s["embedded"]
    g["table"] = torch.zeros_like(weights.table)  # a row that was read often gets the gradients of all its readings
    g["table"].index_add_(0, x.flatten(), g["embedded"].view(-1, weights.table.shape[1]))
    return g


def compare(model: BatchNormMLP, x: Tensor, y: Tensor) -> dict[str, tuple[float, float]]:
    """For each line of `backward`: the largest number of autograd's gradient, and the largest difference from it."""
    weights = weights_of(model)
    steps = forward(weights, x, y)
    ours = backward(weights, x, y, {name: step.detach() for name, step in steps.items()})
    named = {**steps, **vars(weights)}
    theirs = dict(zip(ours, torch.autograd.grad(steps["loss"], [named[name] for name in ours]), strict=True))
    return {name: (theirs[name].abs().max().item(), (ours[name] - theirs[name]).abs().max().item()) for name in ours}


def main() -> None:
    """Compare for a fresh model on random windows, and print."""
    torch.manual_seed(0)
    model = BatchNormMLP(27).double()
    x, y = torch.randint(27, (64, model.window)), torch.randint(27, (64,))
    loss = forward(weights_of(model), x, y)["loss"]
    print(f"loss {loss:.6f}, the model's own {F.cross_entropy(model(x), y):.6f}\n")
    print(f"{'gradient by':14}{'largest':>12}{'off by':>12}")
    for name, (largest, difference) in compare(model, x, y).items():
        print(f"{name:14}{largest:12.1e}{difference:12.1e}")


if __name__ == "__main__":
    main()
