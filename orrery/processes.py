"""Forked processes: a share of the work for each core, with the memory as it was when they were forked.

    share_out(sample, [prompts[:64], prompts[64:]])     # the second half in another process

A small model is hundreds of small operations; threads wait for each other at each of them, processes only at the end.
Forking costs: both sides then copy every page of memory that either writes to. So training forks once
(`orrery.training.helpers`), and while it lasts everything that is shared out goes to the processes that it has.
Linux only, where forking is safe, and not where there is a GPU.
"""

import gc
import io
import math
import os
import pickle
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, Self, TypeVar

import torch

from orrery.errors import OrreryError, RunError

P = TypeVar("P")
R = TypeVar("R")
ROWS_A_PROCESS = 16  # fewer are not worth a process of their own


def can_fork() -> bool:
    """Whether work can be shared out. Where there is a GPU, PyTorch refuses to run in a forked process.

    Of several processes that torchrun started none forks: they share the cores and are connected with each other.
    """
    alone = os.environ.get("WORLD_SIZE", "1") == "1"
    return sys.platform == "linux" and alone and not torch.cuda.is_available()


def rows_each(rows: int, device: torch.device) -> int:
    """How many of the rows each process takes: equal shares, or all where sharing them out does not pay."""
    if device.type != "cpu" or not can_fork():
        return rows
    return math.ceil(rows / max(1, min(torch.get_num_threads(), rows // ROWS_A_PROCESS)))


def share_out(function: Callable[[P], R], parts: Sequence[P]) -> list[R]:
    """The function of each part, all at the same time, with one thread each; what it changes elsewhere is lost.

    Raises:
        RunError: a process ended without an answer, for want of memory for instance, or failed.
        And what the function raises.
    """
    waiting = Workers.waiting
    if waiting is not None and len(parts) <= waiting.processes:
        return waiting.map(function, parts)
    with Workers(len(parts), [function, *parts]) as workers:
        return workers.map(function, parts)


class Workers:
    """This process and others forked from it, which compute what they are sent until they are closed.

    Args:
        processes: how many, this one included.
        known: what both sides have from the fork. It is sent by reference: the others use theirs. Of models that go on
            changing, the weights must lie in memory that both sides see.
    """

    waiting: "Workers | None" = None
    """Those that `share_out` uses; it forks its own where there are none."""

    def __init__(self, processes: int, known: Iterable[object]) -> None:
        self.processes = processes
        self._known = {id(one): one for one in known}
        self._others: list[tuple[int, Connection]] = []
        try:
            for _ in range(processes - 1):
                self._others.append(self._fork())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def map(self, function: Callable[[P], R], parts: Sequence[P]) -> list[R]:
        """The function of each part, as many as there are processes at most; the first one's is computed here.

        After an error all other processes are gone. Raises what `share_out` raises.
        """
        busy = self._others[: len(parts) - 1]
        try:
            for (_, pipe), part in zip(busy, parts[1:], strict=True):
                with suppress(ConnectionError):  # it has ended: waiting for its answer finds that out
                    pipe.send_bytes(self._pickled((function, part)))
            with one_thread():
                results = [function(parts[0])]
            return [*results, *(_answer(pipe) for _, pipe in busy)]
        except BaseException:
            for process, _ in self._others:
                os.kill(process, signal.SIGKILL)
            self.close()
            raise

    def close(self) -> None:
        """End the other processes."""
        if Workers.waiting is self:
            Workers.waiting = None
        for process, pipe in self._others:
            pipe.close()
            os.waitpid(process, 0)
        self._others = []

    def _fork(self) -> tuple[int, Connection]:
        ours, theirs = Pipe()
        with warnings.catch_warnings():  # of locks that another thread may hold: these processes take none
            warnings.simplefilter("ignore", DeprecationWarning)
            process = os.fork()
        if process == 0:
            try:
                _only_compute(theirs)
                self._serve(theirs)
            finally:
                os._exit(0)
        theirs.close()
        return process, ours

    def _serve(self, pipe: Connection) -> None:
        """Answer until the pipe closes, as it does when the parent ends, however it ends."""
        with suppress(EOFError, ConnectionError):
            while True:
                message = pipe.recv_bytes()
                try:
                    function, part = self._unpickled(message)
                    answer = pickle.dumps((None, function(part)))
                except OrreryError as error:
                    answer = pickle.dumps((error, None))
                except Exception:  # whatever it is: the parent raises it, with this traceback
                    answer = pickle.dumps((RunError(f"a helper process failed:\n{traceback.format_exc()}"), None))
                pipe.send_bytes(answer)

    def _pickled(self, message: object) -> bytes:
        file = io.BytesIO()
        pickler = pickle.Pickler(file)
        pickler.persistent_id = lambda one: id(one) if id(one) in self._known else None  # type: ignore[method-assign]
        pickler.dump(message)
        return file.getvalue()

    def _unpickled(self, message: bytes) -> Any:
        unpickler = pickle.Unpickler(io.BytesIO(message))
        unpickler.persistent_load = self._known.__getitem__  # type: ignore[method-assign]
        return unpickler.load()


def _answer(pipe: Connection) -> Any:
    try:
        error, result = pickle.loads(pipe.recv_bytes())
    except (EOFError, ConnectionError) as ended:
        raise RunError(
            "a helper process has ended, perhaps for want of memory: try again (a run goes on with --resume), or "
            "without helpers (OMP_NUM_THREADS=1)"
        ) from ended
    if error is not None:
        raise error
    return result


def _only_compute(pipe: Connection) -> None:
    """Make this forked process one that only computes: signals are the parent's to obey, files are its own."""
    Workers.waiting = None
    for interrupt in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interrupt, signal.SIG_IGN)
    # What was inherited: the run's lock, its log, and the pipes of other workers, which would never close.
    for number in map(int, os.listdir("/proc/self/fd")):
        if number > 2 and number != pipe.fileno():
            with suppress(OSError):  # one of them is the listing's own, gone by now
                os.close(number)
    gc.freeze()  # the parent's objects stay as they are, in the pages that both see
    torch.set_num_threads(1)


@contextmanager
def one_thread() -> Iterator[None]:
    """A context in which torch's operations use this thread alone."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
