"""One shard of a build, from its sources to files: what an engine lets any process do, in any order.

    first/00017/     documents.jsonl      what the steps before near-duplicates kept
                     rejected-STEP.jsonl  what a step did not, with rule and detail
                     bands.npy, ids.json  uint64 [bands, documents] and their ids, for near-duplicates
                     tally.json           numbers of all kinds
    copies/00017.json                     the place of each copy, and the id of the first such text
    second/00017/    documents.jsonl, rejected-STEP.jsonl, tally.json

All of it lies in the build's folder `work`, which goes when the build is done.

A shard's folder appears whole or not at all, so one that is there is done. Its files depend on the shard and the
steps alone (the seconds in the tally apart), and documents pass one at a time.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Self

import numpy as np

from orrery.data.documents import Document
from orrery.data.pipeline.inputs import Shard, read_shard
from orrery.data.pipeline.minhash import MinHash
from orrery.data.pipeline.step import Reject, Step
from orrery.data.web import Unread
from orrery.files import folder_written_atomically

EXCERPT = 300  # characters of an example
LISTED = 3  # examples of a rule, damaged records

Tally = dict[str, Any]
"""Counts, nested: ``read`` (documents, bytes, seconds, unread), ``steps`` (by name: documents and bytes in and out,
rejected and examples by rule, seconds), ``damaged`` as a list of lines."""


@dataclass(frozen=True)
class Half:
    """What is done with every shard, before near-duplicates are known or afterwards.

    Attributes:
        work: the folder OUT/work.
        steps: in their order.
        minhash: what near-duplicates are found with; None where they stay, and there is one half only.
        second: whether this is the second half, which goes on with the first one's documents.
    """

    work: Path
    steps: tuple[Step, ...]
    minhash: MinHash | None
    second: bool = False

    def folder(self, number: int) -> Path:
        """Where a shard's files are when it is done."""
        return self.work / ("second" if self.second else "first") / f"{number:05}"

    def __call__(self, part: tuple[int, Shard]) -> tuple[int, Tally]:
        """Do it with one shard, unless that has been done; its number and tally.

        Raises:
            DataError: the shard cannot be read.
            RunError: the disk is full.
        """
        number, shard = part
        folder = self.folder(number)
        if not folder.exists():
            with folder_written_atomically(folder) as new:
                with _Filtering(self.steps, new) as filtering:
                    if self.second and self.minhash:
                        filtering.go_on(self.work, number, self.minhash)
                    else:
                        filtering.begin(shard, self.minhash)
                (new / "tally.json").write_text(json.dumps(filtering.tally))
        return number, tally_of(folder)

    def given(self, tally: Tally) -> tuple[int, int]:
        """Documents and bytes that this half was given, by its tally of a shard."""
        if self.second and self.minhash:
            step = tally["steps"][self.minhash.name]
            return step["documents_in"], step["bytes_in"]
        return tally["read"]["documents"], tally["read"]["bytes"]


def tally_of(folder: Path) -> Tally:
    """The tally in a shard's folder."""
    tally: Tally = json.loads((folder / "tally.json").read_text())
    return tally


def merged(one: Any, other: Any) -> Any:
    """Two tallies as one: numbers are added, lists joined and cut to `LISTED`.

    >>> merged({"a": 1, "b": ["x"]}, {"a": 2, "c": {"d": 3}})
    {'a': 3, 'b': ['x'], 'c': {'d': 3}}
    """
    if isinstance(one, dict):
        return {key: merged(one[key], other[key]) if key in one and key in other else one.get(key, other.get(key))
                for key in (*one, *(key for key in other if key not in one))}  # fmt: skip
    return (one + other)[:LISTED] if isinstance(one, list) else one + other


class _Filtering:
    """The documents of a shard on their way through the steps into files."""

    def __init__(self, steps: Sequence[Step], folder: Path) -> None:
        self.steps, self.folder = steps, folder
        self.tally: Tally = {"steps": {step.name: _nothing_yet() for step in steps}}

    def __enter__(self) -> Self:
        self.folder.mkdir()
        self._kept = (self.folder / "documents.jsonl").open("wb")
        self._rejected: dict[str, IO[bytes]] = {}
        return self

    def __exit__(self, *error: object) -> None:
        for file in (self._kept, *self._rejected.values()):
            file.close()

    def begin(self, shard: Shard, minhash: MinHash | None) -> None:
        """Read the shard, filter it, and keep hashes of what is left."""
        read: Tally = {"documents": 0, "bytes": 0, "seconds": 0.0, "unread": {}}
        self.tally.update(read=read, damaged=[])
        if minhash:
            self.tally["steps"][minhash.name] = {"seconds": 0.0}  # the second half counts documents
        bands, ids = [], []
        shard_documents = read_shard(shard)
        while True:
            with _timed(read):
                one = next(shard_documents, None)
            if one is None:
                break
            if isinstance(one, Unread):
                read["unread"][one.reason] = read["unread"].get(one.reason, 0) + 1
                if one.reason == "damaged" and len(self.tally["damaged"]) < LISTED:
                    self.tally["damaged"].append(f"{one.where}: {one.detail}")
                continue
            one, size = _encodable(one)
            read["documents"] += 1
            read["bytes"] += size
            kept = self.filter(one, size)
            if kept is not None and minhash:
                with _timed(self.tally["steps"][minhash.name]):
                    bands.append(minhash.band_hashes(kept.text))
                ids.append(kept.id)
        if minhash:
            by_band = np.array(bands, np.uint64).reshape(-1, minhash.bands).T
            np.save(self.folder / "bands.npy", np.ascontiguousarray(by_band))  # they are read one band at a time
            (self.folder / "ids.json").write_text(json.dumps(ids))

    def go_on(self, work: Path, number: int, minhash: MinHash) -> None:
        """Go through what the first half kept, leave out the copies, and filter the rest."""
        self.tally["steps"][minhash.name] = tally = _nothing_yet()
        originals = json.loads((work / "copies" / f"{number:05}.json").read_text())
        with (work / "first" / f"{number:05}" / "documents.jsonl").open("rb") as lines:
            for place, line in enumerate(lines):
                document = Document(**json.loads(line))
                size = len(document.text.encode())
                tally["documents_in"] += 1
                tally["bytes_in"] += size
                if str(place) in originals:
                    self._reject(document, minhash.name, Reject("near_copy", f"of {originals[str(place)]}"))
                    continue
                tally["documents_out"] += 1
                tally["bytes_out"] += size
                self.filter(document, size)

    def filter(self, document: Document, size: int) -> Document | None:
        """What the steps leave of a document, which is written; None where one rejects it."""
        for step in self.steps:
            tally = self.tally["steps"][step.name]
            tally["documents_in"] += 1
            tally["bytes_in"] += size
            try:
                with _timed(tally):
                    outcome = step.apply(document)
            except Exception as error:
                error.add_note(f"This was step {step.name} with document {document.id}.")
                raise
            if isinstance(outcome, Reject):
                self._reject(document, step.name, outcome)
                return None
            if outcome.text is not document.text:
                outcome, size = _encodable(outcome)
            document = outcome
            tally["documents_out"] += 1
            tally["bytes_out"] += size
        self._kept.write(_line(_row(document)))
        return document

    def _reject(self, document: Document, step: str, why: Reject) -> None:
        tally = self.tally["steps"][step]
        tally["rejected"][why.rule] = tally["rejected"].get(why.rule, 0) + 1
        examples = tally["examples"].setdefault(why.rule, [])
        if len(examples) < LISTED:
            name = document.provenance.get("url") or document.id
            examples.append({"name": name, "detail": why.detail, "text": document.text[:EXCERPT]})
        if step not in self._rejected:
            self._rejected[step] = (self.folder / f"rejected-{step}.jsonl").open("wb")
        rejected = {"step": step, "rule": why.rule, "detail": why.detail}
        self._rejected[step].write(_line({"rejected": rejected, **_row(document)}))


def _nothing_yet() -> Tally:
    return {
        "documents_in": 0, "bytes_in": 0, "documents_out": 0, "bytes_out": 0,
        "rejected": {}, "examples": {}, "seconds": 0.0,
    }  # fmt: skip


@contextmanager
def _timed(tally: Tally) -> Iterator[None]:
    """Add the processor seconds that the block takes: they say what a step costs, however busy the machine is."""
    started = time.thread_time()
    yield
    tally["seconds"] += time.thread_time() - started


def _encodable(document: Document) -> tuple[Document, int]:
    """The document and its bytes in UTF-8; halves of surrogate pairs, which JSON can hold and UTF-8 cannot, become ?"""
    try:
        return document, len(document.text.encode())
    except UnicodeEncodeError:
        raw = document.text.encode(errors="replace")
        return replace(document, text=raw.decode()), len(raw)


def _row(document: Document) -> dict[str, Any]:
    row: dict[str, Any] = {"text": document.text, "genre": document.genre, "id": document.id}
    if document.bits is not None:
        row["bits"] = document.bits
    if document.provenance:
        row["provenance"] = dict(document.provenance)
    return row


def _line(row: dict[str, Any]) -> bytes:
    return (json.dumps(row, ensure_ascii=False, default=str) + "\n").encode(errors="replace")
