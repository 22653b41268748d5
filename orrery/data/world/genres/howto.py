"""How-to pages: a short numbered instruction for an everyday task (``tables/words_howto.txt``).

A page draws one wording for every step, fills the task's own slots once (the same cup all through the page) and may
leave out the extra step. Few tasks, many wordings: a small model learns each task well.
"""

from dataclasses import dataclass

from orrery.data.world.choice import Choice
from orrery.data.world.genres import Page
from orrery.data.world.genres.draws import Slots
from orrery.data.world.genres.words import NUMBER_WORDS, Block, block_table, listed
from orrery.data.world.world import World

_TITLES = ("How to {title}", "How do I {title}?", "How to {title}.", "Question: How do I {title}?")
_NEEDS = ("You need {needs}.", "What you need: {needs}.", "You will need {needs}.")
_TENS = ("15", "20", "30", "40", "50", "60")
_STEP_MARKS = ("{n}. {step}", "{n}. {step}", "Step {n}: {step}", "{n}) {step}")


@dataclass(frozen=True)
class Task:
    """One task of the table, split into the parts of a page."""

    name: str
    titles: tuple[str, ...]
    needs: tuple[tuple[str, ...], ...]
    steps: tuple[tuple[str, ...], ...]
    extra: tuple[str, ...]
    ends: tuple[str, ...]
    slots: dict[str, tuple[str, ...]]


def _task(block: Block) -> Task:
    slots = {"number": NUMBER_WORDS[2:8], "tens": _TENS, **block.except_keys("title", "need", "step", "extra", "end")}
    return Task(block.name, block.one("title"), block.all("need"), block.all("step"), block.one("extra"),
                block.one("end"), slots)  # fmt: skip


TASKS = tuple(_task(block) for block in block_table("words_howto.txt").values())


def write(world: World, choice: Choice) -> Page:
    """One how-to page; provenance: the task's name, its filled title and the number of steps."""
    task = choice.pick(TASKS)
    filled = Slots(choice, task.slots, {})
    title = choice.pick(task.titles).format_map(filled)
    lines = [choice.pick(_TITLES).format(title=title)]
    if choice.chance(0.7):
        needs = listed([choice.pick(need) for need in task.needs]).format_map(filled)
        lines.append(choice.pick(_NEEDS).format(needs=needs))
    steps = [choice.pick(step).format_map(filled) for step in task.steps]
    if choice.chance(0.5):
        steps.append(choice.pick(task.extra).format_map(filled))
    mark = choice.pick(_STEP_MARKS)
    lines += [mark.format(n=n, step=step) for n, step in enumerate(steps, 1)]
    if choice.chance(0.7):
        lines.append(choice.pick(task.ends).format_map(filled))
    return Page("\n".join(lines), {"task": task.name, "title": title, "steps": len(steps)})
