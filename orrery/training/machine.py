"""The machine of a run: what it is, how fast it multiplies matrices, and a setting that makes training faster on it."""

import ctypes
import functools
import os
import platform
import resource
import sys
import time
from pathlib import Path
from typing import Any, Literal

import psutil
import torch

Precision = Literal["float32", "bfloat16"]


def hardware() -> dict[str, Any]:
    """What run.json says of the machine: processor, cores, memory, GPU, threads that torch uses."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": gpu,
        "threads": torch.get_num_threads(),
        "system": platform.platform(),
    }


def choose_device(name: str) -> torch.device:
    """The device called ``name``; "auto" is the GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def measure_matmul_rate(precision: Precision = "float32", device: str = "cpu", seconds: float = 0.4) -> float:
    """Floating-point operations a second that large matrix multiplications reach here (one multiply-add is two).

    It is the practical limit that training is compared with: `matmul_share` in the log is the model's own operations a
    second over this. Measured once a process for each precision and device; the fastest of several rounds counts,
    since others may be using the machine.
    """
    return _measure(precision, device, torch.get_num_threads(), seconds)


@functools.cache
def _measure(precision: Precision, device: str, threads: int, seconds: float) -> float:
    size = 8192 if device.startswith("cuda") else 768
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    a = torch.ones(size, size, dtype=dtype, device=device)
    b, out = torch.ones_like(a), torch.empty_like(a)

    def multiply() -> None:
        torch.mm(a, b, out=out)
        if out.is_cuda:
            torch.cuda.synchronize()

    multiply()  # the first call sets the libraries up
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        multiply()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def peak_memory_mb() -> float:
    """The most memory that this process has held so far, in MiB (the GPU's not counted)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)  # bytes on macOS, KiB elsewhere


def keep_freed_memory() -> bool:
    """Tell the C library to keep the memory that is freed for the next step; True where that is possible (glibc).

    glibc gives large freed blocks back to the system at once, and the system hands the next ones out page by page,
    zeroed, in every step. Keeping them made training steps of a small model 4 to 15% faster (bfloat16, one core).
    The price: the process keeps the size of its largest step.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or another system
        return False
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # names of the settings in malloc.h
    settings = ((mmap_threshold, 1 << 30), (trim_threshold, (1 << 31) - 1), (top_pad, 64 << 20))
    return all(mallopt(name, value) == 1 for name, value in settings)


def _processor() -> str:
    table = Path("/proc/cpuinfo")
    if table.exists():
        for line in table.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
