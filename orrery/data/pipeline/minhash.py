"""Near-duplicates: texts that share most of their phrases, found without comparing each with each.

    minhash = MinHash()
    bands = np.stack([minhash.band_hashes(text) for text in texts], axis=1)      # [bands, texts]
    first = first_alike(bands)                                # first[i] < i: text i is a copy of text first[i]

A text is the set of its 5-grams of words, and two texts are as similar as the share s of 5-grams that they have in
common among all that they have (Jaccard). Broder ("On the resemblance and containment of documents", 1997) found that
a random order of all 5-grams puts the same one first in both texts with probability s: so the first ones under 112
orders, kept as numbers, are a signature from which s can be told. An order here is a permutation of the numbers that
5-grams are hashed to, h → a·h + b modulo 2^32 with odd a.

Signatures are cut into 14 bands of 8 numbers (FineWeb, Penedo et al. 2024, arXiv 2406.17557, section 3.4), and texts
that agree in a whole band count as copies. They do with probability

    1 - (1 - s^8)^14        s = 0.5: 5%    0.7: 56%    0.75: 77%    0.8: 92%    0.9: 99.98%

Copies of copies are one cluster, and of every cluster the first text stays. Memory goes with the number of texts, not
with their size: some 40 bytes a text while clusters are made, however many bands there are.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from orrery.errors import ConfigError

_WORD = re.compile(r"\w+")
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it has an inverse modulo 2^64
_INVERSE = np.uint64(pow(int(_BASE), -1, 2**64))
_BLOCK = 1024  # 5-grams at a time: 112 numbers for each stay in the processor's cache


@dataclass(frozen=True)
class MinHash:
    """How similar texts must be to count as copies, as a number of bands and of rows in each.

    More bands find less similar copies, more rows demand more similar ones.
    """

    name: ClassVar[str] = "minhash"
    words: int = 5
    """Words of a phrase."""
    bands: int = 14
    """Parts of a signature, of which one must be the same."""
    rows: int = 8
    """Numbers in a band, all of which must be the same."""
    seed: int = 1
    """Other permutations."""

    def __post_init__(self) -> None:
        if min(self.words, self.bands, self.rows) < 1 or self.seed < 0:
            raise ConfigError("minhash: words, bands and rows must be at least 1, the seed 0 or more")

    def probability(self, similarity: float) -> float:
        """That two texts which have this share of their phrases in common are taken for copies.

        >>> round(MinHash().probability(0.8), 3)
        0.924
        """
        return float(1 - (1 - similarity**self.rows) ** self.bands)

    def signature(self, text: str) -> np.ndarray:
        """The least number of the text's phrases under every permutation, uint32 [bands · rows]."""
        factors, shifts = permutations(self.bands * self.rows, self.seed)  # [P, 1]
        phrases = phrase_hashes(text, self.words)  # [N]
        least = np.full(len(factors), 2**32 - 1, np.uint32)
        for start in range(0, len(phrases), _BLOCK):
            moved = factors * phrases[start : start + _BLOCK]  # [P, N], modulo 2^32
            moved += shifts
            np.minimum(least, moved.min(axis=1), out=least)
        return least

    def band_hashes(self, text: str) -> np.ndarray:
        """The signature with every band hashed to one number, uint64 [bands]."""
        hashes = np.zeros(self.bands, np.uint64)
        for column in self.signature(text).reshape(self.bands, self.rows).T.astype(np.uint64):
            hashes = mixed(hashes * _BASE + column)
        return hashes


def phrase_hashes(text: str, words: int) -> np.ndarray:
    """Every run of so many words as a number, uint32 [phrases]; a text of fewer words is one phrase.

    Case, marks and white space do not count. A phrase is a range of the text's bytes c, so that its hash, the sum of
    c_i · B^i over it, is the difference of two prefix sums, made comparable by B to the power of minus its first byte.
    All arithmetic is modulo 2^64.
    """
    normal = " ".join(_WORD.findall(text.lower())) or text.strip()
    content = np.frombuffer(normal.encode("utf-8", "replace"), np.uint8)  # [C]
    powers, inverses = _powers(1 << len(content).bit_length())
    sums = np.zeros(len(content) + 1, np.uint64)
    np.cumsum((content + np.uint64(1)) * powers[: len(content)], out=sums[1:])
    spaces = np.flatnonzero(content == ord(" "))
    starts = np.concatenate(([0], spaces + 1))  # of words
    ends = np.concatenate((spaces, [len(content)]))
    count = max(1, len(starts) - words + 1)
    starts, ends = starts[:count], ends[-count:]
    return (mixed((sums[ends] - sums[starts]) * inverses[starts]) >> np.uint64(32)).astype(np.uint32)


def mixed(numbers: np.ndarray) -> np.ndarray:
    """Numbers in which each bit depends on each bit of the ones given (the end of MurmurHash3), uint64."""
    numbers = (numbers ^ (numbers >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    numbers = (numbers ^ (numbers >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return numbers ^ (numbers >> np.uint64(33))


@lru_cache(maxsize=2)
def permutations(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Factors (odd) and shifts of so many permutations, uint32 [count, 1] each."""
    drawn = np.random.Generator(np.random.PCG64(seed)).integers(2**32, size=(2, count, 1), dtype=np.uint32)
    return drawn[0] | np.uint32(1), drawn[1]


@lru_cache(maxsize=4)
def _powers(count: int) -> tuple[np.ndarray, np.ndarray]:
    """The powers 0, 1, … of the base and of its inverse, uint64 [count + 1] each."""
    return tuple(  # type: ignore[return-value]
        np.concatenate(([np.uint64(1)], np.multiply.accumulate(np.full(count, base)))) for base in (_BASE, _INVERSE)
    )


def first_alike(bands: Iterable[np.ndarray]) -> np.ndarray:
    """For each text the first one of its cluster, int64 [texts]; itself where it is that one.

    Args:
        bands: for each band the hashes of all texts, uint64 [texts].
    """
    parents: np.ndarray | None = None
    for hashes in bands:
        if parents is None:
            parents = np.arange(len(hashes))
        order = np.argsort(hashes, kind="stable")
        hashes = hashes[order]
        same = np.flatnonzero(hashes[1:] == hashes[:-1])
        for one, other in zip(order[same].tolist(), order[same + 1].tolist(), strict=True):
            _join(parents, one, other)
    if parents is None:
        return np.zeros(0, np.int64)
    while (parents != (above := parents[parents])).any():  # until all point to the first one
        parents = above
    return parents


def _join(parents: np.ndarray, one: int, other: int) -> None:
    """Make two clusters one (union-find): the later of their first texts points to the earlier."""
    one, other = _root(parents, one), _root(parents, other)
    parents[max(one, other)] = min(one, other)


def _root(parents: np.ndarray, text: int) -> int:
    """The first text of a cluster; on the way there, every text is made to point to the one after the next."""
    while (above := int(parents[text])) != text:
        parents[text] = parents[above]
        text = above
    return text
