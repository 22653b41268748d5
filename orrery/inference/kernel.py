"""The forward pass on a CPU at the speed of its memory: `kernel.cpp`, compiled on first use by the machine's compiler.

    cache = KVCache(model.config, batch=2, length=64, dtype=model.token_embedding.weight.dtype)
    kernel = Kernel.of(model, cache)                # None: this model, or this machine, needs PyTorch
    if kernel is not None:                          # tokens 5 6 7 into row 0, token 9 into row 1
        logits = kernel.forward([5, 6, 7, 9], [0, 0, 0, 1], [0, 1, 2, 0], wanted=[2, 3])      # 2 V

For token-by-token generation with small models, in which PyTorch spends its time between the operations. A token's
logits are the same, bit for bit, whatever other tokens are in the call, in however many calls its prompt came, and on
any number of threads (`torch.set_num_threads`). In float32 they are PyTorch's to about 1e-5. In bfloat16 they are those
of the same weights in float32 with only the inputs of matrix products, and the cache, rounded to bfloat16: nearer to
them than PyTorch's bfloat16, which rounds after every operation.

The compiled library is kept in `$XDG_CACHE_HOME/orrery` (else `~/.cache/orrery`). `CXX` names another compiler than the
first of c++, g++ and clang++. `ORRERY_KERNEL=0` switches all of this off.
"""

import ctypes
import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from orrery.errors import InferenceError
from orrery.files import PARTIAL
from orrery.models.transformer import KVCache, Transformer

SOURCE = Path(__file__).with_suffix(".cpp")
FLAGS = ("-std=c++17", "-O3", "-ffp-contract=off", "-shared", "-fPIC", "-pthread")
COMPILERS = ("c++", "g++", "clang++")
NATIVE = ("-march=native", "-mcpu=native")  # use all that this CPU has: the first that the compiler knows
COMPILE_SECONDS = 120

Numbers = Sequence[int] | np.ndarray


class NoKernel(Exception):
    """There is no kernel for this model or on this machine; the message says why."""


class _Block(ctypes.Structure):
    """`Block` of kernel.cpp."""

    _fields_ = [
        (name, ctypes.c_void_p)
        for name in (
            "attention_norm attention_norm_bias qkv qkv_bias query_norm key_norm output output_bias "
            "mlp_norm mlp_norm_bias gate up up_bias down down_bias"
        ).split()
    ]


class _Model(ctypes.Structure):
    """`Model` of kernel.cpp."""

    _fields_ = [
        *(
            (name, ctypes.c_int64)
            for name in (
                "vocab width heads kv_heads head_width mlp_width layers slots capacity "
                "layer_stride slot_stride head_stride position_stride"
            ).split()
        ),
        ("norm_eps", ctypes.c_double),
        ("is_bfloat16", ctypes.c_int64),
        *(
            (name, ctypes.c_void_p)
            for name in (
                "tokens positions final_norm final_norm_bias unembedding frequencies keys values blocks"
            ).split()
        ),
    ]


class Kernel:
    """A model and a cache, ready for `forward`.

    It reads the weights where they are, so that training them in place is seen; a weight or cache tensor that is
    replaced by another is not: make a new `Kernel`, which takes less than a millisecond.
    """

    def __init__(self, model: Transformer, cache: KVCache) -> None:
        """Raises `NoKernel`; `Kernel.of` returns None instead."""
        config, weight = model.config, model.token_embedding.weight
        if weight.dtype not in (torch.float32, torch.bfloat16):
            raise NoKernel(f"the weights are {weight.dtype}, not float32 or bfloat16")
        self.vocab_size, self.capacity = config.vocab_size, cache.capacity
        self._kept: list[object] = []  # whatever the pointers below point to

        def address(tensor: Tensor | None, dtype: torch.dtype = weight.dtype, whole: bool = True) -> int | None:
            if tensor is None:
                return None
            if tensor.device.type != "cpu" or tensor.dtype != dtype or whole and not tensor.is_contiguous():
                raise NoKernel(f"a tensor is not of {dtype}, on the CPU and in one piece")
            self._kept.append(tensor)
            return tensor.data_ptr()

        def both(module: Any) -> tuple[int | None, int | None]:
            return address(module.weight), address(getattr(module, "bias", None))

        blocks = (_Block * config.layers)()
        block: Any
        for place, block in enumerate(model.blocks):
            attention, mlp = block.attention, block.mlp
            norms = (attention.query_norm, attention.key_norm) if attention.normed else ()
            gate = None if config.architecture == "gpt2" else mlp.gate.weight
            blocks[place] = _Block(
                *both(block.attention_norm), *both(attention.qkv),
                *([address(norm.weight) for norm in norms] or [None, None]), *both(attention.output),
                *both(block.mlp_norm), address(gate), *both(mlp.up), *both(mlp.down),
            )  # fmt: skip
        strides = cache.keys.stride()
        if strides != cache.values.stride() or strides[-1] != 1:
            raise NoKernel("keys and values of the cache do not lie alike")
        self._kept.append(blocks)
        self._model = _Model(
            config.vocab_size, config.width, config.heads, config.kv_heads, config.head_width, config.mlp_width,
            config.layers, cache.keys.shape[1], cache.capacity, *strides[:4],
            config.norm_eps, weight.dtype == torch.bfloat16,
            address(weight), None if config.rotary else address(model.position_embedding.weight),
            *both(model.final_norm), address(weight if config.tied else model.unembedding.weight),
            address(model.frequencies, torch.float32),
            address(cache.keys, whole=False), address(cache.values, whole=False), ctypes.addressof(blocks),
        )  # fmt: skip
        self._at = ctypes.addressof(self._model)
        self._forward = library().orrery_forward

    @classmethod
    def of(cls, model: Transformer, cache: KVCache) -> "Kernel | None":
        """The kernel of a model and a cache on the CPU, all in float32 or all in bfloat16; else None.

        None, too, where the kernel is switched off or cannot be compiled; the latter is warned of once.
        """
        try:
            return cls(model, cache)
        except NoKernel:
            return None

    def forward(self, ids: Numbers, slots: Numbers, positions: Numbers, wanted: Numbers) -> Tensor:
        """Run N tokens, write their keys and values to the cache; logits [M V] in float32 of those that are wanted.

        Token i has the id `ids[i]`, belongs to the cache's row `slots[i]` and stands at `positions[i]`, from where it
        sees its row up to itself. Tokens of one row are given with consecutive ascending positions, among any others.
        `wanted` are the M tokens, ascending, whose logits are returned. No gradient flows; `cache.lengths` is left to
        the caller.

        Raises:
            InferenceError: an id outside the vocabulary, a row or position outside the cache, a token that is wanted
                and not there. Nothing has been written then.
        """
        ids, slots = np.ascontiguousarray(ids, np.int64), np.ascontiguousarray(slots, np.int64)
        positions, wanted = np.ascontiguousarray(positions, np.int64), np.ascontiguousarray(wanted, np.int64)
        if not len(ids) == len(slots) == len(positions):
            raise InferenceError(f"{len(ids)} ids, {len(slots)} slots and {len(positions)} positions are not as many")
        logits = torch.empty(len(wanted), self.vocab_size)
        wrong = self._forward(
            self._at, len(ids), ids.ctypes.data, slots.ctypes.data, positions.ctypes.data,
            len(wanted), wanted.ctypes.data, logits.data_ptr(), torch.get_num_threads(),
        )  # fmt: skip
        if wrong >= len(ids):
            raise InferenceError(f"wanted are {wanted.tolist()}: they must ascend and lie among {len(ids)} tokens")
        if wrong >= 0:
            raise InferenceError(
                f"token {wrong} (id {ids[wrong]}, row {slots[wrong]}, position {positions[wrong]}) is outside the "
                f"vocabulary of {self.vocab_size} tokens or the cache of {self._model.slots} rows of {self.capacity}"
            )
        return logits


def native_bfloat16() -> bool:
    """Whether there is a kernel here, and bfloat16 is faster by it than float32."""
    try:
        return bool(library().orrery_has_bfloat16())
    except NoKernel:
        return False


def library() -> ctypes.CDLL:
    """The compiled functions, kept for the process. Raises `NoKernel` where there can be none."""
    if os.environ.get("ORRERY_KERNEL") == "0":
        raise NoKernel("ORRERY_KERNEL=0 switches it off")
    loaded = _loaded()
    if isinstance(loaded, str):
        warnings.warn(
            f"text is generated by PyTorch, more slowly, because {loaded}. Install a C++ compiler, or set "
            "ORRERY_KERNEL=0 to read this no more",
            stacklevel=4,
        )
        raise NoKernel(loaded)
    return loaded


@functools.cache
def _loaded() -> ctypes.CDLL | str:
    """The functions, or why there are none."""
    try:
        loaded = ctypes.CDLL(str(compiled(SOURCE)))
    except (NoKernel, OSError) as error:
        return str(error)
    number, pointer = ctypes.c_int64, ctypes.c_void_p
    loaded.orrery_has_bfloat16.restype = loaded.orrery_forward.restype = number
    loaded.orrery_forward.argtypes = [
        pointer, number, pointer, pointer, pointer, number, pointer, pointer, number,
    ]  # fmt: skip
    return loaded


def compiled(source: Path) -> Path:
    """The shared library made of a C++ file by this machine's compiler for this CPU, from the cache if it is there.

    Raises:
        NoKernel: there is no compiler, it fails, or the cache folder cannot be written.
    """
    compiler = _compiler()
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "orrery"
    try:
        version = subprocess.run([*compiler, "--version"], capture_output=True, timeout=COMPILE_SECONDS).stdout
        texts = [file.read_bytes() for file in (source, *sorted(source.parent.glob(f"{source.stem}_*.h")))]
        made_of = repr((texts, compiler, FLAGS, NATIVE, version, _cpu()))
        path = folder / f"{source.stem}-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.so"
        if path.exists():
            return path
        folder.mkdir(parents=True, exist_ok=True)
        # Compiled beside its place and then renamed: of two processes that do so at once the second changes nothing.
        with tempfile.TemporaryDirectory(prefix=PARTIAL, dir=folder) as own:
            made = Path(own) / path.name
            for native in (*NATIVE, ""):
                command = [*compiler, *FLAGS, *filter(None, [native]), str(source), "-o", str(made)]
                done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_SECONDS)
                if done.returncode == 0:
                    os.replace(made, path)
                    return path
    except (OSError, subprocess.SubprocessError) as error:
        raise NoKernel(f"{shlex.join(compiler)} could not be run, or {folder} not be written: {error}") from error
    raise NoKernel(f"{shlex.join(command)} failed: {done.stderr.strip()[-500:]}")


def _compiler() -> list[str]:
    """The command that compiles C++: $CXX (which may have flags), or the first that is installed."""
    chosen = shlex.split(os.environ.get("CXX", "")) or [name for name in COMPILERS if shutil.which(name)][:1]
    if not chosen or not shutil.which(chosen[0]):
        raise NoKernel(f"no C++ compiler was found: {chosen[0] if chosen else ', '.join(COMPILERS)}")
    return chosen


def _cpu() -> str:
    """What tells this CPU's instructions from another's: a home folder may be used from several machines."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else [platform.processor()]
    known = {line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))}
    return "\n".join([platform.machine(), *sorted(known)])
