"""What a finished build got right, by the truth about the crawl that it read (`orrery data crawl` writes both).

    print(render(score(Path("clean"), Path("crawl.truth.jsonl"))))      # `truth_tables.py`

Steps. The truth names one step for every bad page. *Found* are the pages that should have gone by the end of a step and
had gone, there or before: pages with several faults go early, which is no fault of the later step. *Precision* is the
share of bad pages among those that the step rejected, whatever is bad about them; *recall* is that of *found*. For
near-duplicates both are of copies: rejecting a page as a copy is right when its original is of the same cluster, and of
every cluster all pages that came so far but one should go.

Main text. What is left is compared with the true text as bags of lower-case words (``\\w+``): precision is the share of
words that belong there, recall the share of words of the true text that are left. Both are means over all pages worth
reading that came through the extraction, as they were when they left the pipeline, so lines that a later step took out
count as lost.

Private data. Of the strings planted in pages that were kept, those are looked at whose sentence is still there.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orrery.errors import DataError

SOURCE = "source"  # the step of what is no page; the reader passes it over and writes nothing
EXTRACTION = "extract"
COPIES = "minhash"
KEYS = ("url", "kind", "step", "good", "cluster", "look", "text", "planted")  # of the truth, that are looked at
EXAMPLES = 3  # good pages shown for each rule that took some
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class StepScore:
    """What one step did.

    Attributes:
        step: its name.
        wanted: pages that the truth gives to this step.
        here: of these, how many it rejected.
        found: of these, how many were gone when it was done, by its hand or an earlier one.
        rejected: pages that it rejected.
        bad: of the rejected, how many are bad for any reason; near-duplicates: how many are copies of their original.
    """

    step: str
    wanted: int
    here: int
    found: int
    rejected: int
    bad: int

    @property
    def precision(self) -> float | None:
        """Share of bad pages among those rejected; None where none was."""
        return self.bad / self.rejected if self.rejected else None

    @property
    def recall(self) -> float | None:
        """Share of the wanted that were gone in time; None where none was wanted."""
        return self.found / self.wanted if self.wanted else None


@dataclass(frozen=True)
class KindScore:
    """How many pages of a kind there are, whether they are good, and how many were kept."""

    kind: str
    good: bool
    pages: int
    kept: int


@dataclass(frozen=True)
class SpanScore:
    """Planted strings of one kind in kept pages.

    Attributes:
        kind: email, phone, ip, card or key.
        removed, missed: private ones that are gone, and that are still there.
        kept, lost: harmless ones that are still there, and that are gone.
        replaced: strings that the build says it took for this kind, planted or not.
    """

    kind: str
    removed: int = 0
    missed: int = 0
    kept: int = 0
    lost: int = 0
    replaced: int = 0


@dataclass(frozen=True)
class TextScore:
    """The main text of the pages of sites of one look.

    Attributes:
        look: of the sites.
        good: good pages there are.
        kept: of these, how many came through.
        pages: worth reading and past the extraction: the next three are means over them.
        precision, recall, f1: of the words.
    """

    look: str
    good: int
    kept: int
    pages: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Loss:
    """Good pages that one rule rejected: how many, and some of them as (address, kind of page, detail)."""

    step: str
    rule: str
    pages: int
    examples: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Truth:
    """Everything that the truth says about a build.

    Attributes:
        steps: in their order.
        kinds: kinds of good pages, then of bad ones.
        losses: rules that rejected good pages, the costliest first.
        spans: of private data, by kind.
        texts: main text over all looks of sites ("all") and for each of them.
        unknown: documents of the build about which the truth says nothing.
    """

    steps: tuple[StepScore, ...]
    kinds: tuple[KindScore, ...]
    losses: tuple[Loss, ...]
    spans: tuple[SpanScore, ...]
    texts: tuple[TextScore, ...]
    unknown: int = 0


@dataclass
class _Page:
    """The truth about a page, and what became of it; ``end`` is the step that rejected it, "" where it was kept."""

    true: dict[str, Any]
    end: str
    rule: str = ""
    detail: str = ""
    text: str = ""
    replaced: dict[str, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        return bool(self.true["good"])

    @property
    def worth_reading(self) -> bool:
        """Its text is real: a good page, a copy of one, or one with a question of an exam in it."""
        return self.good or self.true["step"] in (COPIES, "decontaminate")


@dataclass
class _Build:
    pages: list[_Page]
    unknown: int
    by_id: dict[str, _Page] = field(default_factory=dict)


def score(build: Path, truth: Path) -> Truth:
    """Measure a finished build.

    Args:
        build: its folder, with ``documents/*.jsonl``, ``rejected/STEP/*.jsonl``, and ``build.json`` for the order.
        truth: the truth about the crawl that it read.

    Raises:
        DataError: the truth cannot be read or is about another crawl, or the build is not finished.
    """
    if not (build / "build.json").exists() or not (build / "documents").exists():
        raise DataError(f"{build} is not a finished build: give the folder that `orrery data build` wrote")
    steps: list[str] = json.loads((build / "build.json").read_text(encoding="utf-8"))["order"]
    read = _read(build, truth)
    order = {step: place for place, step in enumerate((SOURCE, *steps), 1)} | {"": len(steps) + 2}
    scores = [_of_copies(read, order) if step == COPIES else _of_step(read, order, step) for step in (SOURCE, *steps)]
    kinds: dict[tuple[bool, str], list[int]] = defaultdict(lambda: [0, 0])
    by_look: dict[str, list[_Page]] = defaultdict(list)
    for page in read.pages:
        if page.worth_reading:
            by_look[page.true["look"]].append(page)
        kinds[not page.good, page.true["kind"]][0] += 1
        kinds[not page.good, page.true["kind"]][1] += page.end == ""
    return Truth(
        tuple(one for one in scores if one.wanted or one.rejected),
        tuple(KindScore(kind, not bad, *counts) for (bad, kind), counts in sorted(kinds.items())),
        _losses(read.pages),
        _spans(read.pages),
        (_texts("all", read.pages, order), *(_texts(look, by_look[look], order) for look in sorted(by_look))),
        read.unknown,
    )


def overlap(text: str, true: str) -> tuple[float, float, float]:
    """Precision, recall and F1 of a text's words, as bags, against those of the true text.

    >>> overlap("Home. The cat sat.", "The cat sat there.")
    (0.75, 0.75, 0.75)
    """
    found, wanted = Counter(_WORD.findall(text.lower())), Counter(_WORD.findall(true.lower()))
    common = (found & wanted).total()
    if not common:
        return 0.0, 0.0, 0.0
    return common / found.total(), common / wanted.total(), 2 * common / (found.total() + wanted.total())


def _read(build: Path, truth: Path) -> _Build:
    try:
        rows = [{key: row[key] for key in KEYS} for row in map(json.loads, truth.open(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{truth} is not the truth about a crawl: give the file that `orrery data crawl` wrote"
        ) from error
    pages = {row["url"]: _Page(row, SOURCE) for row in rows}
    read = _Build(list(pages.values()), 0)
    for row in _rows(build):
        page = pages.get(row.get("provenance", {}).get("url", ""))
        if page is None:
            read.unknown += 1
            continue
        why = row.get("rejected", {"step": "", "rule": "", "detail": ""})
        page.end, page.rule, page.detail, page.text = why["step"], why["rule"], why["detail"], row["text"]
        page.replaced = row["provenance"].get("private", {})
        read.by_id[row["id"]] = page
    if not read.by_id:
        raise DataError(f"{truth} says nothing about the pages in {build}: it belongs to another crawl")
    return read


def _rows(build: Path) -> Iterator[dict[str, Any]]:
    for file in (*sorted(build.glob("documents/*.jsonl")), *sorted(build.glob("rejected/*/*.jsonl"))):
        with file.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def _of_step(read: _Build, order: dict[str, int], step: str) -> StepScore:
    wanted = [page for page in read.pages if page.true["step"] == step]
    rejected = [page for page in read.pages if page.end == step]
    return StepScore(
        step,
        len(wanted),
        sum(page.end == step for page in wanted),
        sum(order[page.end] <= order[step] for page in wanted),
        len(rejected),
        sum(not page.good for page in rejected),
    )


def _of_copies(read: _Build, order: dict[str, int]) -> StepScore:
    """All but one of the pages of every cluster that came so far should go."""
    clusters: dict[int, list[_Page]] = defaultdict(list)
    for page in read.pages:
        if page.true["cluster"] is not None:
            clusters[page.true["cluster"]].append(page)
    reached = [[page for page in pages if order[page.end] >= order[COPIES]] for pages in clusters.values()]
    wanted = sum(max(len(pages) - 1, 0) for pages in reached)
    found = sum(min(sum(page.end == COPIES for page in pages), max(len(pages) - 1, 0)) for pages in reached)
    rejected = [page for page in read.pages if page.end == COPIES]
    right = 0
    for page in rejected:
        original = read.by_id.get(page.detail.removeprefix("of "))
        same = original is not None and page.true["cluster"] == original.true["cluster"] is not None
        right += same or not page.worth_reading  # two pages of one spammer are copies too
    return StepScore(COPIES, wanted, found, found, len(rejected), right)


def _texts(look: str, pages: Sequence[_Page], order: dict[str, int]) -> TextScore:
    extracted = [page for page in pages if page.worth_reading and order[page.end] > order.get(EXTRACTION, 0)]
    overlaps = [overlap(page.text, page.true["text"]) for page in extracted]
    means = [sum(values) / len(overlaps) for values in zip(*overlaps, strict=True)] if overlaps else [0.0, 0.0, 0.0]
    good = [page for page in pages if page.good]
    return TextScore(look, len(good), sum(page.end == "" for page in good), len(overlaps), *means)


def _losses(pages: Sequence[_Page]) -> tuple[Loss, ...]:
    lost: dict[tuple[str, str], list[_Page]] = defaultdict(list)
    for page in pages:
        if page.good and page.end:
            lost[page.end, page.rule].append(page)
    return tuple(
        Loss(
            step,
            rule,
            len(some),
            tuple((page.true["url"], page.true["kind"], page.detail) for page in some[:EXAMPLES]),
        )
        for (step, rule), some in sorted(lost.items(), key=lambda item: (-len(item[1]), item[0]))
    )


def _spans(pages: Sequence[_Page]) -> tuple[SpanScore, ...]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for page in pages:
        if page.end:
            continue
        for kind, number in page.replaced.items():
            counts[kind]["replaced"] += number
        for planted in page.true["planted"]:
            there = planted["text"] in page.text
            if not there and not _sentence_is_left(page, planted["text"]):
                continue
            names = ("kept", "lost") if planted["harmless"] else ("missed", "removed")
            counts[planted["kind"]][names[not there]] += 1
    return tuple(SpanScore(kind, **count) for kind, count in sorted(counts.items()))


def _sentence_is_left(page: _Page, string: str) -> bool:
    """Whether the words before the string, or after it, still stand in the text: only the string is gone then."""
    before, _, after = page.true["text"].partition(string)
    return " ".join(before.split()[-3:]) in page.text or " ".join(after.split()[:3]) in page.text
