"""Who does the work: this process, all cores, or a Ray cluster. What comes out is the same.

    with on_cores(8) as run:
        for number, tally in run(half, [(0, shard), (1, other)]): ...     # in the order in which they are done

An engine calls a function with each part, anywhere, at least once. The function writes what it makes to files and can
be called again, so a worker that dies costs its part's time and nothing else.
"""

import logging
import multiprocessing
import os
import pickle
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol, TypeVar

from orrery.errors import ConfigError, OrreryError, RunError
from orrery.tokenizers.counting import usable_cores

P = TypeVar("P")
R = TypeVar("R")


class Run(Protocol):
    """Call a function with every part; the results, each as soon as it is there.

    Raises:
        RunError: a worker ended without an answer.
        And what the function raises.
    """

    def __call__(self, function: Callable[[P], R], parts: Sequence[P]) -> Iterator[R]: ...


@contextmanager
def in_one_process() -> Iterator[Run]:
    """This process does all, one part after the other; for looking into what happens."""
    yield lambda function, parts: map(function, parts)


@contextmanager
def on_cores(processes: int = 0) -> Iterator[Run]:
    """So many processes of this machine, one a core by default. They end with the block, and with this process."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    # Spawned: forking a process with threads, as a progress bar has, can hang.
    pool = ProcessPoolExecutor(processes or usable_cores(), multiprocessing.get_context("spawn"), _end_with, (ours,))

    def run(function: Callable[[P], R], parts: Sequence[P]) -> Iterator[R]:
        try:
            pickled = pickle.dumps(function)
            for done in as_completed([pool.submit(_call, pickled, part) for part in parts]):
                yield done.result()
        except BrokenProcessPool as error:
            raise RunError(
                "a process of the build ended, perhaps for want of memory: give the same command again to go on, with "
                "fewer --workers or --engine process"
            ) from error

    try:
        yield run
    finally:
        theirs.close()  # which ends those that still work
        ours.close()
        pool.shutdown(cancel_futures=True)


def _call(function: bytes, part: Any) -> Any:
    return _unpickled(function)(part)


@lru_cache(maxsize=1)
def _unpickled(function: bytes) -> Callable[[Any], Any]:
    """Once in each process and not with each part: what is called may hold much."""
    called: Callable[[Any], Any] = pickle.loads(function)
    return called


def _end_with(pipe: Connection) -> None:
    """Make this process end when the other end of the pipe closes, as it does when its owner is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; their owner decides

    def watch() -> None:
        wait([pipe])
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def on_ray(address: str = "") -> Iterator[Run]:
    """A Ray cluster, through Ray Data; every node must see sources and OUT under the same paths, and have Orrery.

    Ray gives the part of a worker or a node that is lost to another one, as often as it takes, and says so each time.

    Args:
        address: of the cluster (``auto`` for the one on this machine, ``HOST:6379``); empty starts one here.

    Raises:
        ConfigError: ray is not installed.
        RunError: no cluster at the address.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ConfigError("--engine ray needs Ray: pip install 'orrery[cluster]'") from error
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report its use to its makers
    try:
        if ":" in address:  # Ray itself takes minutes to find that out
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=10).close()
        ray.init(address or "local", log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise RunError(f"no Ray cluster answers at {address or 'this machine'}: {error}") from error
    try:
        _silence(ray)
        yield lambda function, parts: _run_on_ray(ray, function, parts)
    finally:
        ray.shutdown()


def _run_on_ray(ray: Any, function: Callable[[P], R], parts: Sequence[P]) -> Iterator[R]:
    known = ray.put((function, list(parts), os.getcwd()))

    def call(row: dict[str, Any]) -> dict[str, Any]:
        called, all_parts, folder = ray.get(known)
        os.chdir(folder)  # what paths are relative to; Ray's workers begin elsewhere
        try:
            return {"result": called(all_parts[row["part"]])}
        except OrreryError as error:  # Ray would wrap it into errors of its own
            return {"result": error}

    # One block a part, so that a part is what is done again where a worker is lost.
    numbers = [{"part": number} for number in range(len(parts))]
    rows = ray.data.from_items(numbers, override_num_blocks=len(parts)).map(call)
    try:
        for row in rows.iter_rows():
            if isinstance(row["result"], OrreryError):
                raise row["result"]
            yield row["result"]
    except ray.exceptions.RayError as error:
        raise RunError(f"Ray has given up: give the same command again to go on. Its reason: {error}") from error


def _silence(ray: Any) -> None:
    """No progress bars and reports of Ray Data, which has its own ideas of the terminal."""
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of settings that it gives to itself
        context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
