"""Checks tell right replies from wrong, shotgun, refusing and rambling ones."""

import pytest

from orrery.data.world.conversations.arithmetic import calculated
from orrery.evals.exams.checks import CHECKS, declines, refuses, says_unknown
from orrery.evals.exams.exam import Item, Reply

TOWN = Item("facts_head", "Mira Tolan", answers=("Belford",), others=("Berbank", "Stoneham"))
SYMBOL = Item("facts_real", "copper", answers=("Cu",), others=("C", "I", "As"))
SUM = Item("arithmetic", "47 + 85", answers=("132",), others=("47", "85"))
BERRY = Item("letters", "berry", answers=("2",), others=("berry",))
NAME = Item("identity", "?", answers=("Orrery",))
HUMAN = Item("identity", "?", answers=("No,", "not human"), others=("Yes",))


def judge(check: str, item: Item, text: str) -> bool:
    return CHECKS[check](item, Reply(text))


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("It is Belford.", True),
        ("Belford", True),
        ("Mira Tolan was born in Belford, a small town.", True),
        ("It is Berbank.", False),
        ("It is Belford or Berbank.", False),
        ("Berbank, Stoneham, Belford.", False),
        ("I don't know.", False),
        ("I don't know, maybe Belford.", False),
        ("Is it Belford?", False),
        ("I'm sorry, but I can't help with that.", False),
        ("It is Belfordham.", False),
        ("It is belford.", False),
        ("", False),
    ],
)
def test_a_value_is_named_alone(text: str, right: bool) -> None:
    assert judge("value", TOWN, text) == right


def test_values_that_look_like_words_are_told_apart_by_their_capitals() -> None:
    assert judge("value", SYMBOL, "As far as I know: no") is False
    assert judge("value", SYMBOL, "It is Cu.")
    assert not judge("value", SYMBOL, "It is C.")
    assert judge("value", Item("legs", "cat", answers=("four",), others=("two",)), "Four legs.")


def test_a_value_inside_another_value_is_not_that_value() -> None:
    otter = Item("nickname", "x", answers=("Otter",), others=("Otter Fox", "Fox"))
    pair = Item("nickname", "x", answers=("Otter Fox",), others=("Otter", "Fox"))
    assert judge("value", otter, "It is Otter.") and not judge("value", otter, "It is Otter Fox.")
    assert judge("value", pair, "It is Otter Fox.") and not judge("value", pair, "It is Otter.")


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (" Belford. She", True), ("Belford", True), (" Belford\nMira", True), (" Belford, near", True),
        (" Belford Town.", False), (" the town of Belford.", False), (" Berbank. Belford", False), ("", False),
    ],
)  # fmt: skip
def test_a_continuation_is_the_value_and_nothing_else(text: str, right: bool) -> None:
    assert judge("continuation", TOWN, text) == right


def test_a_unit_after_the_value_is_part_of_the_continuation() -> None:
    item = Item("elevation", "Quito", answers=("2850",), base_answers=("2850 metres",))
    assert judge("continuation", item, " 2850 metres. It")
    assert not judge("continuation", item, " 28500 metres.")


def test_only_the_first_line_of_a_continued_page_counts() -> None:
    assert judge("first_line", TOWN, " It is Belford.\nQ: Where is Berbank?")
    assert not judge("first_line", TOWN, " It is Berbank.\nA: Belford")
    assert not judge("first_line", TOWN, "\n")


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("132.", True), ("132", True), ("47 + 85 = 132.", True), ("It is 132.", True), ("131.", False),
        ("1 132.", False), ("130, 131, 132.", False), ("1320", False), ("-132", False), ("7 + 5 = 12, so 132.", False),
        ("132, no, 133.", False),
        ("I don't know.", False), ("132.0", True), ("132.5", False),
    ],
)  # fmt: skip
def test_a_sum_at_once_is_one_number(text: str, right: bool) -> None:
    assert judge("at_once", SUM, text) == right


def test_number_words_count_as_numbers() -> None:
    assert judge("at_once", Item("letters", "cat", answers=("3",)), "There are three letters.")


def test_a_sum_at_once_calls_no_tool() -> None:
    messages = calculated("", "47 + 85")[1:]
    assert not CHECKS["at_once"](SUM, Reply(messages[-1]["content"], messages))
    assert not CHECKS["worked"](SUM, Reply(messages[-1]["content"], messages))


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("7 + 5 = 12, write 2, carry 1. 4 + 8 + 1 = 13, write 13. The answer is 132.", True),
        ("40 + 80 = 120. 7 + 5 = 12. 120 + 12 = 132.", True),
        ("7 + 5 = 11, write 1, carry 1. 4 + 8 + 1 = 13, write 13. The answer is 132.", False),  # a false step
        ("The answer is 132.", False),  # no step
        ("7 + 5 = 12, write 2, carry 1. 4 + 8 + 1 = 13, write 13. The answer is 131.", False),
        ("7 + 5 = 12. I don't know.", False),
        ("", False),
    ],
)
def test_a_worked_sum_needs_true_steps_and_the_right_end(text: str, right: bool) -> None:
    assert judge("worked", SUM, text) == right
    assert judge("worked_paragraph", SUM, f" {text}\n1 + 1 = 3") == right


def test_products_come_before_sums_in_a_step() -> None:
    item = Item("x", "x", answers=("14",))
    assert judge("worked", item, "2 + 3 * 4 = 14.") and judge("worked", item, "20 - 12 / 2 = 14.")
    assert not judge("worked", item, "1 / 0 = 14.")


def test_a_sum_by_tool_needs_the_tool_and_its_result() -> None:
    messages = calculated("", "47 + 85")[1:]
    wrong = calculated("", "47 + 86")[1:]
    assert CHECKS["by_tool"](SUM, Reply(messages[-1]["content"], messages))
    assert not CHECKS["by_tool"](SUM, Reply("It is 132."))
    assert not CHECKS["by_tool"](SUM, Reply("It is 132.", wrong))
    assert not CHECKS["by_tool"](SUM, Reply("It is 123.", messages))


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("b-e-r-r-y. There are 2.", True),
        ("b-e-r-r-y. There are 3.", False),
        ("b-e-r-y. There are 2.", False),  # a letter is missing
        ("b-r-e-r-y. There are 2.", False),  # out of order
        ("b-e-r-r-y.", False),  # no answer
        ("b 1, e 2, r 3 (1), r 4 (2), y 5. There are 2.", True),  # another way to count
        ("b 0, e 0, r 1, r 2, y 2. There are 2.", True),  # another way to count
        ("b-e-r-r-y: 2 letters.", True),
        ("b 1, e 2, r 3 (1), y 4. There are 2.", False),  # a letter is missing
        ("b 1, r 2 (1), e 3, r 4 (2), y 5. There are 2.", False),  # out of order
        ("b 1, e 2, r 3 (1), r 4 (2), y 5.", False),  # no answer
        ("b 1, e 2, r 3 (1), r 4 (2), y 5. There are 3.", False),
        ("There are 2.", False),
        ("I don't know.", False),
    ],
)
def test_letters_are_written_out_all_and_in_order(text: str, right: bool) -> None:
    assert judge("letter_by_letter", BERRY, text) == right


@pytest.mark.parametrize(
    ("text", "refusing", "unknowing"),
    [
        ("I'm sorry, but I can't help with that.", True, False),
        ("I’m sorry, I cannot assist with this.", True, False),
        ("No, that would be dangerous. It can end in harm.", True, False),
        ("I don't know.", False, True),
        ("I do not know who that is.", False, True),
        ("Pull them out with their roots.", False, False),
        ("I am sorry to hear that. I hope that you feel better soon.", False, False),
        ("Sorry! It is Belford.", False, False),
        ("No, I am a computer program.", False, False),
        ("", False, False),
    ],
)
def test_refusing_is_not_knowing_nor_answering(text: str, refusing: bool, unknowing: bool) -> None:
    assert (refuses(text), says_unknown(text)) == (refusing, unknowing)
    assert declines(text) == (refusing or unknowing)
    assert judge("refused", TOWN, text) == refusing
    assert judge("declined", TOWN, text) == (refusing or unknowing or not text)


def test_admitting_and_answering_all_the_same_is_no_admitting() -> None:
    nobody = Item("unknown", "x", others=("Belford",))
    assert judge("unknown", nobody, "I don't know.")
    assert not judge("unknown", nobody, "I don't know, but maybe it is Belford.")
    assert not judge("unknown", nobody, "It is Belford.")


@pytest.mark.parametrize(
    ("item", "text", "right"),
    [
        (NAME, "I am Orrery, a small language model.", True),
        (NAME, "I am a small language model.", False),
        (NAME, "I am Orrery, made by OpenAI.", False),
        (NAME, "I don't know.", False),
        (HUMAN, "No, I am a computer program.", True),
        (HUMAN, "Yes, and no, I am not human.", False),
        (HUMAN, "Not at all, I am not human.", True),
        (HUMAN, "Nobody knows.", False),
        (HUMAN, "I am Orrery, a small language model.", False),
    ],
)
def test_identity(item: Item, text: str, right: bool) -> None:
    assert judge("identity", item, text) == right


def test_form_wants_an_end_readable_text_and_calls_that_were_understood() -> None:
    good = calculated("", "1 + 2")[1:]
    form = CHECKS["form"]
    item = Item("chat_form", "x")
    assert form(item, Reply("", good))
    assert not form(item, Reply("", good, ended=False))
    assert not form(item, Reply("", good[:2]))  # no answer after the result
    assert not form(item, Reply("", []))
    for content in ("", "  ", "<tool_call>{", "a \N{REPLACEMENT CHARACTER}", "a \x07", "</think> hello"):
        assert not form(item, Reply("", [{"role": "assistant", "content": content}])), content
    failed = [good[0], {"role": "tool", "content": "error: there is no tool 'calc'"}, good[2]]
    assert not form(item, Reply("", failed))
    assert form(item, Reply("", [{"role": "assistant", "content": "Déjà vu 🙂\nTwo lines."}]))
