"""The server reads and sends what other people's models write: in their template, with the tokens that they have."""

import json

import pytest

from orrery.inference.row import TokenScore
from orrery.inference.scheduler import Update
from orrery.server.names import read_model
from orrery.server.replies import MessageReader
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import Message, render
from tests.imported import imported


def sent(message: Message, tokenizer: BPE) -> tuple[str, str, Message]:
    """Reasoning and text as they are sent while a model writes this message, and the message that was read."""
    rendered = render([{"role": "user", "content": "?"}, message], tokenizer)
    ids = [id_ for id_, trained in zip(rendered.ids, rendered.mask, strict=True) if trained]
    reader, reasoning, text = MessageReader(tokenizer, (), calls=True), "", ""
    for id_ in ids:
        stopped = id_ == tokenizer.end_of_turn_id
        piece = reader.take(Update(0, (TokenScore(id_, -1.0),), stopped=stopped))
        reasoning, text = reasoning + piece.reasoning, text + piece.text
    read, rest = reader.finish()
    return reasoning + rest.reasoning, text + rest.text, read


@pytest.mark.parametrize("family", ["qwen3", "llama", "smollm2"])
def test_an_answer_is_sent_without_the_tokens_around_it(family: str) -> None:
    model = read_model(family, imported(family))
    assert model.assistant
    said: Message = {"role": "assistant", "content": "It is 84.\n\nReally."}
    assert sent(said, model.tokenizer) == ("", said["content"], said)
    # What the folder says of sampling is what a request gets that says nothing.
    generation = json.loads((imported(family) / "generation_config.json").read_text())
    assert model.defaults["temperature"] == generation.get("temperature", 0.0)


def test_what_a_qwen3_thinks_and_calls_is_told_apart() -> None:
    call = {"type": "function", "function": {"name": "calculator", "arguments": {"expression": "12*7"}}}
    said: Message = {"role": "assistant", "content": "", "reasoning_content": "Easy.", "tool_calls": [call]}
    assert sent(said, BPE.load(imported("qwen3"))) == ("Easy.", "", said)


def test_a_base_model_is_no_assistant() -> None:
    assert not read_model("gpt2", imported("gpt2")).assistant
