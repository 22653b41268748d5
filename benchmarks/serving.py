"""What `orrery serve` gives to many clients at once: requests a second, and the time to the first token.

    python benchmarks/serving.py                                    # a random model of 6 layers x 384
    python benchmarks/serving.py --model runs/speedrun/sft --clients 1 8 64 --seconds 10 --rounds 3 --out serving.json
    python benchmarks/serving.py --seconds 1 --rounds 1 --clients 1 4         # a trial

The server is started here as people start it, on a free port. Each client streams one completion after another: 64
random tokens of its own as prompt, then 64 new ones, greedily, fewer where the model ends its text. After `--seconds`
nobody begins another; a round takes until the last has ended. Numbers of clients take turns, round by round. Requests
and tokens a second are medians over the rounds, times are over all requests: from sending one to the first bytes of its
text, and to its end. Clients are one process that puts off all parsing, on the same machine: their share of its cores
is part of what is measured.
"""

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import median
from string import ascii_lowercase

import httpx2

from orrery.models.hf import load_tokenizer, save_model
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.special import RESERVED
from orrery.training.machine import hardware

PROMPT, TOKENS = 64, 64


@dataclass(frozen=True)
class Answer:
    """One request: seconds to its first text and to its end, and the tokens that it brought."""

    first: float
    whole: float
    tokens: int


@dataclass(frozen=True)
class Round:
    """All requests of so many clients, and how long they took together."""

    clients: int
    seconds: float
    answers: list[Answer]


def make_model(folder: Path) -> None:
    """Write a random Qwen3, 6 layers x 384 with a vocabulary of 4,096; its tokens are letters, so texts flow."""
    config = TransformerConfig(4096, "qwen3", 384, 6, 6, 6, 64, 1024, 1024)
    words = ["".join(letters).encode() for size in (2, 3) for letters in product(ascii_lowercase, repeat=size)]
    tokenizer = BPE.from_tokens(words[: config.vocab_size - len(RESERVED) - 256])
    model = Transformer(config)
    model.token_embedding.weight.data[-len(RESERVED) :] = 0  # logits of 0, never the highest: no text ends early
    save_model(model, folder, tokenizer=tokenizer, eos_ids=[tokenizer.eos_id])


def random_prompts(vocabulary: int) -> Iterator[list[int]]:
    """Prompts without end, no two alike: none is in the server's cache."""
    rng = random.Random(0)
    while True:
        yield [rng.randrange(vocabulary) for _ in range(PROMPT)]


@contextmanager
def serving(folder: Path, dtype: str) -> Iterator[str]:
    """A server of the model, while it is needed -> its address."""
    command = [sys.executable, "-m", "orrery", "serve", "--model", str(folder), "--port", "0", "--dtype", dtype]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if found := re.search(r"at (http://\S+)/v1", line):
                    yield found[1]
                    break
            else:
                raise SystemExit(f"{' '.join(command)} did not start")
        finally:
            process.terminate()


async def ask(client: httpx2.AsyncClient, model: str, prompt: list[int]) -> Answer:
    """Stream one completion."""
    body = {
        "model": model, "prompt": prompt, "max_tokens": TOKENS, "temperature": 0, "stream": True,
        "stream_options": {"include_usage": True},
    }  # fmt: skip
    received, first, start = b"", 0.0, time.perf_counter()
    async with client.stream("POST", "/v1/completions", json=body) as response:
        async for piece in response.aiter_raw():
            first = first or time.perf_counter() - start
            received += piece
    whole = time.perf_counter() - start
    if response.status_code != 200 or not received.endswith(b"data: [DONE]\n\n"):
        raise SystemExit(f"status {response.status_code}: {received.decode()}")
    events = [json.loads(event.removeprefix("data: ")) for event in received.decode().split("\n\n")[:-2]]
    return Answer(first, whole, events[-1]["usage"]["completion_tokens"])


async def measure(url: str, model: str, prompts: Iterator[list[int]], clients: int, seconds: float) -> Round:
    """Let so many clients ask, each again and again."""
    limits = httpx2.Limits(max_connections=clients)
    answers: list[Answer] = []
    async with httpx2.AsyncClient(base_url=url, timeout=600, limits=limits, trust_env=False) as client:
        start = time.perf_counter()

        async def go_on_asking() -> None:
            while time.perf_counter() - start < seconds:
                answers.append(await ask(client, model, next(prompts)))

        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(go_on_asking())
        return Round(clients, time.perf_counter() - start, answers)


def line(rounds: list[Round]) -> str:
    """The table's line for a number of clients."""
    answers = [answer for each in rounds for answer in each.answers]
    firsts = sorted(answer.first for answer in answers)
    late = firsts[round(0.95 * (len(firsts) - 1))]
    requests = median(len(each.answers) / each.seconds for each in rounds)
    tokens = median(sum(answer.tokens for answer in each.answers) / each.seconds for each in rounds)
    whole = median(answer.whole for answer in answers)
    return (
        f"| {rounds[0].clients} | {len(answers)} | {requests:.1f} | {tokens:,.0f} | {median(firsts) * 1e3:,.0f} ms "
        f"| {late * 1e3:,.0f} ms | {whole * 1e3:,.0f} ms |"
    )


def main() -> None:
    """Serve, ask, print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="model folder; a random model without it")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--seconds", type=float, default=10, help="of each round and number of clients")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtype", default="auto", choices=["auto", "bfloat16", "float32"])
    parser.add_argument("--threads", type=int, help="of the engine; as many as cores without it")
    parser.add_argument("--out", type=Path, help="JSON file for all figures")
    asked = parser.parse_args()
    if asked.threads:
        os.environ["OMP_NUM_THREADS"] = str(asked.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = asked.model or Path(name) / "random"
        if asked.model is None:
            make_model(folder)
        prompts = random_prompts(load_tokenizer(folder).vocab_size - len(RESERVED))
        rounds: dict[int, list[Round]] = {clients: [] for clients in asked.clients}
        with serving(folder, asked.dtype) as url:
            model = httpx2.get(f"{url}/v1/models", trust_env=False).json()["data"][0]["id"]
            asyncio.run(measure(url, model, prompts, max(asked.clients), 0.5))  # warms up
            for turn, clients in product(range(asked.rounds), asked.clients):
                found = asyncio.run(measure(url, model, prompts, clients, asked.seconds))
                rounds[clients].append(found)
                print(f"round {turn + 1}: {clients} clients, {len(found.answers)} requests", file=sys.stderr)
    print("| clients | requests | a second | tokens a second | first text, median | 95% within | whole, median |")
    print("|---:|" + "---:|" * 6)
    print("\n".join(map(line, rounds.values())))
    machine = hardware()
    print(f"\n{machine['processor']}, {machine['cores']} cores; {asked.dtype}, {asked.threads or 'all'} threads.")
    if asked.out:
        each = [asdict(found) for one in rounds.values() for found in one]
        asked.out.write_text(json.dumps({"machine": machine, "rounds": each}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
