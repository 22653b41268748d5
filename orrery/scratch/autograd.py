"""A number that remembers how it was made, and so can say how much each of its ingredients matters.

    a, b = Value(2.0), Value(-3.0)
    loss = (a * b + 4).relu() + a**2
    loss.backward()
    a.grad                # d loss / d a: here 2 a = 4, because the relu is shut

Every Value keeps its parents and, for each of them, the *local gradient*: by how much it moves when that parent moves a
little. The chain rule is then one line of `backward`: a parent's gradient is its child's gradient times the local one,
summed over all children (Rumelhart, Hinton and Williams 1986, https://doi.org/10.1038/323533a0).

There are six building blocks, add, multiply, power, log, exp and relu, and everything else is made of them. Two more,
`total` and `dot`, do many additions and multiplications in one node, because a thousand small nodes cost a thousand
times the bookkeeping. The idea is Karpathy's micrograd; the gradients equal PyTorch's (tests/scratch).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul
from typing import Any


class Value:
    """A number, its gradient after `backward`, and its parents with the local gradients.

    Raises:
        ValueError: where mathematics has no number: the log of what is not positive, a negative power of zero, a
            broken power of a negative number. The message names the value and the operation.
    """

    __slots__ = ("data", "grad", "label", "local", "op", "parents")

    def __init__(
        self, data: float, parents: Sequence[Value] = (), local: Sequence[float] = (), op: str = "", label: str = ""
    ) -> None:
        self.data, self.grad = data, 0.0
        self.parents, self.local = parents, local
        self.op, self.label = op, label

    def __repr__(self) -> str:
        """Value(2.5), with its label where it has one."""
        return f"Value({self.data:g}{', ' * bool(self.label)}{self.label})"

    # The six building blocks. A plain number needs no node of its own: nobody asks for its gradient.

    def __add__(self, other: Value | float) -> Value:
        """a + b moves as a does, and as b does."""
        if isinstance(other, Value):
            return Value(self.data + other.data, (self, other), (1.0, 1.0), "+")
        return Value(self.data + other, (self,), (1.0,), "+")

    def __mul__(self, other: Value | float) -> Value:
        """a b moves b times as much as a."""
        if isinstance(other, Value):
            return Value(self.data * other.data, (self, other), (other.data, self.data), "*")
        return Value(self.data * other, (self,), (other,), "*")

    def __pow__(self, exponent: Value | float) -> Value:
        """a^n moves n a^(n-1) times as much as a; where the exponent is a Value too, a^b = e^(b ln a)."""
        if isinstance(exponent, Value):
            return (self.log() * exponent).exp()
        try:
            data = math.pow(self.data, exponent)
            slope = exponent * math.pow(self.data, exponent - 1) if exponent else 0.0
        except (ValueError, OverflowError):
            raise ValueError(f"{self!r} ** {exponent:g}: no such number, or none for the slope there") from None
        return Value(data, (self,), (slope,), f"**{exponent:g}")

    def log(self) -> Value:
        """ln a moves 1/a times as much as a."""
        if self.data <= 0:
            raise ValueError(f"log of {self!r}: only positive numbers have a logarithm")
        return Value(math.log(self.data), (self,), (1 / self.data,), "log")

    def exp(self) -> Value:
        """e^a moves e^a times as much as a."""
        try:
            data = math.exp(self.data)
        except OverflowError:
            raise ValueError(f"exp of {self!r}: too large a number") from None
        return Value(data, (self,), (data,), "exp")

    def relu(self) -> Value:
        """max(0, a) moves as a does where a is positive, and not at all elsewhere."""
        return Value(max(self.data, 0.0), (self,), (1.0 if self.data > 0 else 0.0,), "relu")

    # What is made of them. Comparisons look at the numbers only; == asks whether it is the same Value.

    def __neg__(self) -> Value:
        """-a."""
        return self * -1.0

    def __sub__(self, other: Value | float) -> Value:
        """a - b."""
        return self + -other

    def __rsub__(self, other: float) -> Value:
        """A plain number less a."""
        return -self + other

    def __truediv__(self, other: Value | float) -> Value:
        """a / b, which is a times b^-1."""
        return self * other**-1

    def __rtruediv__(self, other: float) -> Value:
        """A plain number over a."""
        return self**-1 * other

    def __rpow__(self, base: float) -> Value:
        """A plain number to the power a."""
        return Value(base) ** self

    __radd__, __rmul__ = __add__, __mul__

    def sigmoid(self) -> Value:
        """1 / (1 + e^-a), between 0 and 1; for negative a as e^a / (1 + e^a), which cannot overflow."""
        if self.data >= 0:
            return ((-self).exp() + 1) ** -1
        return self.exp() / (self.exp() + 1)

    def tanh(self) -> Value:
        """2 sigmoid(2a) - 1, between -1 and 1."""
        return (self * 2).sigmoid() * 2 - 1

    def __lt__(self, other: Value | float) -> bool:
        """Whether a's number is the smaller one."""
        return self.data < (other.data if isinstance(other, Value) else other)

    def __gt__(self, other: Value | float) -> bool:
        """Whether a's number is the larger one."""
        return self.data > (other.data if isinstance(other, Value) else other)

    def __le__(self, other: Value | float) -> bool:
        """Whether a's number is the smaller one or the same."""
        return self < other or self.data == (other.data if isinstance(other, Value) else other)

    def __ge__(self, other: Value | float) -> bool:
        """Whether a's number is the larger one or the same."""
        return self > other or self.data == (other.data if isinstance(other, Value) else other)

    def backward(self) -> None:
        """Give every value that this one was made from its gradient: d self / d it.

        Leaves (values that were not computed) add up what several calls bring, so several losses can share them; set
        their ``grad`` to 0 to begin anew. What lies between holds the gradient of the last call.
        """
        order = _made_from(self)
        for node in order:
            node.grad = 0.0
        self.grad += 1.0
        for node in reversed(order):
            gradient = node.grad
            for parent, local in zip(node.parents, node.local, strict=False):  # strict costs a fifth of the time
                parent.grad += local * gradient


def total(values: Sequence[Value]) -> Value:
    """The sum of many values in one node: it moves as each of them does."""
    return Value(sum(v.data for v in values), tuple(values), (1.0,) * len(values), "sum")


def mean(values: Sequence[Value]) -> Value:
    """The sum over the number of values."""
    return total(values) * (1 / len(values))


def dot(a: Sequence[Value], b: Sequence[Value]) -> Value:
    """a_1 b_1 + a_2 b_2 + … in one node: it moves b_i times as much as a_i, and a_i times as much as b_i."""
    if len(a) != len(b):
        raise ValueError(f"dot of {len(a)} and {len(b)} values: each needs a partner")
    of_a, of_b = [v.data for v in a], [v.data for v in b]
    return Value(sum(map(mul, of_a, of_b)), (*a, *b), (*of_b, *of_a), "dot")


def graph(root: Value) -> dict[str, list[dict[str, Any]]]:
    """How a value was made, as plain data: nodes (id, value, gradient, operation, label) and edges (from, to, local).

    Ids count from 0, ingredients before what is made of them.
    """
    computed = _made_from(root) or [root]
    nodes = list(dict.fromkeys(v for node in computed for v in (*node.parents, node)))
    ids = {node: number for number, node in enumerate(nodes)}
    keys = ("id", "value", "gradient", "operation", "label")
    described = [dict(zip(keys, (ids[v], v.data, v.grad, v.op, v.label), strict=True)) for v in nodes]
    pairs = [(v, parent, local) for v in nodes for parent, local in zip(v.parents, v.local, strict=True)]
    return {"nodes": described, "edges": [{"from": ids[p], "to": ids[v], "local": local} for v, p, local in pairs]}


def _made_from(root: Value) -> list[Value]:
    """All computed values that ``root`` was made from, and itself, parents first. No recursion, so no limit."""
    order: list[Value] = []
    seen: set[Value] = set()
    waiting = [(root, False)] if root.parents else []
    while waiting:
        node, parents_are_in_order = waiting.pop()
        if parents_are_in_order:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            waiting.append((node, True))
            waiting += [(parent, False) for parent in node.parents if parent.parents and parent not in seen]
    return order
