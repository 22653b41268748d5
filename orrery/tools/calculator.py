"""The calculator: exact arithmetic on an expression that a language model wrote.

    >>> calculate("12×7")
    '84'
    >>> calculate("(1,250 − 3) / 4")
    '311.75'
    >>> calculate("2 / 3")
    '0.6666666667'

The text is hostile until shown otherwise. It is split into numbers, names and operators (anything else ends it
there), parsed by Python's own `ast`, and walked: only numbers, operators and the functions below are ever
evaluated; nothing reaches `eval`. Its length, depth and the digits of every value on the way are bounded, and
powers and factorials are refused by the size that they *would* have, so no expression takes noticeable time.

Numbers are exact fractions as long as they can be (0.1 + 0.2 is 0.3); roots and large powers of non-integers
go on in floating point.
"""

import ast
import dataclasses
import math
import operator
import re
from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction

from orrery.errors import ToolError
from orrery.tools.registry import tool_from_function

MAX_LENGTH = 256  # characters of an expression
MAX_DEPTH = 150  # of the expression's tree; a sum of n terms is n deep
MAX_DIGITS = 100  # of a result, and of numerator and denominator on the way to it
SIGNIFICANT_DIGITS = 10  # of a result that is no integer

Number = Fraction | float

_TOKEN = re.compile(
    r"(?P<number>([0-9][0-9_]*(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?)|(?P<name>[A-Za-z_]\w*)|\*\*|//|[-+*/%(),\s]",
    re.ASCII,
)
_THOUSANDS = re.compile(r"(?<![\w.,])[0-9]{1,3}(,[0-9]{3})+(?![\w,])", re.ASCII)


def calculate(expression: str) -> str:
    """Work out an arithmetic expression exactly.

    Operators: + - * / // % ** (also × ÷ −) and brackets. Functions: abs, round, min, max, sqrt, floor, ceil,
    gcd, lcm, factorial. "1,234" is read as 1234, except between a function's brackets, where commas separate.
    Integers are exact, other results have at most 10 significant digits. Raises ToolError, in words for
    the model, for anything else: division by zero, unknown names, results of over 100 digits.

    Args:
        expression: for example "12*(3+4)"
    """
    if not expression.strip():
        raise ToolError("the expression is empty")
    if len(expression) > MAX_LENGTH:
        raise ToolError(f"the expression has {len(expression)} characters; at most {MAX_LENGTH} are accepted")
    text = expression.replace("×", "*").replace("÷", "/").replace("−", "-").strip()
    text = _join_thousands(text)
    _check_tokens(text)
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError:
        raise ToolError(f"{_quote(expression)} is no arithmetic expression") from None
    try:
        return format_number(_evaluate(tree))
    except ZeroDivisionError:
        raise ToolError("division by zero") from None
    except OverflowError:
        raise ToolError("the result is too large") from None


CALCULATOR = dataclasses.replace(tool_from_function(calculate), name="calculator")


def format_number(value: Number) -> str:
    """An integer in full, anything else rounded to 10 significant digits without trailing zeros.

    >>> format_number(Fraction(1, 8)), format_number(Fraction(24691357803, 2))
    ('0.125', '1.23456789E+10')
    """
    if isinstance(value, Fraction):
        if value.denominator == 1:
            return str(value.numerator)
        exact = Decimal(value.numerator), Decimal(value.denominator)
        rounded = Context(prec=SIGNIFICANT_DIGITS).divide(*exact)
    else:
        rounded = Context(prec=SIGNIFICANT_DIGITS).create_decimal(value)
    return str(rounded.normalize()) if rounded else "0"  # a float's zero may be -0


def _join_thousands(text: str) -> str:
    """Remove thousands separators: every comma outside the brackets of a function call must be one."""
    in_call: list[bool] = []  # for each open bracket: are we inside a call's arguments?
    inside = [False] * len(text)
    for i, char in enumerate(text):
        if char == "(":
            before = text[:i].rstrip()[-1:]
            in_call.append(before.isalnum() or (bool(in_call) and in_call[-1]))
        elif char == ")" and in_call:
            in_call.pop()
        inside[i] = bool(in_call) and in_call[-1]
    return _THOUSANDS.sub(lambda match: match[0] if inside[match.start()] else match[0].replace(",", ""), text)


def _check_tokens(text: str) -> None:
    """Refuse whatever is no number, known function or operator before Python's parser sees it."""
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            hint = "; write ** for a power" if text[position] == "^" else ""
            raise ToolError(f"unexpected character {text[position]!r}{hint}")
        if token["name"] and token["name"] not in _FUNCTIONS:
            raise ToolError(f"unknown name {_quote(token['name'])}; the functions are {', '.join(_FUNCTIONS)}")
        position = token.end()


def _evaluate(node: ast.expr, depth: int = 0) -> Number:
    """The value of a tree of numbers, operators and calls of the functions below."""
    if depth > MAX_DEPTH:
        raise ToolError(f"the expression is nested more than {MAX_DEPTH} deep")
    match node:
        case ast.Constant(value=int() | float() as literal):
            if literal in (math.inf, -math.inf):
                raise ToolError("the result is too large")
            value: Number | int = Fraction(repr(literal))  # of the shortest decimal: 0.1 is exactly 1/10
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            value = _evaluate(operand, depth + 1)
            value = -value if isinstance(sign, ast.USub) else value
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            value = _OPERATORS[type(op)](_evaluate(left, depth + 1), _evaluate(right, depth + 1))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            value = _call(name, [_evaluate(arg, depth + 1) for arg in args])
        case ast.Call():
            raise ToolError("a bracket directly after a number; write * for multiplication")
        case ast.Tuple():
            raise ToolError('a comma separates thousands, as in "1,234", or the arguments of a function')
        case _:
            raise ToolError(f"{_quote(ast.unparse(node))} is no arithmetic")
    return _bounded(value)


def _bounded(value: Number | int) -> Number:
    """The value itself, a float where an exact fraction has grown too long; ToolError for too many digits."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise OverflowError
        return value
    value = Fraction(value)
    if max(abs(value.numerator), value.denominator) < 10**MAX_DIGITS:
        return value
    if value.denominator == 1:
        raise ToolError(_TOO_MANY_DIGITS)
    return _nonzero(float(value))


def _nonzero(value: float) -> float:
    """Refuse the 0.0 that is left of a value too small for a float."""
    if value == 0:
        raise ToolError("the result is too small")
    return value


def _power(base: Number, exponent: Number) -> Number:
    """base ** exponent; its size is known before it is computed."""
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        longest = max(abs(base.numerator), base.denominator)
        if abs(exponent) * math.log10(longest) <= MAX_DIGITS + 1:
            return Fraction(base**exponent.numerator)
        if base.denominator == 1 and exponent > 0:
            raise ToolError(_TOO_MANY_DIGITS)
    if base == 0:
        return _bounded(float(base) ** float(exponent))
    if base < 0 and exponent != math.floor(exponent):
        raise ToolError("a negative number has no real power with a fractional exponent")
    return _nonzero(float(base) ** float(exponent))


def _sqrt(value: Number) -> Number:
    """The square root, exact for squares of fractions."""
    if value < 0:
        raise ToolError("a negative number has no real square root")
    if isinstance(value, Fraction):
        root = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
        if root * root == value:
            return root
    return math.sqrt(value)


def _round(value: Number, digits: Number = Fraction(0)) -> Number:
    """Round to `digits` decimals, a half to the even neighbour as Python does."""
    places = _integers("round", digits)[0]
    if abs(places) > MAX_DIGITS:
        raise ToolError(f"round: at most {MAX_DIGITS} decimals")
    return round(value, places) if isinstance(value, float) else Fraction(round(value, places))


def _factorial(value: Number) -> int:
    n = _integers("factorial", value)[0]
    if n < 0:
        raise ToolError("factorial: a negative number has none")
    if n > MAX_DIGITS:  # n! has more digits than n from n = 25 on
        raise ToolError(_TOO_MANY_DIGITS)
    return math.factorial(n)


def _integers(name: str, *values: Number) -> list[int]:
    """The values as ints; ToolError in the name of the function that needs integers."""
    if any(isinstance(value, float) or value.denominator != 1 for value in values):
        raise ToolError(f"{name} needs integers")
    return [int(value) for value in values]


def _call(name: str, args: list[Number]) -> Number | int:
    """Call one of the functions with as many arguments as it takes."""
    function, least, most = _FUNCTIONS[name]
    if not least <= len(args) <= most:
        wanted = f"{least}" if least == most else f"{least} or more" if most == MAX_LENGTH else f"{least} to {most}"
        raise ToolError(f"{name} takes {wanted} argument{'s' * (wanted != '1')}, not {len(args)}")
    return function(*args)


def _quote(text: str) -> str:
    """Text as it is shown in a message."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


_TOO_MANY_DIGITS = f"the result has more than {MAX_DIGITS} digits"

_OPERATORS: dict[type[ast.operator], Callable[[Number, Number], Number | int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}

# name → function, fewest and most arguments
_FUNCTIONS: dict[str, tuple[Callable[..., Number | int], int, int]] = {
    "abs": (abs, 1, 1),
    "round": (_round, 1, 2),
    "min": (lambda *values: min(values), 1, MAX_LENGTH),
    "max": (lambda *values: max(values), 1, MAX_LENGTH),
    "sqrt": (_sqrt, 1, 1),
    "floor": (math.floor, 1, 1),
    "ceil": (math.ceil, 1, 1),
    "gcd": (lambda *values: math.gcd(*_integers("gcd", *values)), 1, MAX_LENGTH),
    "lcm": (lambda *values: math.lcm(*_integers("lcm", *values)), 1, MAX_LENGTH),
    "factorial": (_factorial, 1, 1),
}
