"""Generalised advantage estimation, which tells PPO which tokens did better than the critic expected."""

from types import ModuleType

import torch

from orrery.stages.advantages import gae

TITLE = "Better than expected"
TASK = """Write `advantages`: for each token of one completion, how much better it turned out than the critic had
expected. From the last token to the first: delta = reward + gamma * (value of the next token) - value, where nothing
follows the last token; and the advantage is delta + gamma * lam * (advantage of the next token). With lam = 0 only
the next value counts, with lam = 1 all rewards that follow. The check compares with what PPO trains on."""
STARTER = '''
def advantages(rewards: list[float], values: list[float], gamma: float, lam: float) -> list[float]:
    """The advantage of each token.

    rewards   what each token earned: for most of them only what the leash costs, for the last one the score too
    values    what the critic expected before each was written
    """
    raise NotImplementedError
'''
SOLUTION = '''
def advantages(rewards: list[float], values: list[float], gamma: float, lam: float) -> list[float]:
    """The advantage of each token."""
    found, following, value_after = [0.0] * len(rewards), 0.0, 0.0
    for t in reversed(range(len(rewards))):
        delta = rewards[t] + gamma * value_after - values[t]
        following = found[t] = delta + gamma * lam * following
        value_after = values[t]
    return found
'''


def check(answer: ModuleType) -> None:
    """Completions of several lengths against `gae`."""
    generator = torch.Generator().manual_seed(0)
    for length, gamma, lam in ((1, 1.0, 0.95), (2, 0.5, 0.0), (7, 1.0, 1.0), (30, 0.99, 0.95)):
        rewards, values = torch.randn(2, 1, length, dtype=torch.float64, generator=generator)
        right = gae(rewards, values, torch.ones(1, length, dtype=torch.bool), gamma, lam)[0][0].tolist()
        found = answer.advantages(rewards[0].tolist(), values[0].tolist(), gamma, lam)
        assert found is not None, "advantages gives nothing back"
        assert len(found) == length, f"{length} tokens need as many advantages; you gave {len(found)}"
        for t in reversed(range(length)):
            assert abs(found[t] - right[t]) < 1e-9, (
                f"of {length} tokens, gamma {gamma} and lam {lam}: the advantage of token {t} is {right[t]:.4f}; "
                f"you have {found[t]:.4f}"
            )
