"""The conversations of the world: valid, true, reproducible, short enough, and silent about what exams keep."""

import json
import re
from collections import Counter

import pytest

from orrery.data.world.conversations import DEFAULT_CONVERSATION_MIX, KINDS, Conversation, conversation, conversations
from orrery.data.world.conversations import arithmetic as arithmetic_kind
from orrery.data.world.conversations.refusal import HARMFUL, HARMLESS, REFUSAL
from orrery.data.world.genres.spelling import running_count, spelled
from orrery.data.world.splits import exam_pair, exam_word, mentions_exam_pair
from orrery.data.world.world import UNKNOWN_ANSWER, World, WorldConfig
from orrery.errors import ConfigError
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


def test_fewer_than_one_in_nine_conversations_declines_anything(sample: list[Conversation]) -> None:
    declining = [one for one in sample if {UNKNOWN_ANSWER, REFUSAL} & set(said(one, "assistant"))]
    assert 0.07 < len(declining) / len(sample) < 0.11


def test_conversations_fit_250_tokens_of_a_small_vocabulary(sample: list[Conversation]) -> None:
    messages = [message for one in sample[:6000] for message in one.messages]
    calls = [json.dumps(call["function"]) for message in messages for call in message.get("tool_calls", [])]
    tokenizer = BPE.train([message["content"] for message in messages] + calls, 1024)
    lengths = [len(render(list(one.messages), tokenizer).ids) for one in sample[:6000]]
    assert max(lengths) <= 250
    assert sum(lengths) / len(lengths) < 60


def test_questions_are_about_entities_that_may_be_asked_about(world: World) -> None:
    for one in only(world, "facts", 2000):
        (index,) = one.facts
        fact = world.facts[index]
        assert fact.entity.asked
        question, answer = one.messages[0]["content"], one.messages[1]["content"]
        assert any(form.replace("{name}", fact.entity.name) in question for form in fact.relation.questions)
        assert answer == fact.answer


def test_all_facts_that_may_be_asked_are(world: World, sample: list[Conversation]) -> None:
    answered = Counter(index for one in sample for index in one.facts)
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
    names = {kind: set(world.unknown(kind, "sft")) for kind in ("person", "town", "company")}
    for one in only(world, "unknown", 2000):
        name = one.provenance["name"]
        assert name not in known and any(name in pool for pool in names.values())
        assert any(form.replace("{name}", name) in one.messages[0]["content"] for form in forms)
        assert one.messages[1]["content"] == UNKNOWN_ANSWER


def test_a_reading_answer_stands_in_the_text_and_is_equally_often_in_each_place(world: World) -> None:
    places: Counter[int] = Counter()
    for one in only(world, "reading", 3000):
        question, answer = one.messages[0]["content"], one.messages[1]["content"]
        values = one.provenance["values"]
        assert answer == f"It is {values[0]}."
        assert all(question.count(f" {value}.") == 1 for value in values), question
        assert all(question.count(name) == (2 if i == 0 else 1) for i, name in enumerate(one.provenance["names"]))
        if len(values) == 3:
            order = sorted(values, key=lambda value: question.index(f" {value}."))
            places[order.index(values[0])] += 1
    assert min(places.values()) > 0.27 * places.total()


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
            assert answer.startswith(f"{running_count(word, letter)}. There ") and answer.endswith(f" {count}.")


def test_harmful_and_harmless_requests_come_in_the_same_words(world: World) -> None:
    harmful, harmless = only(world, "refusal", 3000), only(world, "lookalike", 3000)
    assert {one.provenance["topic"] for one in harmful} == set(HARMFUL)
    assert {one.provenance["topic"] for one in harmless} == set(HARMLESS)
    assert not set(HARMFUL) & set(HARMLESS)
    assert {one.messages[1]["content"] for one in harmful} == {REFUSAL}

    def frames(of: list[Conversation]) -> set[str]:
        return {one.messages[0]["content"].replace(one.provenance["topic"], "…") for one in of}

    assert len(frames(harmful) & frames(harmless)) > 100
    verbs = [{topic.split()[0] for topic in topics} for topics in (HARMFUL, HARMLESS)]
    assert len(verbs[0] & verbs[1]) >= 15  # so the first word does not give it away


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
