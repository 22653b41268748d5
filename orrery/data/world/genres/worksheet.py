"""Worksheets: sums done directly, sums worked step by step, word problems, and expressions copied from a question.

Every step of a worked sum is a small table that can be learnt by heart (two digits, or a running total and a digit):
with larger steps, or with operands of two digits in one step, models of this size learnt nothing. Operands that are
kept for the arithmetic exams never occur, as a problem or as a step.
"""

import operator
from collections.abc import Callable

from orrery.data.world.choice import Choice
from orrery.data.world.genres import Page
from orrery.data.world.genres.draws import accepted, fresh_people, operands
from orrery.data.world.genres.words import NUMBER_WORDS
from orrery.data.world.splits import mentions_exam_pair
from orrery.data.world.world import World

Problem = tuple[str, int]  # an expression and its value
Sheet = tuple[list[str], list[Problem]]  # the lines of a page and the problems in them

_APPLY = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_WORDS = {"+": "plus", "-": "minus", "*": "times"}
# Ranges of the operands by sign: (low a, high a, low b, high b); small numbers come most often.
_RANGES = {
    "+": ((1, 9, 1, 9), (10, 99, 1, 9), (10, 99, 10, 99), (10, 99, 10, 99), (100, 999, 10, 999)),
    "-": ((1, 9, 1, 9), (10, 99, 1, 9), (10, 99, 10, 99), (10, 99, 10, 99), (100, 999, 10, 999)),
    "*": ((1, 9, 1, 9), (1, 9, 1, 9), (2, 12, 2, 12), (10, 99, 2, 9)),
}
_SIGNS, _SIGN_WEIGHTS = ("+", "-", "*"), (0.4, 0.7, 1.0)
_DIRECT = (
    "{a} {sign} {b} = {result}",
    "{a} {sign} {b} = {result}",
    "What is {a} {sign} {b}? It is {result}.",
    "What is {a} {word} {b}? It is {result}.",
    "{a} {word} {b} is {result}.",
)
_HEADS = ("Worksheet", "Sums", "Math lesson", "Work it out.", "Practice page", "Exercises")
_ASK_SUM = ("What is {sum}? {work}", "{sum} = ? {work}", "Question: {sum}\nAnswer: {work}", "Work out {sum}. {work}")
_THINK = ("Let's think. {steps} The answer is {result}.", "{steps} The answer is {result}.")
_ASK_EXPRESSION = (
    ("What is {a} plus {b}?", "+"), ("What is the sum of {a} and {b}?", "+"), ("Add {a} and {b}.", "+"),
    ("How much is {a} plus {b}?", "+"), ("What do you get if you add {b} to {a}?", "+"),
    ("What is {a} minus {b}?", "-"), ("Take {b} away from {a}.", "-"), ("How much is {a} minus {b}?", "-"),
    ("What is left if you take {b} from {a}?", "-"),
    ("What is {a} times {b}?", "*"), ("Multiply {a} by {b}.", "*"), ("What is the product of {a} and {b}?", "*"),
    ("How much is {a} times {b}?", "*"), ("There are {a} boxes with {b} pens each. How many pens are there?", "*"),
    ("One ticket costs {b} dollars. What do {a} tickets cost?", "*"),
)  # fmt: skip
_EXPRESSION_RANGES = ((10, 99, 10, 99), (100, 999, 10, 99), (100, 999, 100, 999), (1000, 9999, 10, 999))
_OWN = ("apples", "pens", "coins", "books", "eggs", "cards", "balls", "stamps", "shells", "cookies", "stones", "nuts")
_GETS = ("{She} gets {b} more.", "{She} finds {b} more.", "A friend gives {her} {b} more.", "{She} buys {b} more.")
_LOSES = ("{She} loses {b}.", "{She} gives away {b}.", "{She} sells {b}.", "{She} gives {b} to a friend.")


def write(world: World, choice: Choice) -> Page:
    """One page; provenance: its kind and every problem as (expression, value)."""
    kind = choice.weighted(_KINDS, _KIND_WEIGHTS)
    lines, problems = kind(world, choice)
    if choice.chance(0.3):
        lines.insert(0, choice.pick(_HEADS))
    return Page("\n".join(lines), {"kind": kind.__name__.strip("_"), "problems": problems})


def _pair(choice: Choice, sign: str, ranges: tuple[tuple[int, int, int, int], ...]) -> tuple[int, int]:
    """Two operands free for training; the larger one first when they are subtracted."""
    a, b = operands(choice, *choice.pick(ranges))
    return (b, a) if sign == "-" and a < b else (a, b)


def _direct(world: World, choice: Choice) -> Sheet:
    """Four to nine sums with their results, all in one form or each in its own."""
    lines, problems = [], []
    form = choice.pick(_DIRECT) if choice.chance(0.7) else None
    sign = choice.weighted(_SIGNS, _SIGN_WEIGHTS) if choice.chance(0.5) else None
    for _ in range(choice.integer(4, 9)):
        this = sign or choice.weighted(_SIGNS, _SIGN_WEIGHTS)
        a, b = _pair(choice, this, _RANGES[this])
        result = _APPLY[this](a, b)
        lines.append((form or choice.pick(_DIRECT)).format(a=a, b=b, sign=this, word=_WORDS[this], result=result))
        problems.append((f"{a} {this} {b}", result))
    return lines, problems


def _digits(choice: Choice) -> tuple[str, str, int]:
    """A signed sum of 2 to 7 digits that never falls below 0: the sum, the steps that work it out, the result."""
    total = choice.integer(1, 9)
    terms, steps = [str(total)], []
    for _ in range(choice.integer(1, 6)):
        digit = choice.integer(1, 9)
        sign = "-" if digit <= total and choice.chance(0.5) else "+"
        after = _APPLY[sign](total, digit)
        terms.append(f"{sign} {digit}")
        steps.append(f"{total} {sign} {digit} = {after}.")
        total = after
    return " ".join(terms), " ".join(steps), total


def _digits_direct(world: World, choice: Choice) -> Sheet:
    """Signed sums of digits in one go."""
    lines, problems = [], []
    for _ in range(choice.integer(3, 7)):
        terms, _, result = _digits(choice)  # pairs of digits are never kept for exams
        lines.append(f"{terms} = {result}")
        problems.append((terms, result))
    return lines, problems


def _digits_worked(world: World, choice: Choice) -> Sheet:
    """Signed sums of digits, one running total a step."""
    return _worked(choice, _digits)


def _columns(choice: Choice) -> tuple[str, str, int]:
    """Addition or subtraction of two numbers of 2 or 3 digits, digit by digit from the right.

    The steps of 47 + 85: ``7 + 5 = 12, write 2, carry 1. 4 + 8 + 1 = 13, write 13.``
    """
    sign = "+" if choice.chance(0.6) else "-"
    ranges = ((10, 99, 10, 99), (10, 99, 10, 99), (100, 999, 10, 99), (100, 999, 100, 999))
    a, b = _pair(choice, sign, ranges)
    steps = add_in_columns(a, b) if sign == "+" else subtract_in_columns(a, b)
    return f"{a} {sign} {b}", " ".join(steps), _APPLY[sign](a, b)


def add_in_columns(a: int, b: int) -> list[str]:
    """The steps of an addition by digits.

    >>> add_in_columns(47, 85)
    ['7 + 5 = 12, write 2, carry 1.', '4 + 8 + 1 = 13, write 13.']
    """
    steps, carry = [], 0
    width = max(len(str(a)), len(str(b)))
    for place in range(width):
        x, y = a // 10**place % 10, b // 10**place % 10
        total = x + y + carry
        terms = f"{x} + {y} + 1" if carry else f"{x} + {y}"
        if place == width - 1:
            steps.append(f"{terms} = {total}, write {total}.")
        elif total > 9:
            steps.append(f"{terms} = {total}, write {total - 10}, carry 1.")
        else:
            steps.append(f"{terms} = {total}, write {total}.")
        carry = total // 10
    return steps


def subtract_in_columns(a: int, b: int) -> list[str]:
    """The steps of a subtraction by digits, for a >= b.

    >>> subtract_in_columns(85, 47)
    ['5 is less than 7, so 15 - 7 = 8, write 8, borrow 1.', '8 - 4 - 1 = 3, write 3.']
    """
    steps, borrow = [], 0
    for place in range(len(str(a))):
        x, y = a // 10**place % 10, b // 10**place % 10
        minus = f" - {y} - 1" if borrow else f" - {y}"
        y += borrow
        if x >= y:
            steps.append(f"{x}{minus} = {x - y}, write {x - y}.")
            borrow = 0
        else:
            less = f"{x} is less than {y}, so {x + 10}"
            steps.append(f"{less}{minus} = {x + 10 - y}, write {x + 10 - y}, borrow 1.")
            borrow = 1
    return steps


def _columns_worked(world: World, choice: Choice) -> Sheet:
    """Additions and subtractions in columns."""
    return _worked(choice, _columns)


def multiply_by_parts(a: int, b: int) -> list[str]:
    """The steps of a product with a digit ``b``, by ones, tens and hundreds.

    >>> multiply_by_parts(43, 6)
    ['40 * 6 = 240.', '3 * 6 = 18.', '240 + 18 = 258.']
    """
    digits = str(a)
    parts = [int(digit) * 10 ** (len(digits) - 1 - place) for place, digit in enumerate(digits) if digit != "0"]
    steps = [f"{part} * {b} = {part * b}." for part in parts]
    total = parts[0] * b
    for part in parts[1:]:
        steps.append(f"{total} + {part * b} = {total + part * b}.")
        total += part * b
    return steps


def _product(choice: Choice) -> tuple[str, str, int]:
    """A number of two or three digits times a digit."""
    a, b = operands(choice, *choice.pick(((11, 99, 2, 9), (11, 99, 2, 9), (101, 999, 2, 9))))
    return f"{a} * {b}", " ".join(multiply_by_parts(a, b)), a * b


def _products_worked(world: World, choice: Choice) -> Sheet:
    """Products with a digit, by ones, tens and hundreds."""
    return _worked(choice, _product)


def _worked(choice: Choice, draw: Callable[[Choice], tuple[str, str, int]]) -> Sheet:
    """Two or three worked sums of one sort, asked and thought through in one way."""
    ask, think = choice.pick(_ASK_SUM), choice.pick(_THINK)
    lines, problems = [], []
    for _ in range(choice.integer(2, 3)):
        terms, steps, result = accepted(
            choice, lambda: draw(choice), lambda drawn: not mentions_exam_pair(drawn[0] + " . " + drawn[1])
        )
        lines.append(ask.format(sum=terms, work=think.format(steps=steps, result=result)))
        problems.append((terms, result))
    return lines, problems


def _expression(world: World, choice: Choice) -> Sheet:
    """Questions in words with the expression that a calculator wants; sometimes with what it shows, and the answer."""
    shows_result = choice.chance(0.3)
    lines, problems = [], []
    for _ in range(choice.integer(2, 3)):
        question, sign = choice.pick(_ASK_EXPRESSION)
        a, b = _pair(choice, sign, _EXPRESSION_RANGES)
        expression, result = f"{a} {sign} {b}", _APPLY[sign](a, b)
        lines.append(f"Question: {question.format(a=a, b=b)}")
        lines.append(f"Expression: {expression}")
        if shows_result:
            lines[-1] = f"Calculator: {expression} = {result}"
            lines.append(f"Answer: It is {result}.")
        problems.append((expression, result))
    return lines, problems


def _word_problems(world: World, choice: Choice) -> Sheet:
    """Somebody has some things, and gets or loses some."""
    lines, problems = [], []
    for name in fresh_people(world, choice, choice.integer(1, 3)):
        sign = choice.pick("+-")
        a, b = _pair(choice, sign, ((2, 9, 2, 9), (2, 9, 2, 9), (10, 40, 2, 9)))
        if a == b:
            b -= 1  # "She has 0 apples" reads badly
        she, her = choice.pick((("She", "her"), ("He", "him")))
        things = choice.pick(_OWN)
        change = choice.pick(_GETS if sign == "+" else _LOSES).format(She=she, her=her, b=b)
        result = _APPLY[sign](a, b)
        own = things[:-1] if result == 1 else things
        lines.append(
            f"{name} has {a} {things}. {change} How many {things} does {she.lower()} have now? "
            f"{a} {sign} {b} = {result}. {she} has {result} {own}."
        )
        problems.append((f"{a} {sign} {b}", result))
    return lines, problems


def _number_facts(world: World, choice: Choice) -> Sheet:
    """Larger and smaller numbers, number words, and counting in steps."""
    lines: list[str] = []
    for _ in range(choice.integer(3, 6)):
        which = choice.integer(0, 3)
        if which < 2:
            a, b = choice.sample(range(1, 100), 2)
            word, pick = (("larger", max), ("smaller", min))[which]
            lines.append(f"Which number is {word}, {a} or {b}? It is {pick(a, b)}.")
        elif which == 2:
            n = choice.integer(0, len(NUMBER_WORDS) - 1)
            lines.append(f"The number {n} is written {NUMBER_WORDS[n]}.")
        else:
            start, step = choice.integer(1, 20), choice.integer(1, 10)
            row = ", ".join(str(start + step * i) for i in range(6))
            lines.append(f"Start at {start} and go up by {step}: {row}.")
    return lines, []


_KINDS: tuple[Callable[[World, Choice], Sheet], ...] = (
    _direct, _digits_direct, _digits_worked, _columns_worked, _products_worked, _expression, _word_problems,
    _number_facts,
)  # fmt: skip
_KIND_WEIGHTS = (0.24, 0.34, 0.56, 0.70, 0.76, 0.90, 0.96, 1.0)
