"""How well a model predicts held-out documents: bits per byte, beside the floor that the generator knows.

A document's bits are those of its tokens and of the ``<|endoftext|>`` that ends it, given the ``<|endoftext|>`` before
it, just as it was trained on; its bytes are those of its text in UTF-8. Bits per byte do not depend on the tokenizer,
so models with different vocabularies can be compared. A document longer than the context is read in windows of that
length, each starting afresh from the last token of the one before; every token is predicted exactly once.

The floor is the entropy of the choices that made the documents (DESIGN, section 5): no model that does not know them
can do better on average, except where two ways of choosing give the same text.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from orrery.data.documents import Document
from orrery.errors import DataError
from orrery.models.transformer import Transformer
from orrery.tokenizers.bpe import BPE

BATCH_TOKENS = 2048  # positions in one forward pass, padding included


@dataclass(frozen=True)
class BitsPerByte:
    """Bits per byte of some documents; a floor is None unless it is known for each of them.

    Attributes:
        overall: all bits over all bytes.
        floor: as ``overall``, of the choices that made the documents.
        by_genre: genre → ``bits_per_byte`` and ``floor_bits_per_byte``.
    """

    overall: float
    floor: float | None
    by_genre: Mapping[str, Mapping[str, float | None]]


@torch.no_grad()
def bits_per_byte(model: Transformer, tokenizer: BPE, documents: Sequence[Document], context: int) -> BitsPerByte:
    """Measure ``model`` on ``documents``, teacher-forced, in float32.

    Args:
        context: positions in one window, at most the model's own.

    Raises:
        DataError: there is no text to measure on.
    """
    documents = [document for document in documents if document.text]
    if not documents:
        raise DataError("there are no held-out documents to measure on: every one is empty")
    bits = document_bits(model, tokenizer, [document.text for document in documents], context)
    sizes = [len(document.text.encode()) for document in documents]
    genres: dict[str, list[int]] = {}
    for i, document in enumerate(documents):
        genres.setdefault(document.genre, []).append(i)

    def ratios(chosen: Sequence[int]) -> tuple[float, float | None]:
        size = sum(sizes[i] for i in chosen)
        floors = [documents[i].bits for i in chosen]
        known = [floor for floor in floors if floor is not None]
        return sum(bits[i] for i in chosen) / size, sum(known) / size if len(known) == len(floors) else None

    overall, floor = ratios(range(len(documents)))
    by_genre: dict[str, Mapping[str, float | None]] = {}
    for genre in sorted(genres):
        reached, lowest = ratios(genres[genre])
        by_genre[genre] = {"bits_per_byte": reached, "floor_bits_per_byte": lowest}
    return BitsPerByte(overall, floor, by_genre)


@torch.no_grad()
def document_bits(model: Transformer, tokenizer: BPE, texts: Sequence[str], context: int) -> list[float]:
    """The bits of each text and of its end under the model."""
    eos = tokenizer.eos_id
    windows: list[tuple[int, list[int]]] = []  # which text, and n + 1 tokens for n predictions
    for i, ids in enumerate(tokenizer.encode_batch(list(texts))):
        whole = [eos, *ids, eos]
        windows += [(i, whole[start : start + context + 1]) for start in range(0, len(whole) - 1, context)]
    bits = [0.0] * len(texts)
    device = model.token_embedding.weight.device
    training = model.training
    model.eval()
    for batch in _batches(windows):
        width = max(len(tokens) for _, tokens in batch) - 1
        inputs = torch.full((len(batch), width), eos)  # padding stands after all tokens that count, so it is never seen
        targets = torch.full((len(batch), width), -100)
        for row, (_, tokens) in enumerate(batch):
            inputs[row, : len(tokens) - 1] = torch.tensor(tokens[:-1])
            targets[row, : len(tokens) - 1] = torch.tensor(tokens[1:])
        logits = model(inputs.to(device)).float()  # B T V
        nats = cross_entropy(logits.flatten(0, 1), targets.to(device).flatten(), reduction="none")
        for (i, _), total in zip(batch, nats.view(len(batch), width).double().sum(1).tolist(), strict=True):
            bits[i] += total / math.log(2)
    model.train(training)
    return bits


def _batches(windows: Sequence[tuple[int, list[int]]]) -> Iterator[list[tuple[int, list[int]]]]:
    """Windows of like length together, as many as fit into ``BATCH_TOKENS`` positions."""
    waiting = sorted(windows, key=lambda window: -len(window[1]))
    while waiting:
        size = max(1, BATCH_TOKENS // len(waiting[0][1]))
        yield waiting[:size]
        waiting = waiting[size:]
