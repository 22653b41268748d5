"""Preferences with a known truth: wishes for stories, a hidden rubric, and a labeller that errs.

The rubric is what "people" want, and only evaluation may look at it. A labeller ranks completions by it with as much
noise as is asked for; reward models see the labels alone. Like every rubric it has loopholes: naming the topic counts
however it is done, politeness is a list of words, and short texts can neither repeat themselves nor be overlong.
"""

import math
import random
import re
from collections.abc import Sequence

from orrery.data.world.choice import Choice
from orrery.data.world.conversations import stories
from orrery.data.world.world import World
from orrery.tokenizers.chat import Message

POLITE = ("please", "thank", "kind", "smiled", "happy", "gentle", "welcome", "friend")
SMALL = frozenset("a an the of and to in about who that with his her their its for on at from".split())
WORDS = (12, 60)  # shorter and longer than this lose points
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")


def wish(world: World, choice: Choice) -> list[Message]:
    """Somebody wants a story about something."""
    while True:
        conversation = stories.write(world, choice)
        question = conversation.messages[0]
        if topic_of(str(question["content"])):
            return [question]


def topic_of(question: str) -> str:
    """What the story is to be about; empty where the question leaves it open.

    >>> topic_of("Please tell me a story about a lost kite.")
    'a lost kite'
    """
    for form in stories.STORY_WISHES:
        before, after = form.split("{}")
        if question.startswith(before) and question.endswith(after):
            return question[len(before) : len(question) - len(after)]
    return ""


def gold(question: str, text: str) -> float:
    """The hidden rubric's score of a text; about 0 for a poor one, 4.5 at best."""
    return sum(rubric(question, text).values())


def rubric(question: str, text: str) -> dict[str, float]:
    """Its parts, each with what it adds.

    topic        2 times the share of the topic's words that occur
    finished     1 when the text ends with a full stop, an exclamation or a question mark
    repetition   -3 times the share of its runs of three words that occurred before
    polite       half a point for each different polite word, 1.5 at most
    length       what is too short or too long costs a point for each 12 words
    """
    words = _WORD.findall(text.lower())
    wanted = [word for word in _WORD.findall(topic_of(question).lower()) if word not in SMALL]
    runs = list(zip(words, words[1:], words[2:], strict=False))
    short, long = WORDS
    off = max(0, short - len(words), len(words) - long)
    return {
        "topic": 2 * sum(word in words for word in wanted) / len(wanted) if wanted else 0.0,
        "finished": float(text.rstrip().endswith((".", "!", "?"))),
        "repetition": -3 * (1 - len(set(runs)) / len(runs)) if runs else 0.0,
        "polite": min(1.5, 0.5 * sum(any(word.startswith(polite) for word in words) for polite in POLITE)),
        "length": -off / 12,
    }


def rank(question: str, texts: Sequence[str], rng: random.Random, noise: float = 0.5) -> list[int]:
    """How a labeller orders the texts, best first: by the rubric, with errors.

    Each score gets Gumbel noise of that scale, so the better of two wins with probability sigma(difference / noise)
    (Plackett–Luce); 0 is a labeller without errors.
    """
    gumbel = [-math.log(-math.log(rng.uniform(1e-12, 1 - 1e-12))) for _ in texts]
    scores = [gold(question, text) + noise * error for text, error in zip(texts, gumbel, strict=True)]
    return sorted(range(len(texts)), key=lambda i: -scores[i])
