"""Sums of several single digits, to be done without the calculator: 4 + 5 - 8 + 3 - 2.

There are three habits of answering, and the words of the question do not say which: the number at once, the steps with
the running total, and the steps with a second pass that checks them. So a model that read them knows all three, and
reinforcement learning can find out which of them are right more often. Every step is from a small table that can be
learnt by heart: a running total of at most `MOST`, and a digit. No digit is asked for twice in a sum, so that the one
just used says where in the question to go on. (Pairs of numbers below 20 are never kept for exams.)

    4 + 5 = 9. 9 - 8 = 1. 1 + 3 = 4. 4 - 2 = 2. The answer is 2.
"""

import hashlib
from collections.abc import Sequence

from orrery.data.world.choice import Choice
from orrery.data.world.conversations.conversation import Conversation, exchange
from orrery.data.world.world import World

ASK = (
    "By yourself: what is {}?",
    "No calculator: {} = ?",
    "Without the calculator, what is {}?",
    "Do not use the calculator. What is {}?",
    "Count this yourself: {}",
    "{} = ? Do it yourself.",
)
PRACTISE = (
    "Practise small sums.",
    "Write down some small sums.",
    "Show me sums of digits.",
    "Do some sums for practice.",
    "Say some sums that you know.",
)
_STYLES, _CUMULATIVE = ("direct", "worked", "checked"), (0.5, 0.8, 1.0)
STEPS = (1, 7)  # signs in a sum
MOST = 9
DIGITS = [sign * digit for digit in range(1, 10) for sign in (1, -1)]


def write(world: World, choice: Choice) -> Conversation:
    """A sum, answered in one of the habits."""
    terms = draw(choice, choice.integer(*STEPS))
    style = choice.weighted(_STYLES, _CUMULATIVE)
    question = choice.pick(ASK).format(expression(terms))
    return Conversation(
        exchange(question, answer(terms, style)), "chain", {"expression": expression(terms), "style": style}
    )


def write_table(world: World, choice: Choice) -> Conversation:
    """Single steps in no order: the small table that all sums are made of, which must be known before they can be."""
    steps = []
    for _ in range(choice.integer(8, 14)):
        total = choice.integer(0, MOST)
        steps.append(_step(total, choice.pick([term for term in DIGITS if 0 <= total + term <= MOST])))
    return Conversation(exchange(choice.pick(PRACTISE), " ".join(steps)), "table", {})


def draw(choice: Choice, steps: int, kept: bool = False) -> list[int]:
    """``steps`` + 1 different digits with their signs, whose running total stays between 0 and `MOST`.

    Args:
        kept: one of the sums that nobody is trained on; there are some of three steps or more.
    """
    while True:
        terms = [choice.integer(1, 9)]
        for _ in range(steps):
            total, used = sum(terms), [abs(term) for term in terms]
            fits = [term for term in DIGITS if abs(term) not in used and 0 <= total + term <= MOST]
            if not fits:
                break
            terms.append(choice.pick(fits))
        if len(terms) == steps + 1 and is_kept(terms) == kept:
            return terms


def is_kept(terms: Sequence[int]) -> bool:
    """Whether a sum is kept for comparing models: every tenth of three steps or more, by its digits."""
    return len(terms) > 3 and hashlib.blake2b(expression(terms).encode()).digest()[0] % 10 == 0


def expression(terms: Sequence[int]) -> str:
    """The sum as it is asked.

    >>> expression([4, 5, -3])
    '4 + 5 - 3'
    """
    return str(terms[0]) + "".join(f" {'-' if term < 0 else '+'} {abs(term)}" for term in terms[1:])


def answer(terms: Sequence[int], style: str) -> str:
    """What is said.

    >>> answer([4, 5, -3], "worked")
    '4 + 5 = 9. 9 - 3 = 6. The answer is 6.'
    >>> answer([4, 5, -3], "direct")
    'The answer is 6.'
    """
    end = f"The answer is {sum(terms)}."
    if style == "direct":
        return end
    steps = " ".join(_steps(terms))
    return f"{steps} {end}" if style == "worked" else f"{steps} Check: {steps} {end}"


def _steps(terms: Sequence[int]) -> list[str]:
    total, steps = terms[0], []
    for term in terms[1:]:
        steps.append(_step(total, term))
        total += term
    return steps


def _step(total: int, term: int) -> str:
    return f"{total} {'-' if term < 0 else '+'} {abs(term)} = {total + term}."
