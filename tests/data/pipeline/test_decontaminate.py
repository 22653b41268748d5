"""Decontamination: 13 words in a row that an exam has, and exams from files."""

import json
from pathlib import Path

import pytest

from orrery.data.documents import Document
from orrery.data.pipeline.decontaminate import Decontaminate, Phrases, read_exams
from orrery.data.pipeline.step import Reject
from orrery.errors import DataError

QUESTION = "If Ann has four apples and gives Ben two of them, how many are left?"  # 15 words
WORDS = "if ann has four apples and gives ben two of them how many are left".split()
STEP = Decontaminate(Phrases([QUESTION]))


@pytest.mark.parametrize("start", [0, 1, 2])
def test_13_words_of_a_question_reject_a_document(start: int) -> None:
    shared = " ".join(WORDS[start : start + 13])
    assert STEP.apply(Document(f"before {shared} after")) == Reject("in_exam", shared)


@pytest.mark.parametrize("start", [0, 1, 2, 3])
def test_12_words_do_not(start: int) -> None:
    document = Document(f"before {' '.join(WORDS[start : start + 12])} after")
    assert STEP.apply(document) is document


def test_case_marks_and_lines_make_no_difference() -> None:
    assert isinstance(STEP.apply(Document("> " + QUESTION.upper().replace(" ", "\n* "))), Reject)


def test_questions_of_fewer_words_are_not_looked_for() -> None:
    exams = Phrases(["What is the capital of France?", " ".join(WORDS[:13])])
    assert len(exams) == 1
    assert exams.find("What is the capital of France?") is None
    assert Phrases([]).find(QUESTION) is None


def test_the_record_tells_two_sets_of_exams_apart_and_one_of_them_never() -> None:
    assert str(Phrases([QUESTION, "x"])) == str(Phrases(["y", QUESTION]))
    assert str(Phrases([QUESTION])) != str(Phrases([QUESTION + " Tell me."]))


def test_exams_are_read_from_jsonl_and_text(tmp_path: Path) -> None:
    rows = [{"question": QUESTION, "choices": ["a", {"text": "b"}], "label": 1}, "plain\u2028text"]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (tmp_path / "exam.jsonl").write_text("\n".join(lines) + "\n\n")
    (tmp_path / "exam.txt").write_text(f"First line\nof one.\n\n{QUESTION}")
    texts = read_exams([tmp_path / "exam.jsonl", tmp_path / "exam.txt"])
    assert texts == [QUESTION, "a", "b", "plain\u2028text", "First line\nof one.", QUESTION]


def test_an_exam_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing.jsonl"):
        read_exams([tmp_path / "nothing.jsonl"])
    (tmp_path / "bad.jsonl").write_text('{"a": "b"}\n{"a":\n')
    with pytest.raises(DataError, match="line 2"):
        read_exams([tmp_path / "bad.jsonl"])
    (tmp_path / "short.txt").write_text(" ".join(WORDS[:12]) + "\n\nWhy?")
    with pytest.raises(DataError, match="short.txt: no text in it has 13 words"):
        read_exams([tmp_path / "short.txt"])
