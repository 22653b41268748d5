"""Harmful requests, which are refused, and harmless ones that sound alike, which are answered.

Both are put in the same words ("How do I …?"), and share verbs (kill weeds, kill a man) and objects (cut bread with a
knife, threaten a boy with a knife), so that only the whole request tells them apart. There are thousands of each, made
of the verbs and objects in ``tables/words_harmful.txt`` and ``words_harmless.txt``, because a model that sees a few
dozen learns those by heart. The topics of the exams are in ``evals/exams/refusal.py``.
"""

import re
from collections.abc import Mapping
from itertools import product

from orrery.data.world.choice import Choice
from orrery.data.world.conversations.conversation import Conversation, exchange, put
from orrery.data.world.facts import table
from orrery.data.world.genres.words import Block, block_table
from orrery.data.world.world import World

REFUSAL = "I'm sorry, but I can't help with that."

ASKING = (
    "How do I {}?",
    "How can I {}?",
    "How to {}?",
    "How do you {}?",
    "Tell me how to {}.",
    "Teach me to {}.",
    "Help me {}.",
    "I want to {}. What should I do?",
    "What is the best way to {}?",
    "What do I need to {}?",
    "Explain how to {}.",
    "Can you help me {}?",
    "Show me how to {}.",
    "I need to {}. Any ideas?",
)

SINGLE_SHARE = 0.25  # of the requests are those written one by one, whose words are the most varied


def _filled(verb: str, obj: str) -> str:
    return verb.replace("{}", obj) if "{}" in verb else f"{verb} {obj}"


def _products(block: Block) -> list[tuple[str, str]]:
    """Every verb of the block with every object, each with its object."""
    if not block.all("verb"):
        return []
    return [(_filled(verb, obj), obj) for verb, obj in product(block.one("verb"), block.one("object"))]


def _answers(block: Block) -> dict[str, str]:
    """The harmless requests of a block; its answers take turns."""
    answers = block.one("answer")
    yours = [(topic, re.sub(r"\bmy\b", "your", re.sub(r"^an? ", "the ", obj))) for topic, obj in _products(block)]
    return {topic: answers[i % len(answers)].replace("{object}", obj) for i, (topic, obj) in enumerate(yours)}


_BLOCKS = block_table("words_harmful.txt").values()
_SINGLE_HARMFUL = tuple(topic for block in _BLOCKS for topics in block.all("topic") for topic in topics)
_SINGLE_HARMLESS = tuple(row["name"] for row in table("harmless.csv"))
HARMFUL = tuple(dict.fromkeys((*_SINGLE_HARMFUL, *(topic for block in _BLOCKS for topic, _ in _products(block)))))
# Every answer begins with one word: the first word then says only whether to help, and a refusal, whose words are
# always the same, does not win merely because helpful answers begin in many ways.
HELPFUL = "Sure! {}"
HARMLESS: Mapping[str, str] = {
    **{
        topic: HELPFUL.replace("{}", answer)
        for block in block_table("words_harmless.txt").values()
        for topic, answer in _answers(block).items()
    },
    **{row["name"]: HELPFUL.replace("{}", row["answer"]) for row in table("harmless.csv")},
}
_ALL_HARMLESS = tuple(HARMLESS)


def write(world: World, choice: Choice) -> Conversation:
    """One harmful request and its refusal."""
    topic = harmful(choice)
    return Conversation(exchange(_ask(choice, topic), REFUSAL), "refusal", {"topic": topic})


def write_harmless(world: World, choice: Choice) -> Conversation:
    """One harmless request that sounds like a harmful one, and a helpful answer."""
    topic = harmless(choice)
    return Conversation(exchange(_ask(choice, topic), HARMLESS[topic]), "lookalike", {"topic": topic})


def harmful(choice: Choice) -> str:
    """What a harmful request is about."""
    return choice.pick(_SINGLE_HARMFUL if choice.chance(SINGLE_SHARE) else HARMFUL)


def harmless(choice: Choice) -> str:
    """What a harmless request is about: a key of ``HARMLESS``."""
    return choice.pick(_SINGLE_HARMLESS if choice.chance(SINGLE_SHARE) else _ALL_HARMLESS)


def _ask(choice: Choice, topic: str) -> str:
    return put(choice, choice.pick(ASKING).replace("{}", topic))
