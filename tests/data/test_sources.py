"""Any text in; what cannot be read is refused in one clear line."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from orrery.data.documents import Document
from orrery.data.sources import hold_out, read_documents
from orrery.errors import DataError


def texts(*sources: Path | str) -> list[str]:
    return [document.text for document in read_documents([str(source) for source in sources])]


def test_each_kind_of_file_yields_its_documents(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b.md").write_text("# two")
    (tmp_path / "c.jsonl").write_text('{"text": "three"}\n\n{"text": "four"}\n')
    parquet.write_table(pa.table({"text": ["five", None, "six"]}), tmp_path / "d.parquet")
    (tmp_path / "ignored.bin").write_bytes(b"\xff")
    assert texts(tmp_path) == ["one", "# two", "three", "four", "five", "six"]


def test_a_glob_names_several_files_in_order(tmp_path: Path) -> None:
    for name in ("2.txt", "1.txt"):
        (tmp_path / name).write_text(name)
    assert texts(tmp_path / "*.txt") == ["1.txt", "2.txt"]


def test_ids_say_where_a_document_came_from(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text('\n{"text": "x"}\n')
    assert next(read_documents([str(file)])).id == f"{file}:2"


def test_a_row_keeps_its_own_id_and_what_is_known_about_it(tmp_path: Path) -> None:
    row = {"text": "x", "id": "urn:1", "url": "https://made.example", "language": "en", "score": 3.5}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    parquet.write_table(pa.table({name: [value] for name, value in row.items()}), tmp_path / "b.parquet")
    for document in read_documents([str(tmp_path / "a.jsonl"), str(tmp_path / "b.parquet")]):
        assert document.id == "urn:1"
        assert document.provenance == {"url": "https://made.example", "language": "en"}


def test_a_data_set_streams_with_its_configuration_and_split(tmp_path: Path) -> None:
    for split, words in (("train", ["one", "two"]), ("test", ["three"])):
        parquet.write_table(pa.table({"text": words}), tmp_path / f"{split}.parquet")
    assert texts(f"hf:{tmp_path}") == ["one", "two"]
    assert texts(f"hf:{tmp_path}:default:test") == ["three"]
    with pytest.raises(DataError, match="write hf:NAME"):
        texts(f"hf:{tmp_path}:default:test:more")


def test_a_byte_order_mark_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfhello")
    assert texts(tmp_path / "a.txt") == ["hello"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.txt", b"  \n", "no text in"),
        ("latin.txt", "caf\xe9".encode("latin1"), "byte 3 \\(0xe9\\) is not UTF-8"),
        ("bad.jsonl", b'{"text": "a"}\n{"text": \n', "line 2: not JSON"),
        ("long.jsonl", b'{"text": "a", "n": ' + b"9" * 5000 + b"}", "line 1: not JSON that can be read"),
        ("chat.jsonl", b'{"messages": []}\n', "line 1: expected .*orrery sft"),
        ("bad.parquet", b"not parquet", "not a parquet file"),
        ("slides.pptx", b"x", "not '.pptx'"),
    ],
)
def test_unreadable_input_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        texts(tmp_path / name)


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        texts(tmp_path / "nowhere.txt")


def test_a_folder_without_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no .txt"):
        texts(tmp_path)


def test_parquet_without_a_text_column_lists_its_columns(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"body": ["x"]}), tmp_path / "d.parquet")
    with pytest.raises(DataError, match="columns: body"):
        texts(tmp_path / "d.parquet")


def test_a_hundred_megabytes_on_one_line_are_one_document(tmp_path: Path) -> None:
    file = tmp_path / "long.jsonl"
    file.write_text(json.dumps({"text": "word " * 20_000_000}))
    assert [len(text) for text in texts(file)] == [100_000_000]


def test_many_documents_hold_out_every_tenth() -> None:
    train, held_out = hold_out(Document(str(i)) for i in range(100))
    assert len(list(train)) == 90
    assert [document.text for document in held_out] == [str(i) for i in range(9, 100, 10)]


def test_few_documents_hold_out_the_tail_of_each() -> None:
    train, held_out = hold_out(iter([Document("a" * 90 + "b" * 10)]))
    assert [document.text for document in train] == ["a" * 90]
    assert [document.text for document in held_out] == ["b" * 10]
