"""What is computed for pages, in a process of its own (pool.py), by the functions of `computations.py`.

    answer(Call("softmax", SoftmaxRequest((1.0, 2.0))))      # {"answer": …, "ms": …, "shows": …, "model": …}, packed

A function whose request has a field `model`, `models`, `vocabulary` or `micro` gets what that names as its second
argument. Models that were read are kept.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from orrery.models.hf import WEIGHTS, load_model, load_tokenizer
from orrery.models.scalar import ScalarModel, load_scalar_model
from orrery.models.transformer import Transformer
from orrery.server.studio.micro import read_micro
from orrery.server.studio.models import StudioModel
from orrery.server.studio.packing import Packed, pack
from orrery.server.studio.vocabularies import Place, read_vocabulary
from orrery.stages.microgpt import STAGE
from orrery.tokenizers.bpe import BPE

MODELS = 8  # models kept in memory


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
