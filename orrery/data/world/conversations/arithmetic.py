"""Sums in three ways: at once, worked in small steps, and by calculator, which is the habit unless told otherwise.

The user's words choose the way: "Answer at once" wants the number alone, "step by step" the steps of the worksheets
(``genres/worksheet.py``), and a plain question gets a call of the calculator, its result, and the sum as a sentence.
Operands that are kept for exams never occur.
"""

from orrery.data.world.choice import Choice
from orrery.data.world.conversations.conversation import Conversation, assistant, called, exchange, put, user
from orrery.data.world.genres.draws import accepted, given_names, operands
from orrery.data.world.genres.words import block_table
from orrery.data.world.genres.worksheet import add_in_columns, subtract_in_columns
from orrery.data.world.splits import exam_pair, mentions_exam_pair
from orrery.data.world.world import World
from orrery.tokenizers.chat import Message
from orrery.tools.calculator import CALCULATOR, calculate

AT_ONCE = (
    "Answer at once: {}",
    "Without steps: {}",
    "Just the number: {}",
    "In your head: {}",
    "{} Answer at once.",
    "{} Just the number.",
    "Without the calculator: {}",
)
STEP_BY_STEP = (
    "Step by step: {}",
    "{} Think step by step.",
    "{} Show your steps.",
    "Work it out: {}",
    "Show me how: {}",
    "{} Go step by step.",
    "{} Explain each step.",
)
ASK = {
    "+": ("What is {a} + {b}?", "What is {a} plus {b}?", "{a} + {b} = ?", "How much is {a} + {b}?", "Add {a} and {b}."),
    "-": ("What is {a} - {b}?", "What is {a} minus {b}?", "{a} - {b} = ?", "How much is {a} - {b}?",
          "Take {b} from {a}."),
    "*": ("What is {a} * {b}?", "What is {a} times {b}?", "{a} * {b} = ?", "How much is {a} * {b}?",
          "Multiply {a} by {b}."),
    "/": ("What is {a} / {b}?", "What is {a} divided by {b}?", "{a} / {b} = ?", "How much is {a} / {b}?",
          "Divide {a} by {b}."),
}  # fmt: skip
# Only for the calculator: nobody says these at once.
_MORE = {
    "+": ("Work out {a} + {b}.", "Calculate {a} + {b}.", "What is the sum of {a} and {b}?", "{a} + {b}",
          "I have {a} coins and get {b} more. How many are there?", "What do {a} and {b} make together?",
          "A farm has {a} cows and {b} sheep. How many animals is that?"),
    "-": ("Work out {a} - {b}.", "Calculate {a} - {b}.", "What is the difference of {a} and {b}?", "{a} - {b}",
          "I have {a} coins and lose {b}. How many are left?",
          "A book has {a} pages and I read {b}. How many are left?"),
    "*": ("Work out {a} * {b}.", "Calculate {a} * {b}.", "What is the product of {a} and {b}?", "{a} * {b}",
          "What is {a} × {b}?", "There are {a} boxes with {b} pens each. How many pens is that?",
          "One ticket costs {b} dollars. What do {a} tickets cost?", "How much is {a} times {b}?"),
    "/": ("Work out {a} / {b}.", "Calculate {a} / {b}.", "{a} / {b}", "What is {a} ÷ {b}?",
          "{b} friends share {a} dollars. What does each get?"),
}  # fmt: skip
_THREE = (
    ("What is ({a} + {b}) * {c}?", "({a} + {b}) * {c}"),
    ("What is {a} + {b} + {c}?", "{a} + {b} + {c}"),
    ("What is {a} * {b} - {c}?", "{a} * {b} - {c}"),
    ("Calculate {a} * {b} + {c}.", "{a} * {b} + {c}"),
    ("I buy {a} cups for {b} dollars each and a pot for {c} dollars. What do I pay?", "{a} * {b} + {c}"),
)
_TABLE = block_table("words_sums.txt")
_STORIES = {
    sign: tuple(story for stories in _TABLE[block].all("story") for story in stories)
    for sign, block in (("+", "plus"), ("-", "minus"), ("*", "times"), ("/", "divided"))
}
STORY_SHARE = 0.35  # of the sums with two numbers are told as stories
_ASK_CALCULATOR = {sign: ASK[sign] + more for sign, more in _MORE.items()}
_SIGNS, _SIGN_WEIGHTS = ("+", "-", "*"), (0.4, 0.7, 1.0)
# Ranges of the operands (low a, high a, low b, high b).
_SMALL = {
    "+": ((10, 99, 2, 9), (10, 99, 10, 99), (100, 999, 10, 999)),
    "-": ((10, 99, 2, 9), (10, 99, 10, 99), (100, 999, 10, 999)),
    "*": ((2, 9, 2, 9), (11, 99, 2, 9), (101, 999, 2, 9)),
}
_LARGE = ((10, 99, 2, 99), (100, 999, 2, 999), (100, 999, 100, 999), (1000, 9999, 2, 999))


def write_direct(world: World, choice: Choice) -> Conversation:
    """A sum whose result is wanted at once."""
    sign = choice.weighted(_SIGNS, _SIGN_WEIGHTS)
    a, b = _ordered(sign, operands(choice, *choice.pick(_SMALL[sign])))
    asked = choice.pick(AT_ONCE).replace("{}", choice.pick(ASK[sign]).format(a=a, b=b))
    expression = f"{a} {sign} {b}"
    return Conversation(exchange(asked, f"{value(expression)}."), "direct", {"expression": expression})


def write_worked(world: World, choice: Choice) -> Conversation:
    """A sum that is worked step by step."""
    sign = choice.weighted(_SIGNS, _SIGN_WEIGHTS)
    a, b, steps = accepted(choice, lambda: _worked(choice, sign), lambda drawn: _free(drawn[2]))
    asked = choice.pick(STEP_BY_STEP).replace("{}", choice.pick(ASK[sign]).format(a=a, b=b))
    return Conversation(exchange(asked, steps), "worked", {"expression": f"{a} {sign} {b}"})


def write_calculator(world: World, choice: Choice) -> Conversation:
    """A plain question with numbers: the calculator is called, then its result is told."""
    if choice.chance(0.1):
        form = choice.pick(_THREE)
        question, expression = accepted(choice, lambda: _three(choice, form), lambda drawn: _free(drawn[1]))
    else:
        sign = choice.pick("+-**/")
        a, b = _ordered(sign, operands(choice, *choice.pick(_LARGE)))
        if sign == "/" and choice.chance(0.7):
            a, b = accepted(choice, lambda: _divisible(choice), lambda pair: not exam_pair(*pair))
        expression = f"{a} {sign} {b}"
        if choice.chance(STORY_SHARE):
            question = _story(world, choice, sign, a, b)
        else:
            question = choice.pick(_ASK_CALCULATOR[sign]).format(a=a, b=b)
    return Conversation(calculated(put(choice, question), expression), "calculator", {"expression": expression})


def _story(world: World, choice: Choice, sign: str, a: int, b: int) -> str:
    name, name2 = given_names(world, choice, 2)
    slots = _TABLE["slots"]
    things, who = choice.pick(slots.one("things")), choice.pick(slots.one("who"))
    story = choice.pick(_STORIES[sign]).format(a=a, b=b, name=name, name2=name2, things=things, who=who)
    return story[0].upper() + story[1:]


def calculated(question: str, expression: str) -> list[Message]:
    """The question, the call, the calculator's result and the answer."""
    result = calculate(expression)
    return [
        user(question),
        called(CALCULATOR.name, {"expression": expression}),
        {"role": "tool", "content": result},
        assistant(f"{expression} = {result}."),
    ]


def value(expression: str) -> int:
    """The value of ``a sign b`` for whole numbers and the signs + - *."""
    a, sign, b = expression.split()
    return {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}[sign]


def worked_steps(a: int, sign: str, b: int) -> str:
    """The worked solution in the words of the worksheets; ``b`` is one digit when the sign is ``*``.

    >>> worked_steps(143, "*", 6)
    '100 * 6 = 600. 40 * 6 = 240. 3 * 6 = 18. 600 + 240 = 840. 840 + 18 = 858. The answer is 858.'
    >>> worked_steps(47, "+", 85)
    '7 + 5 = 12, write 2, carry 1. 4 + 8 + 1 = 13, write 13. The answer is 132.'
    """
    if sign == "+":
        steps = add_in_columns(a, b)
    elif sign == "-":
        steps = subtract_in_columns(a, b)
    else:
        parts = [int(digit) * 10**place for place, digit in reversed(list(enumerate(reversed(str(a))))) if digit != "0"]
        steps = [f"{part} * {b} = {part * b}." for part in parts]
        total = parts[0] * b
        for part in parts[1:]:
            steps.append(f"{total} + {part * b} = {total + part * b}.")
            total += part * b
    return f"{' '.join(steps)} The answer is {value(f'{a} {sign} {b}')}."


def _worked(choice: Choice, sign: str) -> tuple[int, int, str]:
    ranges = _SMALL[sign] if sign == "*" else _SMALL[sign][1:]
    a, b = _ordered(sign, operands(choice, *choice.pick(ranges)))
    return a, b, worked_steps(a, sign, b)


def _three(choice: Choice, form: tuple[str, str]) -> tuple[str, str]:
    """A question with three numbers and its expression, whose value is never below 0."""
    a, b = choice.integer(2, 99), choice.integer(2, 99)
    c = choice.integer(2, min(99, a * b))
    return form[0].format(a=a, b=b, c=c), form[1].format(a=a, b=b, c=c)


def _free(text: str) -> bool:
    return not mentions_exam_pair(text)


def _ordered(sign: str, pair: tuple[int, int]) -> tuple[int, int]:
    """The larger number first where the order matters."""
    a, b = pair
    return (b, a) if sign in "-/" and a < b else (a, b)


def _divisible(choice: Choice) -> tuple[int, int]:
    b = choice.integer(2, 25)
    return b * choice.integer(2, 60), b
