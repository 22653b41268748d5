"""What does a tokenizer make of a text, and what in it will trip a model?

`inspect_text` gives the pieces, the compression, the cost by script, and warnings in plain words; `terminal.py` prints
them. Nothing here is particular to our own vocabularies: load GPT-2's and compare.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import regex

from orrery.errors import DataError
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.special import RESERVED

RARE = 10  # a token seen less often than this in training has hardly moved from where it was initialised
COSTLY = 1.5  # a script is costly when a letter of it takes so many times the tokens of a Latin one
_BASELINE = "All human beings are born free and equal in dignity and rights."  # when a text has hardly any Latin
_FEWEST_LETTERS = 20  # below this a script's cost says nothing
_EXAMPLES = 3  # shown in a warning
_NUMBER = regex.compile(r"\p{Nd}{2,}")
_WORD_WITHOUT_SPACE = regex.compile(r"(?<![\p{L} ])\p{L}{3,}")
_VISIBLE = str.maketrans({" ": "·", "\n": "↵", "\r": "␍", "\t": "→", "\u200b": "<U+200B>", "\u00a0": "<U+00A0>"})


@dataclass(frozen=True)
class Piece:
    """One token of the text: its id, its bytes, and its text with white space made visible."""

    id: int
    raw: bytes
    shown: str


@dataclass(frozen=True)
class ScriptCost:
    """What the letters of one script cost: ``tokens`` is their share of the tokens they stand in."""

    script: str
    letters: int
    tokens: float
    times_latin: float

    @property
    def tokens_per_letter(self) -> float:
        return self.tokens / self.letters


@dataclass(frozen=True)
class Inspection:
    """What `inspect_text` found.

    Attributes:
        pieces: the tokens in order.
        characters, bytes: size of the text.
        scripts: cost of each script with enough letters in it, the dearest first.
        warnings: what may trip a model, in plain words.
    """

    pieces: tuple[Piece, ...]
    characters: int
    bytes: int
    scripts: tuple[ScriptCost, ...]
    warnings: tuple[str, ...]

    @property
    def bytes_per_token(self) -> float:
        return self.bytes / len(self.pieces)


def inspect_text(tokenizer: BPE, text: str, counts: Mapping[int, int] | None = None) -> Inspection:
    """Encode ``text`` and look at what comes out.

    Args:
        text: any text.
        counts: how often each id occurs in what a model was trained on (`token_counts`), to warn of rare tokens.

    Raises:
        DataError: the text is empty.
    """
    if not text:
        raise DataError("there is no text to inspect")
    pieces = tuple(_piece(tokenizer, id_) for id_ in tokenizer.encode(text))
    scripts = _script_costs(tokenizer, text, pieces)
    warnings = [
        *_warn_of_numbers(tokenizer, text),
        *_warn_of_spaces(tokenizer, text),
        *_warn_of_cut_characters(pieces),
        *(_warn_of_rare(pieces, counts) if counts is not None else ()),
        *(
            f"{cost.script} costs {cost.times_latin:.1f} times as many tokens a letter as Latin: its texts fill the "
            "context sooner and are learned from less"
            for cost in scripts
            if cost.times_latin >= COSTLY
        ),
        *(
            f"{reserved} is plain text here, {len(tokenizer.encode(reserved))} tokens: only a program can write the "
            "special token"
            for reserved in RESERVED
            if reserved in text
        ),
    ]
    return Inspection(pieces, len(text), sum(len(piece.raw) for piece in pieces), scripts, tuple(warnings))


def token_counts(tokenizer: BPE, texts: Iterable[str]) -> Counter[int]:
    """How often each id occurs in ``texts``."""
    counts: Counter[int] = Counter()
    for text in texts:
        counts.update(tokenizer.encode(text))
    return counts


def visible(raw: bytes) -> str:
    """Text of a token with white space as · ↵ → and bytes that are no whole character as \\xNN.

    >>> visible(b" two\\n"), visible("é".encode()[:1])
    ('·two↵', '\\\\xc3')
    """
    text = raw.decode("utf-8", errors="backslashreplace").translate(_VISIBLE)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _piece(tokenizer: BPE, id_: int) -> Piece:
    raw = tokenizer.token_bytes(id_)
    return Piece(id_, raw, visible(raw))


def _cut(tokenizer: BPE, text: str) -> str:
    """The text with a bar between its tokens: ``123|45``."""
    return "|".join(visible(tokenizer.token_bytes(id_)) for id_ in tokenizer.encode(text))


def _some(examples: list[str]) -> str:
    more = f" and {len(examples) - _EXAMPLES} more" if len(examples) > _EXAMPLES else ""
    return ", ".join(examples[:_EXAMPLES]) + more


def _warn_of_numbers(tokenizer: BPE, text: str) -> Iterable[str]:
    numbers = list(dict.fromkeys(_NUMBER.findall(text)))
    cut = {number: _cut(tokenizer, number) for number in numbers}
    by_digit = [number for number in numbers if cut[number].count("|") == len(number) - 1]
    uneven = [cut[number] for number in numbers if number not in by_digit and "|" in cut[number]]
    if by_digit:
        yield f"numbers are read digit by digit, a token each: {_some([cut[number] for number in by_digit])}"
    if uneven:
        yield (
            f"numbers are cut unevenly: {_some(uneven)}; equal digits get different tokens, which makes arithmetic "
            "harder to learn"
        )


def _warn_of_spaces(tokenizer: BPE, text: str) -> Iterable[str]:
    dearer = []
    for word in dict.fromkeys(_WORD_WITHOUT_SPACE.findall(text)):
        bare, spaced = len(tokenizer.encode(word)), len(tokenizer.encode(" " + word))
        if bare > spaced:
            dearer.append(f"{word} ({bare}, but {spaced} after a space)")
    if dearer:
        yield f"words take more tokens where no space stands before them: {_some(dearer)}"
    if text.endswith(" "):
        yield "the text ends with a space: words carry theirs in front, so as a prompt this invites an odd next token"


def _warn_of_cut_characters(pieces: tuple[Piece, ...]) -> Iterable[str]:
    cut: dict[str, str] = {}
    text = b"".join(piece.raw for piece in pieces).decode("utf-8", errors="replace")
    ends = set()  # byte offsets at which a token ends
    offset = 0
    for piece in pieces:
        offset += len(piece.raw)
        ends.add(offset)
    offset = 0
    for character in text:
        raw = character.encode()
        inside = [i for i in range(1, len(raw)) if offset + i in ends]
        if inside:
            bounds = [0, *inside, len(raw)]
            parts = [raw[a:b].hex(" ") for a, b in pairwise(bounds)]
            cut.setdefault(character, f"{visible(raw)} ({' | '.join(parts)})")
        offset += len(raw)
    if cut:
        yield f"characters are cut into bytes: {_some(list(cut.values()))}; a model can write half of one"


def _warn_of_rare(pieces: tuple[Piece, ...], counts: Mapping[int, int]) -> Iterable[str]:
    shown = {piece.id: f"{piece.shown} (id {piece.id})" for piece in pieces}
    never = [text for id_, text in shown.items() if not counts.get(id_)]
    rare = [text for id_, text in shown.items() if 0 < counts.get(id_, 0) < RARE]
    if never:
        yield f"tokens that were never trained, so their embeddings are noise: {_some(never)}"
    if rare:
        yield f"tokens that were trained fewer than {RARE} times: {_some(rare)}"


def _script(character: str) -> str | None:
    """The script of a letter or mark, from its Unicode name; None for what belongs to none (spaces, digits …)."""
    if unicodedata.category(character)[0] not in "LM":
        return None
    name = unicodedata.name(character, "").split(" ")[0].split("-")[0]
    return None if name in ("", "COMBINING", "MODIFIER", "VARIATION") else {"CJK": "Han"}.get(name, name.capitalize())


def _script_shares(pieces: Iterable[Piece], text: str) -> dict[str, tuple[int, float]]:
    """Script → its letters and the tokens they take; a token's cost is shared equally among its bytes."""
    share = [1 / len(piece.raw) for piece in pieces for _ in piece.raw]
    letters: Counter[str] = Counter()
    tokens: defaultdict[str, float] = defaultdict(float)
    offset = 0
    for character in text:
        size = len(character.encode())
        if script := _script(character):
            letters[script] += 1
            tokens[script] += sum(share[offset : offset + size])
        offset += size
    return {script: (letters[script], tokens[script]) for script in letters}


def _script_costs(tokenizer: BPE, text: str, pieces: tuple[Piece, ...]) -> tuple[ScriptCost, ...]:
    text = b"".join(piece.raw for piece in pieces).decode("utf-8", errors="replace")  # as the tokenizer saw it
    shares = _script_shares(pieces, text)
    baseline = shares.get("Latin", (0, 0.0))
    if baseline[0] < _FEWEST_LETTERS:
        baseline = _script_shares([_piece(tokenizer, id_) for id_ in tokenizer.encode(_BASELINE)], _BASELINE)["Latin"]
    latin = baseline[1] / baseline[0]
    costs = [
        ScriptCost(script, letters, tokens, tokens / letters / latin)
        for script, (letters, tokens) in shares.items()
        if letters >= _FEWEST_LETTERS
    ]
    return tuple(sorted(costs, key=lambda cost: -cost.times_latin))
