"""Training byte-level BPE: which tokens should a vocabulary have?

Byte-pair encoding (Gage 1994; Sennrich et al. 2016, arXiv:1508.07909) begins with the 256 bytes. Again and again the
pair of neighbouring tokens that occurs most often becomes a new token. Merges never cross a word (``split.py``), so
each distinct word is kept once, with its count.

Written naively each merge reads the whole text again. Two observations make it fast:

1. *A pair occurs most often at the moment when the newer of its two tokens is made.* A token occurs nowhere before
   its merge and everywhere it ever will right after it; later merges only use occurrences up. So the places where a
   pair stands are listed once, then, and the list only ever shrinks.
2. *Counts need not be kept up to date.* All pairs wait in a heap under the count they once had, which is never too
   low. The pair on top is counted again at its places: if it still has that count, no other can have more, and it
   is merged; otherwise it goes back with its true count.

A merge thus touches the places of its pair and their neighbours and nothing else, and does so with a handful of
numpy operations on all places at once. Ties are broken by the smaller pair of ids (earlier tokens first), so the
result depends on the counts alone.
"""

import heapq
from collections.abc import Callable, Mapping

import numpy as np

MIN_COUNT = 2  # a pair that occurs once is memory of one place, not a word of the language
_BETWEEN = -1  # stands between words; no pair contains it
_MERGED = -2  # stands where a token was that is now part of the token before it
_Heap = list[tuple[int, int, int, np.ndarray]]  # (-count, left, right, places of left)


def train_tokens(
    counts: Mapping[str, int], merges: int, on_progress: Callable[[int], None] | None = None
) -> list[bytes]:
    """Learn up to ``merges`` tokens from word counts, in the order in which they are learned.

    Fewer come back when no pair is left that occurs at least ``MIN_COUNT`` times. A pair whose bytes already are a
    token is left alone: an encoder that goes by bytes could not tell the two apart.

    Args:
        counts: how often each word occurs; words are merged within, never across.
        on_progress: called after each merge with the number of merges so far.

    >>> train_tokens({"low": 5, "lower": 2, "newest": 6, "widest": 3}, 4)
    [b'es', b'est', b'lo', b'low']
    """
    words = _Words(counts)
    tokens = [bytes([byte]) for byte in range(256)]
    known = set(tokens)
    heap = words.first_pairs()
    while heap and len(tokens) < 256 + merges:
        minus_count, left, right, places = heapq.heappop(heap)
        places, count = words.still_there(left, right, places)
        if count < -minus_count:
            if count >= MIN_COUNT:
                heapq.heappush(heap, (-count, left, right, places))
            continue
        token = tokens[left] + tokens[right]
        if token in known:
            continue
        for pair in words.merge(left, right, places, new=len(tokens)):
            heapq.heappush(heap, pair)
        tokens.append(token)
        known.add(token)
        if on_progress is not None:
            on_progress(len(tokens) - 256)
    return tokens[256:]


class _Words:
    """All words, end to end in flat arrays that merges change in place (N places: bytes, and one between words).

    token  [N]  id of the token that begins here, or _BETWEEN, or _MERGED
    before [N]  place of the token to the left
    after  [N]  place of the token to the right
    count  [N]  how often the word at this place occurs
    """

    def __init__(self, counts: Mapping[str, int]) -> None:
        # "replace": half of a surrogate pair has no UTF-8; readers of data refuse it, here it must only not crash
        words = [word.encode(errors="replace") for word in counts]
        line = b"\xff".join([b"", *words, b""])  # 0xff never occurs in UTF-8
        self.token = np.frombuffer(line, dtype=np.uint8).astype(np.int32)
        self.token[self.token == 0xFF] = _BETWEEN
        lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
        self.count = np.zeros(len(line), dtype=np.int64)
        self.count[1:] = np.repeat(np.fromiter(counts.values(), dtype=np.int64, count=len(words)), lengths + 1)
        self.before = np.arange(-1, len(line) - 1)
        self.after = np.arange(1, len(line) + 1)

    def first_pairs(self) -> _Heap:
        """Heap of all pairs of bytes that stand side by side."""
        places = np.flatnonzero((self.token[:-1] != _BETWEEN) & (self.token[1:] != _BETWEEN))
        heap: _Heap = []
        pairs = self.token[places] * 256 + self.token[places + 1]
        for minus_count, pair, here in self._by_key(pairs, places):
            heap.append((minus_count, pair // 256, pair % 256, here))
        heapq.heapify(heap)
        return heap

    def still_there(self, left: int, right: int, places: np.ndarray) -> tuple[np.ndarray, int]:
        """Those of the places where the pair still stands, and how often that is in the text."""
        places = places[(self.token[places] == left) & (self.token[self.after[places]] == right)]
        return places, int(self.count[places].sum())

    def merge(self, left: int, right: int, places: np.ndarray, new: int) -> _Heap:
        """Make the pair at ``places`` (ascending) the token ``new``; return the pairs that this brings about."""
        if left == right:
            places = self._every_other(places)
        merged = self.after[places]
        after = self.after[merged]
        self.token[places] = new
        self.token[merged] = _MERGED
        self.after[places] = after
        self.before[after] = places

        heap: _Heap = []
        follower = self.token[after]
        inside = follower != _BETWEEN
        for minus_count, other, here in self._by_key(follower[inside], places[inside]):
            heap.append((minus_count, new, other, here))
        before = self.before[places]
        leader = self.token[before]
        inside = (leader != _BETWEEN) & (leader != new)  # new next to new is counted above
        for minus_count, other, here in self._by_key(leader[inside], before[inside]):
            heap.append((minus_count, other, new, here))
        return heap

    def _every_other(self, places: np.ndarray) -> np.ndarray:
        """Of overlapping pairs, as in "aaaa", keep the first, third … of each run: they merge from left to right."""
        index = np.arange(len(places))
        begins_run = np.ones(len(places), dtype=bool)
        begins_run[1:] = self.after[places[:-1]] != places[1:]
        run_start = np.maximum.accumulate(np.where(begins_run, index, 0))
        return places[(index - run_start) % 2 == 0]

    def _by_key(self, keys: np.ndarray, places: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
        """Group places by key: (-count, key, its places in ascending order) for keys that occur often enough."""
        if not len(keys):
            return []
        if keys.max() < 1 << 16:
            keys = keys.astype(np.uint16)  # numpy sorts these by radix, in linear time
        order = np.argsort(keys, kind="stable")
        keys, places = keys[order], places[order]
        starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        ends = np.append(starts[1:], len(keys))
        counts = np.add.reduceat(self.count[places], starts)
        often = counts >= MIN_COUNT
        return [
            (-count, key, places[start:end])
            for count, key, start, end in zip(
                counts[often].tolist(), keys[starts[often]].tolist(), starts[often].tolist(), ends[often].tolist(),
                strict=True,
            )
        ]  # fmt: skip
