"""Words of a document, split once and shared by all steps that count them.

    words_of("It's 3.5 km, isn't it?").all         # ('It', "'s", '3.5', 'km', ',', 'isn', "'t", 'it', '?')

A word is a run of letters and digits; a number keeps its points and commas, the ends of contractions ("'s") are words
of their own, so are points, hyphens or hash marks in a row, and so is every other mark. On running English these
are within a few percent as many as the tokens that spaCy makes, which is what the same rules count in datatrove.

The steps of a pipeline look at one document after the other, so remembering the words of the last few texts is enough
for nothing to be split twice.
"""

import re
from functools import cached_property, lru_cache

import numpy as np

WORD = re.compile(r"\w+(?:[.,]\d+)*|['’](?:s|t|d|m|re|ll|ve)\b|[.]+|-+|#+|[^\w\s]")


class Words:
    """The words of one text, and what several rules ask about them."""

    def __init__(self, text: str) -> None:
        self.all: tuple[str, ...] = tuple(WORD.findall(text))

    @cached_property
    def vocabulary(self) -> dict[str, int]:
        """Each different word and its number, in order of first use."""
        return {word: number for number, word in enumerate(dict.fromkeys(self.all))}

    @cached_property
    def ids(self) -> np.ndarray:
        """The number of every word, int64 [words]."""
        return np.fromiter(map(self.vocabulary.__getitem__, self.all), np.int64, len(self.all))

    @cached_property
    def counts(self) -> np.ndarray:
        """How often each different word occurs, int64 [vocabulary]."""
        return np.bincount(self.ids, minlength=len(self.vocabulary))

    @cached_property
    def lengths(self) -> np.ndarray:
        """Characters of each different word, int64 [vocabulary]."""
        return np.fromiter(map(len, self.vocabulary), np.int64, len(self.vocabulary))


@lru_cache(maxsize=4)
def words_of(text: str) -> Words:
    """The words of ``text``; the last few texts are remembered."""
    return Words(text)
