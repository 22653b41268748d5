"""Every relation can be stated in many ways, asked after in many, and asked in exams in others still."""

import re

import pytest

from orrery.data.world.relations import RELATIONS, Relation

ALL = [relation for relations in RELATIONS.values() for relation in relations]
everywhere = pytest.mark.parametrize("relation", ALL, ids=lambda relation: f"{relation.kind}-{relation.key}")
# Kinds whose names are lower case inside a sentence, or may begin with "the": none may begin a sentence.
LOWER_CASE_KINDS = {"country", "element", "animal", "invention"}
LOWER_CASE_VALUES = {"job", "food", "instrument", "product", "famous_for", "sign", "region", "legs", "class", "diet"}


@everywhere
def test_there_are_twenty_templates_and_twelve_questions(relation: Relation) -> None:
    assert len(set(relation.templates)) >= 20
    assert len(set(relation.questions)) >= 8
    assert len(set(relation.exam_questions)) >= 4
    assert len(set(relation.questions + relation.exam_questions)) >= 12
    for wordings in (relation.templates, relation.questions, relation.exam_questions, relation.inverse_questions):
        assert len(set(wordings)) == len(wordings)


@everywhere
def test_every_statement_is_one_sentence_with_the_full_name_and_the_value(relation: Relation) -> None:
    for template in relation.templates:
        assert template.count("{name}") == 1 and template.count("{value}") == 1, template
        assert template.endswith(".") and template.count(".") == 1, template
        assert "{" not in template.replace("{name}", "").replace("{value}", ""), template
    assert sum(bool(re.search(r"\{value\}( metres| legs)?\.$", template)) for template in relation.templates) >= 4


@everywhere
def test_a_sentence_begins_with_a_capital(relation: Relation) -> None:
    for text in relation.templates + relation.questions + relation.exam_questions + relation.inverse_questions:
        assert text[0].isupper() or text[0] == "{", text
        assert not (text.startswith("{name}") and relation.kind in LOWER_CASE_KINDS), text
        assert not (text.startswith("{value}") and relation.key in LOWER_CASE_VALUES), text


@everywhere
def test_questions_name_the_entity_and_never_the_value(relation: Relation) -> None:
    for question in relation.questions + relation.exam_questions:
        assert question.count("{name}") == 1 and "{value}" not in question, question
        assert question[-1] in "?.", question


@everywhere
def test_the_first_statement_is_a_fit_answer(relation: Relation) -> None:
    """It is what the assistant answers to every question: short, first the name and then the value."""
    answer = relation.templates[0]
    assert answer.count(" {value}") == 1 and answer.index("{name}") < answer.index("{value}")
    assert re.fullmatch(r"[^.?!]+\.", answer)
    assert re.search(r"\{value\}( \w+){0,4}\.$", answer)  # little stands after the value
    assert len(answer) <= len("The body of the {name} is covered with {value}.")


@everywhere
def test_names_and_values_keep_their_surface(relation: Relation) -> None:
    """A copied word stays the same token: a space or the start before it, and no letter glued to it."""
    for text in relation.templates + relation.questions + relation.exam_questions:
        for slot in re.finditer(r"(^|.)\{(?:name|value)\}(.)", text):
            assert slot[1] in ("", " ") and slot[2] in " .,?:", text


@everywhere
def test_some_relations_are_only_ever_written_forwards(relation: Relation) -> None:
    backwards = [t for t in relation.templates if t.index("{value}") < t.index("{name}")]
    if relation.forward_only:
        assert not backwards
        assert len(set(relation.inverse_questions)) >= 4
        assert all("{value}" in question and "{name}" not in question for question in relation.inverse_questions)
    else:
        assert backwards and not relation.inverse_questions


def test_there_is_a_made_up_and_a_real_relation_to_measure_the_reversal() -> None:
    assert {relation.kind for relation in ALL if relation.forward_only} == {"person", "element"}


def test_exam_phrasings_stand_nowhere_else() -> None:
    kept = [question for relation in ALL for question in relation.exam_questions + relation.inverse_questions]
    used = {question for relation in ALL for question in relation.questions}
    assert not used & set(kept)


def test_exam_phrasings_use_words_that_training_uses() -> None:
    """They are new arrangements, not new words: what is examined is understanding, not vocabulary."""

    def words(texts: tuple[str, ...]) -> set[str]:
        return {word for text in texts for word in re.findall(r"[a-z]+", re.sub(r"\{\w+\}", "", text).lower())}

    trained = set().union(*(words(relation.templates + relation.questions) for relation in ALL))
    for relation in ALL:
        own = words(relation.templates + relation.questions + (relation.noun,))
        for question in relation.exam_questions:
            new = words((question,)) - own
            assert new <= {"which", "name", "do", "you", "know"} | trained, (question, new)
            assert words((question,)) & own, question


def test_keys_are_unique_within_a_kind() -> None:
    assert len({(relation.kind, relation.key) for relation in ALL}) == len(ALL)
    assert all(relation.kind == kind for kind, relations in RELATIONS.items() for relation in relations)
    assert all(len({relation.noun for relation in relations}) == len(relations) for relations in RELATIONS.values())
    assert len(RELATIONS["person"]) == 6 and sum(not r.forward_only for r in RELATIONS["person"]) == 5
