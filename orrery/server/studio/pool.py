"""A process that computes what pages ask for, so that neither the event loop nor the engine ever waits for it.

    pool = Pool()
    packed = await pool.call(Call("softmax", SoftmaxRequest((1.0, 2.0))))      # bytes, ready to be sent

One call at a time, in the order in which they came; one whose page no longer waits is dropped before it begins. When
the process dies, the call that it was at fails, and the next one starts another process. A pipe of our own, because an
executor of the standard library waits for ever where its process is killed while it writes an answer.
"""

import asyncio
import multiprocessing
import signal
import traceback
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

import torch

from orrery.errors import InferenceError, OrreryError
from orrery.server.engine_process import without_interrupts
from orrery.server.studio.compute import Call, answer
from orrery.server.studio.packing import Packed


class Pool:
    """One process, and one thread that speaks with it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None

    def start(self) -> None:
        """Start the process now: it takes seconds to be ready, which nobody then waits for."""
        self._thread.submit(self._connected)

    async def call(self, call: Call) -> Packed:
        """The answer, packed. Raises what the function raises, and InferenceError when the process died."""
        result = await asyncio.wrap_future(self._thread.submit(self._ask, call))
        if isinstance(result, Exception):
            raise result
        return result

    def close(self) -> None:
        """End the process; what it still has to do is dropped."""
        if self._process is not None:
            self._process.kill()
        self._thread.shutdown(cancel_futures=True)
        if self._process is not None:
            self._process.kill()  # the thread may have been about to start one
            self._process.join()

    def _ask(self, call: Call) -> Packed | Exception:
        try:
            self._connected().send(call)
        except OSError:  # it has ended while it had nothing to do: nobody need hear of that
            self._end()
            self._connected().send(call)
        try:
            result: Packed | Exception = self._connected().recv()
        except (EOFError, OSError):
            self._end()
            raise InferenceError("the process that computes has ended while it worked on this: try again") from None
        return result

    def _connected(self) -> Connection:
        """The pipe to the process, which is started where there is none."""
        if self._pipe is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=run, args=(theirs,), daemon=True)
            with without_interrupts():
                self._process.start()
            theirs.close()
        return self._pipe

    def _end(self) -> None:
        """Let go of a process whose pipe is broken; it can be without that and not yet gone."""
        assert self._process is not None
        self._process.kill()
        self._process.join()
        self._pipe = None


def run(pipe: Connection) -> None:
    """What the process does: answer, until the server is gone, however that went."""
    from orrery.server.studio import computations  # noqa: F401  (all that there is to compute, before anybody asks)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's to obey
    torch.set_num_threads(1)  # small models are no faster with more, and others want the cores
    while True:
        try:
            call: Call = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            result: Packed | Exception = answer(call)
        except OrreryError as error:
            result = error
        except Exception:  # a mistake of ours: the server logs where it was
            result = RuntimeError(f"{call.name} failed:\n{traceback.format_exc()}")
        pipe.send(result)
