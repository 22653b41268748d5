"""Self-consistency: the answer that most samples agree on."""

import random
from types import ModuleType

from orrery.ledger.self_consistency import majority

TITLE = "Count the ballots"
TASK = """Write `vote`: of the numbers that a model's sampled answers end with, the one that most of them agree on. An
answer that named no number is None and does not vote; of equally common ones the one that came first wins; where
nobody votes the result is None. The check compares with the count of the ledger's `self_consistency`, group by
group."""
STARTER = '''
def vote(said: list[float | None]) -> float | None:
    """The commonest number, or None where no answer names one."""
    raise NotImplementedError
'''
SOLUTION = '''
from collections import Counter


def vote(said: list[float | None]) -> float | None:
    """The commonest number, or None where no answer names one."""
    counted = Counter(one for one in said if one is not None).most_common(1)
    return counted[0][0] if counted else None
'''


def check(answer: ModuleType) -> None:
    """Ballots drawn at random, with ties, silences and nobody."""
    rng = random.Random(0)
    ballots: list[list[float | None]] = [[None, None], [], [2.0, None, 3.0, 3.0], [3.0, 2.0, 2.0, 3.0]]
    ballots += [rng.choices([1.0, 2.0, 3.0, -4.5, None], k=rng.randint(1, 9)) for _ in range(200)]
    for said in ballots:
        found = answer.vote(list(said))
        names = {one for one in said if one is not None}
        if not names:
            assert found is None, f"{said}: nobody names a number, so the vote is None; you have {found}"
            continue
        assert found in names, f"{said}: {found} is none of the answers"
        right = next(one for one in names if majority(said, one, len(said)) == 1.0)
        assert found == right, f"{said}: the vote says {right}; you have {found}"
