"""A sampler: temperature, the nucleus, and one random number that decides."""

import random
from types import ModuleType

import torch

from orrery.inference.sampling import Sampling, draw, filtered_probabilities

TITLE = "A sampler"
TASK = """Write `choose`, which picks the next token as Orrery's engine does. Divide the scores by the temperature and
take the softmax; keep the smallest set of the likeliest tokens that together have at least the probability `top_p`
(the one that crosses the boundary stays in); then lay what is left side by side in the order of the ids and take the
token at the share `u` of the whole length, 0 ≤ u < 1. A temperature of 0 takes the likeliest token. The check compares
with `orrery/inference/sampling.py` on hundreds of random cases."""
STARTER = '''
import math


def choose(scores: list[float], temperature: float, top_p: float, u: float) -> int:
    """The id of the token that is drawn.

    scores       one for every token; no two are the same
    temperature  0 or more
    top_p        above 0, at most 1
    u            the random number that decides, from 0 to just below 1
    """
    raise NotImplementedError
'''
SOLUTION = '''
import math


def choose(scores: list[float], temperature: float, top_p: float, u: float) -> int:
    """The id of the token that is drawn."""
    order = sorted(range(len(scores)), key=lambda id: -scores[id])
    if temperature == 0:
        return order[0]
    powers = [math.exp((score - max(scores)) / temperature) for score in scores]
    kept, mass = set(), 0.0
    for id in order:
        if mass >= top_p * sum(powers):
            break
        kept.add(id)
        mass += powers[id]
    place = u * mass
    for id, power in enumerate(powers):
        if id in kept:
            last = id
            place -= power
            if place < 0:
                break
    return last
'''


def check(answer: ModuleType) -> None:
    """Greedy first, then each part alone, then everything together."""
    assert answer.choose([0.1, 2.0, -1.0], 0, 1.0, 0.9) == 1, "a temperature of 0 takes the likeliest token"
    rng = random.Random(9)
    settings = [(1.0, 1.0), (0.5, 1.0), (1.0, 0.5), (1.7, 0.8)]
    for case in range(400):
        temperature, top_p = settings[case // 100]
        scores = [rng.gauss(0, 2) for _ in range(12)]
        kept = filtered_probabilities(torch.tensor([scores], dtype=torch.float64), Sampling(temperature, top_p=top_p))
        u = rng.random()
        right, found = (
            int(draw(kept, torch.tensor([u], dtype=torch.float64))),
            answer.choose(scores, temperature, top_p, u),
        )
        assert found == right, (
            f"temperature {temperature}, top_p {top_p}, u = {u:.3f}: the engine chooses {right}, you chose {found}; "
            f"kept are {kept[0].nonzero()[:, 0].tolist()}"
        )
