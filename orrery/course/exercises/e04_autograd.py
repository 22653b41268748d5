"""An autograd engine of one's own, with three of the six building blocks."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from orrery.scratch.autograd import Value

TITLE = "An engine of your own"
TASK = """Write the class `Number`: it computes with + and * (both sides a Number) and relu(), remembers how it was
made, and `backward()` gives every Number that the result was made from its gradient, in `grad`, by the chain rule.
What arrives by several paths adds up. A Number may hand on its gradient only when it has all of it, so walk the graph
from the result in the right order; a Number that is used twice shows whether you did. The check compares with the
package's engine."""
STARTER = '''
class Number:
    """A number that remembers how it was made."""

    def __init__(self, data: float, parents: tuple = (), local: tuple = ()) -> None:
        self.data = data
        self.grad = 0.0
        self.parents = parents  # the Numbers that it was made from
        self.local = local      # for each of them: by how much this moves when that moves a little

    def __add__(self, other: "Number") -> "Number":
        raise NotImplementedError

    def __mul__(self, other: "Number") -> "Number":
        raise NotImplementedError

    def relu(self) -> "Number":
        raise NotImplementedError

    def backward(self) -> None:
        raise NotImplementedError
'''
SOLUTION = '''
class Number:
    """A number that remembers how it was made."""

    def __init__(self, data: float, parents: tuple = (), local: tuple = ()) -> None:
        self.data = data
        self.grad = 0.0
        self.parents = parents  # the Numbers that it was made from
        self.local = local      # for each of them: by how much this moves when that moves a little

    def __add__(self, other: "Number") -> "Number":
        return Number(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: "Number") -> "Number":
        return Number(self.data * other.data, (self, other), (other.data, self.data))

    def relu(self) -> "Number":
        return Number(max(0.0, self.data), (self,), (1.0 if self.data > 0 else 0.0,))

    def backward(self) -> None:
        order, seen = [], set()

        def visit(node: "Number") -> None:
            if node not in seen:
                seen.add(node)
                for parent in node.parents:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            for parent, local in zip(node.parents, node.local):
                parent.grad += local * node.grad
'''

PROGRAMS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "a + b": lambda a, b, c: a + b,
    "a * b + c": lambda a, b, c: a * b + c,
    "a + a": lambda a, b, c: a + a,
    "a * a * a": lambda a, b, c: a * a * a,
    "(a * b).relu() + c": lambda a, b, c: (a * b).relu() + c,
    "d * d + d, where d = a * b + c": lambda a, b, c: (lambda d: d * d + d)(a * b + c),
    "e * (e + d), where d = a + b and e = d * c": lambda a, b, c: (lambda d: (lambda e: e * (e + d))(d * c))(a + b),
}


def check(answer: ModuleType) -> None:
    """Values and gradients of several programs against those of Value."""
    for text, program in PROGRAMS.items():
        for numbers in ((2.0, -3.0, 4.0), (0.5, 1.5, -1.0)):
            ours, theirs = [Value(x) for x in numbers], [answer.Number(x) for x in numbers]
            right, found = program(*ours), program(*theirs)
            where = f"{text} at a, b, c = {numbers}"
            assert abs(found.data - right.data) < 1e-9, f"{where} is {right.data}, not {found.data}"
            right.backward()
            found.backward()
            for name, mine, given in zip("abc", ours, theirs, strict=True):
                assert abs(given.grad - mine.grad) < 1e-9, f"{where}: {name}.grad is {mine.grad:g}, not {given.grad:g}"
