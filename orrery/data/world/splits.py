"""What is kept for the exams: operand pairs, words and names that no document and no conversation may use.

Pure functions of their arguments, by hash: they need no list, no seed and no world, so the documents, the conversations
and the exams agree without knowing each other. The other splits live where their material does: phrasings in
``relations.py`` (``exam_questions``), names in ``names.py`` (``unknown(kind, "exam")``), asked and unasked entities in
``entities.py``, topics that must be refused in ``tables/words_harmful.txt`` and ``evals/exams/refusal.py``.
"""

import hashlib
import re
from functools import lru_cache

EXAM_SHARE = 8  # one pair in 8, one word in 8
_BETWEEN = r"[-+*/x×÷−]|plus|minus|times|divided by|multiplied by|added to"
_BEFORE = r"sum of|product of|difference of|difference between|add|subtract|take|multiply"
_OPERATIONS = (  # the second number is looked at, not consumed, so that it can open the next pair
    re.compile(rf"(?<![\d.])(\d+) ?(?:{_BETWEEN}) ?(?=(\d+)(?!\.?\d))"),
    re.compile(rf"(?i:{_BEFORE}) (\d+) (?:and|to|from|by) (?=(\d+))"),
)


def _kept(text: str) -> bool:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % EXAM_SHARE == 0


@lru_cache(maxsize=1 << 16)
def exam_pair(a: int, b: int) -> bool:
    """Whether the two operands are kept for exams: never in a worksheet or conversation, whatever the operation.

    The order of the two does not matter: 12 + 34, 34 + 12, 34 - 12 and 12 * 34 are kept together. Never kept are
    pairs of numbers below 20 (the tables with which every longer sum is worked: 7 + 8, 15 - 7) and pairs with a
    multiple of ten (other steps of worked sums: 40 * 6, 240 + 42). About 1 in 8 of the others is kept.
    Further steps of a worked sum count too: write the sum, ask :func:`mentions_exam_pair`, take another if it does.

    >>> [b for b in range(11, 60) if exam_pair(38, b)] == [b for b in range(11, 60) if exam_pair(b, 38)]
    True
    >>> exam_pair(15, 7), exam_pair(40, 6)
    (False, False)
    """
    if a % 10 == 0 or b % 10 == 0 or (a < 20 and b < 20):
        return False
    return _kept(f"pair {min(a, b)} {max(a, b)}")


def mentions_exam_pair(text: str) -> bool:
    """Whether some ``a + b``, ``a - b``, ``a * b``, ``a plus b`` … in the text has a pair that is kept for exams."""
    return any(exam_pair(int(found[1]), int(found[2])) for form in _OPERATIONS for found in form.finditer(text))


@lru_cache(maxsize=1 << 14)
def exam_word(word: str) -> bool:
    """Whether a word (in any case) is kept for the letters exams: never spelled, counted or asked about in training.

    About 1 word in 8. The word itself may occur in running text; its letters may not be talked about.
    """
    return _kept(f"word {word.lower()}")


@lru_cache(maxsize=1 << 14)
def exam_name(word: str) -> bool:
    """Whether a made-up word (in any case) names things in exams alone: see `orrery.data.world.atlas`."""
    return _kept(f"name {word.lower()}")
