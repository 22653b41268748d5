"""The public forms in which data sets come, read into rows: what a task's templates may name.

    rows = read_rows("arc", Path("ARC-Easy-Test.jsonl"), "*")
    rows[0]["question"], rows[0]["choices"], rows[0]["right"]

    hellaswag   {"activity_label", "ctx_a", "ctx_b", "ctx", "endings": [4 texts], "label": 0 to 3 or "0" to "3"}
    arc         {"question": {"stem", "choices": [{"text", "label"}]}, "answerKey"} as AI2 gives it out, or
                {"question", "choices": {"text": […], "label": […]}, "answerKey"} as the hub has it
                → question, choices [texts], right
    gsm8k       {"question", "answer"}, the answer ending with "#### 72"
    jsonl       any objects, as they are
    text        documents (.txt .md .jsonl .parquet), for bits per byte → text

Rows come from .jsonl and .parquet files. Nothing is downloaded.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from orrery.data.gsm8k import is_gsm8k, truth_of
from orrery.data.sources import SUFFIXES, json_lines, read_documents
from orrery.errors import ConfigError, DataError

Row = dict[str, Any]
ROW_SUFFIXES = (".jsonl", ".parquet")


def read_rows(format: str, data: Path, wanted: str | Sequence[str]) -> list[Row]:
    """The rows of a file, or of the files in a folder whose paths end as `wanted` says (`files_of`).

    Raises:
        DataError: no such file, none that matches, or a row that has not the form.
        ConfigError: parquet without the `hub` extra.
    """
    rows: list[Row] = []
    for file in files_of(format, data, wanted):
        if format == "text":
            rows += [{"text": document.text} for document in read_documents([str(file)])]
        else:
            rows += [FORMATS[format](row, where) for row, where in _objects(file)]
    if not rows:
        raise DataError(f"{data} has no rows")
    return rows


def files_of(format: str, data: Path, wanted: str | Sequence[str]) -> list[Path]:
    """The file itself, or those of the folder, at any depth, that the format and one of the patterns want.

    A pattern names the end of a path: ``*val*`` or ``main/test*``, where other folders have files of that name, too.
    """
    suffixes = SUFFIXES if format == "text" else ROW_SUFFIXES
    if data.is_file():
        if data.suffix not in suffixes:
            raise DataError(f"{data}: {format} is read from {', '.join(suffixes)}, not '{data.suffix}'")
        return [data]
    if not data.is_dir():
        raise DataError(f"no such file or folder: {data}")
    patterns = (wanted,) if isinstance(wanted, str) else wanted
    files = sorted(file for file in data.rglob("*") if file.is_file() and file.suffix in suffixes)
    files = [file for file in files if any(map(file.absolute().match, patterns))]
    if not files:
        named, endings = " or ".join(patterns), " or ".join(suffixes)
        raise DataError(f"no file {named} with the ending {endings} in the folder {data}")
    return files


def _objects(file: Path) -> Iterator[tuple[Row, str]]:
    lines = json_lines(file) if file.suffix == ".jsonl" else _parquet_rows(file)
    for row, where in lines:
        if not isinstance(row, dict):
            raise DataError(f"{where}: not an object with fields")
        yield row, where


def _parquet_rows(file: Path) -> Iterator[tuple[Any, str]]:
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise ConfigError(f"{file}: parquet needs pyarrow: pip install 'orrery[hub]'") from error
    try:
        rows = parquet.read_table(file).to_pylist()
    except Exception as error:  # pyarrow raises its own kinds for each way a file can be broken
        raise DataError(f"{file}: not a parquet file: {error}") from error
    for number, row in enumerate(rows, 1):
        yield row, f"{file} row {number}"


def _hellaswag(row: Row, where: str) -> Row:
    texts = ("activity_label", "ctx_a", "ctx_b", "ctx")
    label = row.get("label")
    if isinstance(label, str) and label.isdigit():  # as the hub has it
        label = int(label)
    if not all(isinstance(row.get(name), str) for name in texts) or not _is_texts(row.get("endings")):
        raise DataError(f"{where}: not HellaSwag's form: {', '.join(texts)} and a list of endings")
    if not isinstance(label, int) or not 0 <= label < len(row["endings"]):
        raise DataError(f"{where}: no right label (those of the test split are secret: take the validation split)")
    return row | {"label": label}


def _arc(row: Row, where: str) -> Row:
    question: Any = row.get("question")
    choices: Any = row.get("choices")
    key = row.get("answerKey")
    if isinstance(question, dict):
        question, listed = question.get("stem"), question.get("choices")
        good = isinstance(listed, list) and all(isinstance(choice, dict) for choice in listed)
        choices = {name: [choice.get(name) for choice in listed] for name in ("text", "label")} if good else None
    texts, labels = [choices.get(name) if isinstance(choices, dict) else None for name in ("text", "label")]
    if (
        not isinstance(labels, list)
        or not _is_texts(texts)
        or len(labels) != len(texts)
        or not isinstance(question, str)
    ):
        raise DataError(f"{where}: not ARC's form: a question, choices with text and label, and an answerKey")
    if key not in labels:
        raise DataError(f"{where}: the answerKey {key!r} is none of the labels {', '.join(map(str, labels))}")
    return row | {"question": question, "choices": texts, "right": labels.index(key)}


def _gsm8k(row: Row, where: str) -> Row:
    if not is_gsm8k(row) or truth_of(row["answer"]) is None:
        raise DataError(f'{where}: not GSM8K\'s form: {{"question": "…", "answer": "… #### 72"}}')
    return row


def _is_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(text, str) and text for text in value)


def _any(row: Row, where: str) -> Row:
    return row


FORMATS: Mapping[str, Callable[[Row, str], Row]] = {
    "hellaswag": _hellaswag,
    "arc": _arc,
    "gsm8k": _gsm8k,
    "jsonl": _any,
    "text": _any,
}
