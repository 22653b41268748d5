"""Requests whose answers are known beforehand, each its own, so that another's would be noticed; and refused ones.

    known = known_requests(assistant, folder)         # writes the models folder/sft and folder/dice

The assistant answers greedily what it knows by heart, calculations included. `dice` is a model of random weights; its
answers are what the engine writes for each prompt alone. Where rounding could change one (the batch is never the same
twice), the prompt is not taken.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import torch

from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.models.hf import save_model
from orrery.models.transformer import Transformer, TransformerConfig
from tests.inference.assistant import ANSWERS, Assistant, user

BODY = 64 * 1024  # the server's limit on a request's bytes
CONTEXT = 512
MARGIN = 1e-3  # between the likeliest token's logit and the next one's: a thousand times what rounding changes


@dataclass(frozen=True)
class Known:
    """A request, and the text of each of its choices."""

    path: str
    body: dict[str, Any]
    answers: tuple[str, ...]


def known_requests(assistant: Assistant, folder: Path, prompts: int = 40) -> list[Known]:
    """Write the two models into `folder` -> what can be asked of them."""
    tokenizer = assistant.tokenizer
    stops = [tokenizer.eos_id, tokenizer.im_end_id]
    save_model(assistant.model, folder / "sft", tokenizer=tokenizer, eos_ids=stops)
    torch.manual_seed(0)
    shape = TransformerConfig(
        tokenizer.vocab_size, width=64, layers=2, heads=4, head_width=16, mlp_width=128, context=CONTEXT
    )
    dice = Transformer(shape)
    save_model(dice, folder / "dice", tokenizer=tokenizer, eos_ids=stops)
    return [*conversations(assistant), *documents(Engine(dice, tokenizer), prompts)]


def conversations(assistant: Assistant) -> list[Known]:
    """What the assistant knows."""
    turns = assistant.engine().turns([[user(question)] for question in ANSWERS], Sampling(max_tokens=200))
    known = []
    for question, turn in zip(ANSWERS, turns, strict=True):
        said = [message["content"] for message in turn.messages if message["role"] == "assistant"]
        body = {"model": "sft", "messages": [user(question)], "temperature": 0}
        known.append(Known("/v1/chat/completions", body, ("\n".join(filter(None, said)),)))
    return known


def documents(engine: Engine, count: int) -> list[Known]:
    """Prompts in families that begin alike, short and long, with one choice or two, greedy or drawn with a seed."""
    rng = Random(0)
    families = [[rng.randrange(256) for _ in range(length)] for length in (0, 4, 40, 200)]
    known: list[Known] = []
    while len(known) < count:
        prompt = rng.choice(families) + [rng.randrange(256) for _ in range(rng.randint(2, 30))]
        greedy = rng.random() < 0.5
        sampling = Sampling(max_tokens=rng.choice([8, 20, 60, 200]))
        if not greedy:  # among few tokens: each boundary between two could fall to either side
            sampling = replace(sampling, temperature=1.0, top_k=4, seed=rng.randrange(2**31))
        choices = 1 if greedy else rng.randint(1, 2)
        completions = [engine.generate([prompt], sampling, first=number)[0] for number in range(choices)]
        if min(len(completion.ids) for completion in completions) < 8:  # too few to be anyone's own
            continue
        if greedy and closest(engine, prompt, completions[0].ids) < MARGIN:
            continue
        body: dict[str, Any] = {
            "model": "dice", "prompt": prompt, "max_tokens": sampling.max_tokens, "n": choices,
            "temperature": sampling.temperature, "top_k": sampling.top_k, "seed": sampling.seed,
        }  # fmt: skip
        known.append(Known("/v1/completions", body, tuple(completion.text for completion in completions)))
    answers = [answer for one in known for answer in one.answers]
    assert len(set(answers)) == len(answers), "two answers are the same: mistaking them would not show"
    return known


@torch.no_grad()
def closest(engine: Engine, prompt: Sequence[int], written: Sequence[int]) -> float:
    """The smallest distance between the two largest logits where these tokens were written."""
    logits = engine.model(torch.tensor([[*prompt, *written]]))[0, len(prompt) - 1 : -1]  # T V
    top = logits.topk(2).values
    return float((top[:, 0] - top[:, 1]).min())


def nonsense(path: str, statuses: set[int], **body: Any) -> tuple[str, bytes, set[int]]:
    """A request in JSON that is to be refused."""
    return path, json.dumps(body).encode(), statuses


CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
HI = [{"role": "user", "content": "Hi"}]
NONSENSE = [
    (CHAT, b'{"model": "sft", "messages": [{"role"', {400}),
    (COMPLETIONS, b"\xff\xfe\x00", {400}),
    (COMPLETIONS, b"[" * 20_000, {400, 422}),
    (CHAT, b"", {422}),
    nonsense(CHAT, {404}, model="../../etc/passwd", messages=HI),
    nonsense("/v1/nothing", {404}, model="sft"),
    nonsense("/v1/models", {405}, model="sft"),
    nonsense(CHAT, {422}, model="sft", messages=[{"role": "wizard", "content": "Hi"}]),
    nonsense(CHAT, {422}, model="sft", messages=HI, temperature="hot"),
    nonsense(CHAT, {422}, model="sft", messages=HI, n=1000),
    nonsense(CHAT, {422}, model="sft", messages=HI, max_tokens=10**9),
    nonsense(CHAT, {422}, model="sft", messages=[{"role": "user", "content": "much " * 2000}]),
    nonsense(COMPLETIONS, {422}, model="dice", prompt=[10**6], max_tokens=4),
    nonsense(COMPLETIONS, {422}, model="dice", prompt=[-1], max_tokens=4),
    nonsense(COMPLETIONS, {422}, model="dice", prompt=list(range(256)) * 4, max_tokens=4),
    nonsense(COMPLETIONS, {403}, model="dice", prompt="Hi", max_tokens=4),
]
