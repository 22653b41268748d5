r"""Cutting text into the words that byte-pair merges never cross.

BPE does not run over a whole text: a pattern first splits it into words, and tokens are built inside each of them.
Orrery trains with Qwen2's pattern, which every engine knows; alternative by alternative, tried in this order:

    (?i:'s|'t|'re|'ve|'m|'ll|'d)     English contractions
    [^\r\n\p{L}\p{N}]?\p{L}+         letters, with at most one other character (mostly a space) before them
    \p{N}                            one digit: every digit is its own piece, which arithmetic needs
     ?[^\s\p{L}\p{N}]+[\r\n]*        punctuation, with a space before and line ends behind
    \s*[\r\n]+                       blank lines
    \s+(?!\S)                        white space, all but the last character, which goes with the next word
    \s+                              white space

>>> split("I'm 42 years old.\n")
['I', "'m", ' ', '4', '2', ' years', ' old', '.\n']
"""

import re
from collections.abc import Iterator

import regex

QWEN2_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# SmolLM's cuts twice: every digit off first, then what lies between them by GPT-2's pattern. This does both at once: to
# white space a digit behind it is the end of the text.
SMOLLM_PATTERN = r"\p{N}|'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+"

_UNICODE = regex.compile(QWEN2_PATTERN)
# The same pattern for ASCII text, in the standard library's dialect, which is twice as fast.
_ASCII = re.compile(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\nA-Za-z0-9]?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    re.ASCII,
)
# No word of the pattern holds a space behind a non-space, nor anything but line ends behind a line end, and none looks
# past such a place: text may be cut there and splits as before. (`\s` of `re` is wider than that of `regex`, which
# only makes these places fewer.)
_SAFE_CUT = re.compile(r"(?<=\S)(?= )|(?<=\n)(?=\S)")


def split(text: str) -> list[str]:
    """Words of ``text`` by Qwen2's pattern; joined they are the text again."""
    return _ASCII.findall(text) if text.isascii() else _UNICODE.findall(text)


def pieces(text: str, size: int = 4096) -> Iterator[str]:
    """Cut a long text into pieces of about ``size`` characters that split into the same words as the whole.

    A document of any length is thus split in bounded memory. Only where ``size`` characters follow one another without
    a place to cut (no natural language does this) is it cut anywhere, which changes at most the words at that place.

    >>> list(pieces("one two three", size=4))
    ['one two', ' three']
    """
    start = 0
    while len(text) - start > size:
        cut = _SAFE_CUT.search(text, start + size, start + 2 * size)
        end = cut.start() if cut else start + 2 * size
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]
