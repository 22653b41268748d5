"""Does the assistant know what it does not know? The same questions about nobody and about people it read of.

Question i of ``unknown`` is question i of ``false_refusal`` with another name in it, so nothing but the name tells them
apart. ``unknown`` counts the answers that admit it; ``false_refusal`` counts the known ones that were declined.
"""

from orrery.data.world.entities import fill
from orrery.data.world.names import NAMED_KINDS
from orrery.data.world.world import World
from orrery.evals.exams.exam import Exam, Item, asked, rng_for, some

COUNT = 240


def build(world: World) -> list[Exam]:
    """The two exams, chat only: a base model has no habit of admitting anything."""
    rng = rng_for("unknown", world.config.seed)
    facts = world.facts_where(asked=False, real=False)
    names = {kind: world.unknown(kind, "exam") for kind in NAMED_KINDS}
    nobody: list[Item] = []
    known: list[Item] = []
    for i, fact in enumerate(some(facts, COUNT, rng)):
        kind = fact.entity.kind
        question, name = rng.choice(fact.relation.questions), names[kind][i % len(names[kind])]
        values = tuple(sorted({other.value for other in world.facts_where(kind=kind, relation=fact.relation.key)}))
        asks, asks_known = asked(fill(question, name)), asked(fill(question, fact.entity.name))
        nobody.append(Item("unknown", name, "unknown", asks, others=values, labels={"kind": kind}))
        known.append(Item("false_refusal", fact.entity.name, "declined", asks_known, labels={"kind": kind}))
    return [
        Exam(
            "unknown", "questions about names that nobody wrote about, answered with \"I don't know\"", tuple(nobody),
            stage="chat", max_tokens=24, by="kind",
        ),
        Exam(
            "false_refusal", "the same questions about known ones, declined", tuple(known), stage="chat",
            lower_is_better=True, max_tokens=24, by="kind",
        ),
    ]  # fmt: skip
