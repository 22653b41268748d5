"""The engine process as the server sees it: started, spoken with, and started again when it dies.

    engine = EngineProcess(EngineSettings({"sft": Path("runs/speedrun/sft")}))
    engine.start()
    async for update in engine.generate("sft", prompt, sampling): ...
    await engine.stop()

One thread reads its pipe and hands over to the event loop, another writes, so the loop never waits. When the process
dies, requests under way raise EngineGone, and another is started, at once and then, if that dies as well, after pauses
that grow. Leaving the loop over a request's updates cancels the request.
"""

import asyncio
import contextlib
import dataclasses
import itertools
import logging
import multiprocessing
import signal
import threading
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from orrery.errors import ContextFull, InferenceError
from orrery.inference.sampling import Sampling
from orrery.inference.scheduler import Request, Update
from orrery.server import worker
from orrery.server.protocol import (
    Cancel,
    Embed,
    Embedded,
    EngineSettings,
    FromEngine,
    FromServer,
    Generate,
    Models,
    Progress,
    Refused,
    State,
)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a start that follows on another
SETTLED = 60.0  # seconds after which a process has proved itself

log = logging.getLogger(__name__)


class EngineGone(InferenceError):
    """The engine process has died or is not there yet: the request can be sent again a little later."""


class EngineFailed(InferenceError):
    """The engine could not finish a request, although there was nothing wrong with it."""


class EngineProcess:
    """The process and the requests that it works on.

    `state`: the models that it has loaded (None until the first, if there is any, is there). `restarts`: how many times
    it was started again. `waiting`: how many requests have got nothing yet.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.state: State | None = None
        self.restarts = 0
        self.changed = asyncio.Event()  # set whenever there is another `state`
        self._ids = itertools.count()
        self._queues: dict[int, asyncio.Queue[Update | Embedded | Refused | None]] = {}
        self._untouched: set[int] = set()
        self._process: SpawnProcess | None = None
        self._outbox: SimpleQueue[FromServer | None] = SimpleQueue()
        self._stopping = False
        self._restart: asyncio.TimerHandle | None = None
        self._pause, self._started_at = 0.0, 0.0

    @property
    def ready(self) -> bool:
        """Whether requests are taken."""
        return self.state is not None

    @property
    def waiting(self) -> int:
        """How many requests have got nothing yet."""
        return len(self._untouched)

    def start(self) -> None:
        """Start the process and the threads that speak with it."""
        self._loop = asyncio.get_running_loop()
        self._started_at = time.monotonic()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(target=worker.run, args=(theirs, self.settings), daemon=True)
        with without_interrupts():
            self._process.start()
        theirs.close()
        self._outbox = SimpleQueue()
        threading.Thread(target=self._read, args=(ours,), daemon=True).start()
        threading.Thread(target=_write, args=(ours, self._outbox), daemon=True).start()

    def know(self, models: Mapping[str, Path]) -> None:
        """From now on these are the models; those whose weights on disk have changed are read anew (`Models`)."""
        self.settings = dataclasses.replace(self.settings, models=dict(models))  # for the next process, too
        self._outbox.put(Models(dict(models)))

    async def stop(self) -> None:
        """End the process; requests under way raise EngineGone."""
        self._stopping = True
        if self._restart is not None:
            self._restart.cancel()
        process = self._process
        if process is not None:
            process.kill()
            await asyncio.to_thread(process.join)
        self._fail_all()

    async def generate(
        self,
        model: str,
        prompt: Sequence[int],
        sampling: Sampling,
        *,
        number: int = 0,
        top: int | None = None,
        score_prompt: bool = False,
    ) -> AsyncGenerator[Update, None]:
        """The updates of one request, the last of which is finished; arguments as of `scheduler.Request`.

        Raises:
            ContextFull: the prompt is too long.
            InferenceError: the prompt or the sampling cannot be.
            EngineGone: the process is not there, or died meanwhile.
            EngineFailed: it could not finish the request, or load the model.
        """
        with self._request() as (id, queue):
            request = Request(id, prompt, sampling, number, top, score_prompt)
            self._outbox.put(Generate(model, request))
            while True:
                update = _checked(await queue.get())
                assert isinstance(update, Update)
                yield update
                if update.finished:
                    return

    async def embed(self, model: str, texts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """A vector of length 1 for each text in ids [n, D]. Raises EngineGone and EngineFailed as `generate`."""
        with self._request() as (id, queue):
            self._outbox.put(Embed(id, model, texts))
            answer = _checked(await queue.get())
            assert isinstance(answer, Embedded)
            return answer.vectors

    @contextlib.contextmanager
    def _request(self) -> Iterator[tuple[int, "asyncio.Queue[Update | Embedded | Refused | None]"]]:
        """A request's id and what is answered to it; cancelled on the way out, unless it is finished by then."""
        if not self.ready:
            raise EngineGone("the engine is starting: try again in a few seconds")
        id, outbox = next(self._ids), self._outbox
        queue = self._queues[id] = asyncio.Queue()
        self._untouched.add(id)
        try:
            yield id, queue
        finally:
            self._untouched.discard(id)
            if self._queues.pop(id, None) is not None:
                outbox.put(Cancel(id))

    def _read(self, pipe: Connection) -> None:
        """Hand over what the process says; runs in a thread of its own."""
        try:
            while True:
                message = pipe.recv()
                self._loop.call_soon_threadsafe(self._receive, message)
        except (EOFError, OSError):
            with contextlib.suppress(RuntimeError):  # the loop is closed: so is the server
                self._loop.call_soon_threadsafe(self._died)

    def _receive(self, message: FromEngine) -> None:
        match message:
            case Progress(updates):
                for update in updates:
                    self._deliver(update.id, update, last=bool(update.finished or update.error))  # type: ignore[arg-type]
            case Embedded(id) | Refused(id):
                self._deliver(id, message, last=True)
            case State():
                self.state = message
                self.changed.set()

    def _deliver(self, id: int, answer: Update | Embedded | Refused, last: bool) -> None:
        """Give an answer to whoever waits for it; nobody does where it has been cancelled meanwhile."""
        queue = self._queues.get(id)
        if queue is not None:
            self._untouched.discard(id)
            queue.put_nowait(answer)
            if last:
                del self._queues[id]

    def _died(self) -> None:
        """The process is gone: tell everybody, and start another."""
        self.state = None
        self.changed.set()
        self._outbox.put(None)
        self._fail_all()
        if self._stopping:
            return
        assert self._process is not None
        self._process.kill()  # it can be without its pipe and not yet gone
        self._process.join()
        settled = time.monotonic() - self._started_at > SETTLED
        self._pause = FIRST_PAUSE if settled or not self._pause else min(LONGEST_PAUSE, 2 * self._pause)
        self.restarts += 1
        log.error(
            "the engine process has ended (exit code %s); another starts in %.1f s", self._process.exitcode, self._pause
        )
        self._restart = self._loop.call_later(self._pause, self.start)

    def _fail_all(self) -> None:
        for queue in self._queues.values():
            queue.put_nowait(None)
        self._queues.clear()
        self._untouched.clear()


def _checked(answer: Update | Embedded | Refused | None) -> Update | Embedded:
    """An answer that is one; raises what the others mean."""
    if answer is None:
        raise EngineGone("the engine has ended while it worked on this request: try again in a few seconds")
    if isinstance(answer, Refused):
        kinds = {"context": ContextFull, "invalid": InferenceError, "failed": EngineFailed, "loading": EngineFailed}
        raise kinds[answer.reason](answer.message)
    if isinstance(answer, Update) and answer.error:
        raise EngineFailed(answer.error)
    return answer


def _write(pipe: Connection, outbox: "SimpleQueue[FromServer | None]") -> None:
    """Send what is in the outbox, until that ends; runs in a thread of its own."""
    with contextlib.suppress(OSError):  # the process is gone: the thread that reads has found that out
        while (message := outbox.get()) is not None:
            pipe.send(message)


@contextlib.contextmanager
def without_interrupts() -> Iterator[None]:
    """A process that is started in here never sees Ctrl-C, not even before it can ignore it itself."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # which unblocks these signals when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
