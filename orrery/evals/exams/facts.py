"""Facts: does the model say what the documents said, when it is asked in words it knows, in new words, or backwards?

Graded are entities whose facts no document and no conversation asked for (``Entity.asked`` is false): the answers
must come from statements, not from questions learnt by heart. An assistant is asked in chat; a base model continues a
statement that ends with the value ("Mira Tolan was born in"), or a line of questions and answers ("Q: …\nA:") where
the exam is about the wording of the question.
"""

from collections import Counter
from collections.abc import Sequence
from math import ceil

from orrery.data.world.entities import Fact, fill
from orrery.data.world.world import World
from orrery.evals.exams.exam import LEAST, MOST, Exam, Item, asked, rng_for, some


def build(world: World) -> list[Exam]:
    """The exams on facts, in the order in which they are printed."""
    # People only, so that the three bands differ in nothing but how often they were written about.
    by_band = {
        band: [fact for fact in world.facts_where("person", band, asked=False) if not fact.relation.forward_only]
        for band in ("head", "torso", "tail")
    }
    one_way = [fact for fact in world.facts_where(asked=False) if fact.relation.forward_only]
    real = world.facts_where(asked=False, real=True)
    told = {"head": "often", "torso": "sometimes", "tail": "seldom"}
    exams = [
        _forward(world, f"facts_{band}", f"facts about people who are written about {told[band]}", facts)
        for band, facts in by_band.items()
    ]
    exams.append(_forward(world, "facts_real", "facts of the real world", real))
    exams.append(_new_phrasing(world, by_band["head"]))
    exams.append(_forward(world, "facts_forward", "the facts of facts_inverse, asked forwards", one_way))
    exams.append(_inverse(world, one_way))
    return exams


def _forward(world: World, name: str, about: str, facts: Sequence[Fact]) -> Exam:
    rng = rng_for(name, world.config.seed)
    items = []
    for fact, number in _drawn(name, world, facts, 4):
        questions = rng.sample(fact.relation.questions, number)
        for question, (start, end) in zip(questions, rng.sample(_clozes(fact), number), strict=True):
            items.append(
                Item(
                    name,
                    fact.entity.name,
                    "value",
                    asked(fill(question, fact.entity.name)),
                    start,
                    "continuation",
                    (fact.value,),
                    (fact.value + end,),
                    _other_values(world, fact),
                    {"relation": fact.relation.key},
                )
            )
    return Exam(name, about, tuple(items), _best_constant(items), max_tokens=24, by="relation")


def _new_phrasing(world: World, facts: Sequence[Fact]) -> Exam:
    name = "facts_new_phrasing"
    rng = rng_for(name, world.config.seed)
    items = []
    for fact, number in _drawn(name, world, facts, 4):
        for question in rng.sample(fact.relation.exam_questions, number):
            others = _other_values(world, fact)
            items.append(_question(name, fill(question, fact.entity.name), fact.value, others, fact))
    about = "the facts of facts_head in phrasings of which training had none"
    return Exam(name, about, tuple(items), _best_constant(items), max_tokens=24, by="relation")


def _inverse(world: World, facts: Sequence[Fact]) -> Exam:
    name = "facts_inverse"
    rng = rng_for(name, world.config.seed)
    items = []
    for fact, number in _drawn(name, world, facts, 4):
        same = world.facts_where(kind=fact.entity.kind, relation=fact.relation.key)
        others = tuple(other.entity.name for other in same if other != fact)
        for question in rng.sample(fact.relation.inverse_questions, number):
            items.append(_question(name, fill(question, "", fact.value), fact.entity.name, others, fact))
    about = "facts that were only ever stated forwards, asked backwards"
    return Exam(name, about, tuple(items), _best_constant(items), max_tokens=24)


def _clozes(fact: Fact) -> list[tuple[str, str]]:
    """Statements of the fact that end with the value, or with the value and its unit: what stands before, and after."""
    clozes: list[tuple[str, str]] = []
    for template in fact.relation.templates:
        start, value, end = template.removesuffix(".").partition(" {value}")
        if value and "{name}" in start and end.count(" ") < 2:
            clozes.append((fill(start, fact.entity.name), end))
    bare = [cloze for cloze in clozes if not cloze[1]]
    return bare if len(bare) >= 4 else clozes


def _question(name: str, question: str, answer: str, others: tuple[str, ...], fact: Fact) -> Item:
    prompt = f"Q: {question}\nA:"
    labels = {"relation": fact.relation.key}
    return Item(name, fact.entity.name, "value", asked(question), prompt, "first_line", (answer,), (), others, labels)


def _drawn(name: str, world: World, facts: Sequence[Fact], most_each: int) -> list[tuple[Fact, int]]:
    """Which facts are asked, and how often each: twice, more often where there are few, so that n is at least 200."""
    each = min(most_each, max(2, ceil(LEAST / max(1, len(facts)))))
    return [(fact, each) for fact in some(facts, MOST // each, rng_for(f"{name} facts", world.config.seed))]


def _other_values(world: World, fact: Fact) -> tuple[str, ...]:
    values = {other.value for other in world.facts_where(kind=fact.entity.kind, relation=fact.relation.key)}
    return tuple(sorted(values - {fact.value}))


def _best_constant(items: Sequence[Item]) -> float:
    """Share of the best fixed answer to each relation: what can be had without knowing who is asked about."""
    by_relation: dict[str, Counter[str]] = {}
    for item in items:
        by_relation.setdefault(item.labels["relation"], Counter())[item.answers[0]] += 1
    return sum(max(counts.values()) for counts in by_relation.values()) / max(1, len(items))
