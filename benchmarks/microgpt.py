"""orrery/scratch/microgpt.py beside the published program: time a step, the same losses, and what 1,000 steps reach.

    python benchmarks/microgpt.py REFERENCE.py --data names.txt
    python benchmarks/microgpt.py --data names.txt --seeds 0 1 2 3 4

The reference is any program that reads ``input.txt``, one document a line, and prints ``step 1 / 1000 | loss 3.3660``
after each step, as Karpathy's microgpt.py does. It runs unchanged, in a process of its own, twice a round: as it stands
and with Python's cyclic garbage collector tamed (off, but run every 25 steps: the reference leaves cycles behind). Ours
runs after each of them, on the same interpreter and the same core. With seeds, ours trains 1,000 steps from each.
"""

import argparse
import ast
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import tokenize
from pathlib import Path

SCRATCH = Path(__file__).parents[1] / "orrery" / "scratch"
TAMED_EVERY = 25

# Runs in the child. print is watched: its lines say when a step ended and with what loss.
REFERENCE = """
import builtins, gc, json, re, runpy, sys, time
program, steps, every = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
times, losses, real_print = [], [], builtins.print
def watched(*words, **options):
    step = re.match(r"step\\s+\\d+.*loss\\s+([\\d.]+)", " ".join(map(str, words)))
    if step:
        losses.append(float(step[1]))
        if every and len(losses) % every == 0:
            gc.collect()
        times.append(time.perf_counter())
        if len(times) == steps:
            real_print(json.dumps({"seconds": (times[-1] - times[0]) / (steps - 1), "losses": losses}))
            raise SystemExit
builtins.print = watched
if every:
    gc.disable()
runpy.run_path(program, run_name="__main__")
raise SystemExit("the program ended after " + str(len(times)) + " steps")
"""
OURS = """
import json, sys, time
from orrery.scratch.microgpt import MicroGPT
steps, seed, total = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
documents = [line.strip() for line in open("input.txt") if line.strip()]
model, times, losses = MicroGPT(documents, steps=total, seed=seed), [], []
class Enough(Exception): pass
def on_step(step, loss):
    losses.append(loss)
    times.append(time.perf_counter())
    if step == steps:
        raise Enough
try:
    model.train(on_step)
except Enough:
    pass
print(json.dumps({"seconds": (times[-1] - times[0]) / (len(times) - 1), "losses": losses}))
"""


def child(code: str, folder: Path, *words: str | int) -> dict:
    """What the child printed last. The path says where orrery is; nothing else is taken from this process."""
    paths = {"PYTHONPATH": str(SCRATCH.parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=folder,
        env=os.environ | paths,
        text=True,
        stdout=subprocess.PIPE,
    )
    if done.returncode:
        raise SystemExit(f"the program failed with exit code {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(reference: Path, folder: Path, steps: int, rounds: int) -> None:
    """Alternate and print seconds a step, ratios, and how far the losses are apart."""
    seconds: dict[str, list[float]] = {"reference": [], "reference, collector tamed": [], "ours": []}
    for number in range(rounds):
        for name, every in (("reference", 0), ("reference, collector tamed", TAMED_EVERY)):
            theirs = child(REFERENCE, folder, reference, steps, every)
            ours = child(OURS, folder, steps, 42, 1000)
            seconds[name].append(theirs["seconds"])
            seconds["ours"].append(ours["seconds"])
        print(f"round {number + 1}: " + ", ".join(f"{name} {of[-1]:.4f} s" for name, of in seconds.items()))
    median = {name: statistics.median(of) for name, of in seconds.items()}
    print(f"\n{'seconds a step (median)':34}{'':10}  times ours")
    for name, of in median.items():
        print(f"{name:34}{of:10.4f}{of / median['ours']:12.1f}")
    apart = max(abs(a - b) for a, b in zip(theirs["losses"], ours["losses"], strict=True))
    print(f"\nlargest difference of the losses printed at {steps} steps: {apart:.5f}")


def reach(folder: Path, seeds: list[int]) -> None:
    """Train 1,000 steps from each seed and print the mean loss of the last 100."""
    reached = []
    for seed in seeds:
        losses = child(OURS, folder, 1000, seed, 1000)["losses"]
        reached.append(statistics.mean(losses[-100:]))
        print(f"seed {seed}: loss {reached[-1]:.3f}, mean of the last 100 of 1,000 steps")
    if len(reached) > 1:
        print(f"mean {statistics.mean(reached):.3f}, standard deviation {statistics.stdev(reached):.3f}")


def code_lines(file: Path) -> int:
    """Lines that are not blank, a comment or part of a docstring."""
    source = file.read_text()
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docstrings |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines: set[int] = set()
    with file.open() as opened:
        for token in tokenize.generate_tokens(opened.readline):
            if token.type not in silent:
                lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - docstrings)


def main() -> None:
    counts = {name: code_lines(SCRATCH / f"{name}.py") for name in ("autograd", "microgpt", "tensors")}
    print("lines of code: " + ", ".join(f"{name}.py {count}" for name, count in counts.items()))
    print(f"Python {platform.python_version()} ({platform.python_implementation()}), {platform.machine()}\n")
    if hasattr(os, "sched_setaffinity"):  # Linux: one core for all, which the children inherit
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "input.txt").write_bytes(args.data.read_bytes())
        if args.reference:
            compare(args.reference.resolve(), folder, args.steps, args.rounds)
        reach(folder, args.seeds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", nargs="?", type=Path, help="a program to compare with")
    parser.add_argument("--data", type=Path, required=True, help="documents, one a line")
    parser.add_argument("--steps", type=int, default=51, help="steps that are timed a turn (default 51)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each takes its turn (default 3)")
    parser.add_argument("--seeds", type=int, nargs="*", default=[], help="train 1,000 steps from each of these seeds")
    args = parser.parse_args()
    main()
