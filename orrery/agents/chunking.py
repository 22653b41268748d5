"""Cutting texts into chunks that can be searched and shown one by one.

    fixed      so many words, wherever that is
    sentence   whole sentences, as many as fit
    heading    Markdown: never across a heading, which each chunk carries; paragraphs, as many as fit
    code       Python: whole functions and classes, whose names each chunk carries; as many small ones as fit

Each strategy says where a text may be cut (`pieces`), and one function packs neighbours into chunks (`pack`); the last
pieces of a chunk begin the next one too, so that what stands at a border is found with what is around it (overlap).

    >>> text = "One is one. Two is two. Three is three. Four is four."
    >>> [text[c.start : c.stop] for c in chunks(text, "sentence", size=6, overlap=3)]
    ['One is one. Two is two.', 'Two is two. Three is three.', 'Three is three. Four is four.']
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Strategy = Literal["fixed", "sentence", "heading", "code"]
SIZE, OVERLAP = 120, 20  # words

_WORD = re.compile(r"\S+")
_SENTENCE = re.compile(r"\S.*?(?:[.!?…][\"'”’)\]]*(?=\s)|[。！？]|\n\s*\n|\Z)", re.DOTALL)
_PARAGRAPH = re.compile(r"\S.*?(?=\n\s*\n|\Z)", re.DOTALL)
_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Chunk:
    """A part of a text, from `start` up to `stop` (characters), and the headings or the name that it stands under."""

    start: int
    stop: int
    title: str = ""


def strategy_for(name: str) -> Strategy:
    """What suits a file of this name."""
    if name.endswith((".py", ".pyi")):
        return "code"
    return "heading" if name.endswith((".md", ".markdown")) else "sentence"


def chunks(text: str, strategy: Strategy, size: int = SIZE, overlap: int = OVERLAP) -> list[Chunk]:
    """The chunks of a text, in order; every word is in at least one.

    Args:
        size: words of a chunk at most. A sentence, paragraph or function with more is cut as "fixed" would.
        overlap: words of the end of one chunk that the next may begin with, as far as whole pieces allow.

    Raises:
        ValueError: the overlap is not smaller than the size.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"an overlap of {overlap} words does not fit into chunks of {size}")
    return list(pack(text, small(text, pieces(text, strategy), size), size, overlap))


def pieces(text: str, strategy: Strategy) -> list[Chunk]:
    """What a text is cut into at the finest."""
    match strategy:
        case "fixed":
            return [Chunk(*found.span()) for found in _WORD.finditer(text)]
        case "sentence":
            return [Chunk(*found.span()) for found in _SENTENCE.finditer(text)]
        case "heading":
            return list(_sections(text))
        case "code":
            return list(_definitions(text))


def small(text: str, cut: Sequence[Chunk], size: int) -> Iterator[Chunk]:
    """The same pieces, with those of more than `size` words cut into words."""
    for piece in cut:
        within = [found.span() for found in _WORD.finditer(text, piece.start, piece.stop)]
        if 0 < len(within) <= size:
            yield piece
        else:
            yield from (Chunk(start, stop, piece.title) for start, stop in within)


def pack(text: str, cut: Iterator[Chunk], size: int, overlap: int) -> Iterator[Chunk]:
    """Join neighbours of one title while they have at most `size` words together."""
    held: list[tuple[Chunk, int]] = []  # the chunk in the making: its pieces and their words
    fresh = False  # whether it holds more than what overlaps
    for piece in cut:
        count = len(_WORD.findall(text, piece.start, piece.stop))
        new_title = bool(held) and held[0][0].title != piece.title
        if held and (new_title or sum(words for _, words in held) + count > size):
            if fresh:
                yield Chunk(held[0][0].start, held[-1][0].stop, held[0][0].title)
            while held and (new_title or sum(words for _, words in held) > min(overlap, size - count)):
                held.pop(0)
        held.append((piece, count))
        fresh = True
    if fresh:
        yield Chunk(held[0][0].start, held[-1][0].stop, held[0][0].title)


def _sections(text: str) -> Iterator[Chunk]:
    """The paragraphs of a Markdown text, each under its headings: "Guide > Install". Fenced code has no headings."""
    fences = [found.span() for found in _FENCE.finditer(text)]
    heads = [h for h in _HEADING.finditer(text) if not any(start <= h.start() < stop for start, stop in fences)]
    path: list[tuple[int, str]] = []  # level and words of the headings that are open
    ends = [head.start() for head in heads] + [len(text)]
    yield from (Chunk(*found.span()) for found in _PARAGRAPH.finditer(text, 0, ends[0]))
    for head, end in zip(heads, ends[1:], strict=True):
        level = len(head[1])
        path = [(above, words) for above, words in path if above < level] + [(level, head[2])]
        title = " > ".join(words for _, words in path)
        # The heading itself is a piece too, so that a section without text is found.
        yield from (Chunk(*found.span(), title) for found in _PARAGRAPH.finditer(text, head.start(), end))


def _definitions(text: str) -> Iterator[Chunk]:
    """The functions, classes and what is between them; the methods of a class each under its name. Text that is no
    Python is cut into paragraphs."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        yield from (Chunk(*found.span()) for found in _PARAGRAPH.finditer(text))
        return
    lines = [0]
    for line in text.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    yield from _spans(tree.body, lines, 0, len(text), "")


def _spans(body: Sequence[ast.stmt], lines: list[int], start: int, stop: int, inside: str) -> Iterator[Chunk]:
    """The pieces of `body`, which lies between two places; what is between definitions goes with what follows it."""
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        begins, ends = lines[first - 1], lines[min(node.end_lineno or node.lineno, len(lines) - 1)]
        if begins > start:
            yield Chunk(start, begins, inside)
        name = f"{inside}.{node.name}" if inside else node.name
        if isinstance(node, ast.ClassDef):
            yield from _spans(node.body, lines, begins, ends, name)
        else:
            yield Chunk(begins, ends, name)
        start = ends
    if stop > start:
        yield Chunk(start, stop, inside)
