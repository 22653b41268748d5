"""A task that reinforcement learning solves in seconds: write the same five letters again.

The policy has read sloppy copies, every other letter of them a random one, so it knows the form and something of what
is wanted; that it is wanted without slips it can only learn from rewards: the share of letters that are in their place.
"""

import random
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F

from orrery.models.transformer import Transformer, TransformerConfig
from orrery.stages.problems import Problem
from orrery.tokenizers.bpe import BPE

LETTERS, LENGTH = "abcd", 5


@lru_cache
def tokenizer() -> BPE:
    """Every character is a token."""
    return BPE.train([LETTERS], 264)


def problems(count: int, length: int = LENGTH, letters: str = LETTERS) -> list[Problem]:
    """Letters to be copied."""
    rng = random.Random(3)
    texts = ["".join(rng.choices(letters, k=length)) for _ in range(count)]
    return [Problem(f"{text}>", text) for text in texts]


def share_copied(prompt: str, completion: str, truth: Any) -> float:
    """The share of places with the right letter; 0 for another length."""
    if len(completion) != len(truth):
        return 0.0
    return sum(a == b for a, b in zip(completion, truth, strict=True)) / len(truth)


@lru_cache
def parent(length: int = LENGTH, letters: str = LETTERS, width: int = 32) -> Transformer:
    """A policy that copies sloppily; `policy` gives fresh ones of it."""
    config = TransformerConfig(
        tokenizer().vocab_size, width=width, layers=2, heads=2, kv_heads=2, head_width=16, mlp_width=64, context=32,
        tied=False, copying_heads=True,
    )  # fmt: skip
    model = Transformer(config, torch.Generator().manual_seed(1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    rng = random.Random(0)
    for _ in range(200):
        given = ["".join(rng.choices(letters, k=length)) for _ in range(32)]
        texts = [
            f"{text}>" + "".join(letter if rng.random() < 0.5 else rng.choice(letters) for letter in text)
            for text in given
        ]
        eos = tokenizer().eos_id
        ids = torch.tensor([[eos, *tokenizer().encode(text), eos] for text in texts])
        loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def policy(length: int = LENGTH, letters: str = LETTERS) -> Transformer:
    """A fresh copy of `parent`."""
    model = Transformer(parent(length, letters).config)
    model.load_state_dict(parent(length, letters).state_dict())
    return model
