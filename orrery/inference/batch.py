"""Rows that are decoded together, each at its own length.

    slots   0 ........ ready ........ len(rows)
            decoding   | to be fed

A row enters at the end with tokens to be fed (its prompt). One step either feeds the waiting rows (prefill: many tokens
a row, right-padded) or decodes all rows (one token each), and samples a token for every row it ran. Rows that stopped
are returned; the caller has each `go_on`, with more tokens to be fed (a tool's answer) or out of the batch. For that
it changes places with the last row, which keeps the batch dense and copies no more than these two: a finished row
costs nothing and its slot is free for the next request. What each step does is a few tensor operations on all rows.

    R slots   n rows in use   T tokens   V vocabulary
"""

import copy
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from orrery.errors import InferenceError
from orrery.inference.sampling import Sampling, sample, shifted, uniform_stream
from orrery.models.transformer import KVCache, Transformer

PREFILL_TOKENS = 8192  # fed in one step at most, padding included: bounds the memory that a prefill takes


@dataclass(eq=False)
class Row:
    """One request in a batch. `request` numbers its random stream; `feed` are the tokens still to be fed."""

    request: int
    feed: list[int] = field(repr=False)
    sampling: Sampling
    slot: int = -1
    begun: int = 0  # how many tokens it had written when its present message began
    read: list[int] = field(default_factory=list, repr=False)  # all that it was fed and did not write itself
    tail: bytes = b""  # the last bytes of its message: in these a stop text may have begun
    found: bool = False  # whether its message holds a stop text

    def saw(self, written: bytes) -> bool:
        """Take in the bytes of one more token -> whether a stop text is complete now."""
        stops = [stop.encode() for stop in self.sampling.stop]
        text = self.tail + written
        self.found = any(stop in text for stop in stops)
        self.tail = text[max(0, len(text) - max(map(len, stops)) + 1) :]
        return self.found

    def __post_init__(self) -> None:
        self.read = list(self.feed)


@dataclass(frozen=True)
class Written:
    """The tokens of one message and their log-probabilities.

    `stopped`: the last one is a stop token. `stop`: the texts of which one has ended it; none where it ended otherwise.
    """

    ids: list[int]
    logprobs: list[float]
    stopped: bool
    stop: tuple[str, ...] = ()


class Batch:
    """Up to `slots` rows of up to `length` tokens, with their cache.

    A row writes as many as its own sampling says, `most` at most; `stops` end every row; `banned` are never written.
    """

    def __init__(
        self, model: Transformer, *, slots: int, length: int, most: int, stops: Tensor, banned: Tensor,
        token_bytes: Callable[[int], bytes],
    ) -> None:  # fmt: skip
        weight = model.token_embedding.weight
        self.model, self.stops, self.banned, self.length = model, stops, banned, length
        self.token_bytes = token_bytes
        self.cache = KVCache(model.config, slots, length, dtype=weight.dtype, device=weight.device)
        self.rows: list[Row] = []
        self.ready = 0
        most = min(most, length)
        self.is_stop = torch.zeros(slots, model.config.vocab_size, dtype=torch.bool, device=weight.device)  # R V
        numbers = torch.zeros(slots, 4, dtype=torch.long, device=weight.device)  # R 4
        # R each: how many tokens the cache holds, how many the row has written and may write, and the last of these
        self.held, self.count, self.limit, self.last = numbers.unbind(1)
        self.uniforms = torch.zeros(slots, most, device=weight.device)
        self.ids = torch.zeros(slots, most, dtype=torch.long, device=weight.device)
        self.logprobs = torch.zeros(slots, most, device=weight.device)
        self.state = [
            numbers,
            self.uniforms,
            self.ids,
            self.logprobs,
            self.is_stop,
        ]  # all that moves with a row, besides the cache

    @property
    def free(self) -> int:
        """Slots for further rows."""
        return len(self.held) - len(self.rows)

    def add(self, row: Row) -> None:
        """Take in a row whose `feed` is its prompt."""
        row.slot = len(self.rows)
        self.rows.append(row)
        for tensor in self.state:
            tensor[row.slot] = 0
        self.limit[row.slot] = min(row.sampling.max_tokens, self.ids.shape[1])
        self.is_stop[row.slot, self.stops] = True
        self.is_stop[row.slot, list(row.sampling.stop_ids)] = True
        if row.sampling.temperature > 0:
            stream = uniform_stream(row.sampling.seed, row.request, self.uniforms.shape[1])
            self.uniforms[row.slot] = stream.to(self.uniforms.device)

    @torch.inference_mode()
    def step(self) -> list[Row]:
        """Run the model once and sample one token for the rows that it ran. Returns those that stopped."""
        if self.ready < len(self.rows):
            start, logits = self.ready, self.prefill()  # n V
            self.ready = stop = start + len(logits)
        else:
            start, stop = 0, len(self.rows)
            logits = self.decode()  # n V
        count = self.count[start:stop]
        uniforms = self.uniforms[start:stop].gather(1, count[:, None])[:, 0]
        ids, logprobs = self.choose(self.rows[start:stop], logits, uniforms)
        if logprobs.isnan().any():
            raise InferenceError("the model's logits are not finite: its weights are damaged or its training diverged")
        slots = torch.arange(start, stop, device=ids.device)
        self.ids[slots, count] = ids
        self.logprobs[slots, count] = logprobs
        self.last[start:stop] = ids
        count += 1  # a view: the state itself
        full = (count >= self.limit[start:stop]) | (self.held[start:stop] + 1 >= self.length)
        ended = self.is_stop[slots, ids] | full
        for place, row in enumerate(self.rows[start:stop]):
            if row.sampling.stop and not self.is_stop[row.slot, ids[place]]:
                ended[place] |= row.saw(self.token_bytes(int(ids[place])))
        return [self.rows[start + place] for place in ended.nonzero()[:, 0].tolist()]

    def choose(self, rows: list[Row], logits: Tensor, uniforms: Tensor) -> tuple[Tensor, Tensor]:
        """A token for each row by its own sampling, and its log-probability: logits [n V], uniforms [n] -> [n], [n]."""
        chosen_by = logits
        penalised = [place for place, row in enumerate(rows) if row.sampling.shifts]
        if penalised:
            chosen_by = logits.float().clone()
            for place in penalised:
                row = rows[place]
                own = self.ids[row.slot, : int(self.count[row.slot])].tolist()
                chosen_by[place] = shifted(logits[place], row.sampling, row.read, own)
        alike: dict[tuple[float, ...], list[int]] = defaultdict(list)
        for place, row in enumerate(rows):
            alike[row.sampling.filters].append(place)
        if len(alike) == 1:
            return sample(logits, rows[0].sampling, uniforms, self.banned, chosen_by)
        ids = torch.zeros(len(rows), dtype=torch.long, device=logits.device)
        logprobs = torch.zeros(len(rows), device=logits.device)
        for places in alike.values():
            which = torch.tensor(places, device=logits.device)
            ids[which], logprobs[which] = sample(
                logits[which], rows[places[0]].sampling, uniforms[which], self.banned, chosen_by[which]
            )
        return ids, logprobs

    def decode(self) -> Tensor:
        """Feed every row the token it wrote last -> logits of the next [n V]."""
        n = len(self.rows)
        positions = self.held[:n, None]  # n 1
        hidden = self.model.hidden(self.last[:n, None], positions=positions, cache=self.view(0, n))  # n 1 D
        self.held[:n] += 1
        return self.model.unembed(hidden[:, 0])

    def prefill(self) -> Tensor:
        """Feed as many of the waiting rows as one step may take -> logits after the last token of each [n V].

        Neighbours that begin with the same tokens, answers to one prompt, are fed once: F feeds for n rows.
        """
        start, longest = self.ready, 0
        feeds: list[list[int]] = []
        source: list[int] = []  # for each row, which of the feeds is its own
        for row in self.rows[start:]:
            before = self.rows[start + len(source) - 1]
            alike = bool(source) and row.begun == before.begun == 0 and row.feed == feeds[-1]
            if not alike:
                longest = max(longest, len(row.feed))
                if source and longest * (len(feeds) + 1) > PREFILL_TOKENS:
                    break
                feeds.append(row.feed)
            source.append(len(feeds) - 1)
        stop, device = start + len(source), self.held.device
        lengths = torch.tensor([len(feed) for feed in feeds], device=device)  # F
        longest = int(lengths.max())
        ids = torch.tensor([feed + [0] * (longest - len(feed)) for feed in feeds], device=device)  # F T
        which = torch.tensor(source, device=device)  # n
        first = torch.tensor([start + source.index(feed) for feed in range(len(feeds))], device=device)  # F slots
        positions = self.held[first][:, None] + torch.arange(longest, device=device)
        # Padding lies behind the row's last token, where nothing looks before it is overwritten. The cache's last slot
        # is never fed (a row stops when it is full), so padding that would lie beyond the end may go there.
        positions = positions.clamp(max=self.length - 1)  # F T
        cache = self.view(start, stop)
        if len(feeds) < len(source):
            cache = copy.copy(cache)
            cache.keys, cache.values = self.cache.keys[:, first], self.cache.values[:, first]
            cache.lengths = self.held[first].clone()
        hidden = self.model.hidden(ids, positions=positions, cache=cache)  # F T D
        if len(feeds) < len(source):  # which was a copy: give every row its own
            used = min(self.length, int(self.held[first].max()) + longest)
            self.cache.keys[:, start:stop, :, :used] = cache.keys[:, which, :, :used]
            self.cache.values[:, start:stop, :, :used] = cache.values[:, which, :, :used]
        self.held[start:stop] += lengths[which]
        for row in self.rows[start:stop]:
            row.feed = []
        logits = self.model.unembed(hidden[torch.arange(len(feeds), device=device), lengths - 1])  # F V
        return logits[which]

    def view(self, start: int, stop: int) -> KVCache:
        """The cache of the slots from `start` to `stop`, sharing memory."""
        view = copy.copy(self.cache)
        view.keys, view.values = self.cache.keys[:, start:stop], self.cache.values[:, start:stop]
        view.lengths = self.held[start:stop].clone()
        return view

    def written(self, row: Row) -> Written:
        """What the row has written since its prompt, or since `go_on` last fed it."""
        message = slice(row.begun, int(self.count[row.slot]))
        ids = self.ids[row.slot, message].tolist()
        stop = row.sampling.stop if row.found else ()
        return Written(ids, self.logprobs[row.slot, message].tolist(), bool(self.is_stop[row.slot, ids[-1]]), stop)

    def room(self, row: Row) -> int:
        """How many tokens `go_on` may feed to a row so that it can still write."""
        if int(self.count[row.slot]) >= int(self.limit[row.slot]):
            return 0
        return max(0, self.length - 2 - int(self.held[row.slot]))  # its last token is not held yet; one slot stays free

    def go_on(self, row: Row, feed: list[int]) -> None:
        """After a row has stopped: let it write on after the tokens `feed`, or take it out when there are none."""
        self.ready -= 1
        self.swap(row.slot, self.ready)
        if feed:
            row.begun = int(self.count[row.slot])
            row.feed = [int(self.last[row.slot]), *feed]
            row.read += feed
            row.tail, row.found = b"", False
        else:
            self.swap(row.slot, len(self.rows) - 1)
            self.rows.pop()

    def swap(self, a: int, b: int) -> None:
        """Exchange the rows in two slots."""
        if a == b:
            return
        self.rows[a], self.rows[b] = self.rows[b], self.rows[a]
        self.rows[a].slot, self.rows[b].slot = a, b
        used = int(self.held[[a, b]].max())
        for cached in (self.cache.keys, self.cache.values):
            cached[:, [a, b], :, :used] = cached[:, [b, a], :, :used]
        for tensor in self.state:
            tensor[[a, b]] = tensor[[b, a]]
