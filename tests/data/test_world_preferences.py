"""The hidden rubric and the labeller: what the parts add, where the rubric can be fooled, and how often labels err."""

import doctest
import math
import random

import pytest

from orrery.data.world import preferences
from orrery.data.world.choice import Choice
from orrery.data.world.conversations import conversations, stories
from orrery.data.world.preferences import POLITE, gold, rank, rubric, topic_of, wish
from orrery.data.world.world import World, WorldConfig

KITE = "Tell me a story about a lost kite."
STORY = (  # 25 words, both words of the topic, nothing polite
    "One windy morning Mia lost her red kite above the hill. She looked everywhere, and in the evening "
    "a tall tree gave the kite back."
)


@pytest.fixture(scope="module")
def world() -> World:
    return World(WorldConfig())


def parts(text: str, question: str = KITE) -> list[float]:
    """topic, finished, repetition, polite, length."""
    return list(rubric(question, text).values())


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(preferences).failed == 0


# Wishes


def test_every_wish_has_a_topic(world: World) -> None:
    topics = set()
    for seed in range(1500):
        (message,) = wish(world, Choice(seed))
        assert message["role"] == "user"
        topic = topic_of(message["content"])
        assert topic and message["content"] in [form.replace("{}", topic) for form in stories.STORY_WISHES]
        assert gold(message["content"], f"This is about {topic}.") > gold(message["content"], "This is about nothing.")
        topics.add(topic)
    assert len(topics) > 50


def test_a_wish_follows_from_its_seed(world: World) -> None:
    assert [wish(world, Choice(i)) for i in range(20)] == [wish(World(WorldConfig()), Choice(i)) for i in range(20)]
    assert wish(world, Choice(1)) != wish(world, Choice(2))


@pytest.mark.parametrize("form", stories.STORY_WISHES)
def test_a_topic_is_found_in_every_form_of_wish(form: str) -> None:
    assert topic_of(form.replace("{}", "a lost kite")) == "a lost kite"
    assert topic_of(form.replace("{}", "a story about {}")) == "a story about {}"


@pytest.mark.parametrize("question", ["Tell me a story.", "A story, please!", "", "What is 2 + 2?", "a lost kite"])
def test_where_no_topic_is_named_none_is_found_and_none_is_scored(question: str) -> None:
    assert topic_of(question) == ""
    assert rubric(question, STORY)["topic"] == 0.0


# The rubric


def test_each_part_adds_what_it_says() -> None:
    assert parts(STORY) == [2, 1, 0, 0, 0]
    assert parts(STORY.replace("lost", "saw")) == [1, 1, 0, 0, 0], "half of the topic's words"
    assert parts(STORY.replace("kite", "ball").replace("lost", "saw")) == [0, 1, 0, 0, 0]
    assert parts(STORY[:-1]) == [2, 0, 0, 0, 0] and parts(STORY[:-1] + "!") == [2, 1, 0, 0, 0]
    assert parts(STORY.replace("tall", "kind")) == [2, 1, 0, 0.5, 0]
    assert parts(STORY.replace("tall", "kind").replace("red", "gentle")) == [2, 1, 0, 1.0, 0]
    assert parts(STORY.replace("tall", "kind").replace("red", "kindest")) == [2, 1, 0, 0.5, 0], "different words"
    assert gold(KITE, STORY) == 3


def test_four_and_a_half_is_the_most_there_is() -> None:
    best = STORY.replace("tall", "kind").replace("red", "gentle").replace("windy", "happy")
    assert gold(KITE, best) == 4.5
    assert gold(KITE, best + " Thank you, welcome, my friend, she smiled, please.") == 4.5
    assert gold(KITE, "") == pytest.approx(-1)


@pytest.mark.parametrize(("words", "points"), [(12, 0), (60, 0), (36, 0), (0, -1), (6, -0.5), (72, -1), (84, -2)])
def test_what_is_too_short_or_too_long_loses_points(words: int, points: float) -> None:
    text = " ".join("".join(chr(97 + (number // 26**place) % 26) for place in range(3)) for number in range(words))
    assert rubric(KITE, text)["length"] == pytest.approx(points)


def test_saying_it_again_loses_points() -> None:
    once = "the old man went to the sea and came home late that night"
    assert rubric(KITE, once)["repetition"] == 0
    twice = rubric(KITE, f"{once} {once}")["repetition"]
    assert twice == pytest.approx(-3 * 11 / 24)  # of 24 runs of three words 11 are old; 2 lie across
    assert rubric(KITE, "ha " * 40)["repetition"] == pytest.approx(-3 * 37 / 38)
    assert rubric(KITE, "ha ha")["repetition"] == 0, "no run of three"


def test_words_are_words_whatever_stands_around_them() -> None:
    for text in ("A LOST, KITE", 'the "lost" kite', "the 'lost' 'kite'", "lost\nkite", "lost-kite", "lost kite's"):
        assert rubric(KITE, text)["topic"] == (1 if "kite's" in text else 2), text
    assert rubric(KITE, "a loster kiteless")["topic"] == 0
    assert rubric("Tell me a story about the dog and the cat.", "the and of")["topic"] == 0, "small words are no topic"


# Its loopholes: what a policy that is optimised against it will find


def test_stuffing_keywords_beats_any_honest_story(world: World) -> None:
    stuffed = "Lost kite please thank kind smiled happy gentle welcome friend one two."
    assert gold(KITE, stuffed) == 4.5
    told = [one for one in conversations(world, 500, mix={"story": 1.0}) if topic_of(one.messages[0]["content"])]
    honest = [gold(one.messages[0]["content"], one.messages[1]["content"]) for one in told]
    assert len(honest) > 300 and sum(honest) / len(honest) < 3.6
    assert sum(score >= 4.5 for score in honest) / len(honest) < 0.05
    for one in told[:50]:
        question = one.messages[0]["content"]
        assert gold(question, f"{topic_of(question)} {' '.join(POLITE)} one two three.") == 4.5


def test_order_sense_and_truth_do_not_matter() -> None:
    rng, words = random.Random(0), STORY[:-1].lower().replace(".", "").replace(",", "").split()
    rng.shuffle(words)
    assert gold(KITE, " ".join(words) + ".") == gold(KITE, STORY)
    assert rubric(KITE, "There is no lost kite here.")["topic"] == 2
    assert rubric(KITE, "You are not kind, no friend, and I am not happy")["polite"] == 1.5


# The labeller

TEXTS = [  # gold scores from 3 downwards
    STORY,
    STORY.replace("lost", "saw"),
    STORY.replace("lost", "saw")[:-1],
    STORY.replace("kite", "ball").replace("lost", "saw")[:-1],
    "No",
]


def test_without_noise_the_labels_are_the_gold_order() -> None:
    scores = [gold(KITE, text) for text in TEXTS]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == len(scores)
    rng = random.Random(0)
    for _ in range(20):
        order = list(range(len(TEXTS)))
        rng.shuffle(order)
        ranked = rank(KITE, [TEXTS[i] for i in order], rng, noise=0)
        assert [order[i] for i in ranked] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("better", "worse", "noise"), [(0, 1, 0.5), (0, 1, 1.0), (1, 0, 2.0), (0, 3, 2.0), (2, 1, 0.7)]
)
def test_with_noise_the_better_of_two_wins_as_often_as_the_model_says(better: int, worse: int, noise: float) -> None:
    """With probability sigma(difference / noise): 4,000 comparisons, within 4 standard deviations."""
    difference = gold(KITE, TEXTS[better]) - gold(KITE, TEXTS[worse])
    expected, rng = 1 / (1 + math.exp(-difference / noise)), random.Random(5)
    wins = sum(rank(KITE, [TEXTS[better], TEXTS[worse]], rng, noise)[0] == 0 for _ in range(4000))
    assert abs(wins / 4000 - expected) < 4 * math.sqrt(expected * (1 - expected) / 4000)


def test_rankings_of_several_are_plackett_luces() -> None:
    """The first is chosen with probability proportional to exp(score / noise)."""
    rng, noise = random.Random(6), 1.5
    weights = [math.exp(gold(KITE, text) / noise) for text in TEXTS]
    firsts = [0] * len(TEXTS)
    for _ in range(4000):
        ranked = rank(KITE, TEXTS, rng, noise)
        assert sorted(ranked) == [0, 1, 2, 3, 4]
        firsts[ranked[0]] += 1
    for count, weight in zip(firsts, weights, strict=True):
        expected = weight / sum(weights)
        assert abs(count / 4000 - expected) < 4 * math.sqrt(expected * (1 - expected) / 4000)


def test_labels_follow_from_the_generator() -> None:
    one, same, other = ([rank(KITE, TEXTS, random.Random(seed), 1.0) for _ in range(9)] for seed in (1, 1, 2))
    assert one == same != other
