"""Gradient descent with momentum, against PyTorch's."""

from types import ModuleType

import torch

TITLE = "Downhill, with momentum"
TASK = """Write `descend`, which rolls down a function of several numbers. `gradient(place)` gives the slopes at a
place, one for each number. With momentum b, each step first mixes a velocity, which begins at 0: velocity = b *
velocity + slope, number by number; then it moves: place = place - rate * velocity. With b = 0 this is plain gradient
descent. Return all places, from the start to the last. The check compares with PyTorch's SGD, in ravines and with
rates that fly away."""
STARTER = '''
from collections.abc import Callable


def descend(
    gradient: Callable[[list[float]], list[float]], start: list[float], rate: float, momentum: float, steps: int
) -> list[list[float]]:
    """The places from the start to the last: steps + 1 of them."""
    raise NotImplementedError
'''
SOLUTION = '''
from collections.abc import Callable


def descend(
    gradient: Callable[[list[float]], list[float]], start: list[float], rate: float, momentum: float, steps: int
) -> list[list[float]]:
    """The places from the start to the last: steps + 1 of them."""
    place, velocity, places = list(start), [0.0] * len(start), [list(start)]
    for _ in range(steps):
        velocity = [momentum * v + slope for v, slope in zip(velocity, gradient(place))]
        place = [number - rate * v for number, v in zip(place, velocity)]
        places.append(place)
    return places
'''


def check(answer: ModuleType) -> None:
    """Ravines of one, two and three directions, with and without momentum, against torch.optim.SGD."""
    for curvatures in ([2.0], [0.5, 4.0], [1.0, 3.0, 0.2]):
        for rate, momentum in ((0.1, 0.0), (0.1, 0.9), (0.6, 0.0)):
            start = [2.5 - index for index in range(len(curvatures))]
            how = (rate, momentum, 12)
            found = answer.descend(
                lambda place, c=curvatures: [k * x for k, x in zip(c, place, strict=True)], list(start), *how
            )
            right = sgd(curvatures, start, *how)
            assert len(found) == len(right), f"12 steps pass 13 places, the start among them; you gave {len(found)}"
            for step, (given, place) in enumerate(zip(found, right, strict=True)):
                near = all(abs(a - b) < 1e-9 * max(1.0, abs(b)) for a, b in zip(given, place, strict=True))
                assert near, f"with rate {rate} and momentum {momentum}, after {step} steps: {place}, not {given}"


def sgd(curvatures: list[float], start: list[float], rate: float, momentum: float, steps: int) -> list[list[float]]:
    """The places that PyTorch's optimizer passes on the sum of k x² / 2."""
    place = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer, places = torch.optim.SGD([place], lr=rate, momentum=momentum), [list(start)]
    for _ in range(steps):
        optimizer.zero_grad()
        (torch.tensor(curvatures, dtype=torch.float64) * place.square() / 2).sum().backward()
        optimizer.step()
        places.append(place.tolist())
    return places
