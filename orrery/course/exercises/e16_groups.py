"""Advantages within a group of completions, as GRPO has them."""

import random
from types import ModuleType

import torch

from orrery.stages.advantages import TINY, group_advantages

TITLE = "Against its siblings"
TASK = f"""Write `group_advantages`: the rewards of all completions of one prompt become advantages. Each is the
reward less the group's mean, divided by the group's standard deviation (of a sample: over n - 1) plus {TINY:g}. A
group in which all got the same has nothing to teach: all its advantages are 0. The check compares with the function
that GRPO uses."""
STARTER = '''
def group_advantages(rewards: list[float]) -> list[float]:
    """The advantage of each of a prompt's completions, of which there are at least two."""
    raise NotImplementedError
'''
SOLUTION = f'''
def group_advantages(rewards: list[float]) -> list[float]:
    """The advantage of each of a prompt's completions, of which there are at least two."""
    mean = sum(rewards) / len(rewards)
    spread = (sum((reward - mean) ** 2 for reward in rewards) / (len(rewards) - 1)) ** 0.5
    return [(reward - mean) / (spread + {TINY:g}) for reward in rewards]
'''


def check(answer: ModuleType) -> None:
    """Groups of right and wrong, of all alike, and of other rewards."""
    rng = random.Random(0)
    groups = [[1.0, 0.0], [1.0] + [0.0] * 7, [1.0] * 8, [0.0] * 8, [rng.gauss(0, 3) for _ in range(5)]]
    for rewards in groups:
        right = group_advantages(torch.tensor([rewards], dtype=torch.float64))[0].tolist()
        found = answer.group_advantages(list(rewards))
        assert found is not None, "group_advantages gives nothing back"
        assert len(found) == len(rewards), f"{len(rewards)} rewards need as many advantages; you gave {len(found)}"
        for place, (mine, theirs) in enumerate(zip(found, right, strict=True)):
            assert abs(mine - theirs) < 1e-6, (
                f"rewards {rewards}: the advantage of completion {place} is {theirs:.4f}; you have {mine:.4f}"
            )
