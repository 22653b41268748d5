"""The genres other than encyclopedia and forum: their pages are well formed, varied and free of what exams keep.

That the answers, sums, letters and programs in them are right is checked in ``test_genres_truth.py``.
"""

import doctest
import importlib
import re
from collections import Counter
from functools import cache

import pytest

from orrery.data.world.choice import Choice
from orrery.data.world.genres import (
    Page,
    code,
    copying,
    dialogue,
    draws,
    howto,
    junk,
    news,
    spelling,
    story,
    words,
    worksheet,
)
from orrery.data.world.splits import mentions_exam_pair
from orrery.data.world.world import World
from orrery.errors import DataError

GENRES = {
    "howto": howto, "story": story, "dialogue": dialogue, "copying": copying, "worksheet": worksheet,
    "spelling": spelling, "news": news, "code": code, "junk": junk,
}  # fmt: skip
HONEST = [name for name in GENRES if name != "junk"]
COUNT = 2500  # pages of each genre: 22,500 in all
RESERVED = ("<|", "|>", "<think>", "</think>", "<tool_call>", "</tool_call>")


@cache
def world() -> World:
    return World()


@cache
def pages(name: str) -> list[Page]:
    return [GENRES[name].write(world(), Choice(seed)) for seed in range(COUNT)]


def kinds(name: str, kind: str) -> list[Page]:
    found = [page for page in pages(name) if page.provenance.get("kind", page.provenance.get("planted")) == kind]
    assert found, f"no {kind} among {COUNT} pages of {name}"
    return found


# Every genre


@pytest.mark.parametrize("name", GENRES)
def test_a_page_is_a_pure_function_of_world_and_seed(name: str) -> None:
    again = World()
    for seed in range(100):
        choice = Choice(seed)
        assert GENRES[name].write(again, choice) == pages(name)[seed]
        assert 0 < choice.bits < 8 * len(pages(name)[seed].text)


@pytest.mark.parametrize("name", GENRES)
def test_pages_have_text_no_open_slot_and_no_reserved_string(name: str) -> None:
    for page in pages(name):
        assert page.text and page.text == page.text.strip(), page.text
        assert not re.search(r"\{\w*\}", page.text), page.text
        assert not any(string in page.text for string in RESERVED), page.text
        assert "  " not in re.sub(r"(?m)^ +", "", page.text), page.text  # only programs are indented
        assert page.facts == ()


@pytest.mark.parametrize("name", GENRES)
def test_19_of_20_pages_have_less_than_900_characters(name: str) -> None:
    lengths = sorted(len(page.text) for page in pages(name))
    assert lengths[int(0.95 * COUNT)] < 900
    assert lengths[0] >= 20


@pytest.mark.parametrize("name", HONEST)
def test_operands_kept_for_exams_never_occur(name: str) -> None:
    assert not [page.text for page in pages(name) if mentions_exam_pair(page.text)]


@pytest.mark.parametrize("name", HONEST)
def test_nine_in_ten_pages_are_unlike_every_other(name: str) -> None:
    assert len({page.text for page in pages(name)}) > 0.99 * COUNT


@pytest.mark.parametrize("name", ["howto", "story", "dialogue", "copying", "news"])
def test_a_and_an_are_right(name: str) -> None:
    for page in pages(name):
        if page.provenance.get("kind") in ("echo", "lookup", "ends"):
            continue  # words in a row, no sentences
        for article, word in re.findall(r"\b([Aa]n?) (\w+)", page.text):
            wants_an = word[0].lower() in "aeiou" and word != "one" or word == "hour"
            assert (article.lower() == "an") == wants_an, f"{article} {word}: {page.text}"


@pytest.mark.parametrize("name", HONEST)
def test_made_up_people_are_from_the_throwaway_part(name: str) -> None:
    names = world().names
    fresh = set(names.words["person"]["fresh"])
    given = set(names.given)
    for page in pages(name):
        for first, last in re.findall(r"\b([A-Z][a-z]+) ([A-Z][a-z]+)\b", page.text):
            if first in given and last not in given:
                assert last in fresh, f"{first} {last}: {page.text}"


@pytest.mark.parametrize("module", ["words", "draws", "spelling", "worksheet", "junk", "reading", "dialogue", "deeds"])
def test_examples_in_docstrings_hold(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"orrery.data.world.genres.{module}"))
    assert result.failed == 0


# How-to


def test_howto_steps_are_numbered_from_one() -> None:
    for page in pages("howto"):
        marks = re.findall(r"(?m)^(?:Step )?(\d+)[.:)] ", page.text)
        assert marks == [str(n) for n in range(1, page.provenance["steps"] + 1)], page.text
        assert page.provenance["title"] in page.text.splitlines()[0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("dialogue", {"people", "assistant", "deeds"}), ("copying", {"reading", "echo", "lookup", "ends", "sums"})],
)
def test_all_kinds_of_a_genre_are_written(name: str, expected: set[str]) -> None:
    counted = Counter(page.provenance["kind"] for page in pages(name))
    assert set(counted) == expected and min(counted.values()) > 0.02 * COUNT


def test_every_task_and_plot_and_event_is_written() -> None:
    assert {page.provenance["task"] for page in pages("howto")} == {task.name for task in howto.TASKS}
    assert {page.provenance["plot"] for page in kinds("story", "story")} == {plot.name for plot in story.PLOTS}
    assert {page.provenance["event"] for page in pages("news")} == {event.name for event in news.EVENTS}
    assert len(howto.TASKS) >= 20 and len(story.PLOTS) >= 10 and len(news.EVENTS) >= 10 and len(story.JOKES) >= 50


# Stories


def test_the_child_of_a_story_keeps_its_pronoun() -> None:
    his, hers = {"he", "him", "his"}, {"she", "her"}
    for page in kinds("story", "story"):
        said = set(re.findall(r"\w+", page.text.lower()))
        helper_pronoun = dict((re.sub(r"\{his\} ", "", who), it) for who, it in story._HELPERS)
        helper = re.sub(r"^(his|her) ", "", page.provenance["helper"])
        wrong = hers if page.provenance["child"] == "boy" else his
        allowed = {helper_pronoun[helper]}
        assert not (said & wrong) - allowed, page.text
        assert page.provenance["name"] in page.text and page.provenance["helper"] in page.text.lower()


def test_what_the_provenance_of_a_story_names_stands_in_it() -> None:
    for page in kinds("story", "story"):
        for slot in ("thing", "animal", "place", "spot", "trait", "home"):
            assert page.provenance.get(slot, "") in page.text


def test_jokes_are_told_whole_and_on_their_topic() -> None:
    for page in kinds("story", "joke"):
        for topic, question, answer in page.provenance["jokes"]:
            assert f"\n{question}\n{answer}" in page.text and topic in page.text


# Junk


def test_all_kinds_of_junk_are_planted() -> None:
    planted = {page.provenance["planted"] for page in pages("junk")}
    assert planted == {
        "boilerplate", "spam", "exact copy", "near copy", "other language", "email", "telephone", "card",
        "network address", "order number",
    }  # fmt: skip


def test_copies_recur_and_near_copies_differ_a_little() -> None:
    originals: dict[str, str] = {}
    copies = kinds("junk", "exact copy")
    for page in copies:
        assert originals.setdefault(page.provenance["source"], page.text) == page.text
    assert len(originals) < 0.7 * len(copies)
    for page in kinds("junk", "near copy"):
        original = originals.get(page.provenance["source"])
        if original is not None:
            difference = abs(len(original.split(" ")) - len(page.text.split(" ")))
            assert 0 <= difference <= page.provenance["changes"]


def test_private_data_is_of_the_harmless_ranges() -> None:
    for kind, pattern in {
        "email": r"[a-z.]+@[a-z]+\.example",
        "telephone": r".*555.01\d\d",
        "card": r"9999.?99.*",
        "network address": r"(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+",
    }.items():
        for page in kinds("junk", kind):
            assert re.fullmatch(pattern, page.provenance["value"]) and page.provenance["value"] in page.text


def test_card_numbers_pass_the_checksum_and_order_numbers_fail_it() -> None:
    def digits(page: Page) -> str:
        return re.sub(r"\D", "", page.provenance["value"])

    assert junk.luhn_valid("4111111111111111") and junk.luhn_valid("79927398713") and not junk.luhn_valid("79927398710")
    assert all(len(digits(page)) == 16 and junk.luhn_valid(digits(page)) for page in kinds("junk", "card"))
    assert all(len(digits(page)) == 16 and not junk.luhn_valid(digits(page)) for page in kinds("junk", "order number"))


# Tables and draws


def test_a_slot_is_drawn_once_and_only_when_it_is_shown() -> None:
    choice = Choice(0)
    slots = draws.Slots(choice, {"thing": ("owl", "cat", "ant", "dog"), "place": ("here", "there")}, {"name": "Mira"})
    assert choice.bits == 0
    text = "{name} has {a_thing}. {Thing}! A {thing}?".format_map(slots)
    assert choice.bits == 2
    thing = slots["thing"]
    assert text == f"Mira has {words.with_article(thing)}. {thing.capitalize()}! A {thing}?"
    with pytest.raises(KeyError, match="no slot"):
        "{nothing}".format_map(slots)


def test_refused_draws_cost_nothing() -> None:
    choice = Choice(3)
    assert draws.accepted(choice, lambda: choice.integer(1, 16), lambda n: n > 12) > 12
    assert choice.bits == 4


def test_people_of_one_page_share_no_name() -> None:
    for seed in range(300):
        people = draws.fresh_people(world(), Choice(seed), 6)
        assert len({word for name in people for word in name.split()}) == 12


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("title: a | b", "line 1: expected"),
        ("[a]\ntitle", "line 2: expected"),
        ("[a]\nt: x |", "line 2: expected"),
        ("[a]\nt: x\n\n[a]\n", "there twice"),
    ],
)
def test_a_broken_table_names_file_and_line(tmp_path, monkeypatch, content: str, message: str) -> None:
    (tmp_path / f"{hash(content)}.txt").write_text(content)
    monkeypatch.setattr(words, "TABLES", tmp_path)
    with pytest.raises(DataError, match=message):
        words.block_table(f"{hash(content)}.txt")


def test_a_block_without_its_line_says_which() -> None:
    with pytest.raises(DataError, match=r"\[tea\] needs one line 'end"):
        words.Block("tea", (("title", ("make tea",)),)).one("end")
