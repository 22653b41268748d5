"""Requests that come and go while a batch runs: what a server needs of an engine.

    scheduler = Scheduler(Engine.load(Path("runs/speedrun/sft")))
    scheduler.submit(Request("a", prompt, Sampling(max_tokens=50)))
    while scheduler.busy:
        for update in scheduler.step():        # {"a": one more token}, until its update says `finished`
            ...
        scheduler.cancel("a")                  # at any time

Requests are served in the order in which they came, as many at a time as memory has slots for. Long prompts are
computed in pieces between the others' tokens. n answers to one prompt are n requests with numbers 0 to n - 1: the
prompt is computed once. Not for several threads.
"""

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

from orrery.errors import ContextFull, InferenceError
from orrery.inference.engine import CACHE_BYTES, Engine
from orrery.inference.row import Row, TokenScore
from orrery.inference.sampling import Sampling

SLOTS = 64  # requests at a time, where memory has room for their caches
CHUNK = 128  # tokens of prompts computed in one step: what others wait for at most


@dataclass(frozen=True)
class Request:
    """A prompt of ids, and how to go on with it. `sampling.seed` and `number` name its stream of random numbers.

    `top`: how many likely tokens to report with each, and what sampling made of them; None for neither.
    `score_prompt`: report how likely the prompt's tokens are, too; what others computed is then not used.
    """

    id: Hashable
    prompt: Sequence[int]
    sampling: Sampling
    number: int = 0
    top: int | None = None
    score_prompt: bool = False


@dataclass(frozen=True)
class Update:
    """What a step has brought for one request.

    `prompt` (if asked for: all of the prompt's tokens but the first) and `cached` (how many of the prompt's
    tokens were not computed, because another request had them) come with the first. `finished`: it has ended and is
    gone; `stopped`: its last token is a stop token; `stop`: it ended by one of these texts.
    `error`: it could not be served, and is gone.
    """

    id: Hashable
    tokens: tuple[TokenScore, ...] = ()
    prompt: tuple[TokenScore, ...] = ()
    finished: Literal["stop", "length"] | None = None
    stopped: bool = False
    stop: tuple[str, ...] = ()
    cached: int = 0
    error: str = ""


class Scheduler:
    """Serves requests with one engine's model.

    Args:
        slots: requests at a time; by default as many as CACHE_BYTES of keys and values allow, at most SLOTS.
        context: tokens that a request may have, its answer included; by default the model's context, or what
            CACHE_BYTES hold where that is less.
        max_waiting: requests that may wait for a slot; None for any number.
    """

    def __init__(
        self, engine: Engine, *, slots: int | None = None, context: int | None = None, max_waiting: int | None = None
    ) -> None:
        self.engine, self.max_waiting = engine, max_waiting
        fits = max(2, CACHE_BYTES // engine.row_bytes(1))
        self.context = min(context or engine.context, engine.context, fits)
        slots = slots or max(1, min(SLOTS, fits // self.context))
        self.batch = engine.new_batch(slots, self.context, chunk=CHUNK)
        self.queue: deque[Request] = deque()
        self.under_way: dict[Hashable, Row] = {}
        self.names: dict[Row, Hashable] = {}

    @property
    def busy(self) -> bool:
        """Whether a step has anything to do."""
        return bool(self.queue or self.under_way)

    @property
    def running(self) -> int:
        """Requests that have a slot."""
        return len(self.under_way)

    @property
    def waiting(self) -> int:
        """Requests that wait for one."""
        return len(self.queue)

    @property
    def held(self) -> int:
        """Tokens that the cache holds of running requests."""
        return sum(len(self.batch.slots.held[row.slot]) for row in self.batch.rows if not row.fresh)

    @property
    def capacity(self) -> int:
        """Tokens that the cache has room for."""
        return len(self.batch.slots.held) * self.context

    def submit(self, request: Request) -> None:
        """Take in a request; its first token may come with the next step.

        Raises:
            ContextFull: the prompt leaves no room for a token.
            InferenceError: it is empty or has ids that the model does not know; a stop or biased token is none; the
                id is in use; too many requests wait.
        """
        if request.id in self.under_way or any(other.id == request.id for other in self.queue):
            raise InferenceError(f"there is a request {request.id!r} already")
        if len(request.prompt) > self.context - 1:
            raise ContextFull(
                f"the prompt has {len(request.prompt)} tokens; in the context of {self.context} at most "
                f"{self.context - 1} fit: shorten it"
            )
        self.engine.check(request.prompt, request.sampling)
        if self.max_waiting is not None and self.waiting >= self.max_waiting and not self.batch.free:
            raise InferenceError(f"{self.waiting} requests are waiting already: try again later")
        self.queue.append(request)

    def cancel(self, id: Hashable) -> None:
        """Drop a request, waiting or running; its slot is free at once. One that is not there is nothing."""
        if (row := self.under_way.get(id)) is not None:
            self._leave(row)
        self.queue = deque(request for request in self.queue if request.id != id)

    def step(self) -> list[Update]:
        """Admit what there is room for and run the model once for all -> what is new for each request.

        Where that fails (the model's numbers are none, memory is short), all requests under way end with the error.
        """
        while self.queue and self.batch.free:
            request = self.queue.popleft()
            row = Row(request.number, list(request.prompt), request.sampling, request.top, request.score_prompt)
            self.under_way[request.id], self.names[row] = row, request.id
            self.batch.add(row)
        if not self.under_way:
            return []
        try:
            return [self._update(row) for row in self.batch.step()]
        except (InferenceError, RuntimeError) as error:
            failed = [Update(name, error=str(error)) for name in self.under_way]
            for row in list(self.names):
                self.batch.slots.held[row.slot] = []  # nothing that was computed now is to be shared
                self._leave(row)
            return failed

    def _update(self, row: Row) -> Update:
        """What is new of a row that was just given a token; it leaves when that was the last."""
        name, first = self.names[row], len(row.ids) == 1
        token = row.details[-1] if row.details else TokenScore(row.ids[-1], row.logprobs[-1])
        finished: Literal["stop", "length"] | None = None
        if row.done:
            finished = "stop" if row.stopped or row.found else "length"
            self._leave(row)
        return Update(
            name, (token,), tuple(row.prompt_scores) if first else (), finished, row.stopped, row.written.stop,
            row.shared if first else 0,
        )  # fmt: skip

    def _leave(self, row: Row) -> None:
        self.batch.remove(row)
        del self.under_way[self.names.pop(row)]
