"""How likely a model holds given texts: many continuations at once, those of one prompt read it only once.

    scores = log_likelihoods(model, [(prompt, choice) for choice in choices])
    scores[0].sum()                                             # log p(choice | prompt), in nats

The choices of a question are rows of the cache that begin alike, so the prompt goes through the model once and is
copied. On a CPU the engine's kernel computes (`orrery.inference.forward`), elsewhere PyTorch in whatever precision the
caller has set. The sums are those of one plain pass over each text, as a trainer computes it.

    G groups of one prompt   M tokens whose logits are wanted   V vocabulary
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from orrery.errors import ContextFull, InferenceError
from orrery.inference.engine import CACHE_BYTES
from orrery.inference.forward import PREFILL_TOKENS, Feed, Forward
from orrery.models.transformer import Transformer

Pair = tuple[Sequence[int], Sequence[int]]  # what is given, and what comes after it
LOGITS = 1 << 25  # most logits held at once: 128 MiB in float32


@dataclass(frozen=True)
class _Group:
    """A prompt, and the numbers of pairs that go on from it."""

    prompt: tuple[int, ...]
    pairs: Sequence[int]
    longest: int  # of their continuations

    @property
    def total(self) -> int:
        """Tokens of its longest text."""
        return len(self.prompt) + self.longest


def fit(prompt: Sequence[int], continuation: Sequence[int], context: int) -> Pair:
    """The pair, its prompt cut on the left such that the model can read it: the last token is never read.

    Raises:
        ContextFull: the continuation alone is too long.
    """
    room = context + 1 - len(continuation)
    if room < 1:
        raise ContextFull(f"a continuation of {len(continuation)} tokens is too long: the model's context is {context}")
    return prompt[-room:], continuation


@torch.no_grad()
def log_likelihoods(
    model: Transformer, pairs: Sequence[Pair], on_progress: Callable[[int, int], None] | None = None
) -> list[Tensor]:
    """Log-probability of each token of each continuation, given all before it -> float32 on the CPU, one [n] a pair.

    Args:
        on_progress: called with the number of pairs that are done, and of all.

    Raises:
        InferenceError: a prompt or a continuation is empty; ContextFull for a pair that `fit` would cut.
    """
    same: dict[tuple[int, ...], list[int]] = {}  # numbers of pairs by their prompt
    for number, (prompt, continuation) in enumerate(pairs):
        if not prompt or not continuation:
            raise InferenceError(f"text {number + 1} of {len(pairs)} has no tokens before or behind its prompt's end")
        if len(prompt) + len(continuation) > model.config.context + 1:
            raise ContextFull(
                f"text {number + 1} of {len(pairs)} has {len(prompt) + len(continuation)} tokens: the model's context "
                f"is {model.config.context}"
            )
        same.setdefault(tuple(prompt), []).append(number)
    results: dict[int, Tensor] = {}
    for batch in _batches(model, same, pairs):
        results |= _score(model, batch, pairs)
        if on_progress is not None:
            on_progress(len(results), len(pairs))
    return [results[number] for number in range(len(pairs))]


def _batches(
    model: Transformer, same: Mapping[tuple[int, ...], Sequence[int]], pairs: Sequence[Pair]
) -> Iterator[list[_Group]]:
    """Groups of like length together, the longest first, as many as a pass and the cache may take.

    The pairs of one prompt are one group or, where these are too many, several: a corpus begins with the same token.
    What pads a row may be written past its end, for which texts that fill the context have no room: these share a pass
    only with prompts of their own length.
    """
    config, size = model.config, model.token_embedding.weight.element_size()
    per_token = 2 * config.layers * config.kv_heads * config.head_width * size
    tokens = min(PREFILL_TOKENS, CACHE_BYTES // per_token)  # of all rows together
    groups: list[_Group] = []
    for prompt, numbers in same.items():
        numbers = sorted(numbers, key=lambda number: -len(pairs[number][1]))
        most = max(1, tokens // (len(prompt) + len(pairs[numbers[0]][1])))
        for start in range(0, len(numbers), most):
            longest = len(pairs[numbers[start]][1])
            groups.append(_Group(prompt, numbers[start : start + most], longest))
    groups.sort(key=lambda group: (-group.total, -len(group.prompt)))
    batch: list[_Group] = []
    rows = 0
    for group in groups:
        more = rows + len(group.pairs)
        if batch:
            length = batch[0].total
            full = length > config.context and len(group.prompt) != len(batch[0].prompt)
            if full or more * length > tokens:
                yield batch
                batch, more = [], len(group.pairs)
        batch.append(group)
        rows = more
    if batch:
        yield batch


def _score(model: Transformer, batch: Sequence[_Group], pairs: Sequence[Pair]) -> dict[int, Tensor]:
    """One batch: the prompts, then what comes after them, in pieces whose logits fit into memory."""
    numbers = [number for group in batch for number in group.pairs]
    forward = Forward(model, len(numbers), min(max(group.total for group in batch), model.config.context))
    slots = {number: slot for slot, number in enumerate(numbers)}
    logits = forward([Feed(slots[group.pairs[0]], 0, group.prompt) for group in batch])  # G V
    for group in batch:
        if others := [slots[number] for number in group.pairs[1:]]:
            forward.copy_prefix(slots[group.pairs[0]], others, len(group.prompt))
    owners = [place for place, group in enumerate(batch) for _ in group.pairs]
    firsts = _picked(logits, [pairs[number][1][0] for number in numbers], owners)
    found = {number: [first] for number, first in zip(numbers, firsts.split(1), strict=True)}
    piece = max(1, LOGITS // (model.config.vocab_size * len(numbers)))
    for begin in range(0, max(group.longest for group in batch) - 1, piece):
        parts = {number: pairs[number][1][begin : begin + piece + 1] for number in numbers}
        parts = {number: part for number, part in parts.items() if len(part) > 1}
        logits = forward(
            [Feed(slots[n], len(pairs[n][0]) + begin, part[:-1], "all") for n, part in parts.items()]
        )  # M V
        scores = _picked(logits, [id for part in parts.values() for id in part[1:]])
        for number, score in zip(parts, scores.split([len(part) - 1 for part in parts.values()]), strict=True):
            found[number].append(score)
    return {number: torch.cat(found[number]) for number in numbers}


def _picked(logits: Tensor, ids: Sequence[int], rows: Sequence[int] | None = None) -> Tensor:
    """Log-probability of each id in its row of the logits [M V], by default in order -> [M] on the CPU."""
    places = torch.arange(len(ids)) if rows is None else torch.tensor(rows)
    return logits.float().log_softmax(-1)[places.to(logits.device), torch.tensor(ids, device=logits.device)].cpu()
