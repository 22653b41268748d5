"""What a claim is: a sentence, its source, an experiment, and a rule that was written down before it was run.

    CLAIM = Claim("self_consistency", says="…", source="…", refuted_by="…", rule="…", minutes=1,
                  measure=measure, summarise=summarise, judge=judge)

``measure`` logs rows of numbers (they are the raw events of the run); ``summarise`` makes of one seed's rows the few
numbers that count, and ``judge`` of all seeds' numbers the verdict. The last two look at nothing else, so anybody can
compute the verdict again from what was logged.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from matplotlib.figure import Figure

from orrery.config import nearest
from orrery.errors import ConfigError

if TYPE_CHECKING:
    from orrery.ledger.lab import Lab  # which opens runs and loads models: much to import for a list of claims

Verdict = Literal["holds", "refuted", "unclear"]
Row = Mapping[str, Any]  # what was logged at once
Measured = Mapping[str, float]  # the numbers of one seed that the rule looks at


@dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes:
        name: its file, and what `orrery ledger NAME` calls it.
        says: the claim in a sentence.
        source: who says so.
        refuted_by: what would speak against it.
        rule: how the verdict follows from the numbers, in words; ``judge`` is the same in code.
        minutes: about how long a seed takes on two cores, besides a speedrun that it may need.
        measure: does the experiment and logs rows.
        summarise: one seed's rows → its numbers.
        judge: all seeds' numbers → the verdict.
        plot: draws all seeds' rows.
    """

    name: str
    says: str
    source: str
    refuted_by: str
    rule: str
    minutes: float
    measure: "Callable[[Lab], None]"
    summarise: Callable[[Sequence[Row]], Measured]
    judge: Callable[[Sequence[Measured]], Verdict]
    plot: Callable[[Figure, Sequence[Sequence[Row]]], None]


def marks(right: Iterable[float]) -> str:
    """Right and wrong answers in order as ones and zeros: raw, and short enough to be kept.

    >>> marks([1.0, 0.0, True])
    '101'
    """
    return "".join("1" if one else "0" for one in right)


def share(marked: str) -> float:
    """Of answers, those that are right.

    >>> share("1011")
    0.75
    """
    return marked.count("1") / len(marked)


def by_seed(of_seed: Callable[[Measured], Verdict]) -> Callable[[Sequence[Measured]], Verdict]:
    """A rule for all seeds from one for a single seed: what all of them say, ``unclear`` where they differ."""

    def judge(measured: Sequence[Measured]) -> Verdict:
        verdicts = {of_seed(one) for one in measured}
        return verdicts.pop() if len(verdicts) == 1 else "unclear"

    return judge


@cache
def claims() -> dict[str, Claim]:
    """All claims by name: every module of this room that has a ``CLAIM``."""
    import orrery.ledger

    found = {}
    for module in pkgutil.iter_modules(orrery.ledger.__path__):
        claim = getattr(importlib.import_module(f"orrery.ledger.{module.name}"), "CLAIM", None)
        if claim is not None:
            assert claim.name == module.name, f"{module.name}.py holds the claim {claim.name}"
            found[claim.name] = claim
    return found


def claim_named(name: str) -> Claim:
    """Raises ConfigError, with the nearest name, where there is none."""
    if name not in claims():
        raise ConfigError(f"no claim '{name}' in the ledger; {nearest(name, list(claims()))}")
    return claims()[name]
