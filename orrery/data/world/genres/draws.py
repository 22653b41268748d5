"""Draws that several genres share: slots of templates, draw until it fits, fresh people, operands free for training."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from orrery.data.world.choice import Choice
from orrery.data.world.genres.words import with_article
from orrery.data.world.splits import exam_pair
from orrery.data.world.world import World

T = TypeVar("T")


class Slots(dict[str, str]):
    """Values for the slots of a page's templates, each drawn when it is first asked for.

    So a slot has one value throughout a page, and what the page does not show costs no bits. Two slots follow from
    others: ``{a_thing}`` is ``{thing}`` with its article, ``{Thing}`` is ``{thing}`` with a capital.
    """

    def __init__(self, choice: Choice, options: Mapping[str, Sequence[str]], fixed: Mapping[str, str]) -> None:
        super().__init__(fixed)
        self._choice = choice
        self._options = options

    def __missing__(self, slot: str) -> str:
        if slot in self._options:
            value = self._choice.pick(self._options[slot])
            if "{" in value:
                value = value.format_map(self)
        elif slot.startswith("a_"):
            value = with_article(self[slot[2:]])
        elif slot[0].isupper():
            value = self[slot.lower()]
            value = value[0].upper() + value[1:]
        else:
            raise KeyError(f"no slot {{{slot}}}; there are: {', '.join(sorted({*self, *self._options}))}")
        self[slot] = value
        return value


class WorldSlots(Slots):
    """Slots that also make up people (``{person}``, ``{other}``), a ``{town}`` and a ``{company}`` when asked for."""

    def __init__(
        self, world: World, choice: Choice, options: Mapping[str, Sequence[str]], fixed: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(choice, options, fixed or {})
        self._world = world

    def __missing__(self, slot: str) -> str:
        if slot in ("person", "other"):
            taken = [self[name] for name in ("person", "other") if name in self]
            self[slot] = fresh_people(self._world, self._choice, 1, taken)[0]
        elif slot == "town":
            self[slot] = self._world.fresh_town(self._choice)
        elif slot == "company":
            self[slot] = self._world.fresh_company(self._choice)
        else:
            return super().__missing__(slot)
        return self[slot]


def accepted(choice: Choice, draw: Callable[[], T], fits: Callable[[T], bool]) -> T:
    """Draw until it fits. Only the last draw's bits count: the reader never sees the refused ones.

    The sum stays an upper bound, too high by -log2 of the share of draws that fit.
    """
    while True:
        before = choice.bits
        value = draw()
        if fits(value):
            return value
        choice.bits = before


def operands(choice: Choice, low_a: int, high_a: int, low_b: int, high_b: int) -> tuple[int, int]:
    """Two whole numbers from their ranges, as a pair that is not kept for exams."""
    return accepted(
        choice,
        lambda: (choice.integer(low_a, high_a), choice.integer(low_b, high_b)),
        lambda pair: not exam_pair(*pair),
    )


def fresh_people(world: World, choice: Choice, count: int, besides: Sequence[str] = ()) -> list[str]:
    """Throwaway full names for one document; no two, nor those ``besides``, share a given or a family name."""
    people: list[str] = []
    taken = {word for name in besides for word in name.split()}
    for _ in range(count):
        name = accepted(choice, lambda: world.fresh_person(choice), lambda name: taken.isdisjoint(name.split()))
        taken.update(name.split())
        people.append(name)
    return people


def given_names(world: World, choice: Choice, count: int) -> list[str]:
    """Different given names, for characters that need no family name."""
    return choice.sample(world.names.given, count)
