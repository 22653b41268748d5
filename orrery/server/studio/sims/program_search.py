"""A rule behind a table of numbers, found by trying every expression, the shortest first."""

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from orrery.errors import ConfigError

CONSTANTS = (1, 2, 3, 10)
MOST_ROWS, MOST_SIZE, MOST_RULES = 12, 7, 4
LARGE = 10**9  # beyond it an expression is dropped

Values = tuple[int, ...]


def _ratio(a: int, b: int) -> int | None:
    return a // b if b else None


def _rest(a: int, b: int) -> int | None:
    return a % b if b else None


# Sign, what it does, whether it commutes.
OPERATIONS: tuple[tuple[str, Callable[[int, int], int | None], bool], ...] = (
    ("+", operator.add, True), ("-", operator.sub, False), ("*", operator.mul, True), ("//", _ratio, False),
    ("%", _rest, False),
)  # fmt: skip


@dataclass(frozen=True)
class SearchRequest:
    """Rows of a table, and the x for which a rule is to say what comes next."""

    x: Sequence[int]
    y: Sequence[int]
    next: Sequence[int]


@dataclass(frozen=True)
class Rule:
    """An expression in x that gives every row. `size`: numbers, x and signs in it. `next`: what it says beyond."""

    text: str
    size: int
    next: list[int]


@dataclass(frozen=True)
class SearchAnswer:
    """The shortest rules, those left out that say the same everywhere.

    `tried`: expressions of different values. `size`: of the longest ones.
    """

    rules: list[Rule]
    tried: int
    size: int


def program_search(asked: SearchRequest) -> SearchAnswer:
    """The shortest expressions that give every row. Raises ConfigError for a table without rows, or too many."""
    if len(asked.x) != len(asked.y) or not 1 <= len(asked.x) <= MOST_ROWS or not 1 <= len(asked.next) <= MOST_ROWS:
        raise ConfigError(f"give 1 to {MOST_ROWS} rows of an x and a y, and as many x beyond them")
    if any(abs(value) > LARGE for value in (*asked.x, *asked.y, *asked.next)):
        raise ConfigError(f"the numbers of a table are at most {LARGE:,}")
    rows, wanted = len(asked.x), tuple(asked.y)
    rules: list[Rule] = []
    tried = longest = 0
    for size, text, values in expressions((*asked.x, *asked.next)):
        if rules and size > rules[0].size + 2:
            break
        tried, longest = tried + 1, size
        if values[:rows] == wanted and len(rules) < MOST_RULES:
            rules.append(Rule(text, size, list(values[rows:])))
    return SearchAnswer(rules, tried, longest)


def expressions(x: Values) -> Iterator[tuple[int, str, Values]]:
    """Every expression up to `MOST_SIZE` signs: (size, text, its value for each x), one for each row of values.

    >>> [text for size, text, values in expressions((5, 7)) if size == 1]
    ['x', '1', '2', '3', '10']
    """
    leaves = [("x", x), *((str(one), (one,) * len(x)) for one in CONSTANTS)]
    seen: set[Values] = set()
    of_size: dict[int, list[tuple[str, Values]]] = {}
    for size in range(1, MOST_SIZE + 1, 2):
        of_size[size] = []
        for text, values in leaves if size == 1 else _joined(of_size, size):
            if values not in seen:
                seen.add(values)
                of_size[size].append((text, values))
                yield size, text, values


def _joined(of_size: dict[int, list[tuple[str, Values]]], size: int) -> Iterator[tuple[str, Values]]:
    """Two shorter expressions with a sign between them."""
    for first in range(1, size - 1, 2):
        second = size - 1 - first
        for left, a in of_size[first]:
            for right, b in of_size[second]:
                for sign, work, commutes in OPERATIONS:
                    if commutes and (second, right) < (first, left):
                        continue  # the other way round it is the same
                    values = tuple(map(work, a, b))
                    if all(value is not None and abs(value) <= LARGE for value in values):
                        yield f"{_within(left)} {sign} {_within(right)}", values  # type: ignore[misc]


def _within(text: str) -> str:
    return f"({text})" if " " in text else text
