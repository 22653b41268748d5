"""Documents that are not prose: Gopher's quality rules (Rae et al. 2021, arXiv 2112.11446, appendix A.1.1).

    GopherQuality().apply(Document("Click here"))       # Reject("too_few_words", "2, at least 50")

Words are those of ``words.py``. Marks by themselves do not count in their number and mean length, but do where symbols
are put in proportion to them (so in datatrove, whose decisions these are).

For the rule that words must have letters a word is what stands between spaces, and full stops, commas and the like that
stand alone (as in text that was split for a model) are none. datatrove counts every mark as a word there too, which
brings prose so near to the limit that it rejects most of WikiText.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from orrery.data.documents import Document
from orrery.data.pipeline.step import Reject
from orrery.data.pipeline.words import words_of

STOP_WORDS = frozenset("the be to of and that have with".split())
BULLETS = ("•", "-")
ELLIPSES = ("...", "…")
ALONE = frozenset(". , ; : ? ! ' \" ( ) [ ] … ... – — - -- “ ” ‘ ’".split())  # no words between spaces


@dataclass(frozen=True)
class GopherQuality:
    """Gopher's limits on what a document of prose looks like.

    Attributes:
        min_words: of the document, at least.
        max_words: of the document, at most.
        min_word_length: characters of a word in the mean, at least.
        max_word_length: characters of a word in the mean, at most.
        symbols: hash marks, or ellipses, a word at most.
        bullets: share of the lines that may begin with a bullet.
        ellipses: share of the lines that may end in an ellipsis.
        alphabetic: share of the words that must have a letter.
        stop_words: how many of the, be, to, of, and, that, have, with must occur.
    """

    name: ClassVar[str] = "gopher_quality"
    min_words: int = 50
    max_words: int = 100_000
    min_word_length: float = 3
    max_word_length: float = 10
    symbols: float = 0.1
    bullets: float = 0.9
    ellipses: float = 0.3
    alphabetic: float = 0.8
    stop_words: int = 2

    def apply(self, document: Document) -> Document | Reject:
        text = document.text
        words = words_of(text)
        vocabulary = words.vocabulary
        proper = np.fromiter(
            (word.isalnum() or has_letter_or_digit(word) for word in vocabulary), bool, len(vocabulary)
        )
        counts = words.counts * proper
        number = int(counts.sum())
        if number < max(self.min_words, 1):
            return Reject("too_few_words", f"{number}, at least {self.min_words}")
        if number > self.max_words:
            return Reject("too_many_words", f"{number}, at most {self.max_words}")
        length = int(counts @ words.lengths) / number
        if length < self.min_word_length:
            return Reject("short_words", f"{length:.2f} characters, at least {self.min_word_length}")
        if length > self.max_word_length:
            return Reject("long_words", f"{length:.2f} characters, at most {self.max_word_length}")
        total = len(words.all)
        hashes = text.count("#") / total
        if hashes > self.symbols:
            return Reject("hashes", f"{hashes:.2f} a word, at most {self.symbols}")
        ellipses = sum(map(text.count, ELLIPSES)) / total
        if ellipses > self.symbols:
            return Reject("ellipses", f"{ellipses:.2f} a word, at most {self.symbols}")
        lines = text.splitlines()
        bullets = sum(line.lstrip().startswith(BULLETS) for line in lines) / len(lines)
        if bullets > self.bullets:
            return Reject("bullet_lines", f"{bullets:.2f} of the lines, at most {self.bullets}")
        cut = sum(line.rstrip().endswith(ELLIPSES) for line in lines) / len(lines)
        if cut > self.ellipses:
            return Reject("ellipsis_lines", f"{cut:.2f} of the lines, at most {self.ellipses}")
        spaced = [word for word in text.split() if word not in ALONE]
        alphabetic = sum(word[0].isalpha() or has_letter(word) for word in spaced) / len(spaced)
        if alphabetic < self.alphabetic:
            return Reject("words_without_letters", f"{alphabetic:.2f} have one, at least {self.alphabetic}")
        stop_words = len(STOP_WORDS & vocabulary.keys())
        if stop_words < self.stop_words:
            return Reject("too_few_stop_words", f"{stop_words}, at least {self.stop_words}")
        return document


def has_letter_or_digit(word: str) -> bool:
    """Whether ``word`` is more than marks."""
    return any(map(str.isalnum, word))


def has_letter(word: str) -> bool:
    """Whether ``word`` has a letter of any script."""
    return any(map(str.isalpha, word))
