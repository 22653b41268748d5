"""Public forms of data sets: both forms of ARC give the same rows, and what is no such form is refused."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from orrery.errors import DataError
from orrery.evals.tasks.formats import files_of, read_rows
from orrery.evals.tasks.task import read_task
from tests.evals.tasks.lines import write_lines

SCENE = {"activity_label": "a", "ctx_a": "b", "ctx_b": "", "ctx": "b ", "endings": ["c", "d"], "label": 1}
ASKED = {"question": "q?", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answerKey": "B"}


def test_both_forms_of_arc_give_the_same_rows(data: Path) -> None:
    ours = read_rows("arc", data / "arc_test.jsonl", "*")
    hub = read_rows("arc", data / "arc_hub_test.jsonl", "*")
    assert len(ours) == 20 and ours == hub
    assert {row["answerKey"] for row in ours} & set("12345") and {row["answerKey"] for row in ours} & set("ABCDE")


def test_the_hubs_parquet_files_and_texts_as_labels_are_read(tmp_path: Path) -> None:
    rows = [SCENE | {"label": "1"}, SCENE | {"label": "0"}]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "validation.parquet")
    assert [row["label"] for row in read_rows("hellaswag", tmp_path, "*val*")] == [1, 0]


def test_in_a_folder_the_files_with_fitting_names_are_read(data: Path) -> None:
    assert [row["question"][:4] for row in read_rows("gsm8k", data / "gsm8k", "*test*")] == ["test"] * 6
    with pytest.raises(DataError, match=r"no file \*dev\* or x with the ending .jsonl or .parquet in the folder"):
        read_rows("gsm8k", data, ("*dev*", "x"))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("gsm8k", ["data/test.jsonl"]),
        ("gsm8k", ["main/test-0.parquet"]),
        ("arc_easy", ["ARC-Easy/ARC-Easy-Test.jsonl"]),
        ("arc_challenge", ["ARC-Challenge/test-0.parquet"]),
    ],
)
def test_what_else_lies_in_the_folders_that_are_given_out_is_not_read(
    name: str, wanted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GSM8K comes with itself as dialogues, ARC's two sets come together, on the hub all under the same names."""
    others = ["data/test_socratic.jsonl", "data/train.jsonl", "socratic/test-0.parquet", "main/train-0.parquet",
              "ARC-Challenge/ARC-Challenge-Dev.jsonl", "ARC-Other/test-0.parquet"]  # fmt: skip
    for file in [*others, *wanted]:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    task = read_task(name)
    assert files_of(task.format, tmp_path, task.questions) == [tmp_path / file for file in wanted]
    monkeypatch.chdir(tmp_path / Path(wanted[0]).parent)
    assert files_of(task.format, Path("."), task.questions) == [
        Path(file).relative_to(Path(file).parent) for file in wanted
    ]


@pytest.mark.parametrize(
    ("format", "row", "said"),
    [
        ("hellaswag", SCENE | {"label": ""}, "those of the test split are secret"),
        ("hellaswag", SCENE | {"label": 2}, "no right label"),
        ("hellaswag", SCENE | {"endings": "c"}, "not HellaSwag's form"),
        ("arc", ASKED | {"answerKey": "C"}, "the answerKey 'C' is none of the labels A, B"),
        ("arc", ASKED | {"choices": ["x", "y"]}, "not ARC's form"),
        ("arc", ASKED | {"question": {"stem": "q?"}}, "not ARC's form"),
        ("gsm8k", {"question": "q?", "answer": "72"}, "not GSM8K's form"),
        ("jsonl", ["a"], "not an object"),
    ],
)  # fmt: skip
def test_what_is_not_of_the_form_is_refused_with_its_line(tmp_path: Path, format: str, row: Any, said: str) -> None:
    path = write_lines(tmp_path / "rows.jsonl", [row])
    with pytest.raises(DataError, match=said) as raised:
        read_rows(format, path, "*")
    assert "rows.jsonl line 1" in str(raised.value)


def test_files_that_are_not_there_or_of_another_kind_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b")
    (tmp_path / "rows.jsonl").write_text("\n")
    for path, said in ((tmp_path / "no", "no such file or folder"), (tmp_path / "rows.csv", "not '.csv'")):
        with pytest.raises(DataError, match=said):
            read_rows("arc", path, "*")
    with pytest.raises(DataError, match="has no rows"):
        read_rows("arc", tmp_path / "rows.jsonl", "*")


@pytest.mark.real_data
def test_all_of_the_real_gsm8k_has_its_form(real_data: Path) -> None:
    rows = read_rows("gsm8k", real_data / "gsm8k_train.jsonl", "*")
    assert len(rows) == 7473
    assert rows[0]["question"].startswith("Natalia sold clips") and rows[0]["answer"].endswith("#### 72")
