"""One server for all tests of this room: a tiny assistant, and a base model of random weights that writes for long."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import torch

from orrery.models.hf import save_model
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.special import END_OF_TEXT
from orrery.tokenizers.vocabulary import Vocabulary
from tests.inference.assistant import Assistant
from tests.server.running import Running
from tests.server.talker import train_talker

LONG = 16_384  # tokens of the base model's context: it writes for many seconds unless it is stopped


@pytest.fixture(scope="session")
def assistant() -> Assistant:
    """A tiny model that knows `ANSWERS` by heart; trained once, in seconds."""
    torch.manual_seed(0)
    return train_talker()


@pytest.fixture(scope="session")
def folders(assistant: Assistant, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model folders `sft`, the assistant, `base`, and `gpt2`, whose tokenizer knows no turns."""
    root, tokenizer = tmp_path_factory.mktemp("models"), assistant.tokenizer
    save_model(assistant.model, root / "sft", tokenizer=tokenizer, eos_ids=[tokenizer.eos_id, tokenizer.im_end_id])
    torch.manual_seed(0)
    shape = TransformerConfig(tokenizer.vocab_size, width=256, layers=6, kv_heads=1, mlp_width=768, context=LONG)
    save_model(Transformer(shape), root / "base", tokenizer=tokenizer, eos_ids=[tokenizer.eos_id])
    plain = BPE(Vocabulary(tokenizer.ranks, {END_OF_TEXT: len(tokenizer.ranks)}, {}))
    shape = TransformerConfig(plain.vocab_size, "gpt2", width=32, layers=1, heads=1, kv_heads=1)
    save_model(Transformer(shape), root / "gpt2", tokenizer=plain, eos_ids=[plain.eos_id])
    return root


@pytest.fixture(scope="session")
def server(folders: Path) -> Iterator[Running]:
    """`orrery serve --model sft base gpt2`."""
    running = Running("--model", folders / "sft", folders / "base", folders / "gpt2")
    yield running
    assert running.stop() == 0
    assert not any("Traceback" in line for line in running.lines), "".join(running.lines)


@pytest.fixture(scope="session")
def client(server: Running) -> Iterator[openai.OpenAI]:
    """OpenAI's client of that server."""
    with server.client() as client:
        yield client


@pytest.fixture(scope="session")
def endless(assistant: Assistant) -> dict[str, Any]:
    """A request that takes longer than any test: the model may not end its text."""
    tokenizer = assistant.tokenizer
    ends = {str(tokenizer.eos_id): -100, str(tokenizer.im_end_id): -100}
    return {"model": "base", "prompt": "Once", "max_tokens": 16_000, "logit_bias": ends, "seed": 0}
