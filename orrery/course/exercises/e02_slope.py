"""The slope of a function that one can only ask for its values."""

from collections.abc import Callable
from types import ModuleType

from orrery.scratch.autograd import Value
from orrery.scratch.expression import parse

TITLE = "A slope from values alone"
TASK = """Write `slope(f, x)`, the derivative of f at x, though you may only ask f for its values. Choose the points
and the distance between them yourself: too far apart and the curve bends between them, too near and the digits run
out. The check compares with autograd's exact slopes, for functions of several shapes, and is content with an error of
one in a hundred million; going to one side only does not get that far."""
STARTER = '''
from collections.abc import Callable


def slope(f: Callable[[float], float], x: float) -> float:
    """How fast f rises at x."""
    raise NotImplementedError
'''
SOLUTION = '''
from collections.abc import Callable


def slope(f: Callable[[float], float], x: float) -> float:
    """How fast f rises at x."""
    h = 1e-5  # the curve's share of the error falls with h squared, that of the digits grows with 1 / h
    return (f(x + h) - f(x - h)) / (2 * h)
'''


def check(answer: ModuleType) -> None:
    """Several functions at several places against autograd."""
    for text in ("x^2", "x^3/3 - x", "exp(x)", "1 / (1 + x^2)", "tanh(2*x)", "log(x + 4)"):
        for place in (-2.0, -0.3, 0.7, 1.9):
            x = Value(place)
            parse(text)({"x": x}).backward()
            found = answer.slope(function(text), place)
            error = abs(found - x.grad)
            assert error <= 1e-8 * max(1.0, abs(x.grad)), (
                f"the slope of {text} at {place} is {x.grad:.10g}; yours, {found:.10g}, is off by {error:.1g}"
            )


def function(text: str) -> Callable[[float], float]:
    """An expression as a function of a plain number."""
    return lambda x: parse(text)({"x": Value(x)}).data
