"""Does good data teach more when it comes last?

The same documents in three orders: a quarter of them, pages full of facts, come first, last, or mixed among the others.
The rate of learning falls towards the end in all three. (Dubey et al. 2024, The Llama 3 Herd, arXiv 2407.21783, section
3.1.3; Blakeney et al. 2024, arXiv 2406.03476.)
"""

from collections.abc import Sequence
from statistics import mean

from orrery.data.world.corpus import corpus
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed
from orrery.ledger.corpora import CONTEXT, ROWS, base_from
from orrery.ledger.lab import Lab
from orrery.ledger.plots import dots

GOOD = {"encyclopedia": 40.0, "forum": 18.0}
OTHERS = {"copying": 15.0, "dialogue": 4.0, "howto": 3.0, "story": 3.0, "worksheet": 3.0, "spelling": 8.0, "news": 3.0,
          "code": 2.0, "junk": 10.0}  # fmt: skip
GOOD_BYTES, OTHER_BYTES = 900_000, 2_700_000
BYTES_PER_TOKEN = 2.65
STEPS = round((GOOD_BYTES + OTHER_BYTES) / BYTES_PER_TOKEN / (ROWS * CONTEXT))  # once through all
ORDERS = ("first", "mixed", "last")


def measure(lab: Lab) -> None:
    """A row for each order and genre."""
    good = list(corpus(lab.world, GOOD_BYTES, GOOD))
    others = list(corpus(lab.world, OTHER_BYTES, OTHERS))
    orders = {"first": (good, others), "mixed": ([], good + others), "last": (others, good)}
    for order, (first, rest) in orders.items():
        result = base_from(lab, "order", {"good": order, "bytes": [GOOD_BYTES, OTHER_BYTES]}, rest, STEPS, first)
        for name, bits in result.metrics.items():
            if name.startswith("bits_per_byte/"):
                lab.log(order=order, genre=name.split("/")[1], bits=bits)


def summarise(rows: Sequence[Row]) -> Measured:
    """Mean bits per byte over the good genres, and over the others, by order."""
    found = {}
    for order in ORDERS:
        for kind, genres in (("good", GOOD), ("other", OTHERS)):
            of_kind = [row["bits"] for row in rows if row["order"] == order and row["genre"] in genres]
            found[f"{kind} text, good {order}"] = mean(of_kind)
    return {**found, "last is better than mixed by": 1 - found["good text, good last"] / found["good text, good mixed"]}


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    gain = one["last is better than mixed by"]
    return "holds" if gain >= 0.01 else "refuted" if gain <= 0 else "unclear"


CLAIM = Claim(
    name="annealing",
    says="Good data teaches more when it is read last, while the rate of learning falls.",
    source="Dubey et al. 2024, arXiv 2407.21783, section 3.1.3; Blakeney et al. 2024, arXiv 2406.03476",
    refuted_by="good text is predicted as well when it was mixed among the other",
    rule="Holds if in every seed the bits per byte of held-out text of the good kind (mean of its genres) are at least "
    "1% lower when it came last than when it was mixed; refuted if they are not lower. The other text is shown.",
    minutes=5,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=dots(summarise, tuple(f"{kind} text, good {order}" for kind in ("good", "other") for order in ORDERS),
              "bits per byte of held-out text"),
)  # fmt: skip
