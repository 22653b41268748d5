"""Plain word tables for the genres, and the little English grammar that they need.

Two kinds of file lie in ``data/world/tables/``. A *word list* is words between white space. A *block table* is

    # a comment
    [tea]
    title: make {drink} | make a cup of {drink}
    drink: green tea | mint tea
    step: Boil the water. | Heat the water until it boils.

that is: blocks with a name, and in each block lines ``key: alternative | alternative``. A key may come several times
(the steps of a recipe, in order). ``{drink}`` is a slot; the genre fills it.
"""

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

from orrery.errors import DataError

TABLES = Path(__file__).parent.parent / "tables"
NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
                "twelve")  # fmt: skip
# Written with a vowel but said with a consonant; the tables have no silent h except "hour" and "honest".
_SAID_WITH_CONSONANT = ("unit", "union", "unic", "unif", "univ", "use", "one", "eu")
_SILENT_H = ("hour", "honest", "honor", "heir")


@dataclass(frozen=True)
class Block:
    """One block of a table: its name, and its lines as (key, alternatives) in the order of the file."""

    name: str
    lines: tuple[tuple[str, tuple[str, ...]], ...]

    def one(self, key: str) -> tuple[str, ...]:
        """The alternatives of the only line with this key; DataError when there is none or more than one."""
        found = self.all(key)
        if len(found) != 1:
            raise DataError(f"block [{self.name}] needs one line '{key}: …', found {len(found)}")
        return found[0]

    def all(self, key: str) -> tuple[tuple[str, ...], ...]:
        """The alternatives of every line with this key, in order; empty when there is none."""
        return tuple(alternatives for line_key, alternatives in self.lines if line_key == key)

    def except_keys(self, *keys: str) -> dict[str, tuple[str, ...]]:
        """The other lines as a mapping from key to alternatives: the block's own slots."""
        return {key: alternatives for key, alternatives in self.lines if key not in keys}


def _table_lines(name: str) -> list[tuple[int, str]]:
    lines = (TABLES / name).read_text(encoding="utf-8").splitlines()
    return [(n, line.strip()) for n, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]


@cache
def word_list(name: str) -> tuple[str, ...]:
    """The words of a word-list file, in order."""
    return tuple(word for _, line in _table_lines(name) for word in line.split())


@cache
def block_table(name: str) -> dict[str, Block]:
    """The blocks of a block-table file by name, in order.

    Raises:
        DataError: a line that is neither ``[name]`` nor ``key: …``, an empty alternative, a name used twice.
    """
    collected: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    current: list[tuple[str, tuple[str, ...]]] | None = None
    for number, line in _table_lines(name):
        if line.startswith("[") and line.endswith("]"):
            if line[1:-1] in collected:
                raise DataError(f"{name}, line {number}: block {line} is there twice; rename one")
            current = collected.setdefault(line[1:-1], [])
            continue
        key, colon, rest = line.partition(":")
        alternatives = tuple(part.strip() for part in rest.split("|"))
        if current is None or not colon or not all(alternatives):
            raise DataError(f"{name}, line {number}: expected '[name]' or 'key: text | text', got {line!r}")
        current.append((key.strip(), alternatives))
    return {block: Block(block, tuple(lines)) for block, lines in collected.items()}


def slots(template: str) -> set[str]:
    """The slot names in a template.

    >>> sorted(slots("{He} saw {a_object}."))
    ['He', 'a_object']
    """
    return {field for _, field, _, _ in string.Formatter().parse(template) if field}


def filled(form: str, fillers: Mapping[str, Sequence[str]]) -> list[str]:
    """The form with every combination of what its slots may hold.

    >>> filled("{hi} {who}!", {"hi": ["Hi", "Hey"], "who": ["you"]})
    ['Hi you!', 'Hey you!']
    """
    names = sorted(slots(form))
    return [
        form.format_map(dict(zip(names, values, strict=True))) for values in product(*map(fillers.__getitem__, names))
    ]


def plain(text: str) -> str:
    """The words alone, in lower case.

    >>> plain("Hello, friend.")
    'hello friend'
    """
    return " ".join(re.findall(r"[a-z']+", text.lower()))


def with_article(noun: str) -> str:
    """The noun with "a" or "an" as it is said.

    >>> with_article("cat"), with_article("old hat"), with_article("unit"), with_article("hour")
    ('a cat', 'an old hat', 'a unit', 'an hour')
    """
    vowel = noun[0] in "aeiouAEIOU" and not noun.startswith(_SAID_WITH_CONSONANT)
    return ("an " if vowel or noun.startswith(_SILENT_H) else "a ") + noun


def plural(noun: str) -> str:
    """The regular plural.

    >>> plural("cat"), plural("box"), plural("berry"), plural("key")
    ('cats', 'boxes', 'berries', 'keys')
    """
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def listed(words: Sequence[str]) -> str:
    """Words as an English list, without the comma before "and".

    >>> listed(["a cup"]), listed(["a cup", "tea"]), listed(["a cup", "tea", "milk"])
    ('a cup', 'a cup and tea', 'a cup, tea and milk')
    """
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
