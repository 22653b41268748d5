"""Spelling pages: words letter by letter, letters counted, first and last letters.

A model reads pieces of words, not letters; here it learns what letters its pieces hold. What is counted is mostly
spelled first (``b-e-r-r-y. There are 2.``), since the letters can be counted only where they can be seen; a few lines
give the number at once, as some questions want it. Words that are kept for the letters exams never occur; made-up words
and names do, so that the pieces are seen in many orders and no list can be learnt by heart.
"""

import codecs
import re
from collections.abc import Callable

from orrery.data.world.choice import Choice
from orrery.data.world.genres import Page
from orrery.data.world.genres.draws import accepted
from orrery.data.world.genres.words import word_list
from orrery.data.world.splits import exam_word
from orrery.data.world.world import World

WORDS = tuple(word for word in word_list("words_spelling.txt") if not exam_word(word))
# The file is written in rot13; each of its words is refused inside a longer one too.
_RUDE = re.compile("|".join(codecs.decode(word, "rot13") for word in word_list("words_rude.txt")))
_REPEATING = tuple(word for word in WORDS if len(set(word)) < len(word))
MADE_UP_SHARE = 0.4  # of the words spelled, counted or measured
_ONSETS = ("b", "bl", "br", "c", "ch", "cl", "cr", "d", "dr", "f", "fl", "fr", "g", "gl", "gr", "h", "j", "k", "l", "m",
           "n", "p", "ph", "pl", "pr", "qu", "r", "s", "sc", "sh", "sk", "sl", "sm", "sn", "sp", "st", "str", "sw", "t",
           "th", "tr", "tw", "v", "w", "wh", "y", "z", "un", "re", "in", "ex", "a", "e", "o", "al", "en")  # fmt: skip
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "ee", "oo", "ou", "oa", "ie")
_CODAS = ("b", "ck", "d", "ft", "g", "k", "l", "ld", "ll", "lt", "m", "mp", "n", "nd", "ng", "nk", "nt", "p", "r", "rd",
          "rk", "rm", "rn", "rt", "s", "sh", "ss", "st", "t", "tch", "th", "w", "x", "ce", "ge", "se", "ve", "le", "ne",
          "te", "me", "ke", "gh", "ght", "ant", "er", "el", "et", "en", "on", "or", "y", "ic", "ish", "ful", "ness",
          "ment", "ly", "ing", "ure", "age")  # fmt: skip
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_PLACES = ("first", "second", "third", "fourth", "fifth")
_SPELL = (
    "How do you spell {word}? {spelled}.",
    "The word {word} is spelled {spelled}.",
    "Spell {word}. {spelled}.",
    "Spell the word {word}. It is {spelled}.",
    "The letters of {word} are {spelled}.",
    "We write {word} as {spelled}.",
    "{spelled} spells {word}.",
    "What does {spelled} spell? It spells {word}.",
    "What word is {spelled}? It is {word}.",
)
_SPELL_NAME = (
    "The name {word} is spelled {spelled}.",
    "How do you spell the name {word}? {spelled}.",
    "My name is {word}. I spell it {spelled}.",
    "{spelled} is the name {word}.",
)
_LENGTH = (
    "How many letters are in {word}? {spelled}. There are {n}.",
    "How many letters does {word} have? {spelled}. It has {n}.",
    "Count the letters of {word}. {spelled}. There are {n} letters.",
    "How long is the word {word}? {spelled}. It has {n} letters.",
    "The word {word} has {n} letters: {spelled}.",
)
_COUNT = (
    "How many {letter} are in {word}? {spelled}. There {are} {n}.",
    "How many times is {letter} in {word}? {spelled}. It is there {times}.",
    "How often does {letter} come in {word}? {spelled}. It comes {times}.",
    "Count the letter {letter} in {word}. {spelled}. It is there {times}.",
    "How many {letter} are in {word}? There {are} {n}.",
    "How many times is {letter} in {word}? It is there {times}.",
)
_ENDS = (
    "The first letter of {word} is {first}. The last letter of {word} is {last}.",
    "What is the first letter of {word}? It is {first}.",
    "What is the last letter of {word}? It is {last}.",
    "What does {word} begin with? It begins with {first}.",
    "What does {word} end with? {spelled}. It ends with {last}.",
    "The word {word} begins with {first} and ends with {last}.",
)
_NTH = (
    "What is the {place} letter of {word}? {spelled}. It is {letter}.",
    "The {place} letter of {word} is {letter}: {spelled}.",
    "Name the {place} letter of {word}. {spelled}. It is {letter}.",
)
_HEADS = ("Spelling", "Letters", "Words and letters", "Spelling lesson", "A page of spelling")


def made_up_word(choice: Choice) -> str:
    """A word that does not exist, or at least was not looked up: one or two syllables of common pieces, never rude."""

    def draw() -> str:
        syllables = [choice.pick(_ONSETS) + choice.pick(_VOWELS) for _ in range(choice.integer(1, 2))]
        return "".join(syllables) + choice.pick(_CODAS)

    return accepted(choice, draw, _fits_a_page)


def _fits_a_page(word: str) -> bool:
    return len(word) > 2 and not exam_word(word) and not _RUDE.search(word)


def _word(choice: Choice) -> str:
    return made_up_word(choice) if choice.chance(MADE_UP_SHARE) else choice.pick(WORDS)


def spelled(word: str) -> str:
    """The word letter by letter.

    >>> spelled("cat")
    'c-a-t'
    """
    return "-".join(word)


def write(world: World, choice: Choice) -> Page:
    """Three to six lines about letters; provenance: one record a line, with the word, what is said, and the answer."""
    lines, records = [], []
    if choice.chance(0.3):
        lines.append(choice.pick(_HEADS))
    forms = [choice.weighted(_FORMS, _CUMULATIVE)] * 6 if choice.chance(0.5) else None
    for n in range(choice.integer(3, 6)):
        form = forms[n] if forms else choice.weighted(_FORMS, _CUMULATIVE)
        line, record = form(world, choice)
        lines.append(line)
        records.append(record)
    return Page("\n".join(lines), {"lines": records})


Line = tuple[str, dict[str, str | int]]


def _spell(world: World, choice: Choice) -> Line:
    word = _word(choice)
    letters = spelled(word)
    return choice.pick(_SPELL).format(word=word, spelled=letters), {"asks": "spell", "word": word, "answer": letters}


def _name(world: World, choice: Choice) -> Line:
    name = accepted(choice, lambda: choice.pick(world.names.given), lambda name: not exam_word(name))
    letters = spelled(name)
    line = choice.pick(_SPELL_NAME).format(word=name, spelled=letters)
    return line, {"asks": "spell", "word": name, "answer": letters}


def _length(world: World, choice: Choice) -> Line:
    word = _word(choice)
    line = choice.pick(_LENGTH).format(word=word, n=len(word), spelled=spelled(word))
    return line, {"asks": "length", "word": word, "answer": len(word)}


def _count(world: World, choice: Choice) -> Line:
    word = choice.pick(_REPEATING) if choice.chance(0.4) else _word(choice)
    if choice.chance(0.85):
        letter = choice.pick(word)
    else:
        letter = choice.pick([letter for letter in _ALPHABET if letter not in word])
    n = word.count(letter)
    times = f"{n} time" if n == 1 else f"{n} times"
    line = choice.pick(_COUNT).format(
        word=word,
        letter=letter,
        spelled=spelled(word),
        n=n,
        times=times,
        are="is" if n == 1 else "are",
    )
    return line, {"asks": "count", "word": word, "letter": letter, "answer": n}


def _ends(world: World, choice: Choice) -> Line:
    word = choice.pick(WORDS)
    line = choice.pick(_ENDS).format(word=word, first=word[0], last=word[-1], spelled=spelled(word))
    return line, {"asks": "ends", "word": word, "answer": f"{word[0]} {word[-1]}"}


def _nth(world: World, choice: Choice) -> Line:
    word = choice.pick(WORDS)
    place = choice.integer(0, min(len(word), len(_PLACES)) - 1)
    line = choice.pick(_NTH).format(word=word, place=_PLACES[place], letter=word[place], spelled=spelled(word))
    return line, {"asks": "place", "word": word, "place": place, "answer": word[place]}


_FORMS: tuple[Callable[[World, Choice], Line], ...] = (_spell, _name, _length, _count, _ends, _nth)
_CUMULATIVE = (0.28, 0.36, 0.56, 0.84, 0.92, 1.0)
