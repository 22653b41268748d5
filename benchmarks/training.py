"""Tokens a second of training: Orrery, nanoGPT, nanochat, transformers and litgpt, in turns.

    python benchmarks/training.py --peers-python PEERS/bin/python --nanogpt nanoGPT --nanochat nanochat

PEERS is a virtual environment with torch (the same version), transformers, litgpt, numpy, filelock, psutil; the two
folders are clones. Those that are not given are left out. Everybody trains on random tokens with a vocabulary of 4,096
and contexts of 256: 4 layers × 128 with 16 rows, 6 × 384 with 8, on `--threads` cores, first as it comes ("default"),
then at the best setting that we found for it:

    orrery         GPT-2's shape, AdamW; and its own default, Qwen3's shape with Muon
    nanoGPT        its CPU setting (float32, no compiling); best: torch.compile
    transformers   GPT2LMHeadModel as configured by default (float32, dropout); best: no dropout, bfloat16 autocast
    nanochat       float32 (its default on a CPU), Muon; best: NANOCHAT_DTYPE=bfloat16
    litgpt         float32; best: bfloat16 autocast (its bf16-mixed) and torch.compile, glibc told to keep freed memory

Each is a process that builds its model once and waits; they step in turns, for `--seconds` at a time, and the median of
the rounds counts. A step is forward, backward, clipping, optimizer. Operations a token are counted alike for all:
6 (12 L D² + V D) + 12 L D T; the share is that of bfloat16 matrix products of 768 × 768, measured in the same turns.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

VOCAB, CONTEXT = 4096, 256
SHAPES = {"4 x 128": (4, 128, 4, 16), "6 x 384": (6, 384, 6, 8)}  # layers, width, heads, rows
Step = Callable[[], None]


def main() -> None:
    """Start everybody, let them step in turns, print a table a shape."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers-python", help="a Python that has transformers and litgpt")
    parser.add_argument("--nanogpt", type=Path, help="a clone of karpathy/nanoGPT")
    parser.add_argument("--nanochat", type=Path, help="a clone of karpathy/nanochat")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args.worker, SHAPES[args.shapes[0]], args.threads)
        return
    for shape in args.shapes:
        measure(shape, args)


def measure(shape: str, args: argparse.Namespace) -> None:
    """One table."""
    layers, width, _, rows = SHAPES[shape]
    operations = 6 * (12 * layers * width**2 + VOCAB * width) + 12 * layers * width * CONTEXT
    names = ["matmul", "orrery", "orrery, its own default"]
    names += ["nanoGPT, default", "nanoGPT, best"] if args.nanogpt else []
    names += ["nanochat, default", "nanochat, best"] if args.nanochat else []
    if args.peers_python:
        names += ["transformers, default", "transformers, best", "litgpt, default", "litgpt, best"]
    workers = {name: start(name, shape, args) for name in names}
    try:
        speeds: dict[str, list[float]] = {name: [] for name in names}
        for worker in workers.values():
            answer(worker)  # it has warmed up
        for _ in range(args.rounds):
            for name, worker in workers.items():
                assert worker.stdin is not None
                worker.stdin.write(f"{args.seconds}\n")
                worker.stdin.flush()
                speeds[name].append(answer(worker))
    finally:
        for worker in workers.values():
            worker.kill()
            worker.wait()
    rate = statistics.median(speeds.pop("matmul"))
    ours = statistics.median(speeds["orrery"])
    print(f"\n{shape}, {rows} rows, {args.threads} threads; matrix products {rate / 1e9:,.0f} GFLOP/s")
    print(f"{'':26} {'tokens/s':>9} {'lowest':>8} {'highest':>8} {'share':>6} {'orrery is':>10}")
    for name, values in speeds.items():
        middle = statistics.median(values)
        share = middle * operations / rate
        print(f"{name:26} {middle:9,.0f} {min(values):8,.0f} {max(values):8,.0f} {share:6.0%} {ours / middle:9.2f}x")


def start(name: str, shape: str, args: argparse.Namespace) -> subprocess.Popen[str]:
    """The process of one contender."""
    peer = name.split(",")[0] not in ("matmul", "orrery")
    environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads)}
    folder = {"nanoGPT": args.nanogpt, "nanochat": args.nanochat}.get(name.split(",")[0])
    if folder:
        environment["PYTHONPATH"] = str(folder)
    if name.startswith("nanochat"):
        environment["NANOCHAT_DTYPE"] = "bfloat16" if name.endswith("best") else "float32"
    python = args.peers_python if peer and args.peers_python else sys.executable
    words = [python, __file__, "--worker", name, "--shapes", shape, "--threads", str(args.threads)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def answer(worker: subprocess.Popen[str]) -> float:
    """The next number that a contender prints; whatever else it says is passed over."""
    assert worker.stdout is not None
    for line in worker.stdout:
        if line.startswith("answer "):
            return float(line.split()[1])
    raise SystemExit(f"{worker.args} ended early")


def work(name: str, shape: tuple[int, int, int, int], threads: int) -> None:
    """Be one contender: build, warm up, then step for as many seconds as each line of standard input says."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    who, _, how = name.partition(", ")
    if who == "matmul":
        step, per_step = matmul_step()
    else:
        makers = {"orrery": orrery, "nanoGPT": nanogpt, "nanochat": nanochat, "transformers": hf, "litgpt": litgpt}
        step, per_step = makers[who](shape, how), shape[3] * CONTEXT
    for _ in range(3):
        step()
    print("answer 0", flush=True)
    for line in sys.stdin:
        began, steps = time.perf_counter(), 0
        while time.perf_counter() - began < float(line):
            step()
            steps += 1
        print("answer", steps * per_step / (time.perf_counter() - began), flush=True)


def matmul_step() -> tuple[Step, float]:
    """Large bfloat16 matrix products -> a step, and its floating-point operations."""
    import torch

    a = torch.ones(768, 768, dtype=torch.bfloat16)
    out = torch.empty_like(a)
    return lambda: torch.mm(a, a, out=out), 2 * 768**3  # type: ignore[return-value, func-returns-value]


def orrery(shape: tuple[int, int, int, int], how: str) -> Step:
    """The very stage and step of `orrery pretrain`, the data's packing included; reports are left out."""
    import tempfile
    from functools import partial

    import numpy as np
    import torch

    from orrery.data.documents import Document
    from orrery.data.shards import TokenShards
    from orrery.stages.pretrain import ModelShape, PretrainConfig, PretrainStage
    from orrery.tokenizers.bpe import BPE
    from orrery.training.helpers import Helpers
    from orrery.training.machine import keep_freed_memory
    from orrery.training.optim import OptimizerConfig, Optimizers
    from orrery.training.stage import TrainConfig
    from orrery.training.step import clip, precision_context

    layers, width, heads, rows = shape
    own = how == "its own default"
    plain = BPE.from_tokens([bytes([a, b]) for a in range(256) for b in range(256)][: VOCAB - 264])
    drawn = np.random.default_rng(0).integers(32, 127, size=(200, 2 * CONTEXT), dtype=np.uint8)
    folder = tempfile.mkdtemp()
    data = TokenShards.write(Path(folder) / "tokens", [Document(bytes(row).decode()) for row in drawn], plain)
    model = ModelShape(
        architecture="qwen3" if own else "gpt2", width=width, layers=layers, heads=heads, kv_heads=heads,
        head_width=width // heads, mlp_width=3 * width if own else 4 * width, context=CONTEXT,
    )  # fmt: skip
    train = TrainConfig(rows=rows, device="cpu", optimizer=OptimizerConfig(kind="muon" if own else "adamw"))
    stage = PretrainStage(PretrainConfig(model, train), data, None, plain, None, (), "")
    optimizers = Optimizers(stage.models, train.optimizer)
    keep_freed_memory()
    device = torch.device("cpu")
    helpers = Helpers(stage, train, device, partial(precision_context, train, device))
    batches = stage.batches(None)

    def step() -> None:
        helpers.accumulate(next(batches))
        clip(optimizers.parameters, train.optimizer.clip)
        optimizers.step(1.0)

    return step


def nanogpt(shape: tuple[int, int, int, int], how: str) -> Step:
    """Its model and optimizer, stepped as train.py does on a CPU."""
    import torch

    sys.path.pop(0)  # this folder has a model.py, too
    from model import GPT, GPTConfig  # type: ignore[import-not-found]

    layers, width, heads, rows = shape
    model = GPT(GPTConfig(CONTEXT, VOCAB, layers, heads, width, dropout=0.0, bias=False))
    optimizer = model.configure_optimizers(0.1, 1e-3, (0.9, 0.99), "cpu")
    run = torch.compile(model) if how == "best" else model
    ids = torch.randint(VOCAB, (rows, CONTEXT))

    def step() -> None:
        _, loss = run(ids, ids)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def nanochat(shape: tuple[int, int, int, int], how: str) -> Step:
    """Its model, compiled, and its Muon, as base_train.py has them; the type comes from the environment."""
    import torch
    from nanochat.gpt import GPT, GPTConfig  # type: ignore[import-not-found]

    layers, width, heads, rows = shape
    model = GPT(GPTConfig(CONTEXT, VOCAB, layers, heads, heads, width, window_pattern="L"))
    model.init_weights()
    optimizer = model.setup_optimizer()
    run = torch.compile(model, dynamic=False)
    ids = torch.randint(VOCAB, (rows, CONTEXT))

    def step() -> None:
        run(ids, ids).backward()
        optimizer.step()
        model.zero_grad(set_to_none=True)

    return step


def hf(shape: tuple[int, int, int, int], how: str) -> Step:
    """transformers' GPT-2 in a plain loop."""
    from transformers import GPT2Config, GPT2LMHeadModel

    layers, width, heads, rows = shape
    dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0} if how == "best" else {}
    config = GPT2Config(
        vocab_size=VOCAB, n_positions=CONTEXT, n_embd=width, n_layer=layers, n_head=heads, bos_token_id=0,
        eos_token_id=0, **dropout,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    return plain_step(model.train(), lambda ids: model(ids, labels=ids).loss, rows, bfloat16=how == "best")


def litgpt(shape: tuple[int, int, int, int], how: str) -> Step:
    """litgpt's model and its chunked loss in a plain loop."""
    import ctypes

    import torch
    from litgpt.config import Config  # type: ignore[import-not-found]
    from litgpt.model import GPT  # type: ignore[import-not-found]
    from litgpt.utils import chunked_cross_entropy  # type: ignore[import-not-found]

    layers, width, heads, rows = shape
    model = GPT(Config(n_layer=layers, n_embd=width, n_head=heads, vocab_size=VOCAB, padded_vocab_size=VOCAB,
                       block_size=CONTEXT))  # fmt: skip
    run = model
    if how == "best":
        run = torch.compile(model)
        for name, value in ((-3, 1 << 30), (-1, (1 << 31) - 1), (-2, 64 << 20)):
            ctypes.CDLL(None).mallopt(name, value)
    return plain_step(
        model, lambda ids: chunked_cross_entropy(run(ids), ids, chunk_size=0), rows, bfloat16=how == "best"
    )


def plain_step(model, loss_of, rows: int, bfloat16: bool) -> Step:  # type: ignore[no-untyped-def]
    """Forward, backward, clipping, AdamW."""
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    ids = torch.randint(VOCAB, (rows, CONTEXT))

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = loss_of(ids)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


if __name__ == "__main__":
    main()
