"""Vocabularies that pages can choose from: of runs, of folders beside them, and the built-in two."""

import json
from pathlib import Path

import pytest

from orrery.models.hf import save_model
from orrery.server.errors import Problem
from orrery.server.studio.vocabularies import find_vocabularies, place_of, read_vocabulary
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.hf_format import byte_characters
from orrery.training.runs import Run
from tests.server.studio.small import small


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A run with two models of one vocabulary, GPT-2's two files, a vocabulary by itself, a folder of notes."""
    read = small()
    with Run.open("one", recipe={}, root=tmp_path):
        for stage in ("base", "sft"):
            save_model(read.model, tmp_path / "one" / stage, tokenizer=read.tokenizer, eos_ids=[0])
    tokens = [*byte_characters().values(), "he", "<|endoftext|>"]
    (tmp_path / "gpt2").mkdir()
    (tmp_path / "gpt2" / "encoder.json").write_text(json.dumps({token: id_ for id_, token in enumerate(tokens)}))
    (tmp_path / "gpt2" / "vocab.bpe").write_text("#version: 0.2\nh e\n")
    BPE.from_tokens([b"ab"]).save(tmp_path / "mine")
    (tmp_path / "notes").mkdir()
    return tmp_path


def test_runs_name_a_vocabulary_once_and_folders_are_found_by_their_files(root: Path) -> None:
    found = [(one.name, one.kind) for one in find_vocabularies(root)]
    expected = [("one/base", "run"), ("gpt2", "folder"), ("mine", "folder")]
    assert found == [*expected, ("bytes", "built-in"), ("characters", "built-in")]


def test_each_is_read_to_what_it_is(root: Path) -> None:
    def ids(name: str) -> list[int]:
        tokenizer = read_vocabulary(place_of(root, name))
        assert tokenizer is not None
        return tokenizer.encode("he ab")

    assert len(ids("gpt2")) == 4 and ids("gpt2")[0] == 256
    assert len(ids("mine")) == 4 and ids("mine")[-1] == 256
    assert ids("bytes") == list(b"he ab")
    assert ids("one/base") == small().tokenizer.encode("he ab")
    assert read_vocabulary(place_of(root, "characters")) is None


def test_a_vocabulary_that_was_written_anew_is_read_anew(root: Path) -> None:
    place = place_of(root, "mine")
    first = read_vocabulary(place)
    BPE.from_tokens([b"ab", b"he"]).save(root / "mine")
    second = read_vocabulary(place)
    assert first is not None and second is not None
    assert (first.vocab_size, second.vocab_size) == (265, 266)


def test_only_names_of_the_list_are_read(root: Path) -> None:
    for name in ("notes", "../one/base", str(root / "mine"), "", "one"):
        with pytest.raises(Problem) as refused:
            place_of(root, name)
        assert refused.value.status == 404
