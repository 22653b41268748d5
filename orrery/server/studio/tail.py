"""Reads a run's event log while it is written: each event once, in order, from any place on.

    tail = Tail(Path("runs/speedrun"), after=812)
    tail.poll()                     # the events 813, 814, … that are there by now; then those that have come since

The log only grows (orrery/training/events.py), so the place of a reader is a number of bytes: nothing is kept in
memory, and a reader that is slow, or went away for a while, finds in the file what it has not seen. A last line that is
still being written, or was torn by a kill, waits for its end.
"""

import json
from pathlib import Path
from typing import BinaryIO

from orrery.errors import RunError
from orrery.training.events import FILE, Event

MOST_BYTES = 2**18  # that one `poll` reads, unless a single line is longer


class Tail:
    """One reader's place in the log of the run in `folder`.

    Attributes:
        seq: of the last event that was given; -1 before the first.
        restarted: the last `poll` began anew, because the log is another one than before: its run was removed and made
            again, or a power cut took events that a reader had seen. Readers then drop what they have.
    """

    def __init__(self, folder: Path, after: int = -1) -> None:
        self.path = folder / FILE
        self.seq, self.restarted = after, False
        self._offset: int | None = 0 if after < 0 else None  # None: to be looked for
        self._inode: int | None = None

    def poll(self) -> list[Event]:
        """What has come since, about `MOST_BYTES` at most; nothing where there is no log (yet).

        Raises:
            RunError: a whole line is not an event.
        """
        self.restarted = False
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return []
        if found.st_ino == self._inode and found.st_size == self._offset:
            return []
        with self.path.open("rb") as file:
            self._find_place(file, found.st_size, found.st_ino)
            assert self._offset is not None
            file.seek(self._offset)
            raw = file.read(MOST_BYTES)
            if b"\n" not in raw:
                raw += file.readline()
        raw = raw[: raw.rfind(b"\n") + 1]
        self._offset += len(raw)
        events = [_event(line, self.path) for line in raw.splitlines()]
        if events:
            self.seq = events[-1]["seq"]
        return events

    def _find_place(self, file: BinaryIO, size: int, inode: int) -> None:
        """Set the offset where it is not known, or no longer right."""
        replaced = self._inode not in (None, inode) or (self._offset is not None and size < self._offset)
        self._inode = inode
        if self._offset is None:
            self._offset = offset_after(file, size, self.seq)
            replaced = self.seq > _seq_before(file, self._offset)
        if replaced:
            self.restarted, self._offset, self.seq = True, 0, -1


def offset_after(file: BinaryIO, size: int, seq: int) -> int:
    """Where the first line begins whose event comes after `seq`, in a log of `size` bytes: a binary search."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        file.seek(max(0, middle - 1))
        if middle:
            file.readline()  # to the beginning of a line
        start, line = file.tell(), file.readline()
        if start >= high or not line.endswith(b"\n") or json.loads(line)["seq"] > seq:
            high = middle
        else:
            low = start + len(line)
    return low


def _seq_before(file: BinaryIO, offset: int) -> int:
    """The number of the event whose line ends at `offset`; -1 at the beginning."""
    step = 2**12
    while offset:
        start = max(0, offset - step)
        file.seek(start)
        lines = file.read(offset - start).splitlines()
        if len(lines) > 1 or start == 0:
            return int(json.loads(lines[-1])["seq"])
        step *= 2
    return -1


def _event(line: bytes, path: Path) -> Event:
    try:
        event: Event = json.loads(line)
        event["seq"], event["stage"], event["step"], event["kind"], event["values"]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} has a line that is not an event; remove it to go on: {line[:80]!r}") from error
    return event
