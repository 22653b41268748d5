"""How often does each word occur? The first half of training a tokenizer, and most of its time.

Counting is spread over processes. Batches of text go to helpers, each a Python process of its own that runs this very
file (``python -m orrery.tokenizers.counting``); when all are busy this process counts a batch itself. Counts add up,
so who counted what does not matter: the result is the same for any number of workers.
"""

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import BinaryIO

from orrery.errors import TokenizerError
from orrery.tokenizers.split import pieces, split

BATCH = 1 << 18  # characters that are handed to a helper at once
ALONE = 4  # batches counted before helpers are started: little text is done sooner than a process starts


def usable_cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_words(
    texts: Iterable[str], workers: int | None = None, on_progress: Callable[[int], None] | None = None
) -> Counter[str]:
    """Count the words that Qwen2's pattern splits ``texts`` into.

    Args:
        texts: documents; no word crosses from one to the next. Read once and never held in memory together.
        workers: processes that count, this one included; all usable cores, eight at most, when None.
        on_progress: called after each batch with the characters read so far.

    Raises:
        TokenizerError: a helper process ended early.
    """
    if workers is None:
        workers = min(usable_cores(), 8)
    counts: Counter[str] = Counter()
    done = 0
    with ExitStack() as stack:
        helpers: list[_Helper] = []
        for number, batch in enumerate(_batches(texts)):
            if number == ALONE:
                helpers = [stack.enter_context(_Helper()) for _ in range(workers - 1)]
            if not any(helper.offer(batch) for helper in helpers):
                _count(batch, counts)
            if on_progress is not None:
                done += sum(map(len, batch))
                on_progress(done)
        for helper in helpers:
            counts.update(helper.result())
    return counts


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        for piece in pieces(text):
            batch.append(piece)
            size += len(piece)
            if size >= BATCH:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _count(batch: list[str], counts: Counter[str]) -> None:
    for piece in batch:
        counts.update(split(piece))


class _Helper:
    """A process that counts the batches it is offered. A thread writes to it, so that offering never waits."""

    def __init__(self) -> None:
        self._batches: queue.Queue[list[str] | None] = queue.Queue(maxsize=1)

    def __enter__(self) -> "_Helper":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "orrery.tokenizers.counting"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
            start_new_session=True,  # Ctrl-C is for the parent, which ends its helpers itself
        )
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()
        return self

    def offer(self, batch: list[str]) -> bool:
        """Take the batch if there is room for it."""
        try:
            self._batches.put_nowait(batch)
        except queue.Full:
            return False
        return True

    def result(self) -> Counter[str]:
        """Wait for all that was offered to be counted."""
        assert self._process.stdout is not None
        self._batches.put(None)
        try:
            counts: Counter[str] = pickle.load(self._process.stdout)
        except (EOFError, pickle.UnpicklingError) as error:
            code = self._process.wait()
            raise TokenizerError(
                f"a process that counts words ended early (exit code {code}), probably for lack of memory: "
                "train on less text, or with one worker"
            ) from error
        return counts

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()  # it has answered, or its answer is no longer wanted
        if self._thread.is_alive():
            with suppress(queue.Full):
                self._batches.put(None, timeout=1)
            self._thread.join(timeout=1)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _feed(self) -> None:
        assert self._process.stdin is not None
        broken = False
        while (batch := self._batches.get()) is not None:
            try:
                if not broken:
                    pickle.dump(batch, self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            except OSError:
                broken = True  # the process died: `result` says so; until then keep taking batches, or `put` would wait
        with suppress(OSError):
            self._process.stdin.close()


def _serve(source: BinaryIO, target: BinaryIO) -> None:
    """Count pickled batches from ``source`` until it ends, then answer with the pickled counts."""
    counts: Counter[str] = Counter()
    while True:
        try:
            batch = pickle.load(source)
        except EOFError:
            break
        _count(batch, counts)
    pickle.dump(counts, target, protocol=pickle.HIGHEST_PROTOCOL)
    target.flush()


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
