"""Documents that hold questions of an exam: 13 words in a row in common (Brown et al. 2020, arXiv 2005.14165, app. C).

    exams = Phrases(read_exams([Path("gsm8k_test.jsonl")]))
    Decontaminate(exams).apply(document)            # Reject("in_exam", "how many apples do they have left if …")

Words are compared in small letters and without marks. GPT-3 cut 200 characters around what it found out of a document;
here the document goes as a whole, since what stands around a question is likely its answer. Texts of exams with fewer
than 13 words are not looked for: so few words in a row are often the same by chance.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from orrery.data.documents import Document
from orrery.data.pipeline.step import Reject
from orrery.errors import DataError

WORDS = 13
_WORD = re.compile(r"\w+")


class Phrases:
    """All runs of 13 words in some texts.

    ``str`` of it tells two sets of phrases apart, for the record of what was done.

    Args:
        texts: of exams: questions, prompts, answers.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._all = {tuple(run) for text in texts for run in _runs(_WORD.findall(text.lower()))}
        self._starts = {run[:3] for run in self._all}  # looked up first: few texts share even these

    def __len__(self) -> int:
        return len(self._all)

    def __str__(self) -> str:
        digest = hashlib.sha256("\n".join(sorted(map(" ".join, self._all))).encode())
        return f"{len(self)} phrases of {WORDS} words, sha256 {digest.hexdigest()[:16]}"

    def find(self, text: str) -> str | None:
        """The first phrase that ``text`` holds; None where it holds none."""
        words = _WORD.findall(text.lower())
        for place, start in enumerate(zip(words, words[1:], words[2:], strict=False)):
            if start in self._starts and (run := tuple(words[place : place + WORDS])) in self._all:
                return " ".join(run)
        return None


@dataclass(frozen=True)
class Decontaminate:
    """The exams whose phrases no document may hold."""

    name: ClassVar[str] = "decontaminate"
    exams: Phrases

    def apply(self, document: Document) -> Document | Reject:
        found = self.exams.find(document.text)
        return Reject("in_exam", found) if found else document


def read_exams(paths: Sequence[Path]) -> list[str]:
    """The texts of exams in files: of JSONL every string in every row, of other files every paragraph.

    Raises:
        DataError: a file that cannot be read, a line of JSONL that is none, or an exam of which nothing is looked for.
    """
    return [text for path in paths for text in _read_exam(path)]


def _read_exam(path: Path) -> list[str]:
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not an exam that can be read: {error}") from error
    texts: list[str] = []
    if path.suffix != ".jsonl":
        texts = re.split(r"\n\s*\n", content)
    else:
        for number, line in enumerate(content.split("\n"), 1):
            try:
                texts += _strings(json.loads(line)) if line.strip() else []
            except json.JSONDecodeError as error:
                raise DataError(f"{path}, line {number}: not JSON: {error}") from error
    if all(len(_WORD.findall(text)) < WORDS for text in texts):
        raise DataError(f"{path}: no text in it has {WORDS} words, which documents are searched for: leave it out")
    return texts


def _runs(words: list[str]) -> Iterator[list[str]]:
    return (words[place : place + WORDS] for place in range(len(words) - WORDS + 1))


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        return [text for part in (value.values() if isinstance(value, dict) else value) for text in _strings(part)]
    return [value] if isinstance(value, str) else []
