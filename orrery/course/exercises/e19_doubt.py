"""Where to draw the line between answering and saying that one does not know."""

import random
from types import ModuleType

from orrery.ledger.hallucination import refused_at

TITLE = "When to say that one does not know"
TASK = """A model has a doubt about each question, a number: it declines where the doubt is at least a threshold, and
answers below it. `known` are its doubts about facts that it knows, `nobody` those about people who do not exist, where
every answer is made up. Write `refused_at`: with the threshold chosen as well as can be among the doubts about nobody,
the least share of known facts that is declined while at most the share `invented` of the answers about nobody is made
up. The check compares with the ledger's own function."""
STARTER = '''
def refused_at(known: list[float], nobody: list[float], invented: float) -> float:
    """The least share of known facts that must be declined so that at most this share about nobody is made up."""
    raise NotImplementedError
'''
SOLUTION = '''
def refused_at(known: list[float], nobody: list[float], invented: float) -> float:
    """The least share of known facts that must be declined so that at most this share about nobody is made up."""
    costs = []
    for threshold in nobody:
        made_up = sum(doubt < threshold for doubt in nobody) / len(nobody)
        if made_up <= invented:
            costs.append(sum(doubt >= threshold for doubt in known) / len(known))
    return 0.0 if invented >= 1 else min(costs)
'''


def check(answer: ModuleType) -> None:
    """By hand, and on random doubts against the ledger."""
    found = answer.refused_at([0.1, 0.2, 0.3, 0.8], [0.4, 0.6, 0.7, 0.9], 0.25)
    assert found is not None, "refused_at gives nothing back"
    assert found == 0.25, (
        "doubts about nobody of 0.4, 0.6, 0.7 and 0.9: with the threshold at 0.6 a quarter is made up, and of 0.1, "
        f"0.2, 0.3 and 0.8 a quarter is declined; you say {found:.2f}"
    )
    rng = random.Random(0)
    for _ in range(30):
        known = [rng.betavariate(2, 4) for _ in range(40)]
        nobody = [rng.betavariate(3, 2) for _ in range(40)]
        for invented in (0.0, 0.2, 0.5, 1.0):
            right, found = refused_at(known, nobody, invented), answer.refused_at(known, nobody, invented)
            assert abs(found - right) < 1e-9, (
                f"at {invented:.0%} made up the ledger refuses {right:.1%}; you {found:.1%}"
            )
