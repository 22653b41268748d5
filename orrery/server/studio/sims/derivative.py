"""Slopes: of an expression that a reader types, and of microGPT's loss against one of its 4,192 numbers."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from orrery.errors import ConfigError
from orrery.scratch.autograd import Value
from orrery.scratch.expression import Expression, parse
from orrery.server.studio.micro import batch, batch_loss, losses
from orrery.stages.microgpt import MicroRun

POINTS = 241  # of a curve
SIZES = 10.0 ** -np.arange(0, 15.01, 0.5)  # of h
NAMES = 32  # documents that the loss is the mean of


@dataclass(frozen=True)
class DerivativeRequest:
    """A function of x, where to look at it, and how far the second point of the secant is. The curve is drawn between
    `low` and `high`."""

    expression: str
    x: float
    h: float = 0.5
    low: float = -3.0
    high: float = 3.0


@dataclass(frozen=True)
class DerivativeAnswer:
    """The curve, the value and the exact slope at x, the secant's slope; and how wrong secants are for each size of h.

    `y`: NaN where the function has no value. `forward`: |(f(x + h) - f(x)) / h - slope|; `central`: the same with the
    points x - h and x + h.
    """

    x: NDArray[np.float64]  # N
    y: NDArray[np.float64]  # N
    value: float
    slope: float
    secant: float
    sizes: NDArray[np.float64]  # H
    forward: NDArray[np.float64]  # H
    central: NDArray[np.float64]  # H


def derivative(asked: DerivativeRequest) -> DerivativeAnswer:
    """A function, its slope by autograd, and by secants.

    Raises ConfigError for what is no expression of x, and where it has no value at x or x + h.
    """
    if asked.h == 0 or not asked.low < asked.high:
        raise ConfigError("h cannot be 0, and the curve goes from a smaller x to a larger one")
    expression = parse(asked.expression)
    if others := [name for name in expression.names if name != "x"]:
        raise ConfigError(f"{asked.expression}: only x can vary here, not {', '.join(others)}")
    x = Value(asked.x, label="x")
    y = expression({"x": x})
    y.backward()
    xs = np.linspace(asked.low, asked.high, POINTS)
    f = function(expression)
    ys = np.array([number_or_nan(f, float(each)) for each in xs])
    ahead = np.array([number_or_nan(f, asked.x + h) for h in SIZES])
    behind = np.array([number_or_nan(f, asked.x - h) for h in SIZES])
    return DerivativeAnswer(
        x=xs, y=ys, value=y.data, slope=x.grad, secant=(f(asked.x + asked.h) - y.data) / asked.h, sizes=SIZES,
        forward=np.abs((ahead - y.data) / SIZES - x.grad), central=np.abs((ahead - behind) / (2 * SIZES) - x.grad),
    )  # fmt: skip


def function(expression: Expression) -> Callable[[float], float]:
    """An expression of x as a function of a number."""
    return lambda x: expression({"x": Value(x)}).data


def number_or_nan(f: Callable[[float], float], x: float) -> float:
    """f(x), and NaN where there is none."""
    try:
        return f(x)
    except ConfigError:
        return float("nan")


@dataclass(frozen=True)
class WeightSlopeRequest:
    """One number of microGPT at a step of its training, and how far to either side to look."""

    micro: str
    step: int
    matrix: str = "output"
    row: int = 0
    column: int = 0
    reach: float = 1.0


@dataclass(frozen=True)
class WeightSlopeAnswer:
    """The loss over the first 32 documents as that number alone is changed, and its gradient, by `backward`.

    `secant`: the slope between two points of the curve, 0.001 to either side, for comparison. `gradients`: of all
    numbers of the matrix.
    """

    w: NDArray[np.float64]  # N
    loss: NDArray[np.float64]  # N
    value: float
    at: float
    gradient: float
    secant: float
    gradients: NDArray[np.float32]  # rows columns
    documents: int


def weight_slope(asked: WeightSlopeRequest, run: MicroRun) -> WeightSlopeAnswer:
    """The loss against one weight. Raises ConfigError for a weight that the model does not have."""
    weights = run.weights(asked.step)
    if asked.matrix not in weights:
        raise ConfigError(f"there is no matrix {asked.matrix!r}; there are {', '.join(weights)}")
    rows, columns = weights[asked.matrix].shape
    if not (0 <= asked.row < rows and 0 <= asked.column < columns):
        raise ConfigError(f"{asked.matrix} has {rows} rows and {columns} columns, counted from 0")
    if not 0 < asked.reach <= 100:
        raise ConfigError(f"a reach of {asked.reach:g} cannot be: give one above 0, at most 100")
    for matrix in weights.values():
        matrix.requires_grad_()
    here = batch_loss(run, weights, *batch(run, NAMES))
    here.backward()
    chosen = weights[asked.matrix]
    assert chosen.grad is not None
    value, gradient = chosen[asked.row, asked.column].item(), chosen.grad[asked.row, asked.column].item()
    steps = torch.cat([torch.linspace(-asked.reach, asked.reach, 61), torch.tensor([-1e-3, 1e-3])]).double()
    with torch.inference_mode():
        many = {name: matrix.expand(len(steps), *matrix.shape) for name, matrix in weights.items()}
        moved = chosen.repeat(len(steps), 1, 1)
        moved[:, asked.row, asked.column] += steps
        curve = losses(run, {**many, asked.matrix: moved}, NAMES).numpy()
    return WeightSlopeAnswer(
        w=value + steps[:-2].numpy(), loss=curve[:-2], value=value, at=here.item(), gradient=gradient,
        secant=float(curve[-1] - curve[-2]) / 2e-3, gradients=chosen.grad.float().numpy(),
        documents=min(NAMES, len(run.documents)),
    )  # fmt: skip
