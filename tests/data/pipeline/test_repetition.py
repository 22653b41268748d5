"""Gopher's rules on repetition: each at its limit, and groups of words against a plain count of strings."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orrery.data.pipeline.repetition import GopherRepetition, Groups
from tests.data.pipeline.verdict import verdict

OFF = GopherRepetition(1, 1, 1, 1, top_groups={}, repeated_groups={})
GOPHER = GopherRepetition()


def lines(different: int, ok: int) -> list[str]:
    """So many different lines, and one that is there so many times."""
    return [f"line {number} of these" for number in range(different)] + ["ok"] * ok


@pytest.mark.parametrize(("different", "ok", "said"), [(6, 4, "kept"), (8, 5, "repeated_lines")])
def test_30_percent_of_the_lines_may_be_repeats(different: int, ok: int, said: str) -> None:
    step = replace(OFF, lines=GOPHER.lines)
    assert verdict(step, "\n".join(lines(different, ok))) == said  # 3 of 10, 4 of 13


@pytest.mark.parametrize(("different", "ok", "said"), [(6, 4, "kept"), (8, 5, "repeated_paragraphs")])
def test_30_percent_of_the_paragraphs_may_be_repeats(different: int, ok: int, said: str) -> None:
    step = replace(OFF, paragraphs=GOPHER.paragraphs)
    assert verdict(step, "\n\n".join(lines(different, ok))) == said


@pytest.mark.parametrize(("repeat", "said"), [(20, "kept"), (21, "repeated_line_characters")])
def test_20_percent_of_the_characters_may_be_in_repeated_lines(repeat: int, said: str) -> None:
    text = "\n".join(["a" * repeat, "a" * repeat, "b" * 28, "c" * (69 - 2 * repeat)])
    assert len(text) == 100
    assert verdict(replace(OFF, line_characters=GOPHER.line_characters), text) == said


@pytest.mark.parametrize(("repeat", "said"), [(20, "kept"), (21, "repeated_paragraph_characters")])
def test_20_percent_of_the_characters_may_be_in_repeated_paragraphs(repeat: int, said: str) -> None:
    text = "\n\n".join(["a" * repeat, "a" * repeat, "b" * 28, "c" * (66 - 2 * repeat)])
    assert len(text) == 100
    assert verdict(replace(OFF, paragraph_characters=GOPHER.paragraph_characters), text) == said


@pytest.mark.parametrize(("n", "group", "times"), [(2, "ab cd", 4), (3, "abc d efg", 2), (4, "a b c de", 2)])
def test_the_most_frequent_group_may_cover_so_much(n: int, group: str, times: int) -> None:
    step = replace(OFF, top_groups={n: GOPHER.top_groups[n]})
    text = " ".join(f"{group} w{number}" for number in range(times))
    assert verdict(step, text + " " + "x" * (99 - len(text))) == "kept"
    assert verdict(step, text + " " + "x" * (98 - len(text))) == f"top_{n}_gram"


@pytest.mark.parametrize("n", range(5, 11))
def test_repeated_groups_may_cover_so_much(n: int) -> None:
    limit = GOPHER.repeated_groups[n]
    group = " ".join("abcdefghi"[: n - 1]) + " " + "z" * (round(limit * 100) - n + 1)
    step = replace(OFF, repeated_groups={n: limit})
    text = f"{group} between {group} "
    assert verdict(step, text + "x" * (100 - len(text))) == "kept"
    assert verdict(step, text + "x" * (99 - len(text))) == f"repeated_{n}_grams"


def test_the_limits_are_those_of_table_a1() -> None:
    assert (GOPHER.lines, GOPHER.paragraphs, GOPHER.line_characters, GOPHER.paragraph_characters) == (
        0.3,
        0.3,
        0.2,
        0.2,
    )
    assert GOPHER.top_groups == {2: 0.20, 3: 0.18, 4: 0.16}
    assert GOPHER.repeated_groups == {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}


def test_a_document_of_nothing_is_rejected_and_blank_lines_are_no_repeats() -> None:
    assert verdict(GOPHER, " \n ") == "empty"
    assert verdict(replace(OFF, lines=0), "a\n \n \n \nb") == "kept"


def top_by_strings(words: list[str], n: int) -> int:
    groups = [" ".join(words[place : place + n]) for place in range(len(words) - n + 1)]
    top = max(groups, key=groups.count, default="")  # the first of equals
    return len(top) * groups.count(top)


def repeats_by_strings(words: list[str], n: int) -> int:
    seen: set[tuple[str, ...]] = set()
    characters = place = 0
    while place <= len(words) - n:
        group = tuple(words[place : place + n])
        characters += sum(map(len, group)) if group in seen else 0
        place += n if group in seen else 1
        seen.add(group)
    return characters


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(["a", "bb", "ccc"]), max_size=60))
def test_groups_are_counted_as_by_comparing_strings(words: list[str]) -> None:
    groups = Groups(np.array([len(word) for word in words], np.int64), np.array(list(map(len, words)), np.int64))
    for n in range(2, 11):
        groups.lengthen()
        assert groups.characters_of_top() == top_by_strings(words, n)
        assert groups.characters_of_repeats() == repeats_by_strings(words, n)
