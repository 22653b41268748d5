"""The files of a build, joined from those of its shards in the order of the sources.

tally = join(Path("clean"), halves, shards=12, steps=["gopher_quality", "minhash"], file_mb=100)
"""

from collections.abc import Sequence
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import IO, Self

from orrery.data.pipeline.work import Half, Tally, merged, tally_of
from orrery.files import folder_written_atomically


def join(out: Path, halves: Sequence[Half], shards: int, steps: Sequence[str], file_mb: float) -> Tally:
    """Write OUT/documents and OUT/rejected from what the shards left in OUT/work, and add up their tallies.

    Raises:
        RunError: the disk is full.
    """
    folders = [[half.folder(number) for number in range(shards)] for half in halves]
    with folder_written_atomically(out / "documents") as new:
        new.mkdir()
        with _Files(new, file_mb) as files:
            for folder in folders[-1]:
                files.add(folder / "documents.jsonl")
    with folder_written_atomically(out / "rejected") as new:
        new.mkdir()
        for step in steps:
            with _Files(new / step, file_mb) as files:
                for folder in chain.from_iterable(folders):
                    files.add(folder / f"rejected-{step}.jsonl")
    counted = [*chain.from_iterable(folders), *([out / "work" / "copies"] if len(halves) == 2 else [])]
    return reduce(merged, map(tally_of, counted))


class _Files:
    """Lines in files 00000.jsonl, 00001.jsonl, … of a folder, each of about ``mb``; without lines there is none."""

    def __init__(self, folder: Path, mb: float) -> None:
        self.folder, self.limit = folder, mb * 1e6
        self._file: IO[bytes] | None = None
        self._number = self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file:
            self._file.close()

    def add(self, lines: Path) -> None:
        """Append the lines of a file, where it exists."""
        if not lines.exists():
            return
        with lines.open("rb") as source:
            for line in source:
                if self._file is None or self._size + len(line) > self.limit and self._size:
                    self._next()
                self._file.write(line)  # type: ignore[union-attr]
                self._size += len(line)

    def _next(self) -> None:
        if self._file:
            self._file.close()
        self.folder.mkdir(exist_ok=True)
        self._file, self._size = (self.folder / f"{self._number:05}.jsonl").open("wb"), 0
        self._number += 1
