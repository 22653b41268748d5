"""Answering from a text about people that training never named: one with one value, and three with three values.

With three values of one sort in random order the question has to choose: naming any of them is right once in three.
"""

from orrery.data.world.choice import Choice
from orrery.data.world.conversations.reading import ASKING, ATTRIBUTES, reading
from orrery.data.world.world import World
from orrery.evals.exams.exam import Exam, Item, asked, rng_for

COUNT = 240
_VALUES = {attribute.name: attribute.values for attribute in ATTRIBUTES}


def build(world: World) -> list[Exam]:
    """``reading`` with three people and ``reading_one`` with one."""
    return [
        _exam(world, "reading", "a text gives three people a value each; the question chooses one", 3),
        _exam(world, "reading_one", "a text gives one person one value", 1),
    ]


def _exam(world: World, name: str, about: str, people: int) -> Exam:
    rng = rng_for(name, world.config.seed)
    pool = world.unknown("person", "exam")
    items: list[Item] = []
    for _ in range(COUNT):
        names = rng.sample(pool, people)
        while len({part for full in names for part in full.split()}) < 2 * people:
            names = rng.sample(pool, people)
        task = reading(Choice(rng.getrandbits(64)), names)
        question = rng.choice(ASKING).format(text=task.text, question=task.question)
        prompt = f"Text: {task.text}\nQ: {task.question}\nA:"
        others = tuple(value for value in _VALUES[task.attribute] if value != task.values[0])
        items.append(
            Item(
                name,
                names[0],
                "value",
                asked(question),
                prompt,
                "first_line",
                task.values[:1],
                others=others,
                labels={"attribute": task.attribute},
            )
        )
    # With one person there is nothing to choose but among all values that such a sentence may have.
    chance = 1 / people if people > 1 else sum(1 / len(_VALUES[item.labels["attribute"]]) for item in items) / COUNT
    return Exam(name, about, tuple(items), chance, max_tokens=24, base_tokens=24, by="attribute")
