"""Our tokenizer beside Hugging Face's tokenizers, tiktoken and rustbpe: time to train, speed of encoding.

    python benchmarks/tokenizer.py PATH… [--vocab-size 4096] [--rounds 5] [--megabytes 20]

Takes the text of all files under the paths (.txt .md .py .jsonl, as they are; one path after the other, the files of a
folder in a fixed shuffled order) up to so many megabytes. The contenders take turns (A B C A B C …), so that whatever
else the machine does hits all alike; the ratios are of medians. Both may use all cores.
How many they did use, and how many there were to be had, is printed with the figures: parallel programs compared on a
machine that gives them one core say nothing about two. tokenizers trains from the same documents in memory and from
one file, which is its fastest way. rustbpe (`pip install rustbpe`) trains from the same documents and takes part where
it is installed. We encode by tiktoken, from the ranks that we trained; tiktoken alone shows what we add to it.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import tiktoken
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.counting import usable_cores
from orrery.tokenizers.special import RESERVED
from orrery.tokenizers.split import QWEN2_PATTERN

try:
    import rustbpe
except ImportError:
    rustbpe = None

# Half a second of work for one core, by the clock.
BUSY = "import time; end = time.perf_counter() + 0.5\nwhile time.perf_counter() < end: pass"
SUFFIXES = {".txt", ".md", ".py", ".jsonl"}


def read_texts(paths: list[Path], limit: int) -> list[str]:
    """Texts of the files under ``paths``, until they hold ``limit`` bytes."""
    files: list[Path] = []
    for path in paths:
        found = [file for file in sorted(path.rglob("*")) if file.is_file() and file.suffix in SUFFIXES]
        random.Random(0).shuffle(found)
        files += found if path.is_dir() else [path]
    texts: list[str] = []
    size = 0
    for file in files:
        if size >= limit:
            break
        try:
            texts.append(file.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            print(f"left out, not UTF-8: {file}")
            continue
        size += file.stat().st_size
    if not size:
        raise SystemExit(f"no text under {', '.join(map(str, paths))}")
    return texts


def untrained() -> tuple[Tokenizer, trainers.BpeTrainer]:
    """What tokenizers needs to learn the same vocabulary."""
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(QWEN2_PATTERN), "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    return tokenizer, trainers.BpeTrainer(
        vocab_size=args.vocab_size - len(RESERVED),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )


@dataclass(frozen=True)
class Medians:
    """Of one contender over the rounds: seconds, and CPU seconds a second, its child processes' included."""

    seconds: float
    cores: float


def cpu_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def cores_to_be_had() -> float:
    """How many cores the machine gives right now: others may be using them, whatever their number says."""
    begin = cpu_seconds()
    started = time.perf_counter()
    for process in [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(usable_cores())]:
        process.wait()
    return (cpu_seconds() - begin) / (time.perf_counter() - started)


def in_turns(contenders: dict[str, Callable[[], object]], rounds: int) -> tuple[dict[str, Medians], list[float]]:
    """Medians of each contender, run in turns, and the cores that were to be had before each turn."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    available = []
    for _ in range(rounds):
        for name, run in contenders.items():
            available.append(cores_to_be_had())
            begin, cpu = time.perf_counter(), cpu_seconds()
            run()
            seconds = time.perf_counter() - begin
            runs[name].append((seconds, (cpu_seconds() - cpu) / seconds))
    medians = {
        name: Medians(*(statistics.median(values) for values in zip(*times, strict=True)))
        for name, times in runs.items()
    }
    return medians, available


def show(title: str, result: tuple[dict[str, Medians], list[float]], megabytes: float) -> None:
    """One line a contender; the ratio is its time over ours."""
    medians, available = result
    ours = next(iter(medians.values())).seconds
    print(f"\n{title} (cores to be had: {min(available):.1f} to {max(available):.1f})")
    for name, median in medians.items():
        speed = f"{median.seconds:7.2f} s  {megabytes / median.seconds:6.1f} MB/s  on {median.cores:.2f} cores"
        print(f"  {name:34} {speed}  {median.seconds / ours:5.2f} x ours")


def train_from_memory(texts: list[str]) -> None:
    tokenizer, trainer = untrained()
    tokenizer.train_from_iterator(texts, trainer)


def train_from_file(file: str) -> None:
    tokenizer, trainer = untrained()
    tokenizer.train([file], trainer)


def rustbpe_trained(texts: list[str]) -> Any:
    tokenizer = rustbpe.Tokenizer()
    tokenizer.train_from_iterator(iter(texts), args.vocab_size, pattern=QWEN2_PATTERN)
    return tokenizer


def main() -> None:
    texts = read_texts(args.paths, int(args.megabytes * 1e6))
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    cores = usable_cores()
    print(f"{len(texts)} documents, {megabytes:.1f} MB, {cores} cores, {args.rounds} rounds in turns")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "all.txt"
        file.write_text("\n".join(texts), encoding="utf-8")
        training: dict[str, Callable[[], object]] = {
            "orrery": lambda: BPE.train(texts, args.vocab_size),
            "tokenizers, documents in memory": lambda: train_from_memory(texts),
            "tokenizers, one file": lambda: train_from_file(str(file)),
        }
        if rustbpe is not None:
            training["rustbpe"] = lambda: rustbpe_trained(texts)
        result = in_turns(training, args.rounds)
        show(f"training a vocabulary of {args.vocab_size}", result, megabytes)

        ours = BPE.train(texts, args.vocab_size)
        ours.save(Path(folder))
        alone = tiktoken.Encoding("alone", pat_str=QWEN2_PATTERN, mergeable_ranks=dict(ours.ranks), special_tokens={})
        rusts = None if rustbpe is None else rustbpe_trained(texts)
        theirs = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        for threads in sorted({1, cores}):
            os.environ["TOKENIZERS_PARALLELISM"] = "false" if threads == 1 else "true"  # read at each call
            encoders: dict[str, Callable[[], object]] = {
                "orrery (by tiktoken)": partial(ours.encode_batch, texts, threads),
                "tiktoken": partial(alone.encode_ordinary_batch, texts, num_threads=threads),
                "tokenizers": lambda: theirs.encode_batch_fast(texts),
            }
            if rusts is not None and threads == 1:  # its batches always use all cores
                encoders["rustbpe"] = lambda: [rusts.encode(text) for text in texts]
            elif rusts is not None:
                encoders["rustbpe"] = partial(rusts.batch_encode, texts)
            result = in_turns(encoders, args.rounds)
            show(f"encoding, {'one core' if threads == 1 else 'all cores'}", result, megabytes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, help="files and folders of text")
    parser.add_argument("--vocab-size", type=int, default=4096, help="tokens in all (default 4096)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each takes its turn (default 5)")
    parser.add_argument("--megabytes", type=float, default=20, help="text to take at most (default 20)")
    args = parser.parse_args()
    main()
