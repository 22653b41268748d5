"""When a model writes steps before its answer, is it the steps that help, or the time that they buy?

One small model reads sums answered in four ways, which the question names: at once; in steps; after as many meaningless
tokens as steps would take; after steps whose totals are drawn by lot. Each time the answer is the right one, and the
model could use the tokens before it to compute in silence. (Pfau et al. 2024, Let's Think Dot by Dot, arXiv
2404.15758; Lanham et al. 2023, arXiv 2307.13702.)
"""

import random
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from orrery.data.world.conversations.chains import expression
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed, marks, share
from orrery.ledger.lab import Lab
from orrery.ledger.plots import dots
from orrery.ledger.specialist import answer, answered, draw, trained_on
from orrery.stages.problems import Problem
from orrery.stages.verifiers import numeric

WAYS = {"at once": "Say", "in steps": "Steps", "after dots": "Dots", "after wrong steps": "Noise"}
STEPS, QUESTIONS = 1_200, 300
DOTS = 10  # for each step: about as many tokens as it takes


def measure(lab: Lab) -> None:
    """A row for each way: kept sums, answered greedily."""
    folder = trained_on(lab, "filler", {"dots": DOTS}, document, STEPS, 128, 4)
    for way in WAYS:
        log_answers(lab, folder, way)


def document(rng: random.Random) -> str:
    """A sum, answered in one of the ways."""
    terms, way = draw(rng, kept=False), rng.choice(list(WAYS))
    return f"{question(terms, way)} {reply(terms, way, rng)}"


def question(terms: Sequence[int], way: str) -> str:
    """Its name before the sum says in which way it is to be answered."""
    return f"{WAYS[way]}: {expression(terms)}\nA:"


def reply(terms: Sequence[int], way: str, rng: random.Random) -> str:
    """One way of answering.

    >>> reply([4, 7, -9], "after dots", random.Random(0)).startswith(". . . .")
    True
    """
    end = answer(terms, "direct", 0.0, rng)
    if way == "at once":
        return end
    if way == "in steps":
        return answer(terms, "worked", 0.0, rng)
    if way == "after dots":
        return f"{' '.join('.' * (DOTS * (len(terms) - 1)))} {end}"
    total, steps = terms[0], []
    for term in terms[1:]:
        said = rng.randint(-9, 20)
        steps.append(f"{total} {'-' if term < 0 else '+'} {abs(term)} = {said}.")
        total = said
    return f"{' '.join(steps)} {end}"


def log_answers(lab: Lab, folder: Path, way: str) -> None:
    """One way."""
    rng = random.Random(0)
    sums = [draw(rng, kept=True) for _ in range(QUESTIONS)]
    asked = [Problem(question(terms, way), sum(terms)) for terms in sums]
    written = answered(lab, folder, asked, 0.0)
    right = marks(numeric("", one.text, problem.truth) for problem, one in zip(asked, written, strict=True))
    lab.log(way=way, right=right, lengths=[len(one.ids) for one in written])
    lab.show(asked[0].text, written[0].text, way=way)


def summarise(rows: Sequence[Row]) -> Measured:
    """Shares right, and tokens written, by way."""
    by = {row["way"]: row for row in rows}
    return {way: share(by[way]["right"]) for way in WAYS} | {f"{way}, tokens": mean(by[way]["lengths"]) for way in WAYS}


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    gain, of_dots = one["in steps"] - one["at once"], one["after dots"] - one["at once"]
    if gain < 0.2:
        return "unclear"
    return "holds" if of_dots >= gain / 2 else "refuted" if of_dots <= gain / 4 else "unclear"


CLAIM = Claim(
    name="filler_tokens",
    says="Tokens before the answer help because they are time to compute, whatever they say.",
    source="Pfau et al. 2024, arXiv 2404.15758; Lanham et al. 2023, arXiv 2307.13702",
    refuted_by="as many meaningless tokens help hardly at all where steps do",
    rule="Where steps gain at least 20 points over answers at once: holds if in every seed as many dots gain at least "
    "half as much, refuted if at most a quarter. Steps with drawn totals are shown.",
    minutes=4,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=dots(summarise, tuple(WAYS), "share right, greedy"),
)
