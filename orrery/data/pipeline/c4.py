"""Lines and pages that are no text: the rules of C4 (Raffel et al. 2020, arXiv 1910.10683, section 2.2).

    C4Quality().apply(Document("lorem ipsum dolor sit amet"))       # Reject("lorem_ipsum")

Lines go that hold too few words or an endless one, the word JavaScript, or a policy's phrases; citation marks as in
Wikipedia go from the lines that stay. Pages go that hold "lorem ipsum" or a curly bracket in such a line, or that are
left with too few sentences. The defaults are FineWeb's (arXiv 2406.17557, section 3.5): all but the rule that a line
must end in punctuation, which alone costs about 30% of the text; 5 sentences and lines of 3 words, as datatrove has
them, where C4's published code asks for 3 sentences and lines of 5 words. The policy phrases, the endless word and the
citations are not in the paper but in that code. The paper's list of bad words is left out, as FineWeb left it out.
"""

import re
from dataclasses import dataclass, replace
from typing import ClassVar

from orrery.data.documents import Document
from orrery.data.pipeline.step import Reject

CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
ENDS = (".", "?", "!", '"', "'")
SENTENCE_END = re.compile(r"(?<!\b[A-Z])[.!?]+[\"'”’)\]]*(?:\s+|$)")
POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")


@dataclass(frozen=True)
class C4Quality:
    """C4's rules; the document that goes on has only the lines that are kept.

    Attributes:
        terminal_punctuation: whether lines that do not end in ``.``, ``?``, ``!`` or a quotation mark go.
        min_sentences: in the lines that are left.
        min_line_words: in a line.
        max_word_length: characters of the longest word of a line.
    """

    name: ClassVar[str] = "c4_quality"
    terminal_punctuation: bool = False
    min_sentences: int = 5
    min_line_words: int = 3
    max_word_length: int = 1000

    def apply(self, document: Document) -> Document | Reject:
        whole = document.text.lower()
        lorem, javascript = "lorem ipsum" in whole, "javascript" in whole  # most pages have none: no line is asked then
        policy = any(phrase in whole for phrase in POLICIES)
        bracket, citation = "{" in whole, "[" in whole
        kept = []
        sentences = 0
        for line in document.text.splitlines():
            line = line.strip()
            if len(line) > self.max_word_length and max(map(len, line.split())) > self.max_word_length:
                continue
            words = len(line.split(None, self.min_line_words - 1))
            if citation:
                line = CITATION.sub("", line)
            if self.terminal_punctuation and (not line.endswith(ENDS) or line.endswith("...")):
                continue
            if words < self.min_line_words:
                continue
            lower = line.lower() if lorem or javascript or policy else ""
            if lorem and "lorem ipsum" in lower:
                return Reject("lorem_ipsum")
            if javascript and "javascript" in lower:
                continue
            if bracket and "{" in line:
                return Reject("curly_bracket")
            if policy and any(phrase in lower for phrase in POLICIES):
                continue
            if sentences < self.min_sentences:
                sentences += count_sentences(line)
            kept.append(line)
        if sentences < self.min_sentences:
            return Reject("too_few_sentences", f"{sentences}, at least {self.min_sentences}")
        text = "\n".join(kept).strip()
        return document if text == document.text else replace(document, text=text)


def count_sentences(line: str) -> int:
    """Sentences of a line: what ends in a stop (an initial's is none), and what is left after the last."""
    ends = 0
    last = 0
    for match in SENTENCE_END.finditer(line):
        ends += 1
        last = match.end()
    return ends + (last < len(line))
