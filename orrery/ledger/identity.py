"""Is an assistant who its conversations say it is?

Asked who it is, who made it and the like, in phrasings that it never read, the assistant of a speedrun should give what
the conversations of its tuning say.
"""

from collections.abc import Sequence

from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed
from orrery.ledger.exams import log_exams, score
from orrery.ledger.lab import Lab
from orrery.ledger.plots import dots

EXAM = "identity"


def measure(lab: Lab) -> None:
    """The exam, of the assistant."""
    log_exams(lab, "sft", (EXAM,))


def summarise(rows: Sequence[Row]) -> Measured:
    """Share of answers that are those of its conversations."""
    return {"as its conversations say": score(rows, EXAM)}


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    right = one["as its conversations say"]
    return "holds" if right >= 0.5 else "refuted" if right < 0.2 else "unclear"


CLAIM = Claim(
    name="identity",
    says="A model has no self; it is who the conversations of its tuning say it is.",
    source="Karpathy, Deep Dive into LLMs (2025), on models that call themselves ChatGPT",
    refuted_by="asked about itself in new words it says something else",
    rule="Holds if at least half of its answers in phrasings that it never read are what its conversations say, in "
    "every seed; refuted if less than a fifth are.",
    minutes=0.1,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=dots(summarise, ("as its conversations say",), "share of answers"),
)
