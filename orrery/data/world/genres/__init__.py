"""The eleven genres, one file each, which exposes ``write(world, choice) -> Page``.

``reading.py`` is a part of copying, ``deeds.py`` of dialogue; ``draws.py`` and ``words.py`` are what they share.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Page:
    """What a genre writes: a text and what is known about it.

    Attributes:
        text: the document, without a newline at its end.
        provenance: what a reader may want to check (kind of page, operands, names made up, junk planted).
        facts: indices into ``world.facts`` of the facts that the text states, once for each time it states them.
    """

    text: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    facts: tuple[int, ...] = ()
