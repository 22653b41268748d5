"""Tokens a second, written greedily: Orrery's engine beside transformers, nanochat's engine and llama.cpp.

    python benchmarks/generation.py --threads 1                                 # beside transformers
    python benchmarks/generation.py --threads 1 --rounds 3 --out generation.json \\
        --nanochat ~/nanochat --llama-cpp ~/llama.cpp/build/bin                 # beside all of them
    python benchmarks/generation.py 6x384 --rounds 1 --tokens 8 --batches 1 4   # a trial of a minute

Each row reads 64 random tokens of its own and then writes exactly 128 (`--tokens`); no token may end it. A figure is
the tokens written a second, the reading included. The engines load the same random weights, each in a process of its
own, write a little to warm up, and take turns (A B A B …); each round gives a ratio of ours to theirs at the same
precision. Two shapes: 6x384, a Qwen3 with a vocabulary of 4,096, and that of GPT-2 with 124 million parameters.

    transformers   its `generate`; `--compile` gives it a static cache and torch.compile, which takes minutes
    nanochat       has its own model: the same shape, random weights, as many of them in matrices, cast beforehand (or
                   it casts them at every step). All rows share one prompt, read once: less work. It imports rustbpe
    llama.cpp      the same weights as GGUF files, by its own llama-batched-bench (cmake --build … --target that), with
                   flash attention, keys and values in float16. It chooses no tokens and is fed random ones: less work.
                   q8_0, with half the bytes, is compared with our bfloat16

"Of reading" says how near batch 1 comes to the speed at which the machine reads: the bytes that a token needs (all
matrices once, keys and values) by the time that it takes, without the first, over what a plain loop reads a second from
as many bytes with as many threads. Small models stay in the processor's caches, which are faster than its memory.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache
from importlib.metadata import version
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import torch

from orrery.inference.engine import Engine, Sampling
from orrery.models.gguf import WeightType, export_gguf
from orrery.models.hf import save_model
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.special import RESERVED
from orrery.training.machine import hardware

SHAPES = {
    "6x384": TransformerConfig(4096, "qwen3", 384, 6, 6, 6, 64, 1024, 1024),
    "gpt2-124m": TransformerConfig(50257, "gpt2", 768, 12, 12, 12, 64, 3072, 1024),
}
PROMPT = 64
GGUF: dict[str, WeightType] = {"bfloat16": "bf16", "float32": "f32", "q8_0": "q8_0"}
WEIGHT_BYTES = {"bfloat16": 2.0, "float32": 4.0, "q8_0": 34 / 32}  # q8_0: 32 weights share a scale of two bytes
Timed = Callable[[int, int], tuple[float, float]]  # rows, tokens -> seconds of all, and of the first token alone


def prepare(folder: Path, config: TransformerConfig, gguf: bool) -> int:
    """Write the model with a made-up tokenizer, and as GGUF files -> how many parameters a token reads."""
    pairs = [bytes(pair) for pair in product(range(256), repeat=2)]
    tokenizer = BPE.from_tokens(pairs[: config.vocab_size - len(RESERVED) - 256])
    model = Transformer(config)
    model.token_embedding.weight.data[-len(RESERVED) :] = 0  # logits of 0, never the highest: no row ends early
    save_model(model, folder, tokenizer=tokenizer)
    for kind in GGUF.values() if gguf else ():
        export_gguf(folder, folder / f"{kind}.gguf", kind)
    return model.num_parameters() - (0 if config.rotary else model.position_embedding.weight.numel())


# The engines


def orrery(folder: Path, precision: Any, source: str) -> Timed:
    """Our engine."""
    engine = Engine.load(folder, tools=(), dtype=precision)
    return timed(lambda prompts, n: [c.ids for c in engine.generate(prompts, Sampling(max_tokens=n))])


def transformers(folder: Path, precision: str, how: str) -> Timed:
    """`generate` of transformers; `how` is "compile" or nothing."""
    from transformers import AutoModelForCausalLM, CompileConfig

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, precision))
    model.generation_config.eos_token_id = None
    options: dict[str, Any] = {"do_sample": False}
    if how:
        options |= {"cache_implementation": "static", "compile_config": CompileConfig(fullgraph=False, mode="default")}
        options["compile_config"]._compile_all_devices = True  # else on GPUs only

    @torch.inference_mode()
    def generate(prompts: list[list[int]], tokens: int) -> list[list[int]]:
        ids = torch.tensor(prompts)  # B T
        written = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, **options)
        return [row[PROMPT:] for row in written.tolist()]

    return timed(generate)


def nanochat(folder: Path, precision: str, source: str) -> Timed:
    """nanochat's engine, from its source."""
    os.environ["NANOCHAT_DTYPE"] = precision
    sys.path.insert(0, source)
    from nanochat.engine import Engine as NanochatEngine
    from nanochat.gpt import GPT, GPTConfig

    ours = SHAPES[folder.name]
    model = GPT(GPTConfig(ours.context, ours.vocab_size, ours.layers, ours.heads, ours.heads, ours.width, "L"))
    model.init_weights()
    # Special tokens that are never written: no row ends early.
    tokenizer = SimpleNamespace(encode_special=lambda text: -1, get_bos_token_id=lambda: -1)
    engine = NanochatEngine(model.to(getattr(torch, precision)).eval(), tokenizer)

    def generate(prompts: list[list[int]], tokens: int) -> list[list[int]]:
        columns = engine.generate(prompts[0], num_samples=len(prompts), max_tokens=tokens, temperature=0.0)
        return [list(row) for row in zip(*(column for column, _ in columns), strict=True)]

    return timed(generate)


def timed(generate: Callable[[list[list[int]], int], list[list[int]]]) -> Timed:
    """What measures a function of prompts and of how many tokens to write after each."""

    def seconds(rows: int, tokens: int) -> float:
        rng = random.Random(0)
        prompts = [[rng.randrange(4000) for _ in range(PROMPT)] for _ in range(rows)]
        start = time.perf_counter()
        written = generate(prompts, tokens)
        taken = time.perf_counter() - start
        assert [len(ids) for ids in written] == [tokens] * rows, "other than as many tokens as were asked for"
        return taken

    return lambda rows, tokens: (seconds(rows, tokens), seconds(rows, 1))


def llama_cpp(folder: Path, precision: str, source: str) -> Timed:
    """llama.cpp's own benchmark, from the folder of its programs."""

    def bench(rows: int, tokens: int) -> tuple[float, float]:
        threads, context = torch.get_num_threads(), rows * -(-(PROMPT + tokens) // 256) * 256
        # The prompt gives each row its first token. The second test, of one token, leaves time to print the first.
        tests = f"-npp {PROMPT} -ntg {tokens - 1},1 -npl {rows} -c {context} -fa on -t {threads} -tb {threads}"
        program = [f"{source}/llama-batched-bench", "-m", str(folder / f"{GGUF[precision]}.gguf")]
        for _ in range(5):  # what is not printed when it ends is lost
            command = [*program, *tests.split(), "--output-format", "jsonl"]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
            if found and found[0]["tg"] == tokens - 1:
                return found[0]["t"], found[0]["t_pp"]
        raise RuntimeError(f"no result in what llama-batched-bench prints: {done.stdout}")

    return bench


ENGINES = {"orrery": orrery, "transformers": transformers, "nanochat": nanochat, "llama.cpp": llama_cpp}


@cache
def loaded(engine: str, precision: str, folder: Path, source: str, threads: int) -> Timed:
    """The one engine of a process."""
    torch.set_num_threads(threads)
    sys.stdout = sys.stderr  # libraries print
    return ENGINES[engine](folder, precision, source)


def run(rows: int, tokens: int, *engine: Any) -> tuple[float, float]:
    """In its process: seconds of all tokens, and of the first alone."""
    return loaded(*engine)(rows, tokens)


# The comparison

Seconds = dict[tuple[str, str], dict[int, list[tuple[float, float]]]]  # engine, precision -> rows -> each round's


def read_rate(size: float) -> float:
    """Bytes a second that a sum over `size` bytes reads, again and again; the best of five."""
    numbers, times, best = torch.ones(int(size) // 8, dtype=torch.int64), max(1, int(2**28 / size)), 0.0
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(times):
            numbers.sum()
        best = max(best, numbers.nbytes * times / (time.perf_counter() - start))
    return best


def compare(shape: str, asked: argparse.Namespace, sources: dict[str, str]) -> dict[str, Any]:
    """Measure a shape with the engines in `sources` and print its table -> all figures."""
    config, tokens = SHAPES[shape], asked.tokens
    peers = [(e, p) for e, p in product(sources, WEIGHT_BYTES) if e == "llama.cpp" or p != "q8_0"]
    seconds: Seconds = {peer: {rows: [] for rows in asked.batches} for peer in peers}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name) / shape
        parameters = prepare(folder, config, "llama.cpp" in sources)
        held = 2 * config.layers * config.kv_heads * config.head_width * (PROMPT + tokens / 2)  # halfway
        needed = {p: parameters * size + held * max(2, size) for p, size in WEIGHT_BYTES.items()}
        rates = dict.fromkeys(needed, 0.0)
        pools = {peer: stack.enter_context(ProcessPoolExecutor(1, get_context("spawn"))) for peer in peers}

        def ask(peer: tuple[str, str], rows: int, tokens: int) -> tuple[float, float]:
            return pools[peer].submit(run, rows, tokens, *peer, folder, sources[peer[0]], asked.threads).result()

        for peer, rows in product(peers, asked.batches):  # compiles, allocates
            ask(peer, rows, tokens if asked.compile else 8)
        for turn in range(asked.rounds):
            rates = {p: max(rates[p], read_rate(size)) for p, size in needed.items()}
            for rows, peer in product(asked.batches, peers):
                found = ask(peer, rows, tokens)
                seconds[peer][rows].append(found)
                print(f"{shape} round {turn + 1}: {' '.join(peer)} batch {rows} {found[0]:.3f} s", file=sys.stderr)
    print(f"\n{shape}, {asked.threads} threads, tokens a second:\n")
    print(table(seconds, tokens, {p: needed[p] / rates[p] for p in needed}), "\n")
    print("Read: " + ", ".join(f"{rates[p] / 1e9:.1f} GB/s of {needed[p] / 1e6:,.0f} MB ({p})" for p in needed) + ".")
    listed = [{"engine": engine, "precision": p, "seconds": found} for (engine, p), found in seconds.items()]
    return {"bytes_a_token": needed, "bytes_a_second": rates, "engines": listed}


def table(seconds: Seconds, tokens: int, limits: dict[str, float]) -> str:
    """Markdown: a line for each peer; then each engine at its faster precision, by medians."""
    batches = list(seconds["orrery", "bfloat16"])
    titles = "".join(f" batch {rows} | ours / it |" for rows in batches)
    lines = [f"| engine | precision |{titles} of reading |", f"|---|---|{'---:|' * (2 * len(batches) + 1)}"]
    best: dict[tuple[int, str], float] = {}  # seconds
    for (engine, precision), found in seconds.items():
        same, cells = seconds["orrery", "float32" if precision == "float32" else "bfloat16"], [engine, precision]
        for rows in batches:
            typical = median(whole for whole, _ in found[rows])
            ratios = sorted(b / a for (a, _), (b, _) in zip(same[rows], found[rows], strict=True))
            ratio = f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
            cells += [f"{rows * tokens / typical:,.0f}", "" if engine == "orrery" else ratio]
            if precision != "q8_0":
                best[rows, engine] = min(typical, best.get((rows, engine), typical))
        each = [(whole - first) / (tokens - 1) for whole, first in found.get(1, ())]
        lines.append(f"| {' | '.join(cells)} | {f'{limits[precision] / median(each):.0%}' if each else ''} |")
    ours = (f"{b / best[rows, 'orrery']:.2f} {e} batch {rows}" for (rows, e), b in best.items() if e != "orrery")
    return "\n".join([*lines, "", f"Ours over each at its faster precision (not q8_0): {', '.join(ours)}."])


def main() -> None:
    """Measure what was asked for, print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", nargs="*", choices=[*SHAPES, []], help="both where none is named")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--tokens", type=int, default=128, help="that each row writes, 2 at least")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--compile", action="store_true", help="transformers with a static cache, compiled")
    parser.add_argument("--nanochat", metavar="DIR", help="its source; left out without it")
    parser.add_argument("--llama-cpp", metavar="DIR", help="with llama-batched-bench; left out without it")
    parser.add_argument("--out", type=Path, help="JSON file for all figures")
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(asked.threads)
    torch.set_num_threads(asked.threads)
    given = {
        "transformers": "compile" if asked.compile else "",
        "nanochat": asked.nanochat,
        "llama.cpp": asked.llama_cpp,
    }
    sources = {"orrery": ""} | {engine: source for engine, source in given.items() if source is not None}
    print(f"Left out: {', '.join(given.keys() - sources) or 'none'}.", file=sys.stderr)
    figures = {"machine": hardware()} | {shape: compare(shape, asked, sources) for shape in asked.shapes or SHAPES}
    versions = f"torch {version('torch')}, transformers {version('transformers')}"
    print(f"\n{figures['machine']['processor']}, {figures['machine']['cores']} cores; {versions}.")
    if asked.out:
        asked.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
