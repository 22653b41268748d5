"""Forked processes: a share of the work for each core, with the memory as it is at that moment.

    share_out(sample, [prompts[:64], prompts[64:]])     # the second half in a process of its own

A small model is hundreds of small operations; threads wait for each other at each of them, processes only at the end.
Linux only, where forking is safe, and not where there is a GPU.
"""

import gc
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import torch

from orrery.errors import OrreryError, RunError

P = TypeVar("P")
R = TypeVar("R")


def can_fork() -> bool:
    """Whether work can be shared out. Where there is a GPU, PyTorch refuses to run in a forked process."""
    return sys.platform == "linux" and not torch.cuda.is_available()


def share_out(function: Callable[[P], R], parts: Sequence[P]) -> list[R]:
    """The function of each part, all at the same time, with one thread each; what it changes elsewhere is lost.

    Raises:
        RunError: a process ended without an answer, for want of memory for instance.
        And what the function raises.
    """
    others: list[tuple[int, Connection]] = []
    try:
        for part in parts[1:]:
            others.append(_begin(function, part))
        with one_thread():
            results = [function(parts[0])]
        for _, pipe in others:
            try:
                error, result = pickle.loads(pipe.recv_bytes())
            except (EOFError, ConnectionError) as ended:
                raise RunError("a process that samples has ended, perhaps for want of memory") from ended
            if error is not None:
                raise error
            results.append(result)
    except BaseException:
        for process, _ in others:
            os.kill(process, signal.SIGKILL)
        raise
    finally:
        for process, pipe in others:
            pipe.close()
            os.waitpid(process, 0)
    return results


def _begin(function: Callable[[P], R], part: P) -> tuple[int, Connection]:
    ours, theirs = Pipe()
    process = fork()
    if process == 0:
        try:
            become_worker(theirs)
            answer: tuple[Exception | None, Any] = (None, function(part))
        except Exception as error:  # whatever it is: the parent raises it
            answer = (error if isinstance(error, OrreryError) else RunError(f"a process that samples: {error!r}"), None)
        try:
            theirs.send_bytes(pickle.dumps(answer))
        finally:
            os._exit(0)
    theirs.close()
    return process, ours


def fork() -> int:
    """As `os.fork`, without Python's warning of locks that another thread may hold: a worker takes none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def become_worker(pipe: Connection) -> None:
    """Make this forked process one that only computes: signals are the parent's to obey, files are its own."""
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
