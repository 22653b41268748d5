"""Nothing that an exam keeps stands in a document or a conversation: names, questions, sums, words, topics."""

import re
from itertools import chain

import pytest

from orrery.data.documents import Document
from orrery.data.world.conversations import Conversation, conversations, identity, refusal, smalltalk
from orrery.data.world.generate import documents
from orrery.data.world.genres import deeds, spelling
from orrery.data.world.genres.words import plain
from orrery.data.world.splits import exam_word, mentions_exam_pair
from orrery.data.world.world import World
from orrery.evals.exams import Exam
from orrery.evals.exams import identity as identity_exam
from orrery.evals.exams import refusal as refusal_exam

# The verbs of the refusal exam that no request of training has, so that half of its topics are new to the last word.
OTHER_VERBS = (
    "blackmail", "bribe", "smuggle", "derail", "torture", "strangle", "drown", "forge", "shoplift", "stalk",
    "vandalize", "sabotage", "harass", "swindle", "lie", "counterfeit", "drug", "push", "loot", "ambush",
)  # fmt: skip
KEPT_GREETINGS = (
    "Hiya!", "Howdy, partner!", "Hello, friend.", "Hey, good to see you!", "Greetings, Orrery.", "Hi again!",
    "Good morning to you!", "Well hello!", "hey orrery", "Salutations!",
)  # fmt: skip
_SMALL_WORDS = {"a", "an", "the", "my", "his", "her", "your", "our", "their", "own", "some"}
# Junk is left out: it has phone numbers, which look like differences.
SUMS = ("worksheet", "code", "dialogue", "copying", "howto", "story")


@pytest.fixture(scope="module")
def talks(world: World) -> list[Conversation]:
    return list(conversations(world, 25_000))


@pytest.fixture(scope="module")
def pages(world: World) -> list[Document]:
    return [*documents(world, count=12_000), *documents(world, count=1000, split="validation")]


@pytest.fixture(scope="module")
def texts(talks: list[Conversation], pages: list[Document]) -> list[str]:
    """Every document, and every message of every conversation."""
    return [page.text for page in pages] + [message["content"] for talk in talks for message in talk.messages]


@pytest.fixture(scope="module")
def words(texts: list[str]) -> set[str]:
    return set(chain.from_iterable(re.findall(r"\w+", text) for text in texts))


def test_names_of_the_exams_stand_nowhere(world: World, words: set[str]) -> None:
    people = {name.split()[1] for name in world.unknown("person", "exam")}
    assert len(people) > 150
    assert not people & words
    assert not (set(world.unknown("town", "exam")) | set(world.unknown("company", "exam"))) & words


def test_the_names_of_tuning_stand_in_no_document(world: World, pages: list[Document]) -> None:
    """So that a name that the assistant should not know is one that the base never read."""
    read = set(chain.from_iterable(re.findall(r"\w+", page.text) for page in pages))
    assert not {name.split()[1] for name in world.unknown("person", "sft")} & read


def test_no_exam_question_stands_anywhere(exams: list[Exam], texts: list[str]) -> None:
    lines = set(chain.from_iterable(text.split("\n") for text in texts)) | set(texts)
    everything = "\n".join(texts)
    for exam in exams:
        if exam.name == "chat_form":  # it asks nothing of its own that has a right answer
            continue
        for item in exam.items:
            question = (item.messages or ())[0]["content"]
            assert question not in lines, question
            if exam.name.startswith(("facts", "refusal", "unknown", "false", "identity")):
                assert question not in everything, question


def test_no_fact_of_graded_entities_is_ever_asked_for(world: World, texts: list[str]) -> None:
    """In any phrasing of training or of exams, with any wrapping around it. (That their names stand in no question but
    those about them as a whole is tested beside the documents and the conversations.)"""
    questions: dict[str, list[str]] = {}
    for fact in world.facts_where(asked=False):
        forms = (*fact.relation.questions, *fact.relation.exam_questions)
        questions.setdefault(fact.entity.name, []).extend(form.replace("{name}", fact.entity.name) for form in forms)
    known = [text for text in texts if "?" in text or "Tell me" in text or "Name the" in text]
    assert len(known) > 10_000
    for text in known:
        for name, forms in questions.items():
            if name in text:
                assert not any(form in text for form in forms), text


def test_exam_phrasings_are_never_used_for_anybody(world: World, texts: list[str]) -> None:
    relations = {fact.relation for fact in world.facts}
    forms = {form for relation in relations for form in relation.exam_questions}
    forms |= {form.replace("{value}", "{name}") for relation in relations for form in relation.inverse_questions}
    assert len(forms) > 80
    pieces = sorted((max(form.split("{name}"), key=len).strip(), form) for form in forms)
    patterns = {form: re.compile(re.escape(form).replace(r"\{name\}", r"[\w' .-]{1,40}?")) for form in forms}
    everything = "\n".join(texts)
    for piece, form in pieces:
        if piece in everything:  # a search for the longest fixed part first, since it is fast
            found = patterns[form].search(everything)
            assert not found, (form, found and found[0])


def test_no_operands_of_the_exams_stand_together(talks: list[Conversation], pages: list[Document]) -> None:
    for talk in talks:
        for message in talk.messages:
            assert not mentions_exam_pair(message["content"]), message
            for call in message.get("tool_calls", []):
                assert not mentions_exam_pair(call["function"]["arguments"]["expression"])
    sums = [page for page in pages if page.genre in SUMS]
    assert len(sums) > 1000
    for page in sums:
        assert not mentions_exam_pair(page.text), page.text


def test_no_word_of_the_exams_is_spelled_or_counted(exams: list[Exam], texts: list[str]) -> None:
    spelled = {match.replace("-", "") for text in texts for match in re.findall(r"\b[A-Za-z](?:-[a-z])+\b", text)}
    assert len(spelled) > 500
    assert not {word for word in spelled if exam_word(word)}
    everything = "\n".join(texts)
    asked = re.findall(
        r"(?:[Hh]ow many [a-z] are in|letters (?:are in|does|of)|[Tt]he (?:letter [a-z] in|word)|is [a-z] in|"
        r"does [a-z] come in|letter of|(?:begin|end) with) ([a-z]{3,})\b",
        everything,
    )
    assert len(set(asked)) > 1000 and sum(map(exam_word, {*spelling.WORDS, *asked})) == 0
    kept = [item.cluster for item in next(exam for exam in exams if exam.name == "letters_spelled").items]
    assert len(kept) > 200 and not {*spelled, *asked} & set(kept)


def test_no_topic_of_the_refusal_exams_occurs(texts: list[str]) -> None:
    everything = "\n".join(texts)
    topics = (*refusal_exam.HARMFUL, *refusal_exam.HARMLESS)
    assert len(set(topics)) == 100
    assert not set(topics) & {*refusal.HARMFUL, *refusal.HARMLESS}
    for topic in topics:
        for asking in refusal.ASKING:
            assert asking.replace("{}", topic) not in everything


def bare(text: str) -> str:
    """The words without articles, possessives and plural endings, each between spaces."""
    words = [word for word in re.findall(r"[a-z']+", text.lower()) if word not in _SMALL_WORDS]
    return f" {' '.join(word.removesuffix('s') if len(word) > 3 else word for word in words)} "


def test_no_topic_of_training_is_nearly_one_of_the_exams() -> None:
    """None is equal to an exam's, nor contains one, nor is a part of one, articles and plurals apart."""
    topics = [bare(topic) for topic in (*refusal_exam.HARMFUL, *refusal_exam.HARMLESS)]
    for trained in (*refusal.HARMFUL, *refusal.HARMLESS):
        found = [topic for topic in topics if topic in bare(trained) or bare(trained) in topic]
        assert not found, (trained, found)


def test_half_of_the_refusal_exam_has_verbs_that_no_request_of_training_has() -> None:
    assert [topic.split()[0] for topic in refusal_exam.HARMFUL[30:]] == list(OTHER_VERBS)
    used = set(chain.from_iterable(topic.split() for topic in (*refusal.HARMFUL, *refusal.HARMLESS)))
    assert not used & set(OTHER_VERBS)


def test_no_deed_that_documents_explain_is_a_topic_of_the_exams() -> None:
    """The words of the exam's topics may be read about, as that bribing is wrong, but never with the same object."""
    topics = [bare(topic) for topic in (*refusal_exam.HARMFUL, *refusal_exam.HARMLESS)]
    forms = [
        bare(f"{verb} {obj}")
        for deed in (*deeds.DEEDS[True], *deeds.DEEDS[False])
        for obj in deed.objects
        for verb in (deed.do, deed.doing, deed.did)
    ]
    assert len(forms) > 3000
    assert not [form for form in forms if any(topic in form or form in topic for topic in topics)]


def test_greetings_that_are_kept_for_trying_a_model_by_hand_stand_nowhere(talks: list[Conversation]) -> None:
    kept = {plain(text) for text in KEPT_GREETINGS}
    assert len(kept) == 10
    trained = {plain(text) for talk in smalltalk.TALKS for text in (*talk.said, *talk.formed)}
    assert len(trained) > 5000
    assert not kept & trained
    assert not kept & {plain(message["content"]) for talk in talks for message in talk.messages}


def test_no_question_of_the_identity_exam_occurs(texts: list[str]) -> None:
    everything = "\n".join(texts)
    trained = {question for aspect in identity.ASPECTS.values() for question in aspect.questions}
    asked = {question for aspect in identity_exam.ASPECTS.values() for question in aspect.questions}
    assert len(trained) > 1000
    words = "\n".join(f" {plain(question)} " for question in trained)
    assert not {question for question in asked if f" {plain(question)} " in words}  # in no longer question either
    assert not {question for question in asked if question in everything}
