"""Training a small byte-level BPE on a reader's own text, with what each merge saves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orrery.data.world.generate import documents
from orrery.data.world.world import World
from orrery.errors import DataError
from orrery.server.studio.sims.tokenizer import merge_steps
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.counting import count_words
from orrery.tokenizers.inspect import visible
from orrery.tokenizers.split import split
from orrery.tokenizers.train import train_tokens

MOST_TEXT, MOST_MERGES = 100_000, 512
PAGES = 20_000  # bytes of the world, where the reader has no text
SHOWN = 400  # characters of the text that the page cuts up itself


@dataclass(frozen=True)
class SmallBPERequest:
    """A text, or none for pages of the embedded world, and how many merges to learn."""

    text: str = ""
    merges: int = 256


@dataclass(frozen=True)
class Learnt:
    """A token: its bytes in hexadecimal, its text, the two tokens that it is made of, and how often they stood so."""

    bytes: str
    shown: str
    left: str
    right: str
    count: int


@dataclass(frozen=True)
class SmallBPEAnswer:
    """What was learnt, in order. `totals`: tokens of the text before the first merge and after each one.

    `words`: the beginning of the text, cut into the words that merges never cross.
    """

    learnt: list[Learnt]
    totals: NDArray[np.int32]  # merges + 1
    words: list[str]


def small_bpe(asked: SmallBPERequest) -> SmallBPEAnswer:
    """Train; fewer merges come back where no pair is left that occurs twice.

    Raises DataError for a text or a number of merges that is too large.
    """
    if len(asked.text) > MOST_TEXT or not 1 <= asked.merges <= MOST_MERGES:
        raise DataError(
            f"{len(asked.text):,} characters and {asked.merges} merges: give up to {MOST_TEXT:,} and 1 to {MOST_MERGES}"
        )
    texts = [asked.text] if asked.text else [page.text for page in documents(World(), max_bytes=PAGES)]
    counts = count_words(texts, workers=1)
    tokenizer = BPE.from_tokens(train_tokens(counts, asked.merges))
    learnt = list(tokenizer.ranks)[256:]
    saved = np.zeros(len(learnt) + 1, dtype=np.int32)  # tokens that each merge takes away
    saved[0] = -sum(count * len(word.encode(errors="replace")) for word, count in counts.items())
    for word, count in counts.items():
        for rank in ranks_of_merges(word.encode(errors="replace"), tokenizer):
            saved[1 + rank - 256] += count
    return SmallBPEAnswer(
        learnt=[_describe(token, int(count), tokenizer) for token, count in zip(learnt, saved[1:], strict=True)],
        totals=-np.cumsum(saved, dtype=np.int32),
        words=split("\n".join(texts)[:SHOWN]),
    )


def ranks_of_merges(word: bytes, tokenizer: BPE) -> Sequence[int]:
    """The ranks of the merges that make the tokens of a word.

    A tokenizer with the first k of the tokens makes just those of these merges that it has: a later merge never makes
    room for an earlier one.
    """
    steps = merge_steps(word, tokenizer)
    ranks = (None if step.merged is None else step.ranks[step.merged] for step in steps)
    return [rank for rank in ranks if rank is not None]


def _describe(token: bytes, count: int, tokenizer: BPE) -> Learnt:
    *_, halves, _ = merge_steps(token, tokenizer)
    left, right = halves.parts
    return Learnt(token.hex(" "), visible(token), left, right, count)
