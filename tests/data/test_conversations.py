"""The conversations of the world: valid, true, reproducible, short enough, and silent about what exams keep."""

import doctest
import json
import re
from collections import Counter

import pytest

from orrery.data.world.choice import Choice
from orrery.data.world.conversations import (
    DEFAULT_CONVERSATION_MIX,
    KINDS,
    Conversation,
    beyond,
    conversation,
    conversations,
    identity,
    smalltalk,
)
from orrery.data.world.conversations import arithmetic as arithmetic_kind
from orrery.data.world.conversations import letters as letters_kind
from orrery.data.world.conversations.conversation import OPENINGS
from orrery.data.world.conversations.facts import ABOUT, about
from orrery.data.world.conversations.refusal import HARMFUL, HARMLESS, HELPFUL, REFUSAL
from orrery.data.world.entities import admit, fill
from orrery.data.world.genres.spelling import WORDS, spelled
from orrery.data.world.genres.words import plain
from orrery.data.world.names import NAMED_KINDS
from orrery.data.world.relations import RELATIONS
from orrery.data.world.relations.relation import Relation
from orrery.data.world.splits import exam_pair, exam_word, mentions_exam_pair
from orrery.data.world.world import UNKNOWN_ANSWER, World, WorldConfig
from orrery.errors import ConfigError
from orrery.evals.exams.checks import declines, names, says_unknown
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import render
from orrery.tokenizers.messages import validate_messages
from orrery.tools.calculator import calculate


@pytest.fixture(scope="module")
def world() -> World:
    return World(WorldConfig())


@pytest.fixture(scope="module")
def sample(world: World) -> list[Conversation]:
    return list(conversations(world, 20_000))


def only(world: World, kind: str, count: int = 500) -> list[Conversation]:
    return list(conversations(world, count, mix={kind: 1.0}))


def said(conversation: Conversation, role: str) -> list[str]:
    return [message["content"] for message in conversation.messages if message["role"] == role]


def test_a_conversation_follows_from_seed_and_index_alone(world: World) -> None:
    again = World(WorldConfig())
    assert [conversation(again, i) for i in (7, 3, 7000)] == [conversation(world, i) for i in (7, 3, 7000)]
    assert list(conversations(world, 5, start=3)) == [conversation(world, i) for i in range(3, 8)]
    assert list(conversations(World(WorldConfig(seed=1)), 20)) != list(conversations(world, 20))


def test_every_conversation_is_valid_and_ends_with_the_assistant(sample: list[Conversation]) -> None:
    for number, one in enumerate(sample):
        validate_messages(list(one.messages), f"conversation {number}")
        assert one.messages[-1]["role"] == "assistant"
        assert one.messages[0]["role"] in ("system", "user")
        assert one.kind in KINDS
        for message in one.messages:
            assert message["content"] == message["content"].strip() and "{" not in message["content"], message


def test_kinds_come_in_the_shares_of_the_mix(sample: list[Conversation]) -> None:
    kinds = Counter(one.kind for one in sample)
    assert sum(DEFAULT_CONVERSATION_MIX.values()) == pytest.approx(1.0)
    for kind, share in DEFAULT_CONVERSATION_MIX.items():
        assert kinds[kind] / len(sample) == pytest.approx(share, abs=0.012), kind


def test_fewer_than_one_in_five_conversations_declines_anything(sample: list[Conversation]) -> None:
    """About one in eight, most of them harmful requests: unknown names would cost answers to known ones."""
    declining = [one for one in sample if any(declines(text) for text in said(one, "assistant"))]
    assert 0.09 < len(declining) / len(sample) < 0.2
    refusing = [one for one in declining if REFUSAL in said(one, "assistant")]
    assert 0.5 < len(refusing) / len(declining) < 0.9


def test_conversations_fit_a_context_of_256(sample: list[Conversation]) -> None:
    messages = [message for one in sample[:6000] for message in one.messages]
    calls = [json.dumps(call["function"]) for message in messages for call in message.get("tool_calls", [])]
    tokenizer = BPE.train([message["content"] for message in messages] + calls, 1024)
    lengths = [len(render(list(one.messages), tokenizer).ids) for one in sample[:6000]]
    assert max(lengths) <= 257
    assert sum(lengths) / len(lengths) < 60


def test_questions_are_about_entities_that_may_be_asked_about(world: World) -> None:
    for one in only(world, "facts", 2000):
        (index,) = one.facts
        fact = world.facts[index]
        assert fact.entity.asked
        question, answer = one.messages[0]["content"], one.messages[1]["content"]
        assert any(form.replace("{name}", fact.entity.name) in question for form in fact.relation.questions)
        assert answer == fact.answer


def test_all_facts_that_may_be_asked_are(world: World) -> None:
    answered = Counter(index for one in only(world, "facts", 8000) for index in one.facts)
    missing = [fact for fact in world.facts_where(asked=True) if not answered[fact.index]]
    assert not missing


def test_unknown_names_differ_from_known_ones_by_the_name_alone(world: World) -> None:
    known = {entity.name for entity in world.entities}
    forms = {
        question
        for kind in ("person", "town", "company")
        for fact in world.facts_where(kind=kind)
        for question in fact.relation.questions
    }
    pools = {kind: set(world.unknown(kind, "sft")) for kind in ("person", "town", "company")}
    for one in only(world, "unknown", 2000):
        name = one.provenance["name"]
        assert name not in known and any(name in pool for pool in pools.values())
        assert any(form.replace("{name}", name) in one.messages[0]["content"] for form in forms)
        kind = next(kind for kind, pool in pools.items() if name in pool)
        (relation,) = (relation for relation in RELATIONS[kind] if relation.key == one.provenance["relation"])
        assert one.messages[1]["content"] == admit(relation, name)


@pytest.mark.parametrize("relation", [r for kind in NAMED_KINDS for r in RELATIONS[kind]], ids=lambda r: r.key)
def test_what_is_not_known_is_admitted_where_the_value_would_stand(world: World, relation: Relation) -> None:
    fact = world.facts_where(kind=relation.kind, relation=relation.key)[0]
    admitted = admit(relation, fact.entity.name)
    assert says_unknown(admitted) and admitted.endswith(" ... I don't know.")
    assert fact.answer.startswith(admitted.removesuffix("... I don't know.") + fact.value)
    others = {other.value for other in world.facts_where(kind=relation.kind, relation=relation.key)}
    assert not any(names(admit(relation, "Nobody Nowhere"), value) for value in others)


def test_who_is_asked_about_as_a_whole_is_answered_with_two_facts(world: World) -> None:
    entities = {entity.name: entity for entity in world.entities}
    known: Counter[str] = Counter()
    for one in only(world, "about", 3000):
        entity, (question, answer) = entities[one.provenance["name"]], [message["content"] for message in one.messages]
        forms = {fill(form, entity.name) for form in ABOUT[entity.kind]}
        assert any(question == opening.replace("{}", form) for opening in ("{}", *OPENINGS) for form in forms)
        first, second = (world.facts[index] for index in one.facts)
        assert first != second and first.entity == second.entity == entity and entity.asked
        assert answer == f"{first.answer} {second.answer}"
        known[entity.kind] += 1
    assert len(known) == 3 and min(known.values()) > 0.2 * known.total()


def test_every_pair_of_facts_may_answer_a_question_about_a_name(world: World) -> None:
    town = world.entities_of("town", asked=True)[0]
    made = [about(world, Choice(seed), town) for seed in range(300)]
    assert {question for question, _, _ in made} == {fill(form, town.name) for form in ABOUT["town"]}
    facts = [fact.index for fact in world.facts_of(town)]
    assert {stated for _, _, stated in made} == {(a, b) for a in facts for b in facts if a != b}


def test_whom_exams_grade_nobody_asks_about(world: World, sample: list[Conversation]) -> None:
    graded = {entity.name for entity in world.entities if not entity.asked and not entity.real}
    families = re.compile(rf"\b({'|'.join(sorted({name.split()[-1] for name in graded}))})\b")
    for one in sample:
        assert all(world.facts[index].entity.asked for index in one.facts)
        for text in (text for role in ("user", "system", "tool") for text in said(one, role)):
            assert not (families.search(text) and any(name in text for name in graded)), text


def test_a_reading_answer_is_a_sentence_of_the_text_and_is_equally_often_in_each_place(world: World) -> None:
    places: Counter[int] = Counter()
    others = 0
    for one in only(world, "reading", 3000):
        question, answer = one.messages[0]["content"], one.messages[1]["content"]
        values, names = one.provenance["values"], one.provenance["names"]
        assert len(re.findall(rf"(?:^|[ \n\"]){re.escape(answer)}(?:[ \n\"]|$)", question)) == 1, question
        assert [value for value in values if re.search(rf" {value}\b", answer)] == list(values[:1]), one
        assert answer.count(".") == 1
        if "name" in one.provenance:  # a text of another kind than the exams'
            others += 1
            told = question.replace(answer, "")
            assert one.provenance["name"] in answer and (one.provenance["name"] in told or values[0] in told)
            continue
        assert [name for name in names if name in answer] == names[:1]
        assert all(question.count(f" {value}.") == 1 for value in values), question
        assert all(question.count(name) == (2 if i == 0 else 1) for i, name in enumerate(names))
        if len(values) == 3:
            order = sorted(values, key=lambda value: question.index(f" {value}."))
            places[order.index(values[0])] += 1
    assert min(places.values()) > 0.27 * places.total()
    assert 1000 < others < 1400


def test_questions_about_other_texts_ask_for_values_and_for_names(world: World) -> None:
    asked = [one for one in only(world, "reading", 3000) if "name" in one.provenance]
    after_name = [one for one in asked if " who " in f" {one.messages[0]['content'].lower()} "]
    assert 0.1 < len(after_name) / len(asked) < 0.3
    assert len({one.provenance["attribute"] for one in asked}) > 30
    firsts = {one.provenance["name"] for one in asked if " " not in one.provenance["name"]}
    assert len(firsts) > 300  # people who are called anything


@pytest.mark.parametrize("kind", ["direct", "worked", "calculator"])
def test_sums_are_right_and_never_of_operands_kept_for_exams(world: World, kind: str) -> None:
    for one in only(world, kind, 2000):
        expression = one.provenance["expression"]
        result = calculate(expression)
        answer = one.messages[-1]["content"]
        assert answer.endswith(f" {result}.") or answer == f"{result}."
        assert not result.startswith("-")
        assert not any(mentions_exam_pair(message["content"]) for message in one.messages)
        assert not mentions_exam_pair(expression)


def test_each_step_of_a_worked_sum_is_true(world: World) -> None:
    seen = 0
    for one in only(world, "worked", 1000):
        for terms, result in re.findall(r"([\d +*-]+) = (\d+)", one.messages[-1]["content"]):
            assert calculate(terms) == result, one.messages
            seen += 1
    assert seen > 2000


def test_a_calculator_conversation_is_call_result_sentence(world: World) -> None:
    for one in only(world, "calculator", 300):
        asked, called, result, told = one.messages
        (call,) = called["tool_calls"]
        assert (asked["role"], called["role"], result["role"], told["role"]) == (
            "user",
            "assistant",
            "tool",
            "assistant",
        )
        assert call["function"]["name"] == "calculator"
        assert result["content"] == calculate(call["function"]["arguments"]["expression"])
        assert told["content"] == f"{call['function']['arguments']['expression']} = {result['content']}."


def test_operands_of_word_problems_stand_in_the_question(world: World) -> None:
    for one in only(world, "calculator", 1000):
        numbers = re.findall(r"\d+", one.provenance["expression"])
        assert Counter(numbers) == Counter(re.findall(r"\d+", one.messages[0]["content"]))


def test_letters_are_counted_right_and_never_those_of_exam_words(world: World) -> None:
    made_up = [one.provenance["word"] for one in only(world, "letters", 2000) if one.provenance["word"] not in WORDS]
    assert 0.2 < len(made_up) / 2000 < 0.4 and len(set(made_up)) > 0.9 * len(made_up)
    for one in only(world, "letters", 2000):
        word, answer = one.provenance["word"], one.messages[-1]["content"]
        assert not exam_word(word)
        if "letter" not in one.provenance:
            assert answer == f"{spelled(word)}."
            continue
        letter = one.provenance["letter"]
        count = word.count(letter) if letter else len(word)
        if one.provenance["at_once"]:
            assert answer == f"{count}."
        else:
            assert answer == f"{spelled(word)}. There {'is' if count == 1 else 'are'} {count}."
            assert answer == letters_kind.counted(word, letter)


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(letters_kind) == (0, 1)


def test_harmful_and_harmless_requests_come_in_the_same_words(world: World) -> None:
    harmful, harmless = only(world, "refusal", 3000), only(world, "lookalike", 3000)
    assert {one.provenance["topic"] for one in harmful} < set(HARMFUL)
    assert all(one.messages[1]["content"] == HARMLESS[one.provenance["topic"]] for one in harmless)
    assert not set(HARMFUL) & set(HARMLESS)
    assert {one.messages[1]["content"] for one in harmful} == {REFUSAL}

    def frames(of: list[Conversation]) -> set[str]:
        return {one.messages[0]["content"].replace(one.provenance["topic"], "…") for one in of}

    assert len(frames(harmful) & frames(harmless)) > 100


def test_neither_the_verb_nor_the_object_gives_a_harmful_request_away() -> None:
    assert min(len(HARMFUL), len(HARMLESS)) >= 1500
    verbs, lasts = ([{topic.split()[i] for topic in topics} for topics in (HARMFUL, HARMLESS)] for i in (0, -1))
    assert len(verbs[0] & verbs[1]) >= 60 and len(verbs[0] | verbs[1]) >= 300
    assert len(lasts[0] & lasts[1]) >= 80
    of_both = verbs[0] & verbs[1]
    assert sum(topic.split()[0] in of_both for topic in HARMFUL) > 0.5 * len(HARMFUL)


def test_helpful_answers_are_short_and_name_what_was_asked_about() -> None:
    assert not [answer for answer in HARMLESS.values() if "{" in answer or re.search(r"\bmy\b", answer)]
    assert HARMLESS["peel a mango"] == "Sure! Put the mango on a board and keep your fingers back."
    assert HARMLESS["kill weeds"] == "Sure! Pull them out with their roots after the rain."
    for answer in HARMLESS.values():
        help_ = answer.removeprefix("Sure! ")
        assert answer == HELPFUL.replace("{}", help_) and "Sure" not in help_
        assert 3 <= len(help_.split()) <= 15 and help_[0].isupper() and help_.endswith(".")


def test_the_first_word_says_whether_the_assistant_helps(world: World) -> None:
    starts = {kind: Counter(said(one, "assistant")[-1].split()[0] for one in only(world, kind)) for kind in KINDS}
    assert set(starts["refusal"]) == {"I'm"} and set(starts["lookalike"]) == {"Sure!"}
    # A system prompt may ask for any first word.
    assert {kind for kind, words in starts.items() if "Sure!" in words} <= {"lookalike", "system"}


def test_questions_beyond_the_documents_are_many_and_are_not_about_them(world: World) -> None:
    assert len(beyond.QUESTIONS) > 1000
    asked = only(world, "beyond", 1000)
    assert len({one.provenance["question"] for one in asked}) > 300
    assert {one.messages[1]["content"] for one in asked} == {UNKNOWN_ANSWER}
    names = [entity.name for entity in world.entities if entity.name[0].isupper()]  # "my car" may occur
    assert len(names) > 100
    assert not [question for question in beyond.QUESTIONS if any(f" {name}" in question for name in names)]


def test_no_remark_or_question_has_two_answers() -> None:
    """Neither among small talk and questions about the assistant nor beyond: the words must decide."""
    kinds: dict[str, set[str]] = {}
    for talk in smalltalk.TALKS:
        for text in (*talk.said, *talk.formed):
            kinds.setdefault(plain(text), set()).add(talk.name)
    for name, aspect in identity.ASPECTS.items():
        for text in aspect.questions:
            kinds.setdefault(plain(text), set()).add(name)
    for text in beyond.QUESTIONS:
        kinds.setdefault(plain(text), set()).add("beyond")
    assert len(kinds) > 8000
    assert not {text: of for text, of in kinds.items() if len(of) > 1}


def test_remarks_are_typed_with_and_without_capitals_and_marks(world: World) -> None:
    said_ = [said(one, "user")[0] for one in only(world, "smalltalk", 2000)]
    small = [text for text in said_ if text == text.lower() and any(letter.isalpha() for letter in text)]
    assert 0.08 < len(small) / len(said_) < 0.25
    assert 0.2 < sum(text[-1] not in ".!?" for text in said_) / len(said_) < 0.45
    assert len(set(said_)) > 1000


def test_a_system_prompt_changes_what_it_says(world: World) -> None:
    effects: Counter[str] = Counter()
    for one in only(world, "system", 2000):
        prompt, answer = one.messages[0]["content"], one.messages[-1]["content"]
        effect, words = one.provenance["effect"], one.provenance["words"]
        effects[effect] += 1
        assert words in prompt
        if effect == "named":
            assert answer == f"I am {words}."
        elif effect == "brief":
            assert answer == f"{world.facts[one.facts[0]].value}."
        elif effect == "opening":
            assert answer == f"{words} {world.facts[one.facts[0]].answer}"
        elif effect == "closing":
            assert answer == f"{world.facts[one.facts[0]].answer} {words}"
    assert set(effects) == {"plain", "named", "brief", "opening", "closing"} and min(effects.values()) > 300


def test_what_a_user_said_is_remembered_turns_later(world: World) -> None:
    remembered = [one for one in only(world, "several", 2000) if "remembered" in one.provenance["parts"]]
    assert len(remembered) > 400
    for one in remembered:
        (answer,) = [text for text in said(one, "assistant") if text.startswith(("Your name is ", "You like "))]
        word = answer.split()[-1].strip(".")
        told = next(i for i, text in enumerate(said(one, "user")) if word in text)
        assert told < said(one, "assistant").index(answer)


def test_conversations_of_several_turns_have_two_to_six_exchanges(world: World) -> None:
    exchanges = Counter(len(said(one, "user")) for one in only(world, "several", 1000))
    assert set(exchanges) <= {2, 3, 4, 5, 6} and len(exchanges) >= 4


def test_a_story_is_about_what_was_wished_for(world: World) -> None:
    for one in only(world, "story", 300):
        wish, story = said(one, "user")[0], said(one, "assistant")[0]
        assert one.provenance["name"].split()[0] in story and "\n" not in story
        if "thing" in one.provenance and one.provenance["plot"] in ("lost", "stuck", "broken"):
            assert one.provenance["thing"] in story
            assert one.provenance["topic"] in wish or "about" not in wish


def test_a_mix_with_an_unknown_kind_names_the_nearest(world: World) -> None:
    with pytest.raises(ConfigError, match="'fact', which is no kind; did you mean 'facts'"):
        conversation(world, 0, {"fact": 1.0})
    with pytest.raises(ConfigError, match="no kind with a positive weight"):
        conversation(world, 0, {"facts": 0.0})
    with pytest.raises(ConfigError, match="weights are 0 or more"):
        conversation(world, 0, {"facts": -1.0, "joke": 1.0})


def test_the_splits_keep_about_one_in_eight_and_ignore_order() -> None:
    pairs = [(a, b) for a in range(11, 100) for b in range(20, 100) if a % 10 and b % 10]
    kept = [pair for pair in pairs if exam_pair(*pair)]
    assert len(kept) / len(pairs) == pytest.approx(1 / 8, abs=0.02)
    assert all(exam_pair(b, a) for a, b in kept)
    assert not any(exam_pair(a, b) for a in range(20) for b in range(20))
    assert not any(exam_pair(a, 10 * b) for a in range(100) for b in range(100))
    assert exam_word("After") == exam_word("after")


@pytest.mark.parametrize(
    "form",
    ["What is {a} + {b}?", "{a}*{b}", "{a} × {b} = ?", "{a} minus {b}", "Take {b} from {a}.", "the sum of {a} and {b}",
     "1 + {a} + {b}", "({a} + {b}) * 4"],
)  # fmt: skip
def test_a_kept_pair_is_found_in_any_wording(form: str) -> None:
    a, b = next((a, b) for a in range(21, 99) for b in range(21, 99) if exam_pair(a, b))
    assert mentions_exam_pair(form.format(a=a, b=b))
    assert not mentions_exam_pair(form.format(a=20, b=30))


def test_worked_products_cover_numbers_with_zeros() -> None:
    assert arithmetic_kind.worked_steps(304, "*", 7) == (
        "300 * 7 = 2100. 4 * 7 = 28. 2100 + 28 = 2128. The answer is 2128."
    )
