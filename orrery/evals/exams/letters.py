"""Letters of words that training never spelled: counted at once, and letter by letter.

Both exams ask about the same words. ``letters_spelled`` wants every letter in order besides the right number.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from orrery.data.world.conversations.letters import AT_ONCE, COUNT, LENGTH, STEP_BY_STEP
from orrery.data.world.genres.words import word_list
from orrery.data.world.splits import exam_word
from orrery.data.world.world import World
from orrery.evals.exams.exam import MOST, Exam, Item, asked, rng_for, some

WORDS = tuple(word for word in word_list("words_spelling.txt") if exam_word(word))


def build(world: World) -> list[Exam]:
    """The two exams, each on the same words and letters in the same order."""
    rng = rng_for("letters", world.config.seed)
    tasks = _tasks(rng, some(WORDS, MOST, rng))
    direct = [_direct(rng, word, letter) for word, letter in tasks]
    spelled = [_spelled(rng, word, letter) for word, letter in tasks]
    return [
        Exam(
            "letters_direct", "letters counted at once", tuple(direct), _chance(direct), max_tokens=16, base_tokens=8,
            by="task",
        ),
        Exam(
            "letters_spelled", "letters counted one by one, all of them right", tuple(spelled), max_tokens=96,
            base_tokens=96, by="task",
        ),
    ]  # fmt: skip


def spelled_items(rng: random.Random, words: Sequence[str], exam: str) -> list[Item]:
    """Questions as those of ``letters_spelled`` about other words, for an exam of one's own."""
    return [replace(_spelled(rng, word, letter), exam=exam) for word, letter in _tasks(rng, words)]


def _tasks(rng: random.Random, words: Sequence[str]) -> list[tuple[str, str]]:
    """Each word with the letter to count, or "" for all."""
    tasks = []
    for word in words:
        # Half of the words that have a letter twice are asked for one: where every answer is 1, guessing is easy.
        repeated = sorted({letter for letter in word if word.count(letter) > 1})
        letter = rng.choice(repeated) if repeated and rng.random() < 0.5 else rng.choice(word)
        tasks.append((word, letter if repeated or rng.random() < 0.2 else ""))
    return tasks


def _direct(rng: random.Random, word: str, letter: str) -> Item:
    prompt = f"How many times is {letter} in {word}? It is there" if letter else f"The word {word} has"
    return _item("letters_direct", rng, word, letter, AT_ONCE, "at_once", prompt, "first_number")


def _spelled(rng: random.Random, word: str, letter: str) -> Item:
    prompt = f"How often does {letter} come in {word}?" if letter else f"How many letters are in {word}?"
    item = _item("letters_spelled", rng, word, letter, STEP_BY_STEP, "letter_by_letter", prompt, "letters_line")
    return replace(item, others=(word,))


def _item(
    exam: str,
    rng: random.Random,
    word: str,
    letter: str,
    phrasings: Sequence[str],
    check: str,
    prompt: str,
    base_check: str,
) -> Item:
    question = rng.choice(COUNT if letter else LENGTH).format(word=word, letter=letter)
    conversation = asked(rng.choice(phrasings).replace("{}", question))
    answer = str(word.count(letter) if letter else len(word))
    labels = {"task": "one letter" if letter else "all letters"}
    return Item(exam, word, check, conversation, prompt, base_check, (answer,), labels=labels)


def _chance(items: Sequence[Item]) -> float:
    """Share of the best fixed answer to each of the two tasks."""
    counts: dict[str, Counter[str]] = {}
    for item in items:
        counts.setdefault(item.labels["task"], Counter())[item.answers[0]] += 1
    return sum(max(counter.values()) for counter in counts.values()) / len(items)
