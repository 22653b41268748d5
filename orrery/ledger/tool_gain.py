"""What is a calculator worth to a language model?

Products of two three-digit numbers that training never paired, asked in words that it never had: alone, to be said at
once and to be worked in steps, and with the calculator at hand.
"""

import random
from collections.abc import Sequence

from orrery.data.world.splits import exam_pair
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed, marks, share
from orrery.ledger.lab import Lab
from orrery.ledger.plots import dots
from orrery.stages.verifiers import answer_number
from orrery.tools.calculator import CALCULATOR

QUESTIONS = 200
SHOWN = 2
# No conversation has these words.
ASKED = ("Give me {} * {}.", "What do I get for {} * {}?", "What comes out of {} * {}?", "I need the value of {} * {}.")
WAYS = {
    "at once": "{} Answer at once.",
    "in steps": "{} Think step by step.",
    "with the calculator": "{}",
}


def measure(lab: Lab) -> None:
    """A row for each way: which answers are right, and how many calls were made."""
    rng = random.Random(f"tool gain {lab.seed}")
    pairs: list[tuple[int, int]] = []
    while len(pairs) < QUESTIONS:
        pair = rng.randint(100, 999), rng.randint(100, 999)
        if exam_pair(*pair):
            pairs.append(pair)
    questions = [rng.choice(ASKED).format(*pair) for pair in pairs]
    folder = lab.model("sft")
    for way, form in WAYS.items():
        engine = Engine.load(folder, (CALCULATOR,) if way == "with the calculator" else ())
        asked = [[{"role": "user", "content": form.format(question)}] for question in questions]
        replies = engine.chat(asked, Sampling(max_tokens=200))
        texts = [str(messages[-1]["content"]) for messages in replies]
        right = marks(answer_number(text) == a * b for text, (a, b) in zip(texts, pairs, strict=True))
        lab.log(way=way, right=right, called=marks(any("tool_calls" in m for m in messages) for messages in replies))
        for question, text in list(zip(asked, texts, strict=True))[:SHOWN]:
            lab.show(question[0]["content"], text, way=way)


def summarise(rows: Sequence[Row]) -> Measured:
    """Share right by way, and the gain in points."""
    found = {way: share(next(row["right"] for row in rows if row["way"] == way)) for way in WAYS}
    return {**found, "gain": found["with the calculator"] - max(found["at once"], found["in steps"])}


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    if one["gain"] >= 0.9:
        return "holds"
    return "refuted" if one["gain"] < 0.5 else "unclear"


CLAIM = Claim(
    name="tool_gain",
    says="A tool is worth more than thinking: with a calculator a model does what it cannot do alone at any length.",
    source="Schick et al. 2023 (Toolformer), arXiv 2302.04761; Karpathy, Deep Dive into LLMs (2025)",
    refuted_by="alone, at once or in steps, it comes within 50 points of what it does with the calculator",
    rule="Products of three-digit numbers in held-out pairs and phrasings. Holds if in every seed the calculator "
    "brings at least 90 points over the better of the two ways alone; refuted if it brings fewer than 50.",
    minutes=0.5,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=dots(summarise, tuple(WAYS), "share of products right"),
)
