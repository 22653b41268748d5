"""Clean text, or twice as much of which half is junk?

Two models see as many tokens. One reads clean documents, twice; the other reads them once, and as much junk: spam,
boilerplate, garbled text, other languages. Both are measured on clean documents. (Penedo et al. 2024, FineWeb, arXiv
2406.17557; Gunasekar et al. 2023, Textbooks Are All You Need, arXiv 2306.11644.)
"""

from collections.abc import Sequence

from orrery.data.world.corpus import corpus
from orrery.data.world.generate import DEFAULT_MIX
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed
from orrery.ledger.corpora import base_from
from orrery.ledger.lab import Lab
from orrery.ledger.plots import dots

BYTES, STEPS = 1_400_000, 500
CLEAN, WITH_JUNK = "clean, twice", "clean and junk, once"


def measure(lab: Lab) -> None:
    """A row for each corpus: bits per byte of clean held-out documents."""
    mix = {genre: weight for genre, weight in DEFAULT_MIX.items() if genre != "junk"}
    clean = list(corpus(lab.world, BYTES, mix))
    junk = list(corpus(lab.world, BYTES, {"junk": 1.0}))
    for name, documents in ((CLEAN, clean), (WITH_JUNK, clean + junk)):
        result = base_from(lab, "quality", {"corpus": name, "bytes": BYTES}, documents, STEPS)
        lab.log(corpus=name, bits=result.metrics["bits_per_byte"], tokens=result.tokens)


def summarise(rows: Sequence[Row]) -> Measured:
    """Bits per byte, and by how much clean text is better."""
    bits = {row["corpus"]: row["bits"] for row in rows}
    return {**bits, "clean is better by": 1 - bits[CLEAN] / bits[WITH_JUNK]}


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    gain = one["clean is better by"]
    return "holds" if gain >= 0.02 else "refuted" if gain <= 0 else "unclear"


CLAIM = Claim(
    name="quality_over_quantity",
    says="Less text but clean makes a better model than twice as much with junk in it.",
    source="Gunasekar et al. 2023, arXiv 2306.11644; Penedo et al. 2024, arXiv 2406.17557",
    refuted_by="after as many tokens the model that read junk too predicts clean text as well",
    rule="Holds if in every seed the bits per byte of clean held-out text are at least 2% lower with clean text read "
    "twice; refuted if they are not lower.",
    minutes=3,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=dots(summarise, (CLEAN, WITH_JUNK), "bits per byte of clean held-out text"),
)
