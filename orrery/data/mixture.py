"""Batches drawn from several tokenised corpora by weight.

    corpora = [Corpus.open(Path("web"), weight=0.7), Corpus.open(Path("code"), weight=0.3)]
    batches = Mixture(corpora, context=1024, rows=512, seed=0)
    next(batches).metrics     # {"tokens/web": …, "epochs/web": …, "tokens/code": …, "epochs/code": …}

Each row is of one corpus, the one that is furthest behind its share:

    the next row is of the corpus i with the least tokens_i / weight_i       tokens_i: given of it so far

This is stride scheduling (Waldspurger and Weihl 1995): after every row, not only on average, no corpus is more than one
row above its share of all tokens, nor more than weight × (corpora - 1) rows below it. A corpus that is read through
begins anew by itself, in a new order, while others are still in their first epoch.

Nothing is copied: each corpus stays in its memory map. With one corpus the batches are those of `PackedBatches`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from orrery.data.packing import Batch, PackedRows, Pieces, Sequences, assemble, share_of
from orrery.data.shards import TokenShards
from orrery.errors import ConfigError, DataError


@dataclass(frozen=True)
class Corpus:
    """One part of a mixture.

    Attributes:
        name: in metrics.
        weight: its share of the tokens, once all weights are divided by their sum.
        held_out: documents that are not trained on, if there are some.
    """

    name: str
    shards: TokenShards
    weight: float = 1.0
    held_out: TokenShards | None = None

    @property
    def tokenizer_folder(self) -> Path:
        """Where the tokenizer is, of a corpus that was opened from a folder."""
        return self.shards.folder.parent / "tokenizer"

    @classmethod
    def open(cls, folder: Path, name: str = "", weight: float = 1.0) -> Self:
        """A folder as `orrery data tokenize` writes it; its own name, where no other is given.

        Raises:
            DataError: there are no tokens, or they are damaged.
        """
        held_out = folder / "held_out"
        return cls(
            name or folder.resolve().name,
            TokenShards.open(folder / "tokens"),
            weight,
            TokenShards.open(held_out) if held_out.exists() else None,
        )


class Mixture(Iterator[Batch]):
    """Batches without end, by weight; the same ones for the same corpora, weights, sizes and seed.

    Attributes:
        share: (rank, number of ranks), as in `orrery.data.packing.PackedBatches`.

    Raises:
        ConfigError: no corpus, two of one name, or a weight that is not above 0.
        DataError: a corpus without a token to predict.
    """

    def __init__(self, corpora: Sequence[Corpus], *, context: int, rows: int, seed: int, pad_id: int = 0) -> None:
        names = [corpus.name for corpus in corpora]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"a mixture needs corpora of different names, not {names}")
        for corpus in corpora:
            if not (corpus.weight > 0 and math.isfinite(corpus.weight)):
                raise ConfigError(f"the weight of {corpus.name} is {corpus.weight:g}; it must be above 0")
        self._weights = {corpus.name: corpus.weight for corpus in corpora}
        self._sources = {
            corpus.name: PackedRows(corpus.shards.sequences(), context=context, seed=seed) for corpus in corpora
        }
        self._tokens = dict.fromkeys(names, 0)
        counts = [len(corpus.shards) for corpus in corpora]
        self._before = {name: sum(counts[:index]) for index, name in enumerate(names)}  # documents of those before it
        self.context, self.rows, self.pad_id, self.share = context, rows, pad_id, (0, 1)

    def __next__(self) -> Batch:
        chosen = [self._next_row() for _ in range(self.rows)][share_of(self.rows, *self.share)]
        return assemble(chosen, self.context, self.pad_id, self.metrics())

    def _next_row(self) -> tuple[Sequences, Pieces]:
        name = min(self._tokens, key=lambda name: self._tokens[name] / self._weights[name])
        source = self._sources[name]
        (row,) = source.take(1)
        self._tokens[name] += int(row.lengths.sum())
        return source.sequences, replace(row, sequences=row.sequences + self._before[name])

    def metrics(self) -> dict[str, float]:
        """Of each corpus: the tokens given so far, by all ranks together, and how many epochs they are."""
        found: dict[str, float] = {}
        for name, tokens in self._tokens.items():
            found[f"tokens/{name}"] = tokens
            found[f"epochs/{name}"] = tokens / self._sources[name].positions
        return found

    def state_dict(self) -> dict[str, Any]:
        """Where the next batch starts, for any number of ranks."""
        return {
            name: {"weight": self._weights[name], "tokens": self._tokens[name], "rows": source.state_dict()}
            for name, source in self._sources.items()
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to a place that `state_dict` gave.

        Raises:
            DataError: it was for other corpora, weights, sizes or another seed.
        """
        for what, was, now in (
            ("the corpora were", list(state), list(self._weights)),
            ("the weights were", [state[name]["weight"] for name in state], list(self._weights.values())),
        ):
            if was != now:
                raise DataError(f"cannot go on with this data: {what} {was} and now are {now}")
        for name, source in self._sources.items():
            source.load_state_dict(state[name]["rows"])
            self._tokens[name] = state[name]["tokens"]
