"""Loss on held-out text in bits per byte, in all and by genre, beside the floor where it is known.

Bits per byte count what a compressor built on the model would spend on a byte of text. Unlike nats per token it can be
compared between tokenizers. The bits include each document's end; the bytes are those of its text alone. The floor is
the entropy of the choices that made the documents (`orrery.data.documents.Document.bits`), over the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F

from orrery.data.packing import IGNORE, Sequences, cut, packed_once
from orrery.data.shards import TokenShards
from orrery.models.transformer import Transformer
from orrery.tokenizers.bpe import BPE

LOGITS = 1 << 24  # most logits held at once: 64 MiB in float32


@dataclass(frozen=True)
class HeldOut:
    """Held-out sequences and what is known of each; ``genres`` index into ``names``, unknown ``bits`` are NaN."""

    sequences: Sequences
    genres: np.ndarray
    names: Sequence[str]
    bytes: np.ndarray
    bits: np.ndarray

    @classmethod
    def from_shards(cls, shards: TokenShards) -> Self:
        """All documents of a tokenised corpus."""
        return cls(shards.sequences(), shards.genres, shards.info.genres, shards.bytes, shards.bits)

    def part(self, positions: int, context: int) -> Self:
        """At least so many positions (all, if there are fewer) in randomly chosen windows, the same ones every time.

        Bytes and bits of a sequence of which some windows are chosen count in proportion.
        """
        pieces = cut(self.sequences, context)
        order = np.random.default_rng(0).permutation(len(pieces))
        needed = int(np.searchsorted(np.cumsum(pieces.lengths[order]), positions)) + 1
        chosen = pieces.pick(order[:needed])
        owners = chosen.sequences
        share = chosen.lengths / (self.sequences.stops - self.sequences.starts - 1)[owners]
        return type(self)(
            Sequences(self.sequences.tokens, chosen.starts, chosen.starts + chosen.lengths + 1, self.sequences.trained),
            self.genres[owners],
            self.names,
            self.bytes[owners] * share,
            self.bits[owners] * share,
        )


def token_lengths(tokenizer: BPE) -> np.ndarray:
    """Bytes of text that each token stands for [V]; 0 for special and added ones, which plain text never becomes."""
    lengths = np.zeros(tokenizer.vocab_size, dtype=np.int64)
    for piece, rank in tokenizer.ranks.items():
        lengths[tokenizer.vocabulary.id(rank)] = len(piece)
    return lengths


def measure(model: Transformer, data: HeldOut, lengths: np.ndarray, context: int) -> dict[str, float]:
    """Loss on the trained tokens of ``data``, in the precision that the caller has set.

    Args:
        lengths: what `token_lengths` gives for the model's tokenizer.
        context: tokens a row; longer sequences are cut into windows of so many.

    Returns:
        ``held_out_loss`` in nats a token, ``bits_per_byte``, ``floor_bits_per_byte`` where all documents have one, and
        the last two for each genre (``bits_per_byte/GENRE``) when there are several.
    """
    device = next(model.parameters()).device
    rows = max(1, min(16, LOGITS // (context * model.config.vocab_size)))
    nats, sizes, tokens = np.zeros(len(data.names)), np.zeros(len(data.names)), 0
    for batch in packed_once(data.sequences, context=context, rows=rows):
        trained = batch.targets != IGNORE
        targets, genres = batch.targets[trained].numpy(), data.genres[batch.sequences[trained].numpy()]
        if len(targets) == 0:
            continue
        here = batch.to(device)
        with torch.no_grad():
            logits = model.unembed(model.hidden(here.ids, segments=here.segments)[trained.to(device)])
            losses = F.cross_entropy(logits.float(), here.targets[trained.to(device)], reduction="none")
        nats += np.bincount(genres, weights=losses.double().cpu().numpy(), minlength=len(data.names))
        sizes += np.bincount(genres, weights=lengths[targets], minlength=len(data.names))
        tokens += len(targets)
    floors = np.bincount(data.genres, weights=data.bits, minlength=len(data.names))  # NaN where one is unknown
    texts = np.bincount(data.genres, weights=data.bytes, minlength=len(data.names))
    metrics = {"held_out_loss": float(nats.sum() / max(tokens, 1))}
    metrics.update(_rates("", nats.sum(), sizes.sum(), floors.sum(), texts.sum()))
    if len(data.names) > 1:
        for genre, name in enumerate(data.names):
            metrics.update(_rates(f"/{name}", nats[genre], sizes[genre], floors[genre], texts[genre]))
    return metrics


def by_genre(metrics: Mapping[str, float]) -> dict[str, dict[str, float | None]]:
    """The metrics of `measure` regrouped: genre → ``bits_per_byte`` and ``floor_bits_per_byte``.

    >>> by_genre({"bits_per_byte": 2.0, "bits_per_byte/news": 1.5, "floor_bits_per_byte/news": 1.0})
    {'news': {'bits_per_byte': 1.5, 'floor_bits_per_byte': 1.0}}
    """
    genres = [name.split("/", 1)[1] for name in metrics if name.startswith("bits_per_byte/")]
    kinds = ("bits_per_byte", "floor_bits_per_byte")
    return {genre: {kind: metrics.get(f"{kind}/{genre}") for kind in kinds} for genre in genres}


def _rates(suffix: str, nats: float, size: float, floor: float, text: float) -> dict[str, float]:
    if size == 0:
        return {}
    rates = {f"bits_per_byte{suffix}": float(nats / np.log(2) / size)}
    if text > 0 and np.isfinite(floor):
        rates[f"floor_bits_per_byte{suffix}"] = float(floor / text)
    return rates
