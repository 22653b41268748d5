"""For tests of the machinery: a small source, plain steps, one that is killed, and what a build has made."""

import json
import os
import random
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from orrery.data.documents import Document
from orrery.data.pipeline.minhash import MinHash
from orrery.data.pipeline.step import Reject
from orrery.files import write_atomically


@dataclass(frozen=True)
class Long:
    """Keeps texts of so many words."""

    name: ClassVar[str] = "long"
    words: int = 3

    def apply(self, document: Document) -> Document | Reject:
        number = len(document.text.split())
        return document if number >= self.words else Reject("too_short", f"{number}, at least {self.words}")


@dataclass(frozen=True)
class Upper:
    """Writes in capitals."""

    name: ClassVar[str] = "upper"

    def apply(self, document: Document) -> Document | Reject:
        return replace(document, text=document.text.upper())


@dataclass(frozen=True)
class Killed:
    """Kills the process that works on one document, the first time it is seen."""

    marker: Path
    id: str
    name: ClassVar[str] = "killed"

    def apply(self, document: Document) -> Document | Reject:
        if document.id == self.id and not self.marker.exists():
            self.marker.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return document


@dataclass(frozen=True)
class Waits:
    """Waits with one document until there is a file."""

    marker: Path
    id: str
    name: ClassVar[str] = "waits"

    def apply(self, document: Document) -> Document | Reject:
        while document.id == self.id and not self.marker.exists():
            time.sleep(0.01)
        return document


STEPS = [Long(), MinHash(), Upper()]
WORDS = [f"word{number}" for number in range(500)]


def write_source(file: Path, count: int = 200) -> list[dict[str, str]]:
    """So many texts, of which every tenth is a copy of an earlier one with a word changed, or too short."""
    generator = random.Random(0)
    rows: list[dict[str, str]] = []
    for number in range(count):
        words = generator.choices(WORDS, k=60)
        if number % 10 == 7:
            words = [*rows[number - 5]["text"].split()[:-1], "changed"]
        rows.append({"text": " ".join(words[:2] if number % 10 == 4 else words), "id": f"text {number}"})
    write_atomically(file, "".join(json.dumps(row) + "\n" for row in rows))
    return rows


def made(out: Path) -> dict[str, bytes]:
    """Documents and rejected, by name, and the report's numbers."""
    files = {
        str(file.relative_to(out)): file.read_bytes()
        for part in ("documents", "rejected")
        for file in (out / part).rglob("*.jsonl")
    }
    return {**files, "report": json.dumps(numbers(json.loads((out / "report.json").read_text()))).encode()}


def numbers(report: Any) -> Any:
    """A report without what depends on the clock."""
    if isinstance(report, dict):
        return {key: numbers(value) for key, value in report.items() if key not in ("seconds", "mb_per_s")}
    return [numbers(one) for one in report] if isinstance(report, list) else report
