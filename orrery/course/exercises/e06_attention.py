"""Attention at one position, in plain Python."""

from types import ModuleType

import torch

from orrery.models.trace import look

TITLE = "Look back"
TASK = """Write `attend`: one head at one position. It gets the query of the token that looks, and the keys and values
of all tokens up to and including it, as lists of numbers. A score is query · key over the root of their width; softmax
makes weights of the scores; what comes out is the sum of the values, each times its weight. Give both the weights and
that sum. Scores may be large: take off the largest before you raise e to them. The check compares with the formula by
which the studio shows a model's heads."""
STARTER = '''
def attend(
    query: list[float], keys: list[list[float]], values: list[list[float]]
) -> tuple[list[float], list[float]]:
    """The weight of each token, and the sum of the values by their weights.

    keys, values    one row a token, the oldest first; the last row belongs to the token that looks
    """
    raise NotImplementedError
'''
SOLUTION = '''
import math


def attend(
    query: list[float], keys: list[list[float]], values: list[list[float]]
) -> tuple[list[float], list[float]]:
    """The weight of each token, and the sum of the values by their weights."""
    scores = [sum(q * k for q, k in zip(query, key)) / math.sqrt(len(query)) for key in keys]
    powers = [math.exp(score - max(scores)) for score in scores]
    weights = [power / sum(powers) for power in powers]
    mixed = [sum(weight * value[i] for weight, value in zip(weights, values)) for i in range(len(values[0]))]
    return weights, mixed
'''


def check(answer: ModuleType) -> None:
    """Small, wide and steep cases against the traced model's own formula."""
    generator = torch.Generator().manual_seed(6)
    for tokens, width, size in ((1, 2, 1.0), (3, 4, 1.0), (9, 16, 1.0), (5, 8, 40.0)):
        case = f"{tokens} tokens, a head of width {width}, numbers of about {size:g}"
        q, k, v = (size * torch.randn(tokens, width, generator=generator, dtype=torch.float64) for _ in range(3))
        _, weights, mixed = look(q[None, None], k[None, None], v[None, None])
        found = answer.attend(q[-1].tolist(), k.tolist(), v.tolist())
        assert isinstance(found, tuple | list) and len(found) == 2, "attend gives two things: the weights, and the sum"
        assert len(found[0]) == tokens, f"{case}: {len(found[0])} weights; each token has one"
        assert abs(sum(found[0]) - 1) < 1e-9, f"{case}: the weights add up to {sum(found[0]):.6g}, not to 1"
        for s, (mine, given) in enumerate(zip(weights[0, 0, -1].tolist(), found[0], strict=True)):
            assert abs(mine - given) < 1e-9, f"{case}: the weight of token {s} is {mine:.6g}, not {given:.6g}"
        assert len(found[1]) == width, f"{case}: the sum has {len(found[1])} numbers; a value has {width}"
        for i, (mine, given) in enumerate(zip(mixed[0, -1].tolist(), found[1], strict=True)):
            assert abs(mine - given) < 1e-8, f"{case}: number {i} of the sum is {mine:.6g}, not {given:.6g}"
