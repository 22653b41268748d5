"""A process that computes what pages ask for, so that neither the event loop nor the engine ever waits for it.

    pool = Pool()
    packed = await pool.call(Call("softmax", SoftmaxRequest((1.0, 2.0))))      # bytes, ready to be sent

It runs the functions of `computations.py`, one at a time, and keeps the models that it has read: a function whose
request has a field `model`, `models`, `vocabulary` or `micro` gets what that names as its second argument. A call whose
page no longer waits is dropped before it begins. When the process dies, the calls that it had fail, and the next one
starts another process.

The answer is {"answer": …, "ms": …, "shows": …, "model": …} as JSON. Where it has arrays it is in this form instead:

    4 bytes   the length of the JSON that follows, little-endian
    JSON      in the place of each array {"$tensor": {"shape": [2, 3], "dtype": "float32", "offset": 0}}
    zeros     up to a multiple of 8 bytes
    data      the arrays, each at its offset, C order, little-endian, each padded to a multiple of 8 bytes
"""

import asyncio
import json
import math
import multiprocessing
import os
import signal
import struct
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from orrery.errors import InferenceError
from orrery.models.hf import WEIGHTS, load_model, load_tokenizer
from orrery.models.scalar import ScalarModel, load_scalar_model
from orrery.models.transformer import Transformer
from orrery.server.studio.micro import read_micro
from orrery.server.studio.models import StudioModel
from orrery.server.studio.vocabularies import Place, read_vocabulary
from orrery.stages.microgpt import STAGE
from orrery.tokenizers.bpe import BPE

BINARY = "application/x-orrery"
MODELS = 8  # models kept in memory
ALIGN = 8


@dataclass(frozen=True)
class Computation:
    """What pages may ask to have computed. `shows`: the dotted name of the Python that a reader should read."""

    function: Callable[..., Any]
    shows: str


@dataclass(frozen=True)
class Call:
    """One computation: its name, what is asked, and what this names: models with folders, a vocabulary, a micro run."""

    name: str
    asked: Any
    models: Sequence[tuple[StudioModel, Path]] = ()
    vocabulary: Place | None = None
    micro: Path | None = None


@dataclass(frozen=True)
class Packed:
    """An answer that can be sent as it is."""

    media_type: str
    body: bytes


class Pool:
    """One process, started by `start` or when it is first needed."""

    def __init__(self) -> None:
        self._executor: ProcessPoolExecutor | None = None

    def start(self) -> ProcessPoolExecutor:
        """Start the process, where there is none: it takes seconds to be ready, which nobody then waits for."""
        if self._executor is None:
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(1, mp_context=context, initializer=only_compute)
            self._executor.submit(ready)
        return self._executor

    async def call(self, call: Call) -> Packed:
        """The answer, packed. Raises what the function raises, and InferenceError when the process died."""
        try:
            future = self.start().submit(answer, call)
        except BrokenProcessPool:  # it ended while it had nothing to do: nobody need hear of that
            self._executor = None
            future = self.start().submit(answer, call)
        executor = self._executor
        try:
            return await asyncio.wrap_future(future)
        except BrokenProcessPool as error:
            if self._executor is executor:
                self._executor = None
            raise InferenceError("the process that computes has ended while it worked on this: try again") from error

    def close(self) -> None:
        """End the process; what it still has to do is dropped."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None


def only_compute() -> None:
    """Ctrl-C is the server's to obey. One thread: small models are no faster with more, and others want the cores."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """End this process when the server has ended, however it did."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(0)


def ready() -> None:
    """What the process does first: import all that there is to compute."""
    from orrery.server.studio import computations  # noqa: F401  (it imports this module)


def answer(call: Call) -> Packed:
    """Compute, in the pool's process."""
    from orrery.server.studio.computations import COMPUTATIONS

    computation = COMPUTATIONS[call.name]
    read = [(judge if model.kind == "reward" else loaded)(folder) for model, folder in call.models]
    vocabulary = None if call.vocabulary is None else read_vocabulary(call.vocabulary)
    started = time.perf_counter()
    if hasattr(call.asked, "model"):
        result = computation.function(call.asked, read[0])
    elif hasattr(call.asked, "models"):
        result = computation.function(call.asked, read)
    elif call.vocabulary is not None:
        result = computation.function(call.asked, vocabulary)
    elif call.micro is not None:
        result = computation.function(call.asked, read_micro(call.micro))
    else:
        result = computation.function(call.asked)
    ms = 1000 * (time.perf_counter() - started)
    return pack({"answer": result, "ms": round(ms, 3), "shows": computation.shows, "model": asked_of(call)})


def asked_of(call: Call) -> dict[str, Any] | None:
    """Which model an answer is about, where it is about one."""
    if call.models:
        return {key: getattr(call.models[0][0], key) for key in ("name", "run", "stage", "step")}
    if call.micro is not None and hasattr(call.asked, "step"):
        run, step = call.micro.name, call.asked.step
        return {"name": f"{run}/{STAGE}", "run": run, "stage": STAGE, "step": step}
    return None


@dataclass(frozen=True)
class Loaded:
    """A model with its tokenizer, ready to compute."""

    model: Transformer
    tokenizer: BPE


def loaded(folder: Path) -> Loaded:
    """The model in a folder, read again where its weights have changed. Raises CheckpointError when there is none."""
    weights = folder / WEIGHTS
    return _loaded(folder, weights.stat().st_mtime_ns if weights.exists() else 0)


@lru_cache(maxsize=MODELS)
def _loaded(folder: Path, written: int) -> Loaded:
    return Loaded(load_model(folder).eval(), load_tokenizer(folder))


@dataclass(frozen=True)
class Judge:
    """A reward model with its tokenizer."""

    model: ScalarModel
    tokenizer: BPE


def judge(folder: Path) -> Judge:
    """The reward model in a folder, as `loaded` reads others."""
    return _judge(folder, (folder / WEIGHTS).stat().st_mtime_ns)


@lru_cache(maxsize=MODELS)
def _judge(folder: Path, written: int) -> Judge:
    return Judge(load_scalar_model(folder).eval(), load_tokenizer(folder))


def pack(result: Any) -> Packed:
    """An answer as bytes, with its arrays beside its JSON."""
    arrays: list[bytes] = []
    header = json.dumps(_plain(result, arrays), ensure_ascii=False, allow_nan=False).encode()
    if not arrays:
        return Packed("application/json", header)
    padding = -(4 + len(header)) % ALIGN
    return Packed(BINARY, b"".join([struct.pack("<I", len(header)), header, bytes(padding), *arrays]))


def _plain(value: Any, arrays: list[bytes]) -> Any:
    """A value in JSON's terms; arrays are moved to `arrays`. Numbers that JSON does not know become null."""
    if isinstance(value, np.ndarray):
        offset = sum(map(len, arrays))
        data = value.astype(value.dtype.newbyteorder("<")).tobytes()
        arrays.append(data + bytes(-len(data) % ALIGN))
        return {"$tensor": {"shape": list(value.shape), "dtype": value.dtype.name, "offset": offset}}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name), arrays) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(entry, arrays) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry, arrays) for entry in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def unpack(packed: Packed) -> Any:
    """What was packed, as plain values and arrays; the inverse of `pack`, for tests and programs."""
    if packed.media_type != BINARY:
        return json.loads(packed.body)
    (length,) = struct.unpack_from("<I", packed.body)
    start = 4 + length + -(4 + length) % ALIGN

    def array(entry: dict[str, Any]) -> Any:
        if set(entry) != {"$tensor"}:
            return entry
        told = entry["$tensor"]
        flat: NDArray[Any] = np.frombuffer(
            packed.body, np.dtype(told["dtype"]), math.prod(told["shape"]), start + told["offset"]
        )
        return flat.reshape(told["shape"])

    return json.loads(packed.body[4 : 4 + length], object_hook=array)
