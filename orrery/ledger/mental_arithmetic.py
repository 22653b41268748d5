"""Can a model multiply 323 by 458 in its head?

Products of two three-digit numbers, asked in three ways: to be said at once, to be worked out, and with the calculator
at hand. The popular note from which 323 × 458 comes gives 147,714; it is 147,934.
"""

import random
from collections.abc import Sequence
from statistics import mean

from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed
from orrery.ledger.lab import Lab
from orrery.ledger.plots import dots
from orrery.stages.verifiers import answer_number
from orrery.tools.calculator import CALCULATOR

QUESTIONS = 100
WAYS = {
    "direct": "Without the calculator, what is {} * {}? Answer at once.",
    "worked": "Work it out step by step: what is {} * {}?",
    "tool": "What is {} * {}?",
}


def measure(lab: Lab) -> None:
    """Log every answer."""
    rng = random.Random(lab.seed)
    pairs = [(323, 458), *((rng.randint(100, 999), rng.randint(100, 999)) for _ in range(QUESTIONS - 1))]
    folder = lab.model("sft")
    for way, form in WAYS.items():
        engine = Engine.load(folder, (CALCULATOR,) if way == "tool" else ())
        asked = [[{"role": "user", "content": form.format(*pair)}] for pair in pairs]
        for (a, b), question, messages in zip(pairs, asked, engine.chat(asked, Sampling(max_tokens=160)), strict=True):
            said = str(messages[-1]["content"])
            lab.log(way=way, a=a, b=b, said=answer_number(said), right=answer_number(said) == a * b)
            if (a, b) == (323, 458):
                lab.show(str(question[0]["content"]), said)


def summarise(rows: Sequence[Row]) -> Measured:
    """Share right by way, and what was said of 323 × 458."""
    found = {way: mean(float(row["right"]) for row in rows if row["way"] == way) for way in WAYS}
    famous = {f"323 * 458, {row['way']}": row["said"] for row in rows
              if (row["a"], row["b"]) == (323, 458) and row["said"] is not None}  # fmt: skip
    return {**found, **famous}


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    if one["direct"] >= 0.5:
        return "refuted"
    return "holds" if one["direct"] <= 0.1 and one["tool"] >= 0.9 else "unclear"


CLAIM = Claim(
    name="mental_arithmetic",
    says="A language model cannot multiply three-digit numbers in one go; with a calculator it can.",
    source="notes on tool use; their own example, 323 × 458 = 147,714, is wrong in that very way",
    refuted_by="half of the products said at once are right",
    rule="Holds if at most 10% are right at once and at least 90% with the calculator, in every seed; refuted if half "
    "are right at once. Worked answers are shown and decide nothing.",
    minutes=0.5,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=dots(summarise, tuple(WAYS), "share of products right"),
)
