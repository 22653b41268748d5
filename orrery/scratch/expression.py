"""Expressions that a person types, computed by autograd: a small grammar, and nothing else of Python.

    expression = parse("(a*b + 4).relu() + a^2")
    expression.names                                           # ("a", "b")
    values = {"a": Value(2.0, label="a"), "b": Value(-3.0, label="b")}
    expression(values).backward()

    >>> x = Value(3.0)
    >>> y = parse("x^2 + exp(0)")({"x": x})
    >>> y.backward()
    >>> y.data, x.grad
    (10.0, 6.0)

Names, numbers, + - * / and ^ (or **), brackets, and the functions below, as f(x) or x.f(). Python's own parser reads
the text; only what is listed here is computed, so a text can do no harm.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orrery.errors import ConfigError
from orrery.scratch.autograd import Value

LONGEST = 200  # characters
FUNCTIONS: dict[str, Callable[[Value], Value]] = {
    "exp": Value.exp, "log": Value.log, "relu": Value.relu, "sigmoid": Value.sigmoid, "tanh": Value.tanh,
    "sqrt": lambda a: a**0.5,
}  # fmt: skip
OPERATORS: dict[type[ast.operator], Callable[[Value | float, Value | float], Value | float]] = {
    ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b, ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b, ast.Pow: lambda a, b: a**b,
}  # fmt: skip


@dataclass(frozen=True)
class Expression:
    """What was typed. `names`: of its variables, in the order in which they first stand there."""

    text: str
    names: tuple[str, ...]
    tree: ast.expr

    def __call__(self, values: Mapping[str, Value]) -> Value:
        """Compute it. Raises ConfigError where mathematics has no number, or a name has no value."""
        if missing := [name for name in self.names if name not in values]:
            raise ConfigError(f"{', '.join(missing)} has no value: give it one")
        try:
            result = _compute(self.tree, values)
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            raise ConfigError(f"{self.text}: {error}") from error
        if isinstance(result, complex):
            raise ConfigError(f"{self.text}: a broken power of a negative number is no real number")
        return result if isinstance(result, Value) else Value(result)


def parse(text: str) -> Expression:
    """Read an expression. Raises ConfigError for what is none, naming the part that cannot be."""
    if len(text) > LONGEST:
        raise ConfigError(f"the expression has {len(text)} characters; {LONGEST} are the most")
    try:
        tree = ast.parse(text.strip().replace("^", "**"), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"{text!r} is no expression: check its brackets and signs") from error
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions]
    _check(tree)
    ordered = sorted(found, key=lambda node: (node.lineno, node.col_offset))
    return Expression(text, tuple(dict.fromkeys(node.id for node in ordered)), tree)


def _check(node: ast.expr) -> None:
    """Raises ConfigError for what is not in the grammar."""
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            return
        case ast.Name():
            return
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return _check(operand)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            _check(left)
            return _check(right)
        case ast.Call(func=ast.Name(id=name), args=[operand], keywords=[]) if name in FUNCTIONS:
            return _check(operand)
        case ast.Call(func=ast.Attribute(value=operand, attr=name), args=[], keywords=[]) if name in FUNCTIONS:
            return _check(operand)
    raise ConfigError(
        f"{ast.unparse(node)!r} cannot be computed here: there are numbers, names, + - * / ^ and {', '.join(FUNCTIONS)}"
    )


def _compute(node: ast.expr, values: Mapping[str, Value]) -> Value | float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=operator, operand=operand):
            inner = _compute(operand, values)
            return -inner if isinstance(operator, ast.USub) else inner
        case ast.BinOp(left=left, op=operator, right=right):
            return OPERATORS[type(operator)](_compute(left, values), _compute(right, values))
        case ast.Call(func=ast.Name(id=name), args=[operand]) | ast.Call(func=ast.Attribute(value=operand, attr=name)):
            inner = _compute(operand, values)
            return FUNCTIONS[name](inner if isinstance(inner, Value) else Value(inner))
    raise AssertionError(f"{ast.dump(node)} was not checked")
