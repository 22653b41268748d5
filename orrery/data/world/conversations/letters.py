"""Spelling words and counting letters: at once, or letter by letter as the spelling pages do it.

"Answer at once" asks for the number alone, which a model that reads pieces of words can only guess or remember;
otherwise the word is spelled before the number (``e-g-g. There are 2.``), so that its letters stand where they can be
counted (``genres/spelling.py``). Some of the words are made up, so that no list can be learnt by heart.
"""

from orrery.data.world.choice import Choice
from orrery.data.world.conversations.conversation import Conversation, exchange, put
from orrery.data.world.genres.spelling import WORDS, made_up_word, spelled
from orrery.data.world.world import World

AT_ONCE = (
    "Answer at once: {}",
    "Without steps: {}",
    "Just the number: {}",
    "{} Answer at once.",
    "{} Just the number.",
)
STEP_BY_STEP = ("Letter by letter: {}", "Step by step: {}", "Count slowly: {}", "{} Count step by step.", "{}")
SPELL = (
    "How do you spell {word}?",
    "Spell {word}.",
    "Spell the word {word}.",
    "Can you spell {word}?",
    "Please spell {word} for me.",
    "What are the letters of {word}?",
    "How is {word} spelled?",
    "How do we write {word}?",
)
LENGTH = (
    "How many letters are in {word}?",
    "How many letters does {word} have?",
    "Count the letters of {word}.",
    "How long is the word {word}?",
)
COUNT = (
    "How many {letter} are in {word}?",
    "How many times is {letter} in {word}?",
    "How often does {letter} come in {word}?",
    "Count the letter {letter} in {word}.",
)


def counted(word: str, letter: str = "") -> str:
    """The word letter by letter, then how often ``letter`` is in it; without ``letter`` all letters are counted.

    >>> counted("egg", "g")
    'e-g-g. There are 2.'
    """
    n = word.count(letter) if letter else len(word)
    return f"{spelled(word)}. There {'is' if n == 1 else 'are'} {n}."


def write(world: World, choice: Choice) -> Conversation:
    """Spell a word, or count its letters or one of them."""
    word = made_up_word(choice) if choice.chance(0.3) else choice.pick(WORDS)
    if choice.chance(0.35):
        question = choice.pick(SPELL).format(word=word)
        return Conversation(exchange(put(choice, question), f"{spelled(word)}."), "letters", {"word": word})
    letter = choice.pick(word) if choice.chance(0.6) else ""
    question = choice.pick(COUNT).format(letter=letter, word=word) if letter else choice.pick(LENGTH).format(word=word)
    at_once = choice.chance(0.3)
    asked = choice.pick(AT_ONCE if at_once else STEP_BY_STEP).replace("{}", question)
    n = word.count(letter) if letter else len(word)
    answer = f"{n}." if at_once else counted(word, letter)
    return Conversation(exchange(asked, answer), "letters", {"word": word, "letter": letter, "at_once": at_once})
