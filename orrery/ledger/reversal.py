"""Does a model that knows "A is B" know that "B is A"?

Some facts of the invented world are only ever stated forwards. They are asked both ways. (Berglund et al. 2023, arXiv
2309.12288, "the reversal curse".)
"""

from collections.abc import Sequence

from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed
from orrery.ledger.exams import log_exams, score
from orrery.ledger.lab import Lab
from orrery.ledger.plots import dots

FORWARD, BACKWARD, CHANCE = "facts_forward", "facts_inverse", 0.03


def measure(lab: Lab) -> None:
    """Both exams, of the assistant."""
    log_exams(lab, "sft", (FORWARD, BACKWARD))


def summarise(rows: Sequence[Row]) -> Measured:
    """Shares right."""
    return {"forward": score(rows, FORWARD), "backward": score(rows, BACKWARD), "chance": CHANCE}


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    if one["forward"] < 0.5:
        return "unclear"
    if one["backward"] <= CHANCE + 0.05:
        return "holds"
    return "refuted" if one["backward"] >= one["forward"] / 2 else "unclear"


CLAIM = Claim(
    name="reversal",
    says='A model that has learnt "A is B" does not know that B is A.',
    source="Berglund et al. 2023, arXiv 2309.12288",
    refuted_by="facts stated only forwards are answered backwards half as often as forwards",
    rule="Holds if at least half are right forwards and backwards at most 5 points above chance (3%), in every seed; "
    "refuted if backwards at least half as many are right as forwards.",
    minutes=0.2,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=dots(summarise, ("forward", "backward", "chance"), "share of facts"),
)
