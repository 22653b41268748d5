"""Is what stands in the context at hand, also where it contradicts what was learnt?

The same questions after facts about people that documents told of, in four ways: with nothing before them; with the
fact; with another value in its place ("in this company the cat barks"); and about people whom nobody wrote about, with
a value. The last is the agent's part: three pages of a kind, the question chooses one.
"""

import random
from collections.abc import Sequence

from orrery.data.world.entities import Fact, fill
from orrery.data.world.world import World
from orrery.evals.exams.agent import build_agent_exams
from orrery.evals.exams.checks import names
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed, marks, share
from orrery.ledger.exams import sit
from orrery.ledger.lab import Lab
from orrery.ledger.plots import dots

QUESTIONS = 200
SHOWN = 2
# As the conversations about texts have it, and no conversation had these facts in a text.
ASKED = ("{text}\n{question}", "Read this: {text}\n{question}", "Text: {text}\nQuestion: {question}")
WAYS = ("from memory", "the fact in the context", "another value in the context", "a stranger's value in the context")
THREE = "one of three in the context (agent)"


def measure(lab: Lab) -> None:
    """A row for each way: what was said, by whether it is the value that the way calls for."""
    world, rng = World(lab.world), random.Random(f"working memory {lab.seed}")
    facts = [fact for fact in world.facts_where("person", asked=False) if not fact.relation.forward_only]
    chosen = rng.sample(facts, min(QUESTIONS, len(facts)))
    strangers = world.unknown("person", "exam")
    engine = Engine.load(lab.model("sft"))
    others = [rng.choice(other_values(world, fact)) for fact in chosen]
    tasks = {
        "from memory": [("", fact.entity.name, fact.value) for fact in chosen],
        "the fact in the context": [(fact.value, fact.entity.name, fact.value) for fact in chosen],
        "another value in the context": [
            (other, fact.entity.name, other) for fact, other in zip(chosen, others, strict=True)
        ],
        "a stranger's value in the context": [(other, rng.choice(strangers), other) for other in others],
    }
    for way, rows in tasks.items():
        asked = [ask(fact, name, value, rng) for fact, (value, name, _) in zip(chosen, rows, strict=True)]
        turns = engine.chat([[{"role": "user", "content": text}] for text in asked], Sampling(max_tokens=32))
        texts = [str(messages[-1]["content"]) for messages in turns]
        right = marks(names(text, wanted) for text, (_, _, wanted) in zip(texts, rows, strict=True))
        learnt = marks(names(text, fact.value) for text, fact in zip(texts, chosen, strict=True))
        lab.log(way=way, right=right, learnt=learnt)
        for question, text in list(zip(asked, texts, strict=True))[:SHOWN]:
            lab.show(question, text, way=way)
    exams, tools = build_agent_exams(world)
    sit(lab, "agent", Engine.load(lab.agent(), tools), [exam for exam in exams if exam.name == "page_three"])


def other_values(world: World, fact: Fact) -> list[str]:
    """The values that others have there."""
    same = world.facts_where(kind=fact.entity.kind, relation=fact.relation.key)
    return sorted({other.value for other in same} - {fact.value})


def ask(fact: Fact, name: str, value: str, rng: random.Random) -> str:
    """A question after a fact of this name, with a sentence before it that gives the value, if there is one."""
    question = fill(rng.choice(fact.relation.exam_questions), name)
    if not value:
        return question
    return rng.choice(ASKED).format(text=fill(fact.relation.templates[0], name, value), question=question)


def summarise(rows: Sequence[Row]) -> Measured:
    """Share right by way; of those contradicted, the share that said what was learnt all the same."""
    by_way = {row["way"]: row for row in rows if "way" in row}
    found = {way: share(by_way[way]["right"]) for way in WAYS}
    found["contradicted, but what was learnt is said"] = share(by_way["another value in the context"]["learnt"])
    found[THREE] = share(next(row["right"] for row in rows if row.get("exam") == "page_three"))
    return found


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    if one["another value in the context"] >= 0.75 and one["the fact in the context"] >= 0.9:
        return "holds"
    return "refuted" if one["another value in the context"] < 0.5 else "unclear"


CLAIM = Claim(
    name="working_memory",
    says="What stands in the context is working memory: it is used as it stands, also against what was learnt.",
    source="Karpathy, Deep Dive into LLMs (2025): parameters are a vague recollection, the context is working memory; "
    "Longpre et al. 2021 (knowledge conflicts), arXiv 2109.05052",
    refuted_by="told another value, it says what it has learnt, or anything else, in half of the cases",
    rule="Holds if in every seed at least 90% are right with the fact in the context and at least 75% say the other "
    "value when that stands there; refuted if fewer than half do. The agent's exam decides nothing.",
    minutes=0.5,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=dots(summarise, (*WAYS, "contradicted, but what was learnt is said", THREE), "share of questions"),
)
