"""A real tiny assistant that calls the calculator, in memory and as a folder; and one that says what it is told."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from orrery.inference.session import Said
from orrery.models.hf import save_model
from orrery.tokenizers.chat import Message
from orrery.tools.registry import Tool
from tests.inference.assistant import Assistant, train_assistant


@pytest.fixture(scope="session")
def assistant() -> Assistant:
    """Knows `tests.inference.assistant.ANSWERS` by heart; trained once, in seconds."""
    return train_assistant()


@pytest.fixture(scope="session")
def folder(assistant: Assistant, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assistant as a model folder."""
    path = tmp_path_factory.mktemp("assistant") / "sft"
    save_model(assistant.model, path, tokenizer=assistant.tokenizer, eos_ids=[assistant.tokenizer.im_end_id])
    return path


@pytest.fixture(scope="session")
def model(folder: Path) -> str:
    """The folder as it is typed."""
    return str(folder)


class Scripted:
    """An AgentModel that says what stands in its script, and remembers what it was told."""

    def __init__(self, *script: Said) -> None:
        self.script = list(script)
        self.told: list[Sequence[str]] = []
        self.may_call: list[bool] = []

    def begin(self, messages: Sequence[Message], tools: Sequence[Tool]) -> None:
        self.messages, self.tools = messages, tools

    def say(self, may_call: bool = True) -> Said:
        self.may_call.append(may_call)
        return self.script.pop(0)

    def tell(self, observations: Sequence[str]) -> None:
        self.told.append(observations)


def says(text: str, **more: object) -> Said:
    """A message without calls."""
    return Said({"role": "assistant", "content": text, **more})


def calls(*made: tuple[str, object], text: str = "") -> Said:
    """A message that calls tools: (name, arguments) each."""
    functions = [{"type": "function", "function": {"name": name, "arguments": given}} for name, given in made]
    return Said({"role": "assistant", "content": text, "tool_calls": functions})
