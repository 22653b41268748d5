r"""Lists, menus and other pages of broken lines: FineWeb's own filters (Penedo et al. 2024, arXiv 2406.17557, 3.6).

    FineWebQuality().apply(Document("Home\nNews"))     # Reject("lines_without_punctuation", "0.00 have it, above 0.12")

The shares at which a document goes are the paper's. Empty lines are left out, and space at a line's end is not looked
at. The code that made FineWeb (datatrove) cuts at 0.01 instead of 0.1 of characters in repeated lines, and has a
fourth rule that the paper does not name, 0.3 line breaks a word, which is taken over here: it finds lists.
"""

from dataclasses import dataclass
from typing import ClassVar

from orrery.data.documents import Document
from orrery.data.pipeline.repetition import repeated
from orrery.data.pipeline.step import Reject
from orrery.data.pipeline.words import words_of

ENDS = (".", "?", "!", '"', "'")


@dataclass(frozen=True)
class FineWebQuality:
    """FineWeb's limits.

    Attributes:
        punctuated_lines: a document goes if at most this share of its lines ends in punctuation.
        repeated_line_characters: it goes if at least this share of its characters is in repeats of a line.
        short_lines: it goes if at least this share of its lines is short.
        short_line: characters of a line that is short, at most.
        breaks: it goes if there are more line breaks a word than this.
    """

    name: ClassVar[str] = "fineweb_quality"
    punctuated_lines: float = 0.12
    repeated_line_characters: float = 0.1
    short_lines: float = 0.67
    short_line: int = 30
    breaks: float = 0.3

    def apply(self, document: Document) -> Document | Reject:
        text = document.text
        lines = [line for line in map(str.rstrip, text.split("\n")) if line]
        if not lines:
            return Reject("empty")
        share = sum(line.endswith(ENDS) for line in lines) / len(lines)
        if share <= self.punctuated_lines:
            return Reject("lines_without_punctuation", f"{share:.2f} have it, above {self.punctuated_lines}")
        share = sum(len(line) <= self.short_line for line in lines) / len(lines)
        if share >= self.short_lines:
            return Reject("short_lines", f"{share:.2f}, below {self.short_lines}")
        share = repeated(lines)[1] / sum(map(len, lines))
        if share >= self.repeated_line_characters:
            return Reject("repeated_line_characters", f"{share:.2f}, below {self.repeated_line_characters}")
        share = text.count("\n") / len(words_of(text).all)
        if share > self.breaks:
            return Reject("line_breaks", f"{share:.2f} a word, at most {self.breaks}")
        return document
