"""Cleaning: planted junk goes, whatever else a world writes stays, and the report says what went and why."""

import doctest
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pytest

from orrery.data.documents import Document
from orrery.data.world import clean
from orrery.data.world.choice import Choice
from orrery.data.world.clean import Cleaner, fault
from orrery.data.world.generate import GENRES
from orrery.data.world.genres import junk
from orrery.data.world.world import World

COUNT = 3000
# What each planted kind should go for. A near copy may stay: finding it is not this filter's work.
REASONS = {
    "boilerplate": "boilerplate", "spam": "spam", "other language": "other language", "email": "private data",
    "telephone": "private data", "card": "private data", "network address": "private data",
}  # fmt: skip


@cache
def world() -> World:
    return World()


@cache
def planted() -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for seed in range(2 * COUNT):
        page = junk.write(world(), Choice(seed))
        found[page.provenance["planted"]].append(page.text)
    return found


def documents(texts: list[str]) -> list[Document]:
    return [Document(text, id=str(n)) for n, text in enumerate(texts)]


@pytest.mark.parametrize("kind", REASONS)
def test_19_of_20_planted_pages_of_a_kind_go_for_the_right_reason(kind: str) -> None:
    texts = planted()[kind]
    assert len(texts) > 50
    assert sum(fault(text) == REASONS[kind] for text in texts) >= 0.95 * len(texts)


def test_every_copy_but_the_first_goes() -> None:
    texts = planted()["exact copy"]
    cleaner = Cleaner()
    kept = [document.text for document in cleaner.clean(documents(texts))]
    assert kept == list(dict.fromkeys(texts))
    assert cleaner.report.removed == Counter(copy=len(texts) - len(set(texts)))
    assert len(kept) < len(texts) / 2


def test_numbers_that_only_look_like_cards_stay() -> None:
    assert len(planted()["order number"]) > 50
    assert not any(map(fault, planted()["order number"]))


@pytest.mark.parametrize("genre", [name for name in GENRES if name != "junk"])
def test_at_most_one_page_in_100_of_an_honest_genre_goes(genre: str) -> None:
    texts = [GENRES[genre](world(), Choice(seed)).text for seed in range(COUNT)]
    cleaner = Cleaner()
    assert sum(1 for _ in cleaner.clean(documents(texts))) >= 0.99 * COUNT, cleaner.report.text()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Mira writes from mira.tolan@belford.example every day.", "private data"),
        ("Call (555) 555-0123 after lunch.", "private data"),
        ("Call +1 212 555 0123 after lunch.", "private data"),
        ("The server is at 192.0.2.17 now.", "private data"),
        ("Paid with 4111 1111 1111 1111 last week.", "private data"),
        ("Paid with 4111 1111 1111 1112 last week.", None),
        ("Version 2.0.1 came in 2014, after 1999 and 2003.", None),
        ("12345 + 67890 = 80235. 1000000 * 1000000 = 1000000000000.", None),
        ("Meet me @ noon.", None),
        ("We use cookies. Sign in to read more. All rights reserved.", "boilerplate"),
        ("She sold nine cookies and had three left.", None),
        ("BUY NOW! Click here! It is $$$ cheap.", "spam"),
        ("cheap blue hats " * 8, "spam"),
        ("A b c d e f g h i j k l m n o p q r s t u v w x y z.", None),
        ("Der Mann und die Frau sind nicht im Haus.", "other language"),
        ("The people of Los Angeles and Las Vegas say that it is warm there.", None),
        ("*** --- ### *** --- ### ok", "symbols"),
        ("word[0] = x", None),
        ("", None),
    ],
)
def test_the_rules_by_example(text: str, reason: str | None) -> None:
    assert fault(text) == reason


def test_the_rules_do_not_care_about_genre_or_provenance() -> None:
    text = "The cat sat on the mat."
    (kept,) = Cleaner().clean([Document(text, genre="junk", provenance={"planted": "spam"})])
    assert kept.text == text


def test_documents_stay_in_order_and_unchanged_and_stream() -> None:
    texts = ["One fine day.", "Write to a@b.example.", "Two fine days.", "One fine day.", "Three fine days."]
    given = documents(texts)
    cleaner = Cleaner()
    stream = cleaner.clean(iter(given))
    assert next(stream) is given[0]
    assert cleaner.report.kept == 1 and not cleaner.report.removed  # nothing is read ahead
    assert list(stream) == [given[2], given[4]]


def test_the_report_counts_and_shows_what_went() -> None:
    given = documents([f"Write to a{n}@b.example." for n in range(5)] + ["Good.", "Good.", "Better."])
    cleaner = Cleaner()
    kept = list(cleaner.clean(given))
    report = cleaner.report
    assert report.kept == len(kept) == 2
    assert report.removed == {"private data": 5, "copy": 1}
    assert report.examples == {"private data": given[:3], "copy": [given[6]]}
    assert report.text().splitlines() == [
        "kept 2 of 8 documents",
        "         5 private data: Write to a0@b.example.",
        "         1 copy: Good.",
    ]


def test_a_second_stream_is_compared_with_the_first() -> None:
    cleaner = Cleaner()
    assert len(list(cleaner.clean(documents(["Once upon a time."])))) == 1
    assert list(cleaner.clean(documents(["Once upon a time."]))) == []


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(clean).failed == 0


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "blank"), [("wikitext2_valid.txt", "\n"), ("tinyshakespeare.txt", "\n\n")])
def test_at_most_1_paragraph_in_100_of_real_books_goes(real_data: Path, name: str, blank: str) -> None:
    paragraphs = [text for text in (real_data / name).read_text(encoding="utf-8").split(blank) if len(text) > 100]
    assert len(paragraphs) > 1000
    gone = [(reason, text) for text in paragraphs if (reason := fault(text))]
    assert len(gone) <= 0.01 * len(paragraphs), gone[:5]
