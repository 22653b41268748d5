"""Rows that are decoded together, each at its own length, coming and going at any time.

    batch.add(Row(0, prompt, Sampling()))
    while batch.rows:
        for row in batch.step():                       # those that were given a token
            if row.done:
                batch.go_on(row, [])                   # it leaves; or it goes on after more tokens (a tool's answer)

A row takes a slot of the cache, with tokens to be fed: its prompt. One step feeds each row that writes its last
token, and rows that have more to be fed as much of it as the step may take (`chunk`), so that a long prompt does not
stall the others; then it samples a token for every row that was fed all. What a prompt begins with is copied from a
slot that holds it (prefix.py); prompts that begin alike and come together wait for the first of them. A row can leave
at any time; its slot is free at once, and nothing is moved.

    M rows that get a token   V vocabulary
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from orrery.errors import InferenceError
from orrery.inference.forward import PREFILL_TOKENS, Feed, Forward
from orrery.inference.prefix import Slots, common
from orrery.inference.row import Row, TokenScore
from orrery.inference.sampling import sample, shifted, uniform_stream
from orrery.models.transformer import Transformer

SCORED = 256  # tokens of a prompt whose log-probabilities are wanted, in one step: each has a whole row of logits


class Batch:
    """Up to `slots` rows of up to `length` tokens, with their cache.

    `stops` end every row; `banned` tokens are never written; a step takes `chunk` tokens at most, besides the one of
    each row that writes.
    """

    def __init__(
        self, model: Transformer, *, slots: int, length: int, stops: Sequence[int], banned: Tensor,
        token_bytes: Callable[[int], bytes], chunk: int = PREFILL_TOKENS,
    ) -> None:  # fmt: skip
        self.forward = Forward(model, slots, length)
        self.stops, self.banned, self.length, self.chunk = frozenset(stops), banned, length, chunk
        self.token_bytes = token_bytes
        self.slots = Slots(slots)
        self.rows: list[Row] = []  # in the order in which they came

    @property
    def free(self) -> int:
        """Slots for further rows."""
        return len(self.slots.free)

    def add(self, row: Row) -> None:
        """Take in a row whose `feed` is its prompt."""
        row.slot = self.slots.take(row.feed)
        self.rows.append(row)
        if row.sampling.temperature > 0:
            count = min(row.sampling.max_tokens, self.length)
            row.uniforms = uniform_stream(row.sampling.seed, row.request, count).tolist()

    def remove(self, row: Row) -> None:
        """Take out a row, done or not."""
        self.rows.remove(row)
        self.slots.leave(row.slot)

    def step(self) -> list[Row]:
        """Run the model once and sample a token for each row that was fed all -> these; some are `done` now."""
        fed = self.feeds()
        logits = self.forward([feed for _, feed in fed])  # of all tokens that want them, V
        writing: list[Row] = []
        places: list[int] = []  # of the logits after their last token
        place = 0
        for row, feed in fed:
            if feed.wants == "all":
                self.score_prompt(row, feed, logits[place : place + len(feed.ids)])
            place += len(feed.wanted)
            self.slots.held[feed.slot] += feed.ids
            if not row.feed:
                writing.append(row)
                places.append(place - 1)
        if writing:
            self.write(writing, logits if len(places) == len(logits) else logits[places])
        return writing

    def feeds(self) -> list[tuple[Row, Feed]]:
        """The rows that are fed in this step, and with what; it is taken off their `feed`."""
        chosen: list[tuple[Row, Feed]] = []
        coming: list[list[int]] = []  # what the slots of rows that are being fed will hold
        copies: list[tuple[int, int, list[int]]] = []  # from a slot, so many tokens, to slots
        left = self.chunk
        for row in self.rows:
            if row.done or row.fresh and (left == 0 or not self.begin(row, coming, copies)):
                continue
            held = self.slots.held[row.slot]
            count = 1
            if row.fresh or len(row.feed) > 1:
                coming.append(held + row.feed)
                count = min(len(row.feed), left, SCORED if row.score_prompt else left)
                left -= count
                row.fresh = False
            if count:
                ids, row.feed = row.feed[:count], row.feed[count:]
                scored = row.score_prompt and not row.ids
                wants = "all" if scored else "none" if row.feed else "last"
                chosen.append((row, Feed(row.slot, len(held), ids, wants)))
        for source, length, slots in copies:
            self.forward.copy_prefix(source, slots, length)
        return chosen

    def begin(self, row: Row, coming: Sequence[list[int]], copies: list[tuple[int, int, list[int]]]) -> bool:
        """Share what another slot holds of a row's prompt -> False where it is better to wait for what is `coming`."""
        prompt, most = row.feed, 0 if row.score_prompt else len(row.feed) - 1  # logits want at least the last token
        source, shared = self.slots.source(prompt, row.slot) if most else (row.slot, 0)
        shared = min(shared, most)
        if most and any(min(common(other, prompt), most) > shared for other in coming):
            return False
        if source != row.slot and shared:
            if copies and copies[-1][:2] == (source, shared):
                copies[-1][2].append(row.slot)
            else:
                copies.append((source, shared, [row.slot]))
        self.slots.held[row.slot] = prompt[:shared]
        row.feed, row.shared = prompt[shared:], shared
        return True

    def write(self, rows: list[Row], logits: Tensor) -> None:
        """Sample a token for each row: logits [M V]."""
        uniforms = torch.tensor([row.uniforms[len(row.ids)] if row.uniforms else 0.0 for row in rows])
        ids, logprobs = self.choose(rows, logits, uniforms.to(logits.device))
        for row, token, logprob in zip(rows, ids.tolist(), logprobs.tolist(), strict=True):
            if math.isnan(logprob):
                raise InferenceError(
                    "the model's logits are not finite: its weights are damaged or its training diverged"
                )
            row.ids.append(token)
            row.logprobs.append(logprob)
            row.stopped = token in self.stops or token in row.sampling.stop_ids
            row.done = (
                row.stopped
                or len(row.ids) >= row.sampling.max_tokens
                or len(self.slots.held[row.slot]) + 1 >= self.length
            )
            if row.sampling.stop and not row.stopped and row.saw(self.token_bytes(token)):
                row.done = True
            if not row.done:
                row.feed = [token]

    def choose(self, rows: list[Row], logits: Tensor, uniforms: Tensor) -> tuple[Tensor, Tensor]:
        """A token for each row by its own sampling, and its log-probability: logits [M V], uniforms [M] -> [M], [M]."""
        chosen_by = logits
        penalised = [place for place, row in enumerate(rows) if row.sampling.shifts]
        if penalised:
            chosen_by = logits.clone()
            for place in penalised:
                row = rows[place]
                chosen_by[place] = shifted(logits[place], row.sampling, row.read, row.ids)
        alike: dict[tuple[float, ...], list[int]] = defaultdict(list)
        for place, row in enumerate(rows):
            alike[row.sampling.filters].append(place)
        if len(alike) == 1:
            ids, logprobs = sample(logits, rows[0].sampling, uniforms, self.banned, chosen_by)
        else:
            ids = torch.zeros(len(rows), dtype=torch.long, device=logits.device)
            logprobs = torch.zeros(len(rows), device=logits.device)
            for places in alike.values():
                which = torch.tensor(places, device=logits.device)
                ids[which], logprobs[which] = sample(
                    logits[which], rows[places[0]].sampling, uniforms[which], self.banned, chosen_by[which]
                )
        for place, row in enumerate(rows):
            if row.top is not None:
                row.details += scores(logits[place : place + 1], chosen_by[place : place + 1], row, ids[place].view(1))
        return ids, logprobs

    def score_prompt(self, row: Row, feed: Feed, logits: Tensor) -> None:
        """Note how likely the tokens of a prompt are that follow each of those fed: logits [T V]."""
        targets = row.read[feed.start + 1 : feed.start + 1 + len(feed.ids)]  # the prompt's last has none
        logits = logits[: len(targets)]
        row.prompt_scores += scores(logits, logits, row, torch.tensor(targets, device=logits.device))

    def room(self, row: Row) -> int:
        """How many tokens `go_on` may feed to a row so that it can still write."""
        if len(row.ids) >= row.sampling.max_tokens:
            return 0
        held = len(self.slots.held[row.slot])  # without its last token; and the cache's last place stays free
        return max(0, self.length - 2 - held)

    def go_on(self, row: Row, feed: list[int]) -> None:
        """After a message has ended: let the row write on after the tokens `feed`; without any, take it out."""
        if not feed:
            self.remove(row)
            return
        row.begun, row.tail, row.found, row.done = len(row.ids), b"", False, False
        row.feed = [row.ids[-1], *feed]
        row.read += feed


def scores(logits: Tensor, chosen_by: Tensor, row: Row, ids: Tensor) -> list[TokenScore]:
    """How likely tokens `ids` [T] are by the model's own logits [T V] and by those that the row chooses by [T V]."""
    temperature = row.sampling.temperature or 1.0
    raw, shaped = logits.log_softmax(-1), (chosen_by / temperature).log_softmax(-1)
    top = raw.topk(min(row.top or 0, raw.shape[1])).indices  # T top
    tops = zip(top.tolist(), raw.gather(1, top).tolist(), shaped.gather(1, top).tolist(), strict=True)
    own = zip(raw.gather(1, ids[:, None])[:, 0].tolist(), shaped.gather(1, ids[:, None])[:, 0].tolist(), strict=True)
    return [
        TokenScore(token, logprob, after, tuple(zip(*likeliest, strict=True)))
        for token, (logprob, after), likeliest in zip(ids.tolist(), own, tops, strict=True)
    ]
