"""The assistant that most tests of this room talk with, as an object and in folders, and an empty database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orrery.database import URL_VARIABLE, Database, open_database
from orrery.models.hf import save_model
from tests.inference.assistant import Assistant, train_assistant


@pytest.fixture(scope="session")
def assistant() -> Assistant:
    """A tiny model that knows `ANSWERS` by heart; trained once, in seconds."""
    return train_assistant()


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """An empty database of its own."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    with open_database(tmp_path / "runs") as opened:
        yield opened


@pytest.fixture(scope="session")
def folders(assistant: Assistant, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same weights saved as an assistant and as a base model."""
    root, tokenizer = tmp_path_factory.mktemp("models"), assistant.tokenizer
    eos = {"base": (tokenizer.eos_id,), "sft": (tokenizer.eos_id, tokenizer.im_end_id)}
    for name, ids in eos.items():
        save_model(assistant.model, root / name, tokenizer=tokenizer, eos_ids=ids)
    return {name: root / name for name in eos}
