"""Sums of digits, in conversations and as problems: true in every step, small, and the same for the same seed."""

import doctest
import re
from collections import Counter
from itertools import islice

import pytest

from orrery.data.world.choice import Choice
from orrery.data.world.conversations import Conversation, chains, conversations
from orrery.data.world.problems import problems
from orrery.data.world.splits import mentions_exam_pair
from orrery.data.world.world import World, WorldConfig
from orrery.stages.verifiers import numeric, steps
from orrery.tokenizers.messages import validate_messages
from orrery.tools.calculator import calculate

EQUATION = re.compile(r"(\d+) ([-+]) (\d) = (\d+)\.")


@pytest.fixture(scope="module")
def said() -> list[Conversation]:
    return list(conversations(World(WorldConfig()), 3000, mix={"chain": 1.0}))


def parts(one: Conversation) -> tuple[str, str, str, str]:
    """The question, the answer, the sum, and how it is answered."""
    question, answer = (message["content"] for message in one.messages)
    return question, answer, one.provenance["expression"], one.provenance["style"]


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(chains).failed == 0 and doctest.testmod(chains).attempted >= 3


def test_every_answer_ends_with_the_value_of_the_sum_that_was_asked(said: list[Conversation]) -> None:
    for one in said:
        question, answer, expression, _ = parts(one)
        assert question in [form.format(expression) for form in chains.ASK]
        assert answer.endswith(f"The answer is {calculate(expression)}."), one.messages


def test_each_step_is_true_small_and_goes_on_from_the_last(said: list[Conversation]) -> None:
    seen = 0
    for one in said:
        _, answer, expression, style = parts(one)
        terms = [int(term.replace(" ", "")) for term in re.findall(r"(?:^|[-+] )\d+", expression)]
        assert " ".join(expression.split()) == expression == chains.expression(terms)
        found = EQUATION.findall(answer)
        passes = {"direct": 0, "worked": 1, "checked": 2}[style]
        assert len(found) == passes * (len(terms) - 1) and answer.count("Check: ") == (style == "checked")
        for number, (before, sign, digit, after) in enumerate(found):
            place = number % (len(terms) - 1)
            assert int(before) == sum(terms[: place + 1]) and int(after) == sum(terms[: place + 2])
            assert f"{sign}{digit}" == f"{terms[place + 1]:+d}" and 1 <= int(digit) <= 9
            assert calculate(f"{before} {sign} {digit}") == after and 0 <= int(after) <= chains.MOST < 20
            seen += 1
        rest = EQUATION.sub("", answer).replace("Check:", "").split()
        assert " ".join(rest) == f"The answer is {sum(terms)}.", "and nothing else is said"
    assert seen > 8000


def test_the_rewards_agree_with_what_the_answers_say(said: list[Conversation]) -> None:
    for one in said:
        question, answer, expression, style = parts(one)
        truth = int(calculate(expression))
        assert numeric(question, answer, truth) == 1 and numeric(question, answer, truth + 1) == 0
        assert steps(question, answer, truth) == (style != "direct")


def test_the_question_does_not_say_how_it_is_answered(said: list[Conversation]) -> None:
    ways, asked = Counter(), Counter[tuple[str, str]]()
    for one in said:
        question, _, expression, style = parts(one)
        ways[style] += 1
        asked[question.replace(expression, "{}"), style] += 1
    assert set(ways) == {"direct", "worked", "checked"} and min(ways.values()) > 0.1 * len(said)
    for style, count in ways.items():
        for form in chains.ASK:
            total = sum(asked[form, other] for other in ways)
            assert total > 400 and asked[form, style] / total == pytest.approx(count / len(said), abs=0.09), form


def test_sums_have_one_to_seven_signs_of_both_kinds(said: list[Conversation]) -> None:
    signs = Counter(len(re.findall("[-+]", parts(one)[2])) for one in said)
    assert set(signs) == set(range(1, 8)) and min(signs.values()) > 0.11 * len(said)
    kinds = Counter(sign for one in said for sign in re.findall("[-+]", parts(one)[2]))
    assert min(kinds.values()) > 0.35 * kinds.total()


def test_no_sum_has_a_pair_that_is_kept_for_exams(said: list[Conversation]) -> None:
    assert not [one for one in said if any(mentions_exam_pair(str(message["content"])) for message in one.messages)]


@pytest.mark.parametrize("most", [9, 12, 13, 19, chains.MOST])
def test_the_running_total_never_leaves_its_range_and_reaches_its_ends(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Whatever the range is: from a total in the middle of a narrow one, not every digit fits."""
    monkeypatch.setattr(chains, "MOST", most)
    totals: Counter[int] = Counter()
    for seed in range(1000):
        terms = chains.draw(Choice(seed), 7)
        assert len(terms) == 8 and 1 <= terms[0] <= 9 and all(1 <= abs(term) <= 9 for term in terms)
        totals.update(sum(terms[: number + 1]) for number in range(8))
    assert set(totals) == set(range(most + 1))


def test_the_table_has_all_steps_that_sums_are_made_of(said: list[Conversation]) -> None:
    practised = Counter[tuple[str, ...]]()
    for one in conversations(World(WorldConfig()), 500, mix={"table": 1.0}):
        question, answer = (message["content"] for message in one.messages)
        assert question in chains.PRACTISE and not EQUATION.sub("", answer).split()
        for before, sign, digit, after in EQUATION.findall(answer):
            assert calculate(f"{before} {sign} {digit}") == after and 0 <= int(after) <= chains.MOST
            practised[before, sign, digit] += 1
    assert {step[:3] for one in said for step in EQUATION.findall(parts(one)[1])} <= set(practised)
    assert min(practised.values()) > 10


# Problems


def test_problems_are_questions_with_their_truths() -> None:
    lengths: Counter[int] = Counter()
    for prompt, truth in problems(2000):
        validate_messages(prompt, "problem")
        (message,) = prompt
        assert message["role"] == "user"
        (form,) = [
            form
            for form in chains.ASK
            if re.fullmatch(re.escape(form).replace(r"\{\}", "[-+0-9 ]+"), message["content"])
        ]
        before, after = form.split("{}")
        expression = message["content"].removeprefix(before).removesuffix(after)
        assert calculate(expression) == str(truth) and 0 <= truth <= chains.MOST
        lengths[len(re.findall("[-+]", expression))] += 1
    assert set(lengths) == {3, 4, 5, 6, 7} and min(lengths.values()) > 0.17 * 2000


def test_problems_follow_from_the_seed_and_the_number_alone() -> None:
    assert list(problems(50, seed=3)) == list(problems(50, seed=3)) == list(islice(problems(90, seed=3), 50))
    assert list(problems(50, seed=3)) != list(problems(50, seed=4))
    questions = [{str(prompt) for prompt, _ in problems(2000, seed=seed)} for seed in (0, 1)]
    assert len(questions[0] & questions[1]) < 0.02 * 2000 and len(questions[0]) > 0.97 * 2000


def test_the_number_of_steps_can_be_chosen() -> None:
    for prompt, _ in problems(200, steps=(2, 2)):
        assert len(re.findall(r"[-+] \d", prompt[0]["content"])) == 2


def test_problems_are_asked_about_in_conversations_no_more_often_than_by_chance(said: list[Conversation]) -> None:
    """Chance: how often the problems of another seed are the very same. Most have too many steps to meet at all."""
    asked = {one.messages[0]["content"] for one in said}
    ours, others = ({prompt[0]["content"] for prompt, _ in problems(3000, seed=seed)} for seed in (0, 1))
    assert len(ours & asked) <= len(ours & others) + 15
    assert len(ours & asked) < 0.02 * len(ours)


def test_sums_that_models_are_compared_on_are_in_no_conversation_and_no_problem(said: list[Conversation]) -> None:
    def sums_of(made: list[tuple[list[dict[str, str]], int]]) -> set[str]:
        return {re.search(r"\d(?: [-+] \d)+", asked[0]["content"])[0] for asked, _ in made}  # type: ignore[index]

    trained, compared = sums_of(list(problems(3000))), sums_of(list(problems(500, kept=True)))
    assert len(compared) > 400 and not compared & trained
    assert not compared & {one.provenance["expression"] for one in said}
