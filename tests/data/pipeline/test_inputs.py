"""Sources are cut where a record begins, so that all shards together are read as the whole is."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from orrery.data.documents import Document
from orrery.data.pipeline.inputs import cut, read_shard
from orrery.data.sources import read_documents
from orrery.errors import DataError


def read(sources: list[str], shard_bytes: int) -> list[list[Document]]:
    return [[one for one in read_shard(shard) if isinstance(one, Document)] for shard in cut(sources, shard_bytes)]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Files of text of every kind, some of which are larger than a shard."""
    lines = [json.dumps({"text": f"row {number} " + "word " * (number % 9)}) for number in range(100)]
    (tmp_path / "a.jsonl").write_text("\n\n".join(lines))
    parquet.write_table(
        pa.table({"text": [f"cell {number}" for number in range(50)]}), tmp_path / "b.parquet", row_group_size=7
    )
    for name in ("c.txt", "d.md", "e.txt"):
        (tmp_path / name).write_text(name)
    return [str(tmp_path / name) for name in ("a.jsonl", "b.parquet", "c.txt", "d.md", "e.txt")]


@pytest.mark.parametrize("shard_bytes", [1, 300, 10**9])
def test_wherever_it_is_cut_all_is_read_once_in_order_with_the_same_ids(files: list[str], shard_bytes: int) -> None:
    shards = read(files, shard_bytes)
    assert [document for shard in shards for document in shard] == list(read_documents(files))
    assert (len(shards) == 1) == (shard_bytes == 10**9)
    assert all(shards), "no shard is empty"


def test_small_files_share_a_shard(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}.txt").write_text("x" * 100)
    assert [len(shard) for shard in read([str(tmp_path)], 350)] == [3, 3, 3, 1]


def test_pages_are_documents_that_say_so(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes("<title>Ä</title>".encode("latin1"))
    [[page]] = read([str(tmp_path)], 1000)
    assert page.text == "<title>Ä</title>"
    assert page.provenance == {"media_type": "text/html", "file": str(tmp_path / "a.html")}


def test_a_data_set_comes_in_the_parts_that_it_is_stored_in(tmp_path: Path) -> None:
    for part in range(3):
        table = pa.table({"text": [f"{part}-{number}" for number in range(4)]})
        parquet.write_table(table, tmp_path / f"train-{part}-of-3.parquet")
    shards = read([f"hf:{tmp_path}"], 10**9)
    assert [[document.text for document in shard] for shard in shards] == [
        [f"{part}-{number}" for number in range(4)] for part in range(3)
    ]
    assert len({document.id for shard in shards for document in shard}) == 12


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    assert len(read([str(tmp_path / "a.txt"), str(tmp_path), str(tmp_path / "*.txt")], 1)) == 1


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.pptx").write_text("x")
    with pytest.raises(DataError, match="not '.pptx'"):
        cut([str(tmp_path / "a.pptx")], 1)
    with pytest.raises(DataError, match="no .txt, .md"):
        cut([str(tmp_path)], 1)
