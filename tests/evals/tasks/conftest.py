"""A tiny model with random weights, and files in the public forms, written here."""

import random
from pathlib import Path

import pytest
import torch

from orrery.inference.engine import Engine
from orrery.models.hf import load_model, load_tokenizer, save_model
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.tokenizers.bpe import BPE
from tests.evals.tasks.lines import WORDS, write_lines


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder whose context is shorter than some questions; its weights are far from uniform."""
    generator = random.Random(0)
    texts = [" ".join(generator.choices(WORDS, k=30)).capitalize() + "." for _ in range(200)]
    tokenizer = BPE.train(texts, 320, workers=1)
    shape = TransformerConfig(
        320, width=32, layers=2, heads=2, kv_heads=1, head_width=16, mlp_width=64, context=96, embedding_std=0.3
    )
    folder = tmp_path_factory.mktemp("tasks") / "model"
    model = Transformer(shape, torch.Generator().manual_seed(1))
    save_model(model, folder, tokenizer=tokenizer, eos_ids=[tokenizer.eos_id])
    return folder


@pytest.fixture(scope="package")
def engine(folder: Path) -> Engine:
    return Engine(load_model(folder), load_tokenizer(folder))


@pytest.fixture(scope="package")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """hellaswag_val.jsonl, arc_test.jsonl (as AI2 has it), arc_hub_test.jsonl (as the hub has it), gsm8k/*.jsonl."""
    root, generator = tmp_path_factory.mktemp("data"), random.Random(0)

    def say(least: int, most: int) -> str:
        return " ".join(generator.choices(WORDS, k=generator.randint(least, most)))

    scenes = [
        {
            "ind": number, "activity_label": f"How to {say(1, 3)} [title]", "ctx_a": (a := say(5, 110)),
            "ctx_b": (b := say(0, 5)), "ctx": f"{a} {b}", "label": generator.randrange(4),
            "endings": [f"{say(2, 9)} [step] {say(1, 3)}." for _ in range(4)],
        }
        for number in range(20)
    ]  # fmt: skip
    write_lines(root / "hellaswag_val.jsonl", scenes)
    ours, hub = [], []
    for number in range(20):
        stem, texts = f"{say(3, 12)}?", [say(1, 4) for _ in range(3 + number % 3)]
        labels = list("12345" if number % 4 == 0 else "ABCDE")[: len(texts)]
        key = generator.choice(labels)
        choices = [{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)]
        ours.append({"id": str(number), "question": {"stem": stem, "choices": choices}, "answerKey": key})
        hub.append({"id": str(number), "question": stem, "choices": {"text": texts, "label": labels}, "answerKey": key})
    write_lines(root / "arc_test.jsonl", ours)
    write_lines(root / "arc_hub_test.jsonl", hub)
    (root / "gsm8k").mkdir()
    for name, count in (("train", 12), ("test", 6)):
        rows = [
            {"question": f"{name} {i}: how many?", "answer": f"It is {i}+1 = <<{i}+1={i + 1}>>{i + 1}.\n#### 1,{i:03}"}
            for i in range(count)
        ]
        write_lines(root / "gsm8k" / f"{name}.jsonl", rows)
    return root
