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

Several processes (ranks) may share each batch. Batch g is the same rows whatever their number: the counters stand for
whole batches, so a run on two ranks goes on with three, and nothing is left out or read twice.

    batches = PackedBatches(sequences, context=256, rows=16, seed=0)
    batches.share = (1, 3)       # rank 1 of 3: `next` gives rows 5 … 9 of each batch of 16 (`share_of`), and lays out
    next(batches).supervised     # no others; so counts are of these rows alone, to be added up over all ranks

`orrery.data.mixture.Mixture` draws from several corpora by weight, and has the same interface.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

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
    """Packed rows, as a stage's loss reads them. All four tensors are [rows, context], int64."""

    ids: Tensor  # what the model reads
    targets: Tensor  # what it should predict there; IGNORE where nothing is learned
    segments: Tensor  # which piece of its row a token belongs to, from 0; -1 on padding
    sequences: Tensor  # which sequence of the data a token belongs to; -1 on padding
    metrics: Mapping[str, float] = field(default_factory=dict, kw_only=True)  # to be logged of the whole batch
    alarms: Sequence[str] = field(default=(), kw_only=True)

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
        parts = zip(*(tensor.split(rows) for tensor in self._tensors()), strict=True)
        return [type(self)(*part) for part in parts]

    def to(self, device: str | torch.device) -> Self:
        """The batch on another device."""
        moved = (tensor.to(device, non_blocking=True) for tensor in self._tensors())
        return type(self)(*moved, metrics=self.metrics, alarms=self.alarms)

    def _tensors(self) -> tuple[Tensor, ...]:
        return self.ids, self.targets, self.segments, self.sequences


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


class Cuts:
    """The pieces that sequences are cut into, counted through from 0, each worked out when it is asked for.

    Of ten million documents the pieces themselves would be half a gigabyte; here it is their counts.

    Args:
        generator: draws the length of the first window (1 to ``context``) of each cut sequence; without one the first
            window is a full one. All later windows but the last are full.
    """

    def __init__(self, sequences: Sequences, context: int, generator: np.random.Generator | None = None) -> None:
        total = sequences.stops - sequences.starts - 1  # positions of each sequence
        long = total > context
        first = np.minimum(total, context)
        if generator is not None and long.any():
            first[long] = generator.integers(1, context + 1, size=int(long.sum()))
        counts = np.where(total > 0, 1 + -(-(total - first) // context), 0)
        self._sequences, self._context, self._first = sequences, context, first
        self._ends = np.cumsum(counts)  # how many pieces there are up to and with each sequence

    def __len__(self) -> int:
        return self.of_the_first(len(self._ends))

    def of_the_first(self, sequences: int) -> int:
        """How many pieces the first so many sequences have; theirs are the lowest numbers."""
        return int(self._ends[sequences - 1]) if sequences else 0

    def pick(self, numbers: np.ndarray) -> "Pieces":
        """The pieces of these numbers, in this order."""
        owner = np.searchsorted(self._ends, numbers, side="right")  # a sequence without pieces is never found
        begin, first = self._sequences.starts[owner], self._first[owner]
        number = numbers - np.where(owner > 0, self._ends[owner - 1], 0)  # 0, 1, … inside each sequence
        low = np.where(number == 0, 0, first + (number - 1) * self._context)
        high = np.minimum(first + number * self._context, self._sequences.stops[owner] - 1 - begin)
        return Pieces(begin + low, high - low, owner)


def cut(sequences: Sequences, context: int, generator: np.random.Generator | None = None) -> Pieces:
    """Cut sequences longer than ``context`` positions into windows, as `Cuts` says; the others stay whole.

    >>> one = Sequences(np.arange(11), np.array([0]), np.array([11]))     # 10 positions
    >>> cut(one, 4).lengths.tolist()
    [4, 4, 2]
    """
    cuts = Cuts(sequences, context, generator)
    return cuts.pick(np.arange(len(cuts)))


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


class PackedRows:
    """Rows of pieces without end, epoch after epoch; the same ones for the same data, context and seed.

    Raises:
        DataError: no sequence has a token to predict.
    """

    def __init__(self, sequences: Sequences, *, context: int, seed: int) -> None:
        self.sequences, self.context, self.seed = sequences, context, seed
        self.positions = sequences.positions()
        if self.positions == 0:
            raise DataError("there is nothing to train on: every document or conversation is empty")
        self._go_to(epoch=0, buffer=0, row=0)

    @property
    def epoch(self) -> int:
        """Epochs finished so far."""
        return self._epoch

    def take(self, rows: int) -> list[Pieces]:
        """The next so many rows."""
        chosen: list[Pieces] = []
        while len(chosen) < rows:
            if self._row == len(self._packed):
                self._next_buffer()
            taken = self._packed[self._row : self._row + rows - len(chosen)]
            chosen += taken
            self._row += len(taken)
        return chosen

    def state_dict(self) -> dict[str, int]:
        """Where the next row is: everything that `load_state_dict` needs to go on exactly there."""
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
            "positions": self.positions,
            "first": self.sequences.first,
        }

    def _go_to(self, epoch: int, buffer: int, row: int) -> None:
        self._epoch, self._buffer, self._row = epoch, buffer, row
        self._start_epoch()
        self._fill_buffer()

    def _next_buffer(self) -> None:
        self._buffer, self._row = self._buffer + 1, 0
        if self._buffer == len(self._buffers):
            self._epoch, self._buffer = self._epoch + 1, 0
            self._start_epoch()
        self._fill_buffer()

    def _start_epoch(self) -> None:
        generator = np.random.default_rng([self.seed, self._epoch])
        self._cuts = Cuts(self.sequences, self.context, generator)
        order = generator.permutation(len(self._cuts))
        parts = [order]
        if self.sequences.first and self._epoch == 0:
            early = order < self._cuts.of_the_first(self.sequences.first)
            parts = [part for part in (order[early], order[~early]) if len(part)]
        self._buffers = [buffer for part in parts for buffer in np.array_split(part, -(-len(part) // BUFFER))]

    def _fill_buffer(self) -> None:
        pieces = self._cuts.pick(self._buffers[self._buffer])
        packed = best_fit(pieces.lengths, self.context)
        # Best fit puts the longest pieces first; the rows are shuffled so that batches do not go from long to short.
        order = np.random.default_rng([self.seed, self._epoch, self._buffer]).permutation(len(packed))
        self._packed = [pieces.pick(packed[row]) for row in order]


class PackedBatches(Iterator[Batch]):
    """Batches of packed rows without end; the same ones for the same data, sizes and seed.

    Args:
        rows: rows a batch.
        pad_id: the token that stands on padding; any will do, since nothing sees it.

    Attributes:
        share: (rank, number of ranks): which rows of each batch `next` gives; all of them, unless it is set.

    Raises:
        DataError: no sequence has a token to predict.
    """

    def __init__(self, sequences: Sequences, *, context: int, rows: int, seed: int, pad_id: int = 0) -> None:
        self._source = PackedRows(sequences, context=context, seed=seed)
        self.rows, self.pad_id, self.share = rows, pad_id, (0, 1)

    @property
    def epoch(self) -> int:
        """Epochs finished so far."""
        return self._source.epoch

    def state_dict(self) -> dict[str, int]:
        """Where the next batch starts, for any number of ranks."""
        return self._source.state_dict()

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go to a place that `state_dict` gave. Raises `DataError` where it was for other data, sizes or seed."""
        self._source.load_state_dict(state)

    def __next__(self) -> Batch:
        rows = self._source.take(self.rows)[share_of(self.rows, *self.share)]
        return assemble(((self._source.sequences, row) for row in rows), self._source.context, self.pad_id)


def share_of(rows: int, rank: int, ranks: int) -> slice:
    """The rows of a batch that a rank takes: neighbours, and as many as the others take or one more.

    >>> [share_of(16, rank, 3) for rank in range(3)]
    [slice(0, 5, None), slice(5, 10, None), slice(10, 16, None)]
    """
    return slice(rows * rank // ranks, rows * (rank + 1) // ranks)


def packed_once(sequences: Sequences, *, context: int, rows: int, pad_id: int = 0) -> Iterator[Batch]:
    """Every position exactly once, in a fixed order: for evaluation. The last batch may have fewer rows."""
    pieces = cut(sequences, context)
    waiting: list[tuple[Sequences, Pieces]] = []
    for start in range(0, len(pieces), BUFFER):
        some = pieces.pick(np.arange(start, min(start + BUFFER, len(pieces))))
        waiting += [(sequences, some.pick(row)) for row in best_fit(some.lengths, context)]
        while len(waiting) >= rows:
            yield assemble(waiting[:rows], context, pad_id)
            waiting = waiting[rows:]
    if waiting:
        yield assemble(waiting, context, pad_id)


def assemble(
    rows: Iterable[tuple[Sequences, Pieces]], context: int, pad_id: int, metrics: Mapping[str, float] | None = None
) -> Batch:
    """Lay pieces of sequences, given row by row, out as one batch."""
    rows = list(rows)
    shape = (len(rows), context)
    ids, targets = np.full(shape, pad_id, dtype=np.int64), np.full(shape, IGNORE, dtype=np.int64)
    segments, owners = np.full(shape, -1, dtype=np.int64), np.full(shape, -1, dtype=np.int64)
    for row, (sequences, pieces) in enumerate(rows):
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
    return Batch(*(torch.from_numpy(array) for array in (ids, targets, segments, owners)), metrics=metrics or {})
