"""The exams: complete, frozen, and made of items that a perfect answer can pass."""

import hashlib
import re
from collections import Counter

import pytest

from orrery.data.world.entities import Fact
from orrery.data.world.splits import exam_pair, exam_word
from orrery.data.world.world import World, WorldConfig
from orrery.evals.exams import EXAM_NAMES, EXAM_VERSION, LOWER_IS_BETTER, Exam, Item, Reply, build_exams
from orrery.evals.exams.checks import CHECKS
from orrery.tokenizers.messages import validate_messages

# What each version asked in the default world. A change to items needs a new version and its digest here.
FROZEN = {1: "ef05552558012316"}


def by_name(exams: list[Exam], name: str) -> Exam:
    return next(exam for exam in exams if exam.name == name)


def digest(exams: list[Exam]) -> str:
    items = [
        (
            item.exam,
            item.messages,
            item.check,
            item.prompt,
            item.base_check,
            item.answers,
            item.base_answers,
            item.others,
        )
        for exam in exams
        for item in exam.items
    ]
    return hashlib.sha256(repr(items).encode()).hexdigest()[:16]


def test_the_exams_are_those_of_their_version(exams: list[Exam]) -> None:
    assert digest(exams) == FROZEN[EXAM_VERSION]


def test_all_exams_are_there_with_at_least_200_items(exams: list[Exam]) -> None:
    assert tuple(exam.name for exam in exams) == EXAM_NAMES
    assert {exam.name for exam in exams if exam.lower_is_better} == LOWER_IS_BETTER
    for exam in exams:
        assert 200 <= len(exam.items) <= 400, exam.name
        assert len({item.cluster for item in exam.items}) >= 20, exam.name


def test_the_same_world_gives_the_same_exams(world: World, exams: list[Exam]) -> None:
    assert build_exams(World(WorldConfig())) == exams
    other = build_exams(World(WorldConfig(seed=1)))
    assert [exam.name for exam in other] == [exam.name for exam in exams]
    assert by_name(other, "facts_head").items != by_name(exams, "facts_head").items
    assert all(len(exam.items) >= 200 for exam in other)


def test_a_larger_world_has_no_larger_exams() -> None:
    large = World(WorldConfig(head=300, torso=300, tail=300, towns=60, companies=40, countries=100, elements=60))
    for exam in build_exams(large):
        assert 200 <= len(exam.items) <= 400, exam.name


def test_items_are_whole(exams: list[Exam]) -> None:
    for exam in exams:
        for item in exam.items:
            assert item.exam == exam.name and item.cluster
            assert (item.messages is not None) == (exam.stage in ("chat", "both"))
            assert (item.prompt is not None) == (exam.stage in ("base", "both"))
            if item.messages is not None:
                validate_messages(list(item.messages), exam.name)
                assert item.messages[-1]["role"] == "user"
                assert item.check in CHECKS
            if item.prompt is not None:
                assert item.prompt == item.prompt.strip() and "{" not in item.prompt
                assert item.base_check in CHECKS
            assert not set(item.answers) & set(item.others) or item.check == "at_once"
            assert not exam.by or exam.by in item.labels
        questions = Counter(repr(item.messages) + str(item.prompt) for item in exam.items)
        assert questions.most_common(1)[0][1] == 1, (exam.name, questions.most_common(1))


def test_graded_facts_are_those_that_training_never_asks_about(world: World, exams: list[Exam]) -> None:
    entities = {entity.name: entity for entity in world.entities}
    for exam in exams:
        if not exam.name.startswith("facts_") and exam.name != "false_refusal":
            continue
        for item in exam.items:
            assert not entities[item.cluster].asked
    head = by_name(exams, "facts_head").items
    facts = {(item.cluster, item.labels["relation"]) for item in head}
    assert len(facts) >= 100 and len({relation for _, relation in facts}) >= 5
    assert {entities[item.cluster].band for item in head} == {"head"}
    new = by_name(exams, "facts_new_phrasing").items
    assert {(item.cluster, item.labels["relation"]) for item in new} == facts


def test_the_answers_that_tuning_teaches_are_right_and_those_of_others_wrong(world: World) -> None:
    by_relation: dict[object, list[Fact]] = {}
    for fact in world.facts:
        by_relation.setdefault(fact.relation, []).append(fact)
    for facts in by_relation.values():
        values = {fact.value for fact in facts}
        for fact in facts:
            item = Item("facts", fact.entity.name, answers=(fact.value,), others=tuple(values - {fact.value}))
            assert CHECKS["value"](item, Reply(fact.answer)), fact.answer
            other = next(other for other in facts if other.value != fact.value)
            assert not CHECKS["value"](item, Reply(other.answer)), (fact.value, other.answer)


def test_what_training_taught_is_the_right_answer_to_every_item_about_a_fact(world: World, exams: list[Exam]) -> None:
    """The first statement of a fact passes its items' own checks, in chat and as a continuation; another's fails."""
    facts = {(fact.entity.name, fact.relation.key): fact for fact in world.facts}
    judged = Counter[str]()
    for exam in exams:
        if not exam.name.startswith("facts_"):
            continue
        for item in exam.items:
            fact = facts[item.cluster, item.labels["relation"]]
            same = world.facts_where(kind=fact.entity.kind, relation=fact.relation.key)
            wrong = next(other for other in same if other.value != fact.value)
            assert CHECKS[item.check](item, Reply(fact.answer)), (exam.name, fact.answer)
            assert not CHECKS[item.check](item, Reply(wrong.answer)), (exam.name, wrong.answer)
            judged[item.check] += 1
            if item.base_check == "first_line":
                first_line = CHECKS["first_line"]
                assert first_line(item, Reply(f" {fact.answer}\nQ: Who is he?\nA: {wrong.answer}")), fact.answer
                assert not first_line(item, Reply(f" {wrong.answer}\nQ: Who is he?\nA: {fact.answer}")), fact.answer
                judged["first_line"] += 1
    assert judged["value"] >= 7 * 200 and judged["first_line"] >= 2 * 200


def test_the_sentence_that_gives_a_value_is_the_right_answer_to_a_reading(exams: list[Exam]) -> None:
    for exam in (by_name(exams, "reading"), by_name(exams, "reading_one")):
        for item in exam.items:
            for sentence in re.split(r"(?<=\.) ", (item.prompt or "").split("\n")[0].removeprefix("Text: ")):
                right = f" {item.answers[0]}." in sentence
                assert right == (item.cluster in sentence)
                assert CHECKS[item.check](item, Reply(sentence)) == right, (item, sentence)
                assert CHECKS[item.base_check](item, Reply(f" {sentence}\nQ: What?")) == right, (item, sentence)


def test_a_cloze_ends_right_before_the_value(world: World, exams: list[Exam]) -> None:
    truths = {
        (
            fact.entity.name,
            fact.relation.key,
            template.replace("{name}", fact.entity.name).replace("{value}", fact.value),
        )
        for fact in world.facts
        for template in fact.relation.templates
    }
    sentences = {sentence for _, _, sentence in truths}
    for exam in exams:
        for item in exam.items:
            if item.base_check == "continuation":
                assert any(f"{item.prompt} {answer}." in sentences for answer in item.base_answers), item.prompt


def test_backwards_and_forwards_ask_for_the_same_facts(exams: list[Exam]) -> None:
    forward, inverse = by_name(exams, "facts_forward").items, by_name(exams, "facts_inverse").items
    assert {(item.cluster, item.answers[0]) for item in forward} == {
        (item.answers[0], _value_in(item.messages[0]["content"], forward))  # type: ignore[index]
        for item in inverse
    }
    assert all(item.cluster == item.answers[0] for item in inverse)
    assert all(item.cluster not in item.messages[0]["content"] for item in inverse)  # type: ignore[index]


def _value_in(question: str, forward: tuple) -> str:
    return max((item.answers[0] for item in forward if item.answers[0] in question), key=len)


def test_the_three_arithmetic_exams_ask_for_the_same_kept_sums(exams: list[Exam]) -> None:
    ways = [by_name(exams, f"arithmetic_{way}").items for way in ("direct", "worked", "tool")]
    assert (
        [item.cluster for item in ways[0]] == [item.cluster for item in ways[1]] == [item.cluster for item in ways[2]]
    )
    for item in ways[0]:
        a, sign, b = item.cluster.split()
        assert exam_pair(int(a), int(b))
        assert item.answers == (str({"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}[sign]),)
        assert item.labels["digits"] == str(len(a))
    assert Counter(item.labels["digits"] for item in ways[0]) == {"2": 150, "3": 150}
    assert Counter(item.cluster.split()[1] for item in ways[0]) == {"+": 100, "-": 100, "*": 100}


def test_letters_exams_ask_about_kept_words_only(exams: list[Exam]) -> None:
    direct, spelled = by_name(exams, "letters_direct"), by_name(exams, "letters_spelled")
    assert [item.cluster for item in direct.items] == [item.cluster for item in spelled.items]
    assert all(exam_word(item.cluster) for item in direct.items)
    assert direct.chance < 0.6  # answers are spread out


def test_the_right_value_of_a_reading_stands_equally_often_in_each_place(exams: list[Exam]) -> None:
    places: Counter[int] = Counter()
    for item in by_name(exams, "reading").items:
        text = (item.prompt or "").split("\n")[0]
        values = [value for value in (*item.answers, *item.others) if f" {value}." in text]
        assert len(values) == 3
        places[sorted(values, key=lambda value: text.index(f" {value}.")).index(item.answers[0])] += 1
    assert min(places.values()) > 60
    assert by_name(exams, "reading").chance == pytest.approx(1 / 3)


def test_known_and_unknown_questions_differ_by_the_name_alone(exams: list[Exam]) -> None:
    for nobody, known in zip(by_name(exams, "unknown").items, by_name(exams, "false_refusal").items, strict=True):
        questions = [item.messages[0]["content"].replace(item.cluster, "…") for item in (nobody, known)]  # type: ignore[index]
        assert questions[0] == questions[1]


def test_a_limit_takes_some_of_the_items(world: World, exams: list[Exam]) -> None:
    for small, full in zip(build_exams(world, limit=7), exams, strict=True):
        assert len(small.items) == 7 and set(map(repr, small.items)) <= set(map(repr, full.items))
