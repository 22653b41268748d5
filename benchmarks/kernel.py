"""Greedy generation by the compiled kernel beside a plain PyTorch loop, and beside what this machine could do at most.

    OMP_NUM_THREADS=1 python benchmarks/kernel.py --threads 1 --rounds 5

Random weights of two shapes, in float32 and bfloat16, one row and 32: a prompt of 64 tokens, then 128 new ones; only
these are timed, choosing them included. The two take turns, so that a busy machine slows both. The limits are measured
between them: for one row, how fast as many bytes as a token reads can be read; for 32, how fast a core multiplies and
adds in registers. Each figure is the median of the rounds (with the least and the most).
"""

import ctypes
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro

from orrery.inference.kernel import Kernel, compiled
from orrery.models.transformer import KVCache, Transformer, TransformerConfig

PROMPT, NEW = 64, 128
SHAPES = {
    "6x384": TransformerConfig(4096, "qwen3", 384, 6, 6, 6, 64, 1024, 256),
    "gpt2-124m": TransformerConfig(50257, "gpt2", 768, 12, 12, 12, 64, 3072, 1024),
}
LIMITS = r"""
#include <cstdint>
#include <cstring>
typedef uint64_t Words __attribute__((vector_size(64)));
extern "C" uint64_t read_all(const char* from, uint64_t bytes) {
    Words sum[4] = {}, next;
    for (uint64_t i = 0; i + 256 <= bytes; i += 256)
        for (int j = 0; j < 4; j++) {
            memcpy(&next, from + i + 64 * j, 64);
            sum[j] += next;
        }
    return (sum[0] + sum[1] + sum[2] + sum[3])[0];
}
// 12 independent sums of products in registers; returns how many numbers were multiplied and added.
template <class Vector, class Step> uint64_t repeat(uint64_t times, int numbers, Step step) {
    Vector sum[12], a = {}, b = {};
    for (int j = 0; j < 12; j++) sum[j] = Vector{} + float(j);  // unlike, or the compiler makes one of them
    for (uint64_t i = 0; i < times; i++)
        for (int j = 0; j < 12; j++) {
            step(sum[j], a, b);
            asm volatile("" : "+x"(a), "+x"(b));
        }
    for (int j = 0; j < 12; j++) asm volatile("" : : "x"(sum[j]));
    return times * 12 * numbers;
}
#if defined(__AVX512F__)
typedef float Floats __attribute__((vector_size(64)));
#else
typedef float Floats __attribute__((vector_size(16)));
#endif
extern "C" uint64_t multiply_float32(uint64_t times) {
    return repeat<Floats>(times, sizeof(Floats) / 4, [](Floats& sum, Floats a, Floats b) { sum += a * b; });
}
#if defined(__AVX512BF16__)
#include <immintrin.h>
extern "C" uint64_t multiply_bfloat16(uint64_t times) {
    return repeat<Floats>(times, 32, [](Floats& sum, Floats a, Floats b) {
        sum = (Floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
    });
}
#else
extern "C" uint64_t multiply_bfloat16(uint64_t times) { return multiply_float32(times); }
#endif
"""


@dataclass(frozen=True)
class Setting:
    """Sizes of the comparison."""

    threads: int = 1
    rounds: int = 5
    shapes: tuple[str, ...] = tuple(SHAPES)
    precisions: tuple[str, ...] = ("bfloat16", "float32")
    rows: tuple[int, ...] = (1, 32)
    torch_too: bool = True
    """Whether the PyTorch loop runs, too; it takes most of the time."""


def by_kernel(model: Transformer, rows: int) -> float:
    """Seconds to generate, one call of the kernel a token."""
    cache = KVCache(model.config, rows, PROMPT + NEW, dtype=model.token_embedding.weight.dtype)
    kernel = Kernel.of(model, cache)
    assert kernel is not None
    slots = np.arange(rows)
    prompt = np.tile(np.arange(1, PROMPT + 1), rows)
    logits = kernel.forward(
        prompt, slots.repeat(PROMPT), np.tile(np.arange(PROMPT), rows), (slots + 1) * PROMPT - 1
    )  # R V
    start = time.perf_counter()
    for position in range(PROMPT, PROMPT + NEW):
        logits = kernel.forward(logits.argmax(-1).numpy(), slots, np.full(rows, position), slots)
    return time.perf_counter() - start


def by_torch(model: Transformer, rows: int) -> float:
    """Seconds to generate, one pass of the PyTorch model a token."""
    cache = KVCache(model.config, rows, PROMPT + NEW, dtype=model.token_embedding.weight.dtype)
    logits = model(torch.arange(1, PROMPT + 1).expand(rows, -1), cache=cache)[:, -1]  # R V
    start = time.perf_counter()
    for _ in range(NEW):
        logits = model(logits.argmax(-1, keepdim=True), cache=cache)[:, -1]
    return time.perf_counter() - start


def library() -> ctypes.CDLL:
    """The functions of `LIMITS`."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "limits.cpp"
        source.write_text(LIMITS)
        functions = ctypes.CDLL(str(compiled(source)))
    for function in (functions.read_all, functions.multiply_float32, functions.multiply_bfloat16):
        function.restype = ctypes.c_uint64
    return functions


def rate(work: Callable[[], float], threads: int) -> float:
    """Units a second when `threads` threads do `work`, which returns its units, again and again for half a second."""
    units, start = 0.0, time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        while time.perf_counter() < start + 0.5:
            units += sum(pool.map(lambda _: work(), range(threads)))
    return units / (time.perf_counter() - start)


@torch.inference_mode()
def compare(s: Setting, name: str, precision: str, rows: int, limits: ctypes.CDLL) -> None:
    """Let both take turns with one shape, precision and number of rows; print what they reach."""
    config, dtype = SHAPES[name], getattr(torch, precision)
    model = Transformer(config).to(dtype)
    used = sum(weight.numel() for weight in model.blocks.parameters()) + config.vocab_size * config.width
    attention = config.layers * config.heads * config.head_width * (PROMPT + NEW / 2)  # products with keys, on average
    size = dtype.itemsize
    weights = torch.ones(used * size // s.threads, dtype=torch.uint8)  # each thread's share
    multiply = getattr(limits, f"multiply_{precision}")

    def read() -> float:
        limits.read_all(ctypes.c_void_p(weights.data_ptr()), ctypes.c_uint64(len(weights)))
        return len(weights)

    def tokens_by(generate: Callable[[Transformer, int], float]) -> float:
        return NEW * rows / generate(model, rows)

    turns: dict[str, Callable[[], float]] = {"kernel": lambda: tokens_by(by_kernel)}
    if s.torch_too:
        turns["torch"] = lambda: tokens_by(by_torch)
    if rows == 1:
        bytes_each = (used + 2 * attention) * size
        turns["read"] = lambda: rate(read, s.threads) / bytes_each
    else:
        # Attention is left out of what a token takes at least: it is little here.
        turns["multiply"] = lambda: rate(lambda: multiply(ctypes.c_uint64(1_000_000)), s.threads) / used
    seen: dict[str, list[float]] = {turn: [] for turn in turns}
    for _ in range(s.rounds):
        for turn, run in turns.items():
            seen[turn].append(run())
    typical = {turn: statistics.median(rates) for turn, rates in seen.items()}
    print(f"{name}, {precision}, {rows} rows, {s.threads} threads, tokens/s:")
    for turn, rates in seen.items():
        share = f"   kernel / this: {typical['kernel'] / typical[turn]:.2f}" if turn != "kernel" else ""
        print(f"    {turn:9}{typical[turn]:9,.0f}  ({min(rates):,.0f} to {max(rates):,.0f}){share}", flush=True)


def processor() -> str:
    """The name of the CPU, where the system tells it."""
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main(s: Setting) -> None:
    """Compare all that `s` names."""
    torch.set_num_threads(s.threads)
    print(f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, torch {torch.__version__}")
    limits = library()
    for name in s.shapes:
        for precision in s.precisions:
            for rows in s.rows:
                compare(s, name, precision, rows, limits)


if __name__ == "__main__":
    main(tyro.cli(Setting, description=__doc__))
