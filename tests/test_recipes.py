"""The recipes of single stages run as their files say, shrunken to a second: same commands, same kinds of data."""

import json
from pathlib import Path

import pytest
import torch

from orrery.data.countdown import games
from orrery.models.config import TransformerConfig
from orrery.models.hf import load_model, save_model
from orrery.models.transformer import Transformer
from orrery.tokenizers.bpe import BPE
from orrery.training.events import read_events
from tests.typed import typed

SHAPE = (
    *("--shape.width", "32", "--shape.layers", "1", "--shape.heads", "2", "--shape.kv-heads", "2"),
    *("--shape.head-width", "16", "--shape.mlp-width", "32", "--shape.context", "64"),
)
TRAIN = ("--train.steps", "2", "--train.rows", "4", "--train.micro-rows", "2", "--train.device", "cpu")


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    with (tmp_path / "stories.jsonl").open("w") as file:
        for number in range(60):
            print(
                json.dumps({"text": f"Once upon a time there were {number} cats and a dog. They sat. " * 3}), file=file
            )
    return tmp_path


def metrics(folder: Path) -> dict[str, float]:
    """The last value of everything that was logged."""
    found: dict[str, float] = {}
    for event in read_events(folder):
        found |= event["values"] if event["kind"] == "metric" else {}
    return found


def run(*words: str, cwd: Path) -> str:
    done = typed(*words, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_tinystories_from_a_local_file(stories: Path) -> None:
    words = ("pretrain", "--recipe", "tinystories-15m", "--data", "stories.jsonl", "--vocab-size", "280")
    run(*words, *SHAPE, *TRAIN, cwd=stories)
    model = load_model(stories / "runs" / "tinystories-15m" / "base")
    assert model.config.architecture == "llama" and model.config.vocab_size == 280
    assert metrics(stories / "runs" / "tinystories-15m")["bits_per_byte"] > 0


def test_shakespeare_from_a_local_file(stories: Path) -> None:
    (stories / "play.txt").write_text("To be, or not to be, that is the question. " * 50)
    words = ("pretrain", "--recipe", "shakespeare", "--data", "play.txt")
    run(*words, *SHAPE, *TRAIN, cwd=stories)
    assert load_model(stories / "runs" / "shakespeare" / "base").config.vocab_size == 264


def test_gpt2_from_tokens_on_the_disk_with_hellaswag_beside_the_loss(stories: Path) -> None:
    made = run("data", "tokenize", "stories.jsonl", "--out", "fineweb", "--vocab-size", "280", cwd=stories)
    assert "54 documents" in made and "6 documents held out" in made
    question = {"ind": 1, "ctx": "The cat", "endings": ["sat.", "ran.", "is.", "was."], "label": 0, "split": "val"}
    rows = [{**question, "ind": number, "ctx_a": "The", "ctx_b": "cat", "activity_label": "Cats"} for number in (1, 2)]
    (stories / "hellaswag_val.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run("pretrain", "--recipe", "gpt2-124m", *SHAPE, *TRAIN, "--train.log-every", "1", cwd=stories)
    folder = stories / "runs" / "gpt2-124m"
    assert load_model(folder / "base").config.architecture == "gpt2"
    found = metrics(folder)
    assert found["tokens/fineweb"] == found["tokens"] > 300 and 0 < found["epochs/fineweb"] < 1
    assert 0 <= found["hellaswag_llmc/acc_norm"] <= 1 and found["bits_per_byte"] > 0


def test_countdown_on_a_tiny_random_model(tmp_path: Path) -> None:
    """That never answers; so the count of its letters is rewarded as well, or there would be nothing to learn from."""
    tokenizer = BPE.train([game.beginning for _, game in zip(range(40), games(0), strict=False)], 320)
    shape = TransformerConfig(
        tokenizer.vocab_size, width=32, heads=2, kv_heads=2, head_width=16, mlp_width=32, context=512
    )
    model = Transformer(shape, torch.Generator().manual_seed(0))
    save_model(model, tmp_path / "models" / "countdown-base", tokenizer=tokenizer, eos_ids=[tokenizer.eos_id])
    (tmp_path / "mine.py").write_text("def letters(prompt, completion, truth):\n    return len(completion) / 100\n")
    run("data", "countdown", "--out", "countdown.jsonl", "--count", "20", "--base", cwd=tmp_path)
    small = ("--steps", "2", "--grpo.prompts", "2", "--grpo.group", "4", "--grpo.max-tokens", "12")
    kept = ("--grpo.no-mask-truncated", "--grpo.train.device", "cpu", "--grpo.train.layers-every", "1")
    run("grpo-zero", "--recipe", "countdown", "--reward", "mine.py:letters=0.1", *small, *kept, cwd=tmp_path)
    found = metrics(tmp_path / "runs" / "countdown")
    assert found["rewards/countdown/mean"] == found["rewards/answered/mean"] == 0 < found["rewards/letters/std"]
    assert found["held_out/countdown"] == 0 and found["grad_norm"] > 0
    trained = load_model(tmp_path / "runs" / "countdown" / "grpo-zero")
    assert not torch.equal(trained.token_embedding.weight, model.token_embedding.weight)
