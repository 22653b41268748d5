"""A tokenizer trained once for all tests of this room, on text that comes with Python."""

import argparse
import json
import statistics
import textwrap
from pathlib import Path

import pytest

from orrery.tokenizers.bpe import BPE
from tests.tokenizers.texts import LANGUAGES

VOCAB_SIZE = 1000


@pytest.fixture(scope="session")
def corpus() -> list[str]:
    """Some 250 KB of English and code, and a little of other languages."""
    modules = (argparse, json.decoder, statistics, textwrap)
    sources = [Path(str(module.__file__)).read_text(encoding="utf-8") for module in modules]
    return [*sources, *LANGUAGES * 20]


@pytest.fixture(scope="session")
def tokenizer(corpus: list[str]) -> BPE:
    return BPE.train(corpus, VOCAB_SIZE, workers=1)


@pytest.fixture(scope="session")
def folder(tokenizer: BPE, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tokenizer as files."""
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save(folder)
    return folder
