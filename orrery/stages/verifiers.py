r"""Verifiers: is a completion right? Plain functions (prompt, completion, truth) -> float, 1 for right and 0 for wrong.

Nothing that a model wrote is ever executed: expressions go through the calculator's syntax tree, which is bounded in
size and time.

Where a completion says its answer
    \boxed{42}     what the last box holds, wherever it stands
    #### 42        as GSM8K's solutions end: the first number there (the last line, where words are compared)
    else           its last number, or its last line

Numbers are read as they are written in English: 1,234.5, -7 (with any minus sign, right before the digits), .5, 3/4,
2 1/2, \frac{3}{4}, 1e3, 6 × 10^23. Currencies and units are looked over (-$5.00, 42 km, 42 m^2, 50%).
"""

import math
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from orrery.data.countdown import Countdown
from orrery.errors import ToolError
from orrery.tools.calculator import MAX_LENGTH, calculate

RewardFunction = Callable[[str, str, Any], float]


def exact(prompt: str, completion: str, truth: Any) -> float:
    """1 when the last line, or the last box, is the truth: letter case, white space, quotes and a full stop aside."""
    lines, said = completion.strip().splitlines(), boxed(completion)
    if said is None:
        said = lines[-1].lstrip("# ") if lines else ""
    return float(bool(_plain(said)) and _plain(said) == _plain(str(truth)))


def contains(prompt: str, completion: str, truth: Any) -> float:
    """1 when the truth stands in the completion as words of its own; for numbers take ``numeric``."""
    wanted = _plain(str(truth))
    return float(bool(wanted) and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", _plain(completion)) is not None)


def numeric(prompt: str, completion: str, truth: Any, tolerance: float = 1e-6) -> float:
    """1 when the number that the completion says is the truth, a number or a text that says one.

    Whole numbers must be equal, others may differ by the tolerance, relative or absolute.

    Raises:
        ValueError: the truth is no number.
    """
    found, true = answer_number(completion), answer_number(str(truth))
    if true is None:
        raise ValueError(f"the truth {truth!r} is no number")
    if found is None:
        return 0.0
    if found.is_integer() and true.is_integer():
        return float(found == true)
    return float(math.isclose(found, true, rel_tol=tolerance, abs_tol=tolerance))


def marked(prompt: str, completion: str, truth: Any) -> float:
    """As ``numeric``, of the number after the last ``####`` alone; 0 where there is none (GSM8K's strict match)."""
    found = _MARKED.findall(_readable(completion))
    return numeric(prompt, f"#### {found[-1]}", truth) if found else 0.0


def steps(prompt: str, completion: str, truth: Any) -> float:
    """The share of the equations in a completion that hold; 0 where there is none. Worked solutions have several.

    Alone it asks for easy equations, whatever the question: add it to a reward of the answer.
    """
    found = [holds(left, right) for left, right in equations(completion)]
    return sum(found) / len(found) if found else 0.0


def ended(prompt: str, completion: str, truth: Any) -> float:
    """1 when the completion ends with a full stop, an exclamation or a question mark, within quotes or brackets too."""
    return float(completion.rstrip(_CLOSING).endswith((".", "!", "?", "…")))


def countdown(prompt: str, completion: str, truth: Any) -> float:
    """1 when the last answer in <answer> tags solves the game {"numbers": […], "target": …} (`orrery.data.countdown`).

    Raises:
        ValueError: the truth is no such game.
    """
    game, said = Countdown.of(truth), tagged(completion)
    return float(said is not None and game.solved_by(said))


def answered(prompt: str, completion: str, truth: Any) -> float:
    """1 when the completion ends with an answer in <answer> tags, the only one, whatever it says."""
    said = tagged(completion)
    once = completion.count(_OPEN) == completion.count(_CLOSE) == 1
    return float(bool(said and said.strip()) and once and completion.rstrip().endswith(_CLOSE))


VERIFIERS: Mapping[str, RewardFunction] = {
    "exact": exact,
    "contains": contains,
    "numeric": numeric,
    "marked": marked,
    "steps": steps,
    "ended": ended,
    "countdown": countdown,
    "answered": answered,
}

# Reading answers

_OPEN, _CLOSE = "<answer>", "</answer>"
_CLOSING = " \t\r\n\"'”’»)]*`"
_MINUS = str.maketrans(dict.fromkeys("−‐‑‒–﹣－", "-"))
_THOUSANDS = re.compile(r"(?<=\d)(?:[\u00a0\u202f\u2009'’_]|\{,\}|\\,)(?=\d{3}(?!\d))")
_FRACTION = re.compile(r"(\d ?)?\\[dt]?frac\{(\d+)\}\{(\d+)\}")
_POWER_OF_TEN = re.compile(r"(?<=\d)\s?(?:[×x*·]|\\times|\\cdot)\s?10\^\{?(-?\d+)\}?")
# Possessive quantifiers (++) never try again what they took: no text, however long, is read twice.
_WHOLE = r"(?:\d{1,3}(?:,\d{3})++(?!\d)|\d++)"
_DECIMAL = rf"(?:{_WHOLE}(?:\.\d++)?|(?<![\w.])\.\d++)"
_NUMBER = re.compile(
    r"(?:(?<![\w)\]}])(?P<minus>-)[$€£¥]?)?"
    r"(?<![\w^])(?<!\^-)(?<!\^\{)(?<!\^\{-)"  # neither m2 nor m^2 nor 10^{-3}
    rf"(?:(?<!/)(?:(?P<whole>{_WHOLE}) )?(?P<top>{_WHOLE})/(?P<bottom>{_WHOLE})(?!/|\.\d)"
    rf"|(?P<decimal>{_DECIMAL}(?:[eE][-+]?\d++(?!\w))?))"
)
_MARKED = re.compile(r"####[ \t]*(?=[-$€£¥.\d])([^\n]*)")


def answer_number(text: str) -> float | None:
    r"""The number that a text says in the end, as the head of this file tells.

    >>> answer_number(r"12 * 3 = 36, so she has \boxed{36} after 2 days"), answer_number("so -1,250.50 dollars")
    (36.0, -1250.5)
    """
    text = _readable(text)
    box = boxed(text)
    if box is not None:
        return last_number(box)
    marked = _MARKED.findall(text)
    if marked:
        first = _NUMBER.search(marked[-1])
        return _value(first) if first else None
    return last_number(text)


def last_number(text: str) -> float | None:
    """The last number of a text; None where there is none, or it has no value (3/0) or too large a one."""
    last = deque(_NUMBER.finditer(_readable(text)), maxlen=1)
    return _value(last[0]) if last else None


def boxed(text: str) -> str | None:
    r"""What the last ``\boxed{…}`` holds, brackets within it included; None where there is none, or it is not closed.

    >>> boxed(r"so \boxed{\frac{3}{4}}.")
    '\\frac{3}{4}'
    """
    start = text.rfind("\\boxed{") + len("\\boxed{")
    if start < len("\\boxed{"):
        return None
    depth = 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return text[start:place]
    return None


def tagged(text: str) -> str | None:
    """What stands between the last ``<answer>`` and ``</answer>``; None where they are not both there in this order.

    >>> tagged("Is it <answer>1 + 2</answer>? No: <answer>2 * 2</answer>.")
    '2 * 2'
    """
    before, close, _ = text.rpartition(_CLOSE)
    _, opened, said = before.rpartition(_OPEN)
    return said if close and opened else None


def _readable(text: str) -> str:
    """One way to write minus signs, thousands, fractions and powers of ten."""
    text = _THOUSANDS.sub(",", text.translate(_MINUS))
    text = _FRACTION.sub(lambda found: f"{found[1].strip() + ' ' if found[1] else ''}{found[2]}/{found[3]}", text)
    return _POWER_OF_TEN.sub(r"e\1", text)


def _value(found: re.Match[str]) -> float | None:
    """Floats throughout: integers of thousands of digits would take their time."""
    if found["decimal"]:
        value = float(found["decimal"].replace(",", ""))
    else:
        whole, top, bottom = (float((found[part] or "0").replace(",", "")) for part in ("whole", "top", "bottom"))
        value = whole + top / bottom if bottom else math.nan
    if not math.isfinite(value):
        return None
    return -value if found["minus"] else value


def _plain(text: str) -> str:
    """Text for comparing: case, white space, markup, quotes and the last full stop left out."""
    text = " ".join(text.translate(_MINUS).casefold().split())
    return text.strip("*`\"'$ ").rstrip(".").strip("*`\"'$ ")


# Equations

_TIMES = re.compile(r"(?<=[\d)])\s?(?:[x·]|\\times|\\cdot)\s?(?=[\d(])")
_OPERAND = rf"(?:-?\([ \t]*+)*+-?{_DECIMAL}(?:[ \t]*+\))*+"
_OPERATION = rf"[ \t]*+(?:\*\*|//|[-+*/×÷])[ \t]*+{_OPERAND}"
_LEFT = re.compile(rf"(?<![\w.^])(?<!\d[ :]){_OPERAND}(?:{_OPERATION})++[ \t]*+\Z")
_RIGHT = re.compile(rf"[ \t*]*+(?:\\boxed\{{)?({_OPERAND}(?:{_OPERATION})*+)")
_GOES_ON = re.compile(r"[\w)][ \t]*[-+*/×÷][ \t]*\Z")  # to the left, with what is no number: x + 3 + 4 = 9
_LOOK = 2 * MAX_LENGTH  # characters on each side of an equals sign: what is longer the calculator refuses


def equations(text: str) -> Iterator[tuple[str, str]]:
    """The equations of a text whose left side is an operation on numbers: (left side, right side).

    A chain is several: each side must equal the next, so 2 + 3 = 5 + 1 = 6 is wrong at its first equals sign.

    >>> list(equations("First 4 + 9 = 13. 13 - 3 = 10, so x = 10."))
    [('4 + 9', '13'), ('13 - 3', '10')]
    """
    pieces = _TIMES.sub(" * ", _readable(text).replace("$", "")).split("=")
    for before, after in zip(pieces, pieces[1:], strict=False):
        before = before[-_LOOK:]
        left, right = _LEFT.search(before), _RIGHT.match(after[:_LOOK])
        if left and right and not _GOES_ON.search(before[: left.start()]):
            sides = _balanced(left[0].strip()), _balanced(right[1])
            if all(side.count("(") == side.count(")") for side in sides):
                yield sides


def _balanced(expression: str) -> str:
    """Without brackets that were opened or closed around the equation."""
    while expression.startswith("(") and expression.count("(") > expression.count(")"):
        expression = expression[1:].lstrip()
    while expression.endswith(")") and expression.count(")") > expression.count("("):
        expression = expression[:-1].rstrip()
    return expression


def holds(left: str, right: str) -> bool:
    """Whether an equation is true; what cannot be calculated is not.

    >>> holds("3 + 4 * 2", "11"), holds("44**19**35", "1")
    (True, False)
    """
    try:
        return math.isclose(float(calculate(left)), float(calculate(right)), rel_tol=1e-9, abs_tol=1e-9)
    except ToolError:
        return False
