"""The unit of text that every source yields and every later step reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Document:
    """One text with what is known about it.

    Attributes:
        text: the document itself.
        genre: what kind of text it is; losses are reported by genre.
        id: where it came from (``world/train/17``, ``notes.txt:3``), unique within its source.
        bits: the floor: entropy in bits of the choices that made it, given the world; None for real text.
        provenance: facts stated, files read, what was planted; anything that a reader may want to check.
    """

    text: str
    genre: str = "text"
    id: str = ""
    bits: float | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
