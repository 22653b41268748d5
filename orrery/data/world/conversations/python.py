"""Small jobs for the `python` tool: lists, words, dates, powers. The first try fails now and then and is mended.

What the code prints is known here without running it; a test runs some of it in the real sandbox.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from orrery.data.world.atlas import Atlas
from orrery.data.world.choice import Choice
from orrery.data.world.conversations.conversation import Conversation, assistant, called, put, user
from orrery.data.world.world import World

WITH = ("{}", "{}", "Use Python. {}", "{} Use Python.", "Run some code: {}", "With code, please: {}")
EXAM_WITH = ("{} Write code for it.", "Let Python do this: {}")
FAILED = (
    'error: it ended with exit status 1\nTraceback (most recent call last):\n  File "/code.py", line 1, in <module>'
)


@dataclass(frozen=True)
class Job:
    """What is asked, code that prints it, what that prints; and a first try with what came of it."""

    asked: str
    code: str
    printed: str
    tried: str
    error: str


def write(world: World, choice: Choice) -> Conversation:
    """A job, the call, what is printed and the answer."""
    job = drawn(choice)
    messages = [user(put(choice, choice.pick(WITH).format(job.asked)))]
    if choice.chance(0.15):
        messages += [called("python", {"code": job.tried}), {"role": "tool", "content": f"{FAILED}\n{job.error}"}]
        messages[-2]["weight"] = 0
    messages += [called("python", {"code": job.code}), {"role": "tool", "content": job.printed},
                 assistant(f"The result is {job.printed}.")]  # fmt: skip
    return Conversation(messages, "python", {"code": job.code, "printed": job.printed})


def drawn(choice: Choice, kept: bool = False) -> Job:
    """A job with numbers and words of its own; words are those kept for exams, or not."""
    return choice.pick(_JOBS)(choice, Atlas(choice, kept))


def _numbers(choice: Choice) -> list[int]:
    return [choice.integer(2, 99) for _ in range(choice.integer(3, 6))]


def _total(choice: Choice, atlas: Atlas) -> Job:
    numbers = _numbers(choice)
    asked = choice.pick(("What is the sum of {}?", "Add up {}.", "What do {} make together?")).format(_listed(numbers))
    return Job(asked, f"print(sum({numbers}))", str(sum(numbers)), f"print(total({numbers}))", _no_name("total"))


def _largest(choice: Choice, atlas: Atlas) -> Job:
    numbers = _numbers(choice)
    asked = choice.pick(("What is the largest of {}?", "Which of {} is the largest?")).format(_listed(numbers))
    return Job(asked, f"print(max({numbers}))", str(max(numbers)), f"print(largest({numbers}))", _no_name("largest"))


def _ordered(choice: Choice, atlas: Atlas) -> Job:
    numbers = _numbers(choice)
    asked = choice.pick(("Sort {}.", "Put {} in order.", "Order the numbers {}.")).format(_listed(numbers))
    return Job(asked, f"print(sorted({numbers}))", str(sorted(numbers)), f"print(sort({numbers}))", _no_name("sort"))


def _backwards(choice: Choice, atlas: Atlas) -> Job:
    word = atlas.word()
    asked = choice.pick(("What is {} backwards?", "Turn {} around.", "Write {} from the end.")).format(word)
    return Job(asked, f"print('{word}'[::-1])", word[::-1], f"print(reverse('{word}'))", _no_name("reverse"))


def _letters(choice: Choice, atlas: Atlas) -> Job:
    word = atlas.word()
    asked = choice.pick(("How many letters has {}?", "How long is {}?", "Count the letters of {}.")).format(word)
    return Job(asked, f"print(len('{word}'))", str(len(word)), f"print(length('{word}'))", _no_name("length"))


def _power(choice: Choice, atlas: Atlas) -> Job:
    base, exponent = choice.integer(2, 19), choice.integer(2, 9)
    asked = choice.pick(("What is {} to the power of {}?", "Raise {} to the power of {}.")).format(base, exponent)
    wrong = f"print(power({base}, {exponent}))"
    return Job(asked, f"print({base} ** {exponent})", str(base**exponent), wrong, _no_name("power"))


def _range(choice: Choice, atlas: Atlas) -> Job:
    low = choice.integer(1, 99)
    high = low + choice.integer(5, 400)
    asked = choice.pick(("Add all numbers from {} to {}.", "What is the sum of the numbers from {} to {}?"))
    code = f"print(sum(range({low}, {high} + 1)))"
    wrong = f"print(total({low}, {high}))"
    return Job(asked.format(low, high), code, str(sum(range(low, high + 1))), wrong, _no_name("total"))


def _days(choice: Choice, atlas: Atlas) -> Job:
    first = datetime.date(choice.integer(1990, 2030), choice.integer(1, 12), choice.integer(1, 28))
    last = first + datetime.timedelta(choice.integer(10, 900))
    dates = [f"date({day.year}, {day.month}, {day.day})" for day in (last, first)]
    asked = choice.pick(("How many days are between {} and {}?", "How many days is it from {} to {}?"))
    code = f"from datetime import date\nprint(({dates[0]} - {dates[1]}).days)"
    wrong = f"print(({dates[0]} - {dates[1]}).days)"
    return Job(asked.format(first, last), code, str((last - first).days), wrong, _no_name("date"))


def _listed(numbers: list[int]) -> str:
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def _no_name(name: str) -> str:
    return f"NameError: name '{name}' is not defined"


_JOBS: tuple[Callable[[Choice, Atlas], Job], ...] = (
    _total, _largest, _ordered, _backwards, _letters, _power, _range, _days,
)  # fmt: skip
