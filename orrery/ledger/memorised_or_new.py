"""Does a model only recite what it was trained on?

The assistant is asked to count letters by spelling in words that its training spelled, in words that it never saw
spelled, and in words that nobody ever wrote. A model that recites knows the first; one that learnt how can do them all.
Beside it what can only be recited: facts that documents stated, and facts about names that no document has.
"""

import random
from collections.abc import Sequence

from orrery.data.world.choice import Choice
from orrery.data.world.genres.spelling import made_up_word
from orrery.data.world.genres.words import word_list
from orrery.data.world.splits import exam_word
from orrery.evals.exams import Exam
from orrery.evals.exams.letters import spelled_items
from orrery.inference.engine import Engine
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed
from orrery.ledger.exams import log_exams, score, sit
from orrery.ledger.lab import Lab
from orrery.ledger.plots import dots

QUESTIONS = 200
TRAINED, KEPT, MADE_UP = "words that were spelled", "words that were not", "words that nobody wrote"
FACTS = "facts_head"


def measure(lab: Lab) -> None:
    """Three exams on spelling, one on facts."""
    rng = random.Random(lab.seed)
    listed = word_list("words_spelling.txt")
    sets = {
        TRAINED: [word for word in listed if not exam_word(word)],
        KEPT: [word for word in listed if exam_word(word)],
        MADE_UP: [made_up_word(Choice(rng.getrandbits(60))) for _ in range(QUESTIONS)],
    }
    exams = []
    for name, words in sets.items():
        items = spelled_items(rng, rng.sample(words, min(QUESTIONS, len(words))), name)
        exams.append(Exam(name, "letters counted one by one", tuple(items), max_tokens=96))
    sit(lab, "sft", Engine.load(lab.model("sft")), exams)
    log_exams(lab, "sft", (FACTS,))


def summarise(rows: Sequence[Row]) -> Measured:
    """Shares right."""
    return {name: score(rows, name) for name in (TRAINED, KEPT, MADE_UP, FACTS)}


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    new = min(one[KEPT], one[MADE_UP])
    if new <= one[TRAINED] / 2:
        return "holds"
    return "refuted" if new >= 0.8 * one[TRAINED] else "unclear"


CLAIM = Claim(
    name="memorised_or_new",
    says="A language model only recites what it was trained on.",
    source="Bender et al. 2021, On the Dangers of Stochastic Parrots; Zhang et al. 2017, arXiv 1611.03530",
    refuted_by="it spells and counts words that were never spelled nearly as well as those that were",
    rule="Refuted if in every seed letters of new words, and of words that nobody ever wrote, are spelled and counted "
    "at least 80% as often right as those of trained words; holds if at most half as often. Facts are shown.",
    minutes=0.3,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=dots(summarise, (TRAINED, KEPT, MADE_UP, FACTS), "share right"),
)
