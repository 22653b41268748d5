"""Pages whose second half is copied from the first: repeating, looking up, first and last, sums as a calculator wants
them, and questions about a text (``reading.py``).

Small models learn late to find again what was said, and everything that depends on it (reading, the calculator's
calls, talks of several turns) waits for that. These pages have little else in them, so a training run that begins with
them has its copying heads (`orrery.models.copying`) in use before anything else wears them down.
"""

from collections.abc import Callable

from orrery.data.world.choice import Choice
from orrery.data.world.conversations import arithmetic
from orrery.data.world.genres import Page, reading
from orrery.data.world.genres.draws import fresh_people, given_names, operands
from orrery.data.world.genres.spelling import WORDS
from orrery.data.world.world import World

_ECHO = (
    "Repeat: {items}.\nAnswer: {items}.",
    "Repeat these words: {items}.\nAnswer: {items}.",
    "Say after me: {items}.\nI say: {items}.",
    "User: Repeat this: {items}.\nOrrery: {items}.",
    "User: Say {items}.\nOrrery: {items}.",
    "Copy this line: {items}.\nCopy: {items}.",
    "A: Can you say {items}?\nB: Yes. {items}.",
    "Listen: {items}. And again: {items}. And again: {items}.",
    "List: {items}.\nThe same list: {items}.",
)
# Before a list, one entry, between entries; the kind of its keys and of its values (see _items).
_LOOKUP = (
    ("List: ", "{key}: {value}", ", ", ("full", "given", "word"), ("word", "number")),
    ("Table: ", "{key} = {value}", "; ", ("full", "given", "word"), ("word", "number")),
    ("Code: ", "{key} means {value}", ". ", ("number", "word"), ("word",)),
    ("Ages: ", "{key} is {value}", ", ", ("full", "given"), ("number",)),
    ("Prices: ", "{key} costs {value}", ", ", ("word",), ("number",)),
)
_ENDS = (
    "List: {items}.\nThe first is {first}. The last is {last}.",
    "{items}.\nFirst: {first}.\nLast: {last}.",
    "User: Which comes first? {items}.\nOrrery: {first}.",
    "User: Which comes last? {items}.\nOrrery: {last}.",
    "Here are {items}. The last of them is {last}. The first of them is {first}.",
)
_SUMS = (
    "Question: {question}\nExpression: {expression}",
    "Q: {question}\nCalculator: {expression}",
    'User: {question}\nOrrery: {{"expression": "{expression}"}}',
    '{question} {{"expression": "{expression}"}}',
)
_RANGES = ((10, 99, 2, 99), (100, 999, 2, 99), (100, 999, 100, 999))
_ITEMS = ("full", "given", "word", "number")
_NUMBERS = tuple(str(n) for n in range(2, 100))


def write(world: World, choice: Choice) -> Page:
    """One page; provenance names its kind: reading, echo, lookup, ends or sums."""
    return choice.weighted(_KINDS, _KIND_WEIGHTS)(world, choice)


def echo(world: World, choice: Choice) -> Page:
    """One to three lines that repeat names, words or numbers exactly; provenance: the repeated items of each."""
    form = choice.pick(_ECHO)
    blocks, items = [], []
    for _ in range(choice.integer(1, 3)):
        joined = ", ".join(_items(world, choice, choice.pick(_ITEMS), choice.integer(1, 5)))
        items.append(joined)
        blocks.append(form.format(items=joined))
    return Page("\n".join(blocks), {"kind": "echo", "items": items})


def lookup(world: World, choice: Choice) -> Page:
    """A list of keys with values, then the same pairs in another order; provenance: the pairs as (key, value).

    The purest form of finding again what was said: the head of an attention layer that reading needs.
    """
    before, form, comma, key_kinds, value_kinds = choice.pick(_LOOKUP)
    count = choice.integer(2, 6)
    keys = _items(world, choice, choice.pick(key_kinds), count)
    values = _items(world, choice, choice.pick(value_kinds), count)
    pairs = list(zip(keys, values, strict=True))
    listed = comma.join(form.format(key=key, value=value) for key, value in pairs)
    again = comma.join(form.format(key=key, value=value) for key, value in choice.shuffled(pairs))
    return Page(f"{before}{listed}.\n{before}{again}.", {"kind": "lookup", "pairs": pairs})


def ends(world: World, choice: Choice) -> Page:
    """What comes first and what comes last: finding by place and not by neighbours; provenance: the items."""
    items = _items(world, choice, choice.pick(_ITEMS), choice.integer(2, 5))
    text = choice.pick(_ENDS).format(items=", ".join(items), first=items[0], last=items[-1])
    return Page(text, {"kind": "ends", "items": items})


def sums(world: World, choice: Choice) -> Page:
    """One to four questions with the expressions that a calculator wants; provenance: the expressions."""
    form = choice.pick(_SUMS)
    lines, expressions = [], []
    for _ in range(choice.integer(1, 4)):
        sign = choice.pick("+-*/")
        a, b = operands(choice, *choice.pick(_RANGES))
        expression = f"{a} {sign} {b}"
        question = choice.pick(arithmetic.ASK[sign]).format(a=a, b=b)
        lines.append(form.format(question=question, expression=expression))
        expressions.append(expression)
    return Page("\n".join(lines), {"kind": "sums", "expressions": expressions})


def _items(world: World, choice: Choice, kind: str, count: int) -> list[str]:
    """Different things of a kind: full names, given names, words or numbers."""
    if kind == "full":
        return fresh_people(world, choice, count)
    if kind == "given":
        return given_names(world, choice, count)
    return choice.sample(WORDS if kind == "word" else _NUMBERS, count)


_KINDS: tuple[Callable[[World, Choice], Page], ...] = (reading.write, echo, lookup, ends, sums)
_KIND_WEIGHTS = (0.55, 0.65, 0.83, 0.88, 1.0)
