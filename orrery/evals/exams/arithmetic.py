"""Sums of operands that training never paired: at once, worked step by step, and by calculator.

The three exams ask for the very same expressions; only the words that choose the way differ. Operands have two or three
digits (a product's second has one, so that the worksheets' steps reach it), and scores are given by digits.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from orrery.data.world.conversations.arithmetic import ASK, AT_ONCE, STEP_BY_STEP, value
from orrery.data.world.splits import exam_pair
from orrery.data.world.world import World
from orrery.evals.exams.exam import Exam, Item, asked, rng_for

EACH = 50  # expressions of each sign and number of digits
_SECOND = {"+": (10, 99), "-": (10, 99), "*": (2, 9)}


def build(world: World) -> list[Exam]:
    """The three exams, each on the same expressions in the same order."""
    rng = rng_for("arithmetic", world.config.seed)
    drawn = expressions(rng)
    direct = Exam("arithmetic_direct", "sums answered at once", (), max_tokens=16, base_tokens=8, by="digits")
    worked = Exam(
        "arithmetic_worked", "sums worked in steps, every step right", (), max_tokens=144, base_tokens=144, by="digits"
    )
    tool = Exam("arithmetic_tool", "sums done by calling the calculator", (), stage="chat", max_tokens=96, by="digits")
    return [
        _filled(direct, rng, drawn, AT_ONCE, "at_once", "{} =", "first_number"),
        _filled(worked, rng, drawn, STEP_BY_STEP, "worked", "Question: {}\nAnswer:", "worked_paragraph"),
        _filled(tool, rng, drawn, ("{}",), "by_tool"),
    ]


def _filled(
    exam: Exam,
    rng: random.Random,
    drawn: Sequence[tuple[int, str, int]],
    phrasings: Sequence[str],
    check: str,
    prompt: str | None = None,
    base_check: str = "",
) -> Exam:
    """The exam with one item an expression, asked in one of the phrasings, or continued from the prompt."""
    items = []
    for a, sign, b in drawn:
        expression = f"{a} {sign} {b}"
        question = rng.choice(phrasings).replace("{}", rng.choice(ASK[sign]).format(a=a, b=b))
        items.append(
            Item(
                exam.name,
                expression,
                check,
                asked(question),
                prompt.replace("{}", expression) if prompt else None,
                base_check,
                (str(value(expression)),),
                others=(str(a), str(b)),
                labels={"digits": str(len(str(a)))},
            )
        )
    return replace(exam, items=tuple(items))


def expressions(rng: random.Random) -> list[tuple[int, str, int]]:
    """``EACH`` different expressions (a, sign, b) of every sign with a of two and of three digits, all kept pairs."""
    found: dict[tuple[int, str, int], None] = {}
    for digits in (2, 3):
        for sign, (low, high) in _SECOND.items():
            if digits == 3 and sign != "*":
                high = 999
            wanted = len(found) + EACH
            while len(found) < wanted:
                a, b = rng.randrange(10 ** (digits - 1), 10**digits), rng.randint(low, high)
                a, b = max(a, b), min(a, b)
                if exam_pair(a, b):
                    found[a, sign, b] = None
    return list(found)
