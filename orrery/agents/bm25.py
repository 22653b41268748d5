"""BM25: which texts a query's words speak for. By hand, on word counts that anybody may keep anywhere.

    score(D, Q) = Σ over words q of Q:  idf(q) · f · (k₁ + 1) / (f + k₁ · (1 − b + b · |D| / mean |D|))
    idf(q)      = ln(1 + (N − n + ½) / (n + ½))

f: how often q stands in D; |D|: the words of D; N: texts; n: those that hold q. Rare words count for more, the tenth
time adds less than the first (k₁), and long texts must say more to count as much (b).

Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009), equation 3.15, with Lucene's idf,
which is never negative.

    >>> found = Postings()
    >>> for text in ("The cat sat on the mat.", "A dog barks.", "The cat and the dog sleep."): found.add(text)
    >>> [number for number, score in found.rank("Where is the cat? On its mat?", 2)]
    [0, 2]
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping

K1, B = 1.2, 0.75  # as Lucene has them

_WORD = re.compile(r"\w+")
# Words that say nothing of what a question is about: sharing one of them does not make a text relevant.
COMMON = frozenset(
    """a about all also am an and any are as at be been but by can could did do does for from had has have he her him
    his how i if in into is it its just me more my no not of on one or our out please she so some tell than that the
    their them then there they this to up us was we were what when where which who why will with would yes you
    your""".split()
)


def words(text: str) -> list[str]:
    """The words of a text in lower case; digits and letters of any language.

    >>> words("Île-de-France: 12,012 km²")
    ['île', 'de', 'france', '12', '012', 'km²']
    """
    return _WORD.findall(text.lower())


def telling(question: str) -> list[str]:
    """The words of a question that say what it is about.

    >>> telling("What is the elevation of Kugeax?")
    ['elevation', 'kugeax']
    """
    return [word for word in words(question) if word not in COMMON]


def bm25(
    postings: Iterable[Mapping[int, int]], lengths: Mapping[int, int], texts: int, mean_length: float
) -> dict[int, float]:
    """The score of each text that holds a word of the query.

    Args:
        postings: for each word of the query: text number -> how often it stands there.
        lengths: text number -> its words, at least of those in `postings`.
        texts: how many there are in all.
        mean_length: of all.
    """
    scores: dict[int, float] = {}
    for counts in postings:
        idf = math.log(1 + (texts - len(counts) + 0.5) / (len(counts) + 0.5))
        for number, f in counts.items():
            norm = K1 * (1 - B + B * lengths[number] / mean_length)
            scores[number] = scores.get(number, 0.0) + idf * f * (K1 + 1) / (f + norm)
    return scores


class Postings:
    """Word counts of texts, in memory; numbered from 0 in the order in which they are added."""

    def __init__(self) -> None:
        self.postings: dict[str, dict[int, int]] = {}
        self.lengths: dict[int, int] = {}

    def add(self, text: str) -> None:
        """Count the words of one more text."""
        number, counted = len(self.lengths), Counter(words(text))
        self.lengths[number] = counted.total()
        for word, count in counted.items():
            self.postings.setdefault(word, {})[number] = count

    def rank(self, query: str, count: int) -> list[tuple[int, float]]:
        """The best texts with their scores, best first; of equals the one that was added first."""
        if not self.lengths:
            return []
        mean = sum(self.lengths.values()) / len(self.lengths)
        found = [self.postings[word] for word in dict.fromkeys(words(query)) if word in self.postings]
        scores = bm25(found, self.lengths, len(self.lengths), max(mean, 1))
        return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:count]
