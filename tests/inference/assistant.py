"""A tokenizer and a tiny assistant that has learnt a few conversations by heart, tool calls and all.

It is a real model, trained here in seconds, so the engine is tested on what it is for: text that a model writes,
parsed, answered by tools and continued.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save, save_file

from orrery.inference.engine import Engine
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import Message, render
from tests import once

CONTEXT = 256
MALFORMED = 'error: malformed tool call; it must be <tool_call>{"name": …, "arguments": {…}}</tool_call>'


def user(content: str) -> Message:
    return {"role": "user", "content": content}


def says(content: str) -> Message:
    return {"role": "assistant", "content": content}


def tool(content: str) -> Message:
    return {"role": "tool", "content": content}


def calls(*expressions: str, content: str = "", name: str = "calculator") -> Message:
    """An assistant message that calls a tool with each expression."""
    functions: list[dict[str, Any]] = [{"name": name, "arguments": {"expression": e}} for e in expressions]
    return {
        "role": "assistant",
        "content": content,
        "tool_calls": [{"type": "function", "function": function} for function in functions],
    }


# What the assistant knows: question → the messages that answer it.
ANSWERS: dict[str, list[Message]] = {
    "Hi": [says("Hello.")],
    "Greet the world": [says("Héllo 🌍, 你好!\nHow are you?")],
    "What is 12 times 7?": [calls("12*7"), tool("84"), says("12 times 7 is 84.")],
    "Two sums": [calls("1+2", "3+4", content="Let me see."), tool("3"), tool("7"), says("They are 3 and 7.")],
    "Step by step": [calls("9*9"), tool("81"), calls("81+19"), tool("100"), says("It is 100.")],
    "Divide by zero": [calls("1/0"), tool("error: division by zero"), says("That has no answer.")],
    "Ask the moon": [
        calls("1", name="moon"),
        tool("error: there is no tool 'moon'; there is calculator"),
        says("There is no moon."),
    ],
}
BROKEN = "Break it"  # its call is no JSON


@dataclass(frozen=True)
class Assistant:
    """The model and its tokenizer."""

    model: Transformer
    tokenizer: BPE

    def engine(self, **settings: Any) -> Engine:
        return Engine(self.model, self.tokenizer, **settings)


def train_assistant() -> Assistant:
    """The assistant, trained until it says all of the above without an error."""
    texts = [message["content"] for answer in ANSWERS.values() for message in answer]
    texts += [json.dumps({"name": "calculator", "arguments": {"expression": "1+2"}})] * 5 + list(ANSWERS)
    tokenizer = BPE.train(texts, vocab_size=330)
    examples = [render([user(question), *answer], tokenizer) for question, answer in ANSWERS.items()]
    samples = [(example.ids, example.mask) for example in examples]
    samples.append(broken_call(tokenizer))
    model = Transformer(
        TransformerConfig(
            tokenizer.vocab_size, width=64, layers=2, heads=4, head_width=16, mlp_width=128, context=CONTEXT
        )
    )
    learn(model, samples)
    return Assistant(model, tokenizer)


def broken_call(tokenizer: BPE) -> tuple[list[int], list[bool]]:
    """A conversation that `render` would not make: the assistant's call is no JSON."""
    head = render([user(BROKEN)], tokenizer, add_generation_prompt=True).ids
    call = [tokenizer.id_of("<tool_call>"), *tokenizer.encode("{oops"), tokenizer.id_of("</tool_call>")]
    call.append(tokenizer.id_of("<|im_end|>"))
    result = tokenizer.encode("\n") + render([tool(MALFORMED)], tokenizer, add_generation_prompt=True).ids
    answer = [*tokenizer.encode("I give up."), tokenizer.id_of("<|im_end|>")]
    mask = [False] * len(head) + [True] * len(call) + [False] * len(result) + [True] * len(answer)
    return head + call + result + answer, mask


def learn(model: Transformer, samples: list[tuple[list[int], list[bool]]]) -> None:
    """Train until the samples are known by heart; in a run of the tests, once from the same weights for all rooms."""
    if once.FOLDER is None:
        practise(model, samples)
        return

    def make(folder: Path) -> None:
        practise(model, samples)
        save_file(model.state_dict(), folder / "model.safetensors")

    begun = sha256(save(model.state_dict()) + repr(samples).encode()).hexdigest()
    model.load_state_dict(load_file(once.made_once(f"learnt-{begun}", make) / "model.safetensors"))


def practise(model: Transformer, samples: list[tuple[list[int], list[bool]]]) -> None:
    """Train on all samples at once until every masked token is the likeliest, with a margin."""
    longest = max(len(ids) for ids, _ in samples)
    ids = torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in samples])
    mask = torch.tensor([mask + [False] * (longest - len(mask)) for _, mask in samples])[:, 1:]
    optimizer = torch.optim.AdamW(model.parameters(), lr=8e-3)
    for _ in range(300):
        losses = F.cross_entropy(model(ids[:, :-1])[mask], ids[:, 1:][mask], reduction="none")
        if losses.max() < 0.1:
            return
        optimizer.zero_grad()
        losses.mean().backward()
        optimizer.step()
    raise AssertionError(f"the assistant has not learnt its answers: largest loss {losses.max():.3f}")
