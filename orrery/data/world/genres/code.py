"""Tiny Python programs with their true output.

Each form writes a program and works out its output by itself; the tests run every program and compare.
"""

import operator
from collections.abc import Callable

from orrery.data.world.choice import Choice
from orrery.data.world.genres import Page
from orrery.data.world.genres.draws import operands
from orrery.data.world.splits import exam_word
from orrery.data.world.world import World

_NAMES = ("a", "b", "x", "y", "n", "total", "count", "value", "score")
_COMMON = ("cat", "dog", "sun", "moon", "tree", "apple", "bread", "river", "stone", "cloud", "bird", "fish", "house",
           "green", "blue", "red", "night", "paper", "hello", "water", "door", "milk", "seven", "yellow")  # fmt: skip
# Programs look at the letters of words, so none may be kept for the letters exams.
_WORDS = tuple(word for word in _COMMON if not exam_word(word))
_LISTS = ("numbers", "items", "values", "data")
_FUNCTIONS = ("f", "g", "work", "change", "step")
_SIGNS = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_COMPARE = {">": operator.gt, "<": operator.lt, "==": operator.eq}
_LAYOUTS = (
    "Python program:\n{source}\nOutput:\n{output}",
    "# Python\n{source}\n# Output:\n{output}",
    "Program:\n{source}\nIt prints:\n{output}",
    "What does this program print?\n{source}\nAnswer:\n{output}",
    "Code:\n{source}\nResult:\n{output}",
)

Shown = str | int | bool
Program = tuple[list[str], list[Shown]]  # lines of source, what each print shows


def write(world: World, choice: Choice) -> Page:
    """Two or three programs; provenance: each program's source and output."""
    layout = choice.pick(_LAYOUTS)
    programs, texts = [], []
    for _ in range(choice.integer(2, 3)):
        lines, shown = choice.pick(_FORMS)(choice)
        program = {"source": "\n".join(lines), "output": "\n".join(map(str, shown))}
        programs.append(program)
        texts.append(layout.format_map(program))
    return Page("\n\n".join(texts), {"programs": programs})


def _numbers(choice: Choice, low: int, high: int) -> list[int]:
    return [choice.integer(1, 20) for _ in range(choice.integer(low, high))]


def _small(choice: Choice, sign: str) -> tuple[int, int]:
    """Operands free for training: digits for a product, up to 50 for the others."""
    return operands(choice, 2, 9, 2, 9) if sign == "*" else operands(choice, 1, 50, 1, 20)


def _sum(choice: Choice) -> Program:
    sign = choice.pick("+-*")
    a, b = _small(choice, sign)
    return [f"print({a} {sign} {b})"], [_SIGNS[sign](a, b)]


def _variables(choice: Choice) -> Program:
    first, second = choice.sample(_NAMES, 2)
    sign = choice.pick("+-*")
    a, b = _small(choice, sign)
    return [f"{first} = {a}", f"{second} = {b}", f"print({first} {sign} {second})"], [_SIGNS[sign](a, b)]


def _update(choice: Choice) -> Program:
    name = choice.pick(_NAMES)
    value = choice.integer(1, 9)
    lines = [f"{name} = {value}"]
    for _ in range(choice.integer(1, 3)):
        sign, by = choice.pick("+-"), choice.integer(1, 9)
        lines.append(f"{name} = {name} {sign} {by}" if choice.chance(0.5) else f"{name} {sign}= {by}")
        value = _SIGNS[sign](value, by)
    return [*lines, f"print({name})"], [value]


def _count_up(choice: Choice) -> Program:
    start, length, step = choice.integer(0, 5), choice.integer(2, 5), choice.integer(1, 3)
    numbers = range(start, start + length * step, step)
    if step > 1:
        arguments = f"{start}, {numbers.stop}, {step}"
    else:
        arguments = f"{start}, {numbers.stop}" if start else f"{numbers.stop}"
    return [f"for i in range({arguments}):", "    print(i)"], list(numbers)


def _loop_product(choice: Choice) -> Program:
    factor, length = choice.integer(2, 9), choice.integer(2, 5)
    return [f"for i in range(1, {length + 1}):", f"    print(i * {factor})"], [i * factor for i in range(1, length + 1)]


def _loop_total(choice: Choice) -> Program:
    name, length = choice.pick(("total", "s", "count")), choice.integer(3, 9)
    return [f"{name} = 0", f"for i in range({length}):", f"    {name} += i", f"print({name})"], [sum(range(length))]


def _count_down(choice: Choice) -> Program:
    name, start, step = choice.pick(("n", "x")), choice.integer(3, 9), choice.integer(1, 2)
    lines = [f"{name} = {start}", f"while {name} > 0:", f"    print({name})", f"    {name} -= {step}"]
    return lines, list(range(start, 0, -step))


def _loop_words(choice: Choice) -> Program:
    words = choice.sample(_WORDS, choice.integer(2, 4))
    if choice.chance(0.5):
        return [f"for word in {_source(words)}:", "    print(word)"], list(words)
    return [f"for word in {_source(words)}:", "    print(len(word))"], [len(word) for word in words]


# Expressions on a word and on a list of numbers, and what they give; ``n`` and ``other`` are drawn where they show.
_STRING_FORMS: tuple[tuple[str, Callable[[str, int, str], Shown]], ...] = (
    ("word.upper()", lambda word, n, other: word.upper()),
    ("word.capitalize()", lambda word, n, other: word.capitalize()),
    ("len(word)", lambda word, n, other: len(word)),
    ("list(word)", lambda word, n, other: str(list(word))),
    ("word[-1]", lambda word, n, other: word[-1]),
    ("word[::-1]", lambda word, n, other: word[::-1]),
    ("word[{n}]", lambda word, n, other: word[n]),
    ("word[:{n}]", lambda word, n, other: word[:n]),
    ("word * {n}", lambda word, n, other: word * n),
    ('word + "{other}"', lambda word, n, other: word + other),
    ('word + " " + "{other}"', lambda word, n, other: f"{word} {other}"),
    ('word == "{other}"', lambda word, n, other: word == other),
    ('word in "{other}"', lambda word, n, other: word in other),
)
_LIST_FORMS: tuple[tuple[str, Callable[[list[int], int], Shown]], ...] = (
    ("sum({name})", lambda numbers, n: sum(numbers)),
    ("max({name})", lambda numbers, n: max(numbers)),
    ("min({name})", lambda numbers, n: min(numbers)),
    ("len({name})", lambda numbers, n: len(numbers)),
    ("sorted({name})", lambda numbers, n: str(sorted(numbers))),
    ("{name}[::-1]", lambda numbers, n: str(numbers[::-1])),
    ("{name}[-1]", lambda numbers, n: numbers[-1]),
    ("{name}[{n}]", lambda numbers, n: numbers[n]),
    ("{name}[:{n}]", lambda numbers, n: str(numbers[:n])),
    ("{n} in {name}", lambda numbers, n: n in numbers),
)


def _string(choice: Choice) -> Program:
    word = choice.pick(_WORDS)
    expression, value = choice.pick(_STRING_FORMS)
    n = choice.integer(1, 2) if "{n}" in expression else 0
    other = choice.pick(_WORDS) if "{other}" in expression else ""
    return [f'word = "{word}"', f"print({expression.format(n=n, other=other)})"], [value(word, n, other)]


def _list(choice: Choice) -> Program:
    name, numbers = choice.pick(_LISTS), _numbers(choice, 3, 5)
    expression, value = choice.pick(_LIST_FORMS)
    n = choice.integer(1, 2) if "{n}" in expression else 0
    return [f"{name} = {numbers}", f"print({expression.format(name=name, n=n)})"], [value(numbers, n)]


def _append(choice: Choice) -> Program:
    name, words = choice.pick(_LISTS), choice.sample(_WORDS, 3)
    lines = [f"{name} = {_source(words[:2])}", f'{name}.append("{words[2]}")']
    ends: tuple[tuple[str, Shown], ...] = ((f"len({name})", 3), (f"{name}[-1]", words[2]), (f"{name}[0]", words[0]))
    source, shown = choice.pick(ends)
    return [*lines, f"print({source})"], [shown]


def _compare(choice: Choice) -> Program:
    name, value, limit, sign = choice.pick(_NAMES), choice.integer(1, 20), choice.integer(1, 20), choice.pick("><")
    yes, no = choice.pick((("yes", "no"), ("big", "small"), ("left", "right"), ("stop", "go")))
    lines = [f"{name} = {value}", f"if {name} {sign} {limit}:", f'    print("{yes}")', "else:", f'    print("{no}")']
    return lines, [yes if _COMPARE[sign](value, limit) else no]


def _truth(choice: Choice) -> Program:
    a, b, sign = choice.integer(1, 30), choice.integer(1, 30), choice.pick((">", "<", "=="))
    return [f"print({a} {sign} {b})"], [_COMPARE[sign](a, b)]


def _function(choice: Choice) -> Program:
    name, sign, by, value = choice.pick(_FUNCTIONS), choice.pick("+-*"), choice.integer(2, 9), choice.integer(2, 9)
    lines = [f"def {name}(x):", f"    return x {sign} {by}", "", f"print({name}({value}))"]
    return lines, [_SIGNS[sign](value, by)]


def _lookup(choice: Choice) -> Program:
    words = choice.sample(_WORDS, 3)
    prices = {word: choice.integer(1, 20) for word in words}
    asked, name = choice.pick(words), choice.pick(("price", "age", "table"))
    return [f"{name} = {_source(prices)}", f'print({name}["{asked}"])'], [prices[asked]]


def _even(choice: Choice) -> Program:
    value, by = choice.integer(1, 30), choice.integer(2, 5)
    if choice.chance(0.5):
        return [f"print({value} % {by})"], [value % by]
    return [f"print({value} // {by})"], [value // by]


def _greet(choice: Choice) -> Program:
    greeting, word = choice.pick(("Hello", "Good day", "Welcome", "Dear")), choice.pick(_WORDS)
    lines = [f'name = "{word}"', f'print("{greeting}", name)']
    return lines, [f"{greeting} {word}"]


def _source(value: list[str] | dict[str, int]) -> str:
    """A literal as people write it, with double quotes."""
    return repr(value).replace("'", '"')


_FORMS: tuple[Callable[[Choice], Program], ...] = (
    _sum, _variables, _update, _count_up, _loop_product, _loop_total, _count_down, _loop_words, _string, _string,
    _list, _list, _append, _compare, _truth, _function, _lookup, _even, _greet,
)  # fmt: skip
