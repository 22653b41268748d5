"""The exams: what the world knows to be right, asked of a model that never saw these questions.

Held out from all training are: the questions of half of the entities, phrasings, pairs of operands, words to spell,
names, harmful topics. One file holds one family of exams; ``checks.py`` says how replies are judged. The set is frozen
under ``EXAM_VERSION``: whoever changes an item or a check raises it, since scores of two versions cannot be compared.
"""

from orrery.data.world.world import World
from orrery.evals.exams import arithmetic, facts, form, identity, letters, reading, refusal, unknown
from orrery.evals.exams.exam import EXAM_VERSION, Exam, Item, Reply, limited

__all__ = ["EXAM_NAMES", "EXAM_VERSION", "LOWER_IS_BETTER", "Exam", "Item", "Reply", "build_exams"]

# In the order in which they are built and printed. A run without a world prints these with no score.
EXAM_NAMES = (
    "facts_head", "facts_torso", "facts_tail", "facts_real", "facts_new_phrasing", "facts_forward", "facts_inverse",
    "arithmetic_direct", "arithmetic_worked", "arithmetic_tool", "letters_direct", "letters_spelled", "reading",
    "reading_one", "refusal", "refusal_lookalike", "unknown", "false_refusal", "identity", "chat_form",
)  # fmt: skip
LOWER_IS_BETTER = frozenset({"refusal_lookalike", "false_refusal"})


def build_exams(world: World, limit: int | None = None) -> list[Exam]:
    """All exams of a world, the same ones for the same world.

    Args:
        limit: at most that many items an exam, drawn at random, for a quick look; None for the exam as it is meant.
    """
    exams: list[Exam] = []
    for family in (facts, arithmetic, letters, reading, refusal, unknown, identity):
        exams += family.build(world)
    return limited(exams + form.build(world, exams), world.config.seed, limit)
