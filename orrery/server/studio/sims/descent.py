"""Gradient descent: on an expression of x, or of x and y; and on microGPT's loss, in a plane through its weights."""

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from orrery.errors import ConfigError
from orrery.scratch.autograd import Value
from orrery.scratch.expression import Expression, parse
from orrery.server.studio.micro import batch, batch_loss, losses, read_micro
from orrery.server.studio.sims.derivative import function, number_or_nan
from orrery.stages.microgpt import MicroRun, snapshot

MOST_STEPS = 60
CURVE, GRID, SLICE = 241, 41, 31  # points of a curve, of a side of a map, of a side of a slice
FAR = 1e6  # a ball that is further away has gone for good
NAMES = 16  # documents that the loss of a slice is the mean of
Verdict = Literal["arrives", "comes nearer", "swings across", "flies away"]
Directions = Literal["gradient", "random", "random, scaled"]


@dataclass(frozen=True)
class DescentRequest:
    """A function of x, or of x and y, where the ball starts, and how it moves. `reach`: of what is drawn."""

    expression: str
    start: tuple[float, ...] = (2.0,)
    rate: float = 0.1
    steps: int = 20
    reach: float = 3.0


@dataclass(frozen=True)
class DescentAnswer:
    """The function, and the ball's way: places, values and gradients, before each step and after the last.

    `values`: over x, or with two names over y (rows) and x (columns). `verdict`: how it went.
    """

    axis: NDArray[np.float64]  # N
    values: NDArray[np.float64]  # N, or N N
    places: NDArray[np.float64]  # S+1 D
    losses: NDArray[np.float64]  # S+1
    gradients: NDArray[np.float64]  # S+1 D
    verdict: Verdict


def descent(asked: DescentRequest) -> DescentAnswer:
    """Roll down a function. Raises ConfigError for one of other names than x and y, or without a value at the start."""
    expression = parse(asked.expression)
    names = ("x", "y")[: len(asked.start)]
    if set(expression.names) - set(names) or len(asked.start) not in (1, 2):
        raise ConfigError(f"{asked.expression}: only {' and '.join(names)} can vary here; give a start for each")
    check(asked.rate, asked.steps)
    way = roll(expression, names, asked)
    if len(names) == 1:
        axis, f = np.linspace(-asked.reach, asked.reach, CURVE), function(expression)
        values = np.array([number_or_nan(f, float(x)) for x in axis])
    else:
        axis = np.linspace(-asked.reach, asked.reach, GRID)
        values = np.array([[value_at(expression, float(x), float(y)) for x in axis] for y in axis])
    places, found, gradients = (np.array(column) for column in zip(*way, strict=True))
    return DescentAnswer(axis, values, places, found, gradients, verdict(places, found, gradients))


def roll(
    expression: Expression, names: tuple[str, ...], asked: DescentRequest
) -> list[tuple[list[float], float, list[float]]]:
    """The ball's way: place, value, gradient. It ends where the ball is far away or there is no value."""
    place, way = list(asked.start), list[tuple[list[float], float, list[float]]]()
    for _ in range(asked.steps + 1):
        values = {name: Value(number, label=name) for name, number in zip(names, place, strict=True)}
        try:
            loss = expression(values)
        except ConfigError:
            if not way:
                raise
            break
        loss.backward()
        gradient = [value.grad for value in values.values()]
        way.append((place, loss.data, gradient))
        if max(map(abs, place)) > FAR:
            break
        place = [number - asked.rate * slope for number, slope in zip(place, gradient, strict=True)]
    return way


def check(rate: float, steps: int) -> None:
    """Raises ConfigError for a learning rate or a number of steps that cannot be."""
    if not (rate > 0 and math.isfinite(rate)):
        raise ConfigError(f"a learning rate of {rate:g} cannot be: give one above 0")
    if not 1 <= steps <= MOST_STEPS:
        raise ConfigError(f"{steps} steps: give 1 to {MOST_STEPS}")


def value_at(expression: Expression, x: float, y: float) -> float:
    """The function at a place, NaN where it has none."""
    try:
        return expression({"x": Value(x), "y": Value(y)}).data
    except ConfigError:
        return float("nan")


def verdict(places: NDArray[np.float64], losses: NDArray[np.float64], gradients: NDArray[np.float64]) -> Verdict:
    """How a descent went, by its loss and by how often it crossed over to the other side of the valley."""
    if losses[-1] > losses[0] or np.abs(places[-1]).max() > FAR:
        return "flies away"
    if len(gradients) > 2 and ((gradients[1:] * gradients[:-1]).sum(1) < 0).mean() > 0.5:
        return "swings across"
    return "arrives" if np.abs(gradients[-1]).max() < 1e-2 else "comes nearer"


@dataclass(frozen=True)
class LossSliceRequest:
    """A plane through all weights of microGPT at a step of its training, and a descent within it.

    `directions`: "gradient" is the one that training would go and a random one; "random" two random ones; "random,
    scaled" the same with each row as long as the row of weights that it is added to (arXiv 1712.09913).
    """

    micro: str
    step: int
    directions: Directions = "gradient"
    seed: int = 1
    reach: float = 2.0
    start: tuple[float, float] = (1.5, 1.5)
    rate: float = 0.3
    steps: int = 20


@dataclass(frozen=True)
class LossSliceAnswer:
    """The mean loss of 16 documents over the plane (rows: second direction), and the way of a descent that stays in it.

    One unit to either side is the length of the weights themselves over ten, or with scaled directions their length.
    """

    axis: NDArray[np.float64]  # N
    values: NDArray[np.float32]  # N N
    places: NDArray[np.float64]  # S+1 2
    losses: NDArray[np.float64]  # S+1
    gradients: NDArray[np.float64]  # S+1 2
    verdict: Verdict


def loss_slice(asked: LossSliceRequest, run: MicroRun) -> LossSliceAnswer:
    """The loss around a model, and a descent on it. Raises RunError for a step that was not kept."""
    check(asked.rate, asked.steps)
    if not 0 < asked.reach <= 50:
        raise ConfigError(f"a reach of {asked.reach:g} cannot be: give one above 0, at most 50")
    weights, block = run.weights(asked.step), batch(run, NAMES)
    folder, written = run.folder.parent, snapshot(run.folder, asked.step).stat().st_mtime_ns
    values, first, second = plane(folder, written, asked.step, asked.directions, asked.seed, asked.reach)
    place, way = torch.tensor(asked.start, dtype=torch.float64), list[tuple[list[float], float, list[float]]]()
    for _ in range(asked.steps + 1):
        place.requires_grad_()
        moved = {name: weight + place[0] * first[name] + place[1] * second[name] for name, weight in weights.items()}
        loss = batch_loss(run, moved, *block)
        (gradient,) = torch.autograd.grad(loss, place)
        way.append((place.tolist(), loss.item(), gradient.tolist()))
        place = place.detach() - asked.rate * gradient
        if place.abs().max() > FAR:
            break
    places, found, gradients = (np.array(column) for column in zip(*way, strict=True))
    axis = np.linspace(-asked.reach, asked.reach, SLICE)
    return LossSliceAnswer(axis, values, places, found, gradients, verdict(places, found, gradients))


@lru_cache(maxsize=32)
def plane(
    folder: Path, written: int, step: int, kind: Directions, seed: int, reach: float
) -> tuple[NDArray[np.float32], dict[str, Tensor], dict[str, Tensor]]:
    """The loss over a plane, and the two directions that span it. Kept, since mostly the descent in it changes."""
    run = read_micro(folder)
    weights = run.weights(step)
    first, second = directions(run, weights, kind, torch.Generator().manual_seed(seed))
    axis = torch.linspace(-reach, reach, SLICE)
    b, a = (side.flatten()[:, None, None] for side in torch.meshgrid(axis, axis, indexing="ij"))
    with torch.inference_mode():
        grid = {name: (w + a * first[name] + b * second[name]).float() for name, w in weights.items()}
        return losses(run, grid, NAMES).view(SLICE, SLICE).numpy(), first, second


def directions(
    run: MicroRun, weights: dict[str, Tensor], kind: Directions, rng: torch.Generator
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Two directions in the space of all weights, at right angles to each other unless each row is scaled."""
    drawn = [{name: torch.randn(w.shape, generator=rng).double() for name, w in weights.items()} for _ in range(2)]
    if kind == "random, scaled":
        one, other = ({name: d / d.norm(dim=1, keepdim=True) * weights[name].norm(dim=1, keepdim=True)
                       for name, d in direction.items()} for direction in drawn)  # fmt: skip
        return one, other
    if kind == "gradient":
        wanted = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
        found = torch.autograd.grad(batch_loss(run, wanted, *batch(run, NAMES)), list(wanted.values()))
        drawn[0] = {name: -gradient for name, gradient in zip(wanted, found, strict=True)}
    size = norm(weights) / 10
    first = scaled(drawn[0], size / norm(drawn[0]))
    along = sum(float((first[name] * drawn[1][name]).sum()) for name in first) / size**2
    second = {name: drawn[1][name] - along * first[name] for name in first}
    return first, scaled(second, size / norm(second))


def norm(weights: dict[str, Tensor]) -> float:
    """The length of all numbers together."""
    return math.sqrt(sum(float(matrix.square().sum()) for matrix in weights.values()))


def scaled(weights: dict[str, Tensor], factor: float) -> dict[str, Tensor]:
    """All numbers times a factor."""
    return {name: matrix * factor for name, matrix in weights.items()}
