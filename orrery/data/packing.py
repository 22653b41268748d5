"""From token sequences of all lengths to full rectangular batches, without one sequence seeing another.

A model trains on rows of ``context`` tokens, while documents and conversations have any length. Pieces are laid side
by side in rows by best fit: longest first, each into the row with the least room that still holds it (Best-fit
Packing, Ding et al. 2024, arXiv 2404.10830). Each piece is a segment of its own, attention stays inside segments, and
what stays empty at a row's end is padding that is never trained on.

    sequences   [a a a a a] [b b] [c c c]          context 8
    rows        a a a a a c c c
                b b . . . . . .

A sequence longer than the context is cut into windows of ``context`` tokens. Where the first cut falls is drawn anew
each epoch, so that one long text (a book, all of Shakespeare) is seen in shifting windows.

Order: each epoch is one random permutation of all pieces, packed some thousand at a time. It is a pure function of the
seed and three counters, which are all that a checkpoint has to keep. In the first epoch some sequences may come before
all others (``Sequences.first``): what is to be learnt first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from orrery.errors import DataError

IGNORE = -100  # the target where nothing is learned; what torch's cross entropy ignores
BUFFER = 2048  # pieces that are packed together: enough for rows that are 97% full or more


@dataclass(frozen=True)
class Sequences:
    """Token sequences in one array; sequence i is ``tokens[starts[i]:stops[i]]`` and they may overlap.

    A sequence of n + 1 tokens gives n positions: read one token, predict the next. ``trained`` marks the tokens that
    are predicted for the loss; None means all of them.
    """

    tokens: np.ndarray  # any integer type, may be a memory map
    starts: np.ndarray
    stops: np.ndarray
    trained: np.ndarray | None = None
    first: int = 0  # so many of the first sequences come before all others in the first epoch

    def joined(self, more: Self) -> "Sequences":
        """These and ``more``; those that came first still do."""
        offset = len(self.tokens)
        trained = None
        if self.trained is not None or more.trained is not None:
            trained = np.concatenate([self._trained(), more._trained()])
        return Sequences(
            np.concatenate([self.tokens, more.tokens.astype(self.tokens.dtype)]),
            np.concatenate([self.starts, more.starts + offset]),
            np.concatenate([self.stops, more.stops + offset]),
            trained,
            self.first,
        )

    def after(self, first: Self) -> "Sequences":
        """These, and the ``first`` ones before them in the first epoch."""
        return replace(first.joined(self), first=len(first.starts))

    def _trained(self) -> np.ndarray:
        return np.ones(len(self.tokens), dtype=bool) if self.trained is None else self.trained

    def positions(self) -> int:
        """Positions that one epoch has: what fills rows, padding left out."""
        return int((self.stops - self.starts - 1).clip(min=0).sum())


@dataclass(frozen=True)
class Batch:
    """Packed rows, as a stage's loss reads them. All four are [rows, context], int64."""

    ids: Tensor  # what the model reads
    targets: Tensor  # what it should predict there; IGNORE where nothing is learned
    segments: Tensor  # which piece of its row a token belongs to, from 0; -1 on padding
    sequences: Tensor  # which sequence of the data a token belongs to; -1 on padding
    metrics: ClassVar[Mapping[str, float]] = {}
    alarms: ClassVar[Sequence[str]] = ()

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.ids)

    @property
    def tokens(self) -> int:
        """Positions that hold text."""
        return int((self.segments >= 0).sum())

    @property
    def supervised(self) -> int:
        """Positions that are trained on."""
        return int((self.targets != IGNORE).sum())

    def split(self, rows: int) -> list[Self]:
        """Cut the batch into microbatches of at most ``rows`` rows."""
        names = [field.name for field in fields(self)]
        parts = zip(*(getattr(self, name).split(rows) for name in names), strict=True)
        return [type(self)(*part) for part in parts]

    def to(self, device: str | torch.device) -> Self:
        """The batch on another device."""
        return type(self)(*(getattr(self, field.name).to(device, non_blocking=True) for field in fields(self)))


@dataclass(frozen=True)
class Pieces:
    """What goes into rows as a whole: ``lengths[i]`` positions from ``starts[i]`` on, of sequence ``sequences[i]``."""

    starts: np.ndarray
    lengths: np.ndarray
    sequences: np.ndarray

    def __len__(self) -> int:
        return len(self.lengths)

    def pick(self, indices: np.ndarray | list[int]) -> "Pieces":
        """Only these pieces, in this order."""
        return Pieces(self.starts[indices], self.lengths[indices], self.sequences[indices])


def cut(sequences: Sequences, context: int, generator: np.random.Generator | None = None) -> Pieces:
    """Cut sequences longer than ``context`` positions into windows; the others stay whole.

    Args:
        generator: draws the length of the first window (1 to ``context``) of each cut sequence; without one the first
            window is a full one. All later windows but the last are full.

    >>> one = Sequences(np.arange(11), np.array([0]), np.array([11]))     # 10 positions
    >>> cut(one, 4).lengths.tolist()
    [4, 4, 2]
    """
    total = sequences.stops - sequences.starts - 1  # positions of each sequence
    long = total > context
    first = np.full(len(total), context, dtype=np.int64)
    if generator is not None and long.any():
        first[long] = generator.integers(1, context + 1, size=int(long.sum()))
    first = np.minimum(first, total)
    counts = np.where(total > 0, 1 + -(-(total - first) // context), 0)
    owner = np.repeat(np.arange(len(total)), counts)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)  # 0, 1, … inside each sequence
    begin = np.where(number == 0, 0, first[owner] + (number - 1) * context)
    end = np.minimum(first[owner] + number * context, total[owner])
    return Pieces(sequences.starts[owner] + begin, end - begin, owner)


def best_fit(lengths: np.ndarray, context: int) -> list[list[int]]:
    """Pack pieces into as few rows of ``context`` as best-fit-decreasing does -> the pieces' indices, row by row.

    >>> best_fit(np.array([5, 2, 3, 6]), 8)
    [[3, 1], [0, 2]]
    """
    rows: list[list[int]] = []
    by_room: list[list[int]] = [[] for _ in range(context + 1)]  # by_room[r]: rows with r positions left
    rooms = 0  # bit r is set when by_room[r] is not empty
    for piece in np.argsort(-lengths, kind="stable").tolist():
        length = int(lengths[piece])
        fitting = rooms >> length
        if fitting:
            room = length + (fitting & -fitting).bit_length() - 1  # the lowest set bit: the least room that fits
            row = by_room[room].pop()
            if not by_room[room]:
                rooms ^= 1 << room
        else:
            room, row = context, len(rows)
            rows.append([])
        rows[row].append(piece)
        by_room[room - length].append(row)
        rooms |= 1 << (room - length)
    return rows


class PackedBatches(Iterator[Batch]):
    """Batches without end, epoch after epoch; the same ones for the same data, sizes and seed.

    Args:
        rows: rows a batch.
        pad_id: the token that stands on padding; any will do, since nothing sees it.

    Raises:
        DataError: no sequence has a token to predict.
    """

    def __init__(self, sequences: Sequences, *, context: int, rows: int, seed: int, pad_id: int = 0) -> None:
        if sequences.positions() == 0:
            raise DataError("there is nothing to train on: every document or conversation is empty")
        self.sequences, self.context, self.rows, self.seed, self.pad_id = sequences, context, rows, seed, pad_id
        self._go_to(epoch=0, buffer=0, row=0)

    @property
    def epoch(self) -> int:
        """Epochs finished so far."""
        return self._epoch

    def state_dict(self) -> dict[str, int]:
        """Where the next batch starts: everything that `load_state_dict` needs to go on exactly there."""
        return {"epoch": self._epoch, "buffer": self._buffer, "row": self._row, **self._origin()}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go to a place that `state_dict` gave.

        Raises:
            DataError: it was for other data, sizes or another seed, where that place is another one.
        """
        for name, value in self._origin().items():
            if state[name] != value:
                raise DataError(f"cannot go on with this data: {name} was {state[name]} and now is {value}")
        self._go_to(epoch=state["epoch"], buffer=state["buffer"], row=state["row"])

    def _origin(self) -> dict[str, int]:
        return {
            "seed": self.seed,
            "context": self.context,
            "sequences": len(self.sequences.starts),
            "positions": self.sequences.positions(),
            "first": self.sequences.first,
        }

    def _go_to(self, epoch: int, buffer: int, row: int) -> None:
        self._epoch, self._buffer, self._row = epoch, buffer, row
        self._start_epoch()
        self._fill_buffer()

    def __next__(self) -> Batch:
        chosen: list[Pieces] = []
        while len(chosen) < self.rows:
            if self._row == len(self._packed):
                self._next_buffer()
            taken = self._packed[self._row : self._row + self.rows - len(chosen)]
            chosen += taken
            self._row += len(taken)
        return assemble(self.sequences, chosen, self.context, self.pad_id)

    def _next_buffer(self) -> None:
        self._buffer, self._row = self._buffer + 1, 0
        if self._buffer == len(self._buffers):
            self._epoch, self._buffer = self._epoch + 1, 0
            self._start_epoch()
        self._fill_buffer()

    def _start_epoch(self) -> None:
        generator = np.random.default_rng([self.seed, self._epoch])
        self._pieces = cut(self.sequences, self.context, generator)
        order = generator.permutation(len(self._pieces))
        early = self._pieces.sequences[order] < (self.sequences.first if self._epoch == 0 else 0)
        parts = [part for part in (order[early], order[~early]) if len(part)]
        self._buffers = [buffer for part in parts for buffer in np.array_split(part, -(-len(part) // BUFFER))]

    def _fill_buffer(self) -> None:
        pieces = self._pieces.pick(self._buffers[self._buffer])
        packed = best_fit(pieces.lengths, self.context)
        # Best fit puts the longest pieces first; the rows are shuffled so that batches do not go from long to short.
        order = np.random.default_rng([self.seed, self._epoch, self._buffer]).permutation(len(packed))
        self._packed = [pieces.pick(packed[row]) for row in order]


def packed_once(sequences: Sequences, *, context: int, rows: int, pad_id: int = 0) -> Iterator[Batch]:
    """Every position exactly once, in a fixed order: for evaluation. The last batch may have fewer rows."""
    pieces = cut(sequences, context)
    waiting: list[Pieces] = []
    for start in range(0, len(pieces), BUFFER):
        some = pieces.pick(np.arange(start, min(start + BUFFER, len(pieces))))
        waiting += [some.pick(row) for row in best_fit(some.lengths, context)]
        while len(waiting) >= rows:
            yield assemble(sequences, waiting[:rows], context, pad_id)
            waiting = waiting[rows:]
    if waiting:
        yield assemble(sequences, waiting, context, pad_id)


def assemble(sequences: Sequences, rows: list[Pieces], context: int, pad_id: int) -> Batch:
    """Lay pieces, given row by row, out as one batch."""
    shape = (len(rows), context)
    ids, targets = np.full(shape, pad_id, dtype=np.int64), np.full(shape, IGNORE, dtype=np.int64)
    segments, owners = np.full(shape, -1, dtype=np.int64), np.full(shape, -1, dtype=np.int64)
    for row, pieces in enumerate(rows):
        at = 0
        for segment, (start, length) in enumerate(zip(pieces.starts.tolist(), pieces.lengths.tolist(), strict=True)):
            here = slice(at, at + length)
            span = sequences.tokens[start : start + length + 1].astype(np.int64)
            ids[row, here] = span[:-1]
            targets[row, here] = span[1:]
            if sequences.trained is not None:
                targets[row, here][~sequences.trained[start + 1 : start + length + 1]] = IGNORE
            segments[row, here], owners[row, here] = segment, pieces.sequences[segment]
            at += length
    return Batch(*(torch.from_numpy(array) for array in (ids, targets, segments, owners)))
