"""The engine process: loads models, steps those that have requests, and sends what they write. It knows no text.

    Process(target=run, args=(pipe, settings))               # engine_process.py starts it and speaks with it

A thread reads the pipe; it ends the process when the other side is gone, however that went. Another loads models, so
that those at work go on meanwhile. All else is one loop: take what has come, let every model make one step. A model is
loaded when a request first names it. Where memory is limited, the one that has been idle longest makes room, and one
that is never idle gets no further requests until it is. So it is with one whose weights on disk are others now.
"""

import dataclasses
import logging
import os
import signal
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import torch
from numpy.typing import NDArray

from orrery.agents.embeddings import mean_states, unit
from orrery.errors import CheckpointError, ContextFull, InferenceError, OrreryError
from orrery.inference.engine import Engine
from orrery.inference.scheduler import Scheduler
from orrery.models.hf_config import config_from_hf
from orrery.server.names import most_bytes, written
from orrery.server.protocol import (
    Cancel,
    Embed,
    Embedded,
    EngineSettings,
    FromEngine,
    FromServer,
    Generate,
    Models,
    ModelState,
    Progress,
    Refused,
    State,
)

EMBED_TOKENS = 512  # embedded between two steps, padding included, or one longer text: what others wait for
REPORT_SECONDS = 0.1  # between two reports while there is work

log = logging.getLogger(__name__)


@dataclass
class Embedding:
    """An Embed request at work: which texts are still to do, shortest last, and the vectors so far."""

    request: Embed
    left: list[int]
    vectors: NDArray[np.float32]


@dataclass
class Loaded:
    """A model in memory, with its requests. `written`: when its weights were."""

    engine: Engine
    scheduler: Scheduler
    written: int
    embeddings: deque[Embedding] = field(default_factory=deque)

    @property
    def busy(self) -> bool:
        """Whether it has anything to do."""
        return self.scheduler.busy or bool(self.embeddings)

    @property
    def bytes(self) -> int:
        """What its weights and its cache take."""
        weights = sum(weight.numel() * weight.element_size() for weight in self.engine.model.parameters())
        return weights + self.engine.row_bytes(1) * self.scheduler.capacity


@dataclass(frozen=True)
class Finished:
    """The loading of a model is finished: it is here, or it is said why not."""

    name: str
    loaded: Loaded | None
    error: str = ""


def run(pipe: Connection, settings: EngineSettings) -> None:
    """Serve until the pipe closes. Whatever goes wrong here ends the process; the server starts another."""
    for interrupt in (signal.SIGINT, signal.SIGTERM):  # they are the server's to obey; it ends this one by the pipe
        signal.signal(interrupt, signal.SIG_IGN)
    inbox: SimpleQueue[FromServer | Finished] = SimpleQueue()
    threading.Thread(target=listen, args=(pipe, inbox), daemon=True).start()
    worker = Worker(settings, pipe.send, inbox.put)
    while True:
        if not worker.busy:
            worker.take(inbox.get())
        while not inbox.empty():
            worker.take(inbox.get())
        worker.step()


def listen(pipe: Connection, inbox: "SimpleQueue[FromServer | Finished]") -> None:
    """Put what comes through the pipe into the inbox; end the process with the pipe."""
    try:
        while True:
            inbox.put(pipe.recv())
    except (EOFError, OSError):
        os._exit(0)


class Worker:
    """The models and their requests. `send` speaks to the server; `put` puts a message of its own into the inbox."""

    def __init__(
        self, settings: EngineSettings, send: Callable[[FromEngine], None], put: Callable[[Finished], None]
    ) -> None:
        self.settings, self.send, self.put = settings, send, put
        self.loaded: dict[str, Loaded] = {}  # in the order of their last use
        self.waiting: dict[str, list[Generate | Embed]] = defaultdict(list)  # for models that are not loaded
        self.loading: str | None = None
        self.leaving: str | None = None  # gets no further requests, so that it becomes idle and makes room
        self.outdated: set[str] = set()  # get none, either: these are read again, or gone, once they are idle
        self.models: dict[int, str] = {}  # of the requests at work
        self.failed: dict[str, str] = {}
        self.reported, self.reported_at = State({}, {}), 0.0
        if settings.models:
            self.load(next(iter(settings.models)))
        else:
            self.send(self.reported)  # it takes requests, once it knows models

    @property
    def busy(self) -> bool:
        """Whether a model has anything to do."""
        return any(loaded.busy for loaded in self.loaded.values())

    def take(self, message: FromServer | Finished) -> None:
        """Do as a message says."""
        match message:
            case Generate() | Embed():
                if self.takes(message.model):
                    self.begin(message)
                else:
                    self.waiting[message.model].append(message)
            case Cancel(id):
                self.cancel(id)
            case Models(models):
                self.know(models)
            case Finished():
                self.finish_loading(message)
        self.load_wanted()
        self.report()

    def step(self) -> None:
        """Let every model that has work make one step."""
        for loaded in self.loaded.values():
            if loaded.scheduler.busy:
                updates = loaded.scheduler.step()
                for update in updates:
                    if update.finished or update.error:
                        self.models.pop(update.id, None)  # type: ignore[call-overload]
                if updates:
                    self.send(Progress(updates))
            if loaded.embeddings:
                self.embed(loaded)
        self.drop_outdated()
        if self.leaving is not None and not self.loaded[self.leaving].busy:
            self.load_wanted()
        self.report()

    def takes(self, name: str) -> bool:
        """Whether a model gets requests now: it is loaded, is to stay, and is what is on disk."""
        return name in self.loaded and name != self.leaving and name not in self.outdated

    def know(self, models: dict[str, Path]) -> None:
        """From now on these are the models; those loaded that have changed on disk, or are gone, are to leave."""
        self.settings = dataclasses.replace(self.settings, models=models)
        for name, loaded in self.loaded.items():
            if name not in models or written(models[name]) != loaded.written:
                self.outdated.add(name)
        self.drop_outdated()

    def drop_outdated(self) -> None:
        """Forget the models that have changed on disk and have nothing more to do."""
        idle = [name for name in self.outdated if not self.loaded[name].busy]
        for name in idle:
            self.drop(name)
        if idle:
            self.load_wanted()

    def drop(self, name: str) -> None:
        """Forget a loaded model."""
        del self.loaded[name]
        self.outdated.discard(name)
        if self.leaving == name:
            self.leaving = None

    def begin(self, message: Generate | Embed) -> None:
        """Give a request to its model, which is loaded."""
        loaded = self.loaded[message.model] = self.loaded.pop(message.model)  # used last
        if isinstance(message, Embed):
            order = sorted(range(len(message.texts)), key=lambda place: -len(message.texts[place]))
            vectors = np.zeros((len(order), loaded.engine.model.config.width), np.float32)
            loaded.embeddings.append(Embedding(message, order, vectors))
        else:
            try:
                loaded.scheduler.submit(message.request)
            except InferenceError as error:
                reason = "context" if isinstance(error, ContextFull) else "invalid"
                self.send(Refused(message.id, reason, str(error)))  # type: ignore[arg-type]
                return
        self.models[message.id] = message.model

    def cancel(self, id: int) -> None:
        """Forget a request, wherever it is."""
        for name, messages in self.waiting.items():
            self.waiting[name] = [message for message in messages if message.id != id]
        name = self.models.pop(id, "")
        if name:
            loaded = self.loaded[name]
            loaded.scheduler.cancel(id)
            loaded.embeddings = deque(job for job in loaded.embeddings if job.request.id != id)

    @torch.inference_mode()
    def embed(self, loaded: Loaded) -> None:
        """Embed some of the texts of the first request, those of like length together."""
        job = loaded.embeddings[0]
        texts, chosen = job.request.texts, [job.left.pop()]
        while job.left and (len(chosen) + 1) * len(texts[job.left[-1]]) <= EMBED_TOKENS:
            chosen.append(job.left.pop())
        longest, device = len(texts[chosen[-1]]), loaded.engine.device
        padded = torch.tensor([[*texts[i], *[0] * (longest - len(texts[i]))] for i in chosen], device=device)  # B T
        lengths = torch.tensor([len(texts[i]) for i in chosen], device=device)
        job.vectors[chosen] = mean_states(loaded.engine.model, padded, lengths).cpu().numpy()
        if not job.left:
            loaded.embeddings.popleft()
            self.models.pop(job.request.id)
            self.send(Embedded(job.request.id, unit(job.vectors)))

    def load_wanted(self) -> None:
        """Begin to load a model for which requests wait, if there is room; begin those whose model is there."""
        wanted = next((name for name, messages in self.waiting.items() if messages and name not in self.loaded), None)
        if wanted is None:
            self.leaving = None
        elif self.loading is None and self.make_room(wanted):
            self.leaving = None
            self.load(wanted)
        for name in [name for name in self.waiting if self.takes(name)]:
            for message in self.waiting.pop(name):
                self.begin(message)

    def make_room(self, wanted: str) -> bool:
        """Drop idle models, the one used longest ago first, until there is room for another -> whether there is."""
        if self.settings.memory is None:
            return True
        room = self.settings.memory - self.size(wanted)
        while self.loaded and sum(loaded.bytes for loaded in self.loaded.values()) > room:
            idle = [name for name, loaded in self.loaded.items() if not loaded.busy]
            if not idle:
                self.leaving = self.leaving or next(iter(self.loaded))
                return False
            self.drop(idle[0])
        return True

    def size(self, name: str) -> int:
        """What a model will take at most; one that cannot be read takes nothing, and its loading says why."""
        try:
            return most_bytes(config_from_hf(self.settings.models[name]), self.settings.dtype)
        except (KeyError, OrreryError):
            return 0

    def load(self, name: str) -> None:
        """Read a model in another thread; `Finished` will come."""
        self.loading = name
        self.failed.pop(name, None)
        folder = self.settings.models.get(name)

        def read() -> None:
            try:
                if folder is None:
                    raise CheckpointError(f"there is no model {name!r} any more")
                since = written(folder)  # before it is read: what changes meanwhile is read again
                engine = Engine.load(folder, tools=(), dtype=self.settings.dtype)
                self.put(Finished(name, Loaded(engine, Scheduler(engine), since)))
            except OrreryError as error:
                self.put(Finished(name, None, str(error)))
            except Exception as error:  # too little memory, for one: the others must go on
                log.exception("the model %s cannot be loaded", name)
                self.put(Finished(name, None, f"{type(error).__name__}: {error}"))

        threading.Thread(target=read, daemon=True).start()

    def finish_loading(self, finished: Finished) -> None:
        """Take in a model that has been read, or refuse the requests that wait for it."""
        self.loading = None
        if finished.loaded is not None:
            self.loaded[finished.name] = finished.loaded
            return
        self.failed[finished.name] = finished.error
        for message in self.waiting.pop(finished.name, []):
            self.send(Refused(message.id, "loading", finished.error))

    def report(self) -> None:
        """Tell the server about the models, where anything has changed: at once when idle, else now and then."""
        now = time.monotonic()
        if self.busy and now - self.reported_at < REPORT_SECONDS:
            return
        state = State({name: self.state(name) for name in self.loaded}, dict(self.failed))
        if state != self.reported:
            self.reported, self.reported_at = state, now
            self.send(state)

    def state(self, name: str) -> ModelState:
        """What there is to know of a loaded model."""
        loaded, waiting = self.loaded[name], len(self.waiting.get(name, ()))
        scheduler = loaded.scheduler
        return ModelState(
            scheduler.context, scheduler.running, scheduler.waiting + waiting, scheduler.held, scheduler.capacity,
            loaded.bytes,
        )  # fmt: skip
