"""Text, vocabulary and tokens of a run: written together, read back whole, and pages to copy from that come first."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from orrery.data import prepare
from orrery.data.documents import Document
from orrery.data.prepare import (
    FIRST_MIX,
    FIRST_START,
    Prepared,
    prepare_own,
    prepare_world,
    read_back,
    then_held_out,
)
from orrery.data.shards import TokenShards
from orrery.data.world.generate import documents
from orrery.data.world.world import World, WorldConfig
from orrery.tokenizers.bpe import BPE

SMALL = WorldConfig(seed=3)
MIX = {"encyclopedia": 3.0, "dialogue": 1.0, "junk": 1.0}
SPOKEN = [[{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": "I am Orrery."}]]


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    """One process, and little text to measure losses on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "HELD_OUT_BYTES", 10_000)
        patch.setattr(prepare, "CORES", 1)
        yield


@pytest.fixture(scope="module")
def folder(small: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("world")


@pytest.fixture(scope="module")
def made(folder: Path) -> Prepared:
    return prepare_world(folder, SMALL, 40_000, 12_000, MIX, SPOKEN, 400)


def texts(shards: TokenShards, tokenizer: BPE) -> list[str]:
    return [tokenizer.decode(shards.document(i)[1:-1].tolist()) for i in range(len(shards))]


def test_what_comes_first_is_made_of_pages_to_copy_from(made: Prepared) -> None:
    assert made.first is not None and FIRST_MIX == {"copying": 1.0}
    assert made.first.info.genres == ("copying",)
    expected = [one.text for one in documents(World(SMALL), max_bytes=12_000, mix=FIRST_MIX, start=FIRST_START)]
    assert texts(made.first, made.tokenizer) == expected and len(expected) > 30
    assert 11_000 < made.first.info.bytes <= 12_000
    made.first.check_tokenizer(made.tokenizer)


def test_what_comes_first_adds_to_the_corpus_and_repeats_none_of_it(made: Prepared) -> None:
    for shards in (made.data, made.held_out):  # of the junk, some looks like any page
        assert {"encyclopedia", "dialogue"} <= set(shards.info.genres) <= set(MIX)
    assert sum(made.removed.values()) > 10 and 25_000 < made.data.info.bytes <= 40_000
    read = texts(made.data, made.tokenizer)
    assert made.first is not None and not {*read} & {*texts(made.first, made.tokenizer)}


def test_it_is_read_back_whole(made: Prepared, folder: Path) -> None:
    again = read_back(folder)
    assert again is not None and again.first is not None and made.first is not None
    for one, other in ((made.data, again.data), (made.held_out, again.held_out), (made.first, again.first)):
        assert one.info == other.info and np.array_equal(one.tokens, other.tokens)
    assert again.tokenizer.encode("Who are you?") == made.tokenizer.encode("Who are you?")


def test_what_did_not_come_to_an_end_is_not_read_back(made: Prepared, folder: Path, tmp_path: Path) -> None:
    """What losses are measured on is written last."""
    for part in ("tokenizer", "first", "tokens"):
        (tmp_path / part).symlink_to(folder / part)
    assert read_back(tmp_path) is None
    (tmp_path / "held_out").symlink_to(folder / "held_out")
    assert read_back(tmp_path) is not None
    assert (folder / "held_out" / "shards.json").stat().st_mtime_ns >= max(
        (folder / part / "shards.json").stat().st_mtime_ns for part in ("first", "tokens")
    )


def test_a_world_without_first_bytes_and_text_of_ones_own_have_nothing_first(small: None, tmp_path: Path) -> None:
    none = prepare_world(tmp_path / "world", SMALL, 20_000, 0, MIX, SPOKEN, 300)
    source = tmp_path / "own.txt"
    source.write_text("\n\n".join(one.text for one in documents(World(SMALL), count=60)), encoding="utf-8")
    own = prepare_own(tmp_path / "own", [str(source)], SPOKEN, 300)
    for name, prepared in (("world", none), ("own", own)):
        assert prepared.first is None and not (tmp_path / name / "first").exists()
        again = read_back(tmp_path / name)
        assert again is not None and again.first is None
        assert again.data.info == prepared.data.info


def test_what_is_held_out_is_on_the_disk_before_the_tokens_are(tmp_path: Path) -> None:
    unseen: list[Document] = []
    stream = then_held_out(tmp_path, iter([Document("read")]), unseen, BPE.from_tokens([]))
    assert next(stream).text == "read"
    unseen.append(Document("held out"))  # as `hold_out` does, while documents are read
    assert list(stream) == []
    assert TokenShards.open(tmp_path / "held_out").bytes.tolist() == [8]
    assert list(then_held_out(tmp_path / "none", [], [], BPE.from_tokens([]))) == []
    assert not (tmp_path / "none").exists()
