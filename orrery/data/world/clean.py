"""Simple quality filters and exact deduplication for documents.

    cleaner = Cleaner()
    kept = list(cleaner.clean(documents))
    print(cleaner.report.text())

Each rule looks at the text alone, is a line or two long, and gives the reason for which a document goes:

* ``private data``: a mail address, a telephone number, a network address, or a card number that passes its checksum.
  The whole document goes; nothing is blacked out.
* ``boilerplate``: cookie banners, log-in lines, footers; two marks in a text of few words.
* ``spam``: the phrases of advertisements, or one phrase of three words again and again.
* ``other language``: more words of German, French, Spanish or Latin grammar than of English grammar.
* ``symbols``: more signs than letters and digits.
* ``copy``: the very text of an earlier document, by hash.

What this leaves in: near copies (they want MinHash), errors of fact, bad prose. The rules are in the spirit of the
Gopher filters (Rae et al. 2021, appendix A.1.1), cut down to what short pages can bear: worksheets and spelling pages
repeat themselves for good reasons, so repetition counts only when a whole phrase makes up half of a text.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from orrery.data.documents import Document
from orrery.data.luhn import luhn_valid
from orrery.data.world.genres.words import block_table

EXAMPLES = 3  # kept for each reason, for a person to read
# Numbers that could be private; most texts have none, and need not be searched four times.
_LONG_NUMBER = re.compile(r"\d(?:\d\d[ .-]\d{4}|\.\d+\.\d|\d{3}[ -]?\d{4})")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_TELEPHONE = re.compile(r"(?<![\w.])(?:\+\d{1,3}[ .-])?(?:\(\d{3}\) |\d{3}[ .-])\d{3}[ .-]\d{4}(?!\w)")
_NETWORK = re.compile(r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.]\d)")
_CARD = re.compile(r"(?<!\d)\d{4}([ -]?)\d{4}\1\d{4}\1\d{4}(?!\d)")
_SIGN = re.compile(r"[^\w\s]")
# In lower case.
_BOILERPLATE = (
    "use cookies", "uses cookies", "all cookies", "cookie policy", "sign in", "sign up", "log in", "login",
    "create an account", "forgot password", "newsletter", "subscribe", "rights reserved", "privacy policy",
    "terms of use", "javascript", "your browser", "about us", "contact us", "sitemap", "back to top", "next page",
    "share this page", "print this page", "share on", "follow us", "did not load", "(c) 19", "(c) 20",
    "copyright 19", "copyright 20",
)  # fmt: skip
_SPAM = (
    "buy now", "click here", "order now", "act now", "only today", "limited offer", "best price", "win money",
    "100% free", "$$$", "no risk", "lose weight", "doctors hate", "get your prize", "from home with", "for free",
)  # fmt: skip
_GRAMMAR = block_table("words_grammar.txt")
_ENGLISH = frozenset(_GRAMMAR["english"].one("words"))
_FOREIGN = frozenset(word for name, block in _GRAMMAR.items() if name != "english" for word in block.one("words"))


@dataclass
class CleanReport:
    """What went and why: counts by reason, the first documents for each, and how many were kept."""

    kept: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Document]] = field(default_factory=dict)

    def text(self) -> str:
        """The counts, with an example for each reason, for the terminal."""
        total = self.kept + self.removed.total()
        lines = [f"kept {self.kept:,} of {total:,} documents"]
        for reason, count in self.removed.most_common():
            shown = self.examples[reason][0].text.replace("\n", " / ")
            lines.append(f"  {count:>8,} {reason}: {shown[:80]}{'…' if len(shown) > 80 else ''}")
        return "\n".join(lines)


class Cleaner:
    """Cleans one stream of documents, or several in turn: ``report`` and the memory for copies go on.

    Attributes:
        report: what went so far.
    """

    def __init__(self) -> None:
        self.report = CleanReport()
        self._seen: set[bytes] = set()

    def clean(self, documents: Iterable[Document]) -> Iterator[Document]:
        """The documents that stay, in order, unchanged."""
        for document in documents:
            reason = fault(document.text) or self._copy(document.text)
            if reason is None:
                self.report.kept += 1
                yield document
                continue
            self.report.removed[reason] += 1
            examples = self.report.examples.setdefault(reason, [])
            if len(examples) < EXAMPLES:
                examples.append(document)

    def _copy(self, text: str) -> str | None:
        digest = hashlib.blake2b(text.strip().encode(), digest_size=16).digest()
        if digest in self._seen:
            return "copy"
        self._seen.add(digest)
        return None


def fault(text: str) -> str | None:
    """The first reason for which a text should go, by the text alone; None when it may stay.

    >>> fault("The cat sat on the mat."), fault("Write to mira@belford.example!")
    (None, 'private data')
    """
    if has_private_data(text):
        return "private data"
    lower = text.lower()
    words = lower.split()
    for reason, has_it in _RULES:
        if has_it(lower, words):
            return reason
    return None


def has_private_data(text: str) -> bool:
    """A mail address, a telephone number, a network address, or a card number that passes its checksum."""
    if "@" in text and _EMAIL.search(text):
        return True
    if not _LONG_NUMBER.search(text):
        return False
    if _TELEPHONE.search(text) or _NETWORK.search(text):
        return True
    return any(luhn_valid(re.sub(r"\D", "", found[0])) for found in _CARD.finditer(text))


def is_boilerplate(lower: str, words: list[str]) -> bool:
    """Two marks of boilerplate, and at least one in every 25 words."""
    marks = sum(map(lower.count, _BOILERPLATE))
    return marks >= 2 and len(words) <= 25 * marks


def is_spam(lower: str, words: list[str]) -> bool:
    """Two marks of advertisements in few words, or a phrase of three words that makes up half of the text."""
    marks = sum(map(lower.count, _SPAM))
    if marks >= 2 and len(words) <= 25 * marks:
        return True
    if len(words) < 15 or len(set(words)) > len(words) / 2:
        return False
    times = Counter(zip(words, words[1:], words[2:], strict=False)).most_common(1)[0][1]
    return times >= 5 and 3 * times > len(words) / 2


def is_other_language(lower: str, words: list[str]) -> bool:
    """One word in eight is of foreign grammar, two different ones at least, and fewer are of English grammar."""
    if len(_FOREIGN.intersection(words)) < 2:
        return False
    foreign = sum(word in _FOREIGN for word in words)
    return 8 * foreign >= len(words) and foreign > sum(word in _ENGLISH for word in words)


def is_symbols(lower: str, words: list[str]) -> bool:
    """More signs than letters and digits."""
    return 2 * len(_SIGN.findall(lower)) > sum(map(len, words))


_RULES: tuple[tuple[str, Callable[[str, list[str]], bool]], ...] = (
    ("boilerplate", is_boilerplate),
    ("spam", is_spam),
    ("other language", is_other_language),
    ("symbols", is_symbols),
)
