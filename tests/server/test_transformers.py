"""The folder that is served, loaded by transformers, writes what the server writes, token by token."""

from pathlib import Path

import openai
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.inference.assistant import ANSWERS, user


def written(folder: Path, ids: list[int], tokens: int) -> list[int]:
    """What transformers writes after these ids, greedily."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    prompt = torch.tensor([ids])
    out = model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=tokens)
    return out[0, len(ids) :].tolist()


@pytest.mark.parametrize("question", ["Hi", "Greet the world"])
def test_a_conversation_is_answered_alike(client: openai.OpenAI, folders: Path, question: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folders / "sft")
    ids = tokenizer.apply_chat_template([user(question)], add_generation_prompt=True)["input_ids"]
    answer = client.chat.completions.create(model="sft", messages=[user(question)], temperature=0)
    assert answer.choices[0].message.content == tokenizer.decode(
        written(folders / "sft", ids, 40), skip_special_tokens=True
    )


@pytest.mark.parametrize("name", ["sft", "base"])
def test_a_document_goes_on_alike(client: openai.OpenAI, folders: Path, name: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folders / name)
    ids = tokenizer(f"{tokenizer.eos_token}{' '.join(ANSWERS)}")["input_ids"]
    answer = client.completions.create(model=name, prompt=ids, temperature=0, max_tokens=30)
    expected = written(folders / name, ids, 30)
    assert len(expected) == 30
    assert answer.choices[0].text == tokenizer.decode(expected, skip_special_tokens=True)
