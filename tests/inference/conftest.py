"""The assistant that most tests of this room talk with."""

import pytest

from tests.inference.assistant import Assistant, train_assistant


@pytest.fixture(scope="session")
def assistant() -> Assistant:
    """A tiny model that knows `ANSWERS` by heart; trained once, in seconds."""
    return train_assistant()
