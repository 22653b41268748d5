"""Documents that repeat themselves: Gopher's rules (Rae et al. 2021, arXiv 2112.11446, table A1).

    GopherRepetition().apply(Document("Buy now! " * 50))        # Reject("top_2_gram", "0.78, at most 0.2")

Lines and paragraphs: how many are repeats of an earlier one, and how many of the text's characters lie in repeats.
Lines of nothing but space are none.
Groups of 2 to 4 words: the share of the text that its most frequent group covers. Groups of 5 to 10 words: the share
that repeated groups cover, read from left to right; after a repeated group reading goes on behind it, so that no
character counts twice (so does datatrove, whose decisions these are, its words apart: ``words.py``).

Groups are found without comparing strings. A group of n + 1 words is the group of n at its first word with the group of
n at its second, so it can only repeat where both of these repeat: each length is sought among what is left of the last,
and ordinary text has nothing left from 5 words on.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from orrery.data.documents import Document
from orrery.data.pipeline.step import Reject
from orrery.data.pipeline.words import words_of

PARAGRAPHS = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class GopherRepetition:
    """Gopher's limits on repetition. Every value is a share; what is above it is rejected.

    Attributes:
        lines: that are repeats of an earlier one, of all lines.
        paragraphs: that are repeats of an earlier one, of all paragraphs.
        line_characters: in repeats of a line, of all characters.
        paragraph_characters: in repeats of a paragraph, of all characters.
        top_groups: words in a group, and the share of the characters that the most frequent one may cover.
        repeated_groups: words in a group, and the share of the characters that repeats may cover.
    """

    name: ClassVar[str] = "gopher_repetition"
    lines: float = 0.30
    paragraphs: float = 0.30
    line_characters: float = 0.20
    paragraph_characters: float = 0.20
    top_groups: dict[int, float] = field(default_factory=lambda: {2: 0.20, 3: 0.18, 4: 0.16})
    repeated_groups: dict[int, float] = field(
        default_factory=lambda: {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
    )

    def apply(self, document: Document) -> Document | Reject:
        text = document.text
        if not text.strip():
            return Reject("empty")
        for rule, share, limit in self._shares(text):
            if share > limit:
                return Reject(rule, f"{share:.2f}, at most {limit}")
        return document

    def _shares(self, text: str) -> Iterable[tuple[str, float, float]]:
        """Rule, what the text has, what is allowed; the cheap ones first."""
        paragraphs = PARAGRAPHS.split(text.strip())
        repeats, characters = repeated(paragraphs)
        yield "repeated_paragraphs", repeats / len(paragraphs), self.paragraphs
        yield "repeated_paragraph_characters", characters / len(text), self.paragraph_characters
        lines = [line for line in map(str.strip, text.split("\n")) if line]
        repeats, characters = repeated(lines)
        yield "repeated_lines", repeats / len(lines), self.lines
        yield "repeated_line_characters", characters / len(text), self.line_characters
        words = words_of(text)
        groups = Groups(words.ids, words.lengths[words.ids])
        for n in range(2, max([*self.top_groups, *self.repeated_groups], default=1) + 1):
            groups.lengthen()
            if n in self.top_groups:
                yield f"top_{n}_gram", groups.characters_of_top() / len(text), self.top_groups[n]
            if n in self.repeated_groups:
                yield f"repeated_{n}_grams", groups.characters_of_repeats() / len(text), self.repeated_groups[n]


def repeated(parts: list[str]) -> tuple[int, int]:
    """How many of ``parts`` are repeats of an earlier one, and their characters."""
    repeats = len(parts) - len(set(parts))
    if not repeats:
        return 0, 0
    return repeats, sum(len(part) * (count - 1) for part, count in Counter(parts).items())


class Groups:
    """Groups of n words that occur more than once in a text, for growing n.

    Args:
        ids: the number of every word, int64 [words].
        lengths: characters of every word, int64 [words].
    """

    def __init__(self, ids: np.ndarray, lengths: np.ndarray) -> None:
        self.n = 1
        self.words = len(ids)
        self.ends = np.concatenate([[0], np.cumsum(lengths)])  # [words + 1], characters before each word
        self.at = np.arange(len(ids))  # [R] first words of the groups that repeat
        self.group = ids  # [R] which group it is
        self.count = np.full(len(ids), 2)  # [R] how often it occurs; of single words nobody asks

    def lengthen(self) -> None:
        """Go on from groups of n words to groups of n + 1."""
        self.n += 1
        if not len(self.at):
            return
        neighbours = np.flatnonzero(self.at[1:] == self.at[:-1] + 1)  # both of its parts repeat
        pairs = self.group[neighbours] * (self.words + 1) + self.group[neighbours + 1]
        _, group, counts = np.unique(pairs, return_inverse=True, return_counts=True)
        count = counts[group]
        repeats = count > 1
        self.at, self.group, self.count = self.at[neighbours][repeats], group[repeats], count[repeats]

    def characters_of_top(self) -> int:
        """Characters that the most frequent group covers, spaces inside counted; the first of equals."""
        if self.n > self.words:
            return 0
        at, count = 0, 1
        if len(self.at):
            top = int(self.count.argmax())
            at, count = int(self.at[top]), int(self.count[top])
        return (int(self.ends[at + self.n] - self.ends[at]) + self.n - 1) * count

    def characters_of_repeats(self) -> int:
        """Characters in groups that occurred before, no word counted twice."""
        seen: set[int] = set()
        characters = free = 0  # words before `free` are in a repeat already
        for at, group in zip(self.at.tolist(), self.group.tolist(), strict=True):
            if at < free:
                continue
            if group in seen:
                characters += int(self.ends[at + self.n] - self.ends[at])
                free = at + self.n
            else:
                seen.add(group)
        return characters
