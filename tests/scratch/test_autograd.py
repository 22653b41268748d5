"""The scalar engine: right values and gradients (PyTorch and finite differences say so), clear errors, any depth."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from orrery.scratch.autograd import Value, dot, graph, mean, total

# An expression: takes numbers of either kind (Value or tensor) and the functions of that kind.
Expression = Callable[[list, dict], object]

OURS = {
    "log": lambda a: (a * a + 0.5).log(),
    "exp": lambda a: (a.tanh() * 2).exp(),  # bounded, so that towers of exp do not overflow
    "relu": lambda a: a.relu(),
    "tanh": lambda a: a.tanh(),
    "sigmoid": lambda a: a.sigmoid(),
    "square": lambda a: a**2,
    "root": lambda a: (a * a + 0.1) ** 0.5,
    "negative": lambda a: -a,
    "from one": lambda a: 1 - a,
    "over": lambda a: 2 / (a * a + 1),
    "plus": lambda a, b: a + b,
    "minus": lambda a, b: a - b,
    "times": lambda a, b: a * b,
    "divided": lambda a, b: a / (b * b + 1),
    "power": lambda a, b: (a * a + 0.1) ** b.tanh(),
    "total": lambda a, b: total([a, b, a]),
    "mean": lambda a, b: mean([a, b, b]),
    "dot": lambda a, b: dot([a, b, a], [b, b, a]),
}
TORCH = OURS | {
    "total": lambda a, b: torch.stack([a, b, a]).sum(),
    "mean": lambda a, b: torch.stack([a, b, b]).mean(),
    "dot": lambda a, b: torch.stack([a, b, a]) @ torch.stack([b, b, a]),
}
UNARY = ("log", "exp", "relu", "tanh", "sigmoid", "square", "root", "negative", "from one", "over")
BINARY = ("plus", "minus", "times", "divided", "power", "total", "mean", "dot")


def expressions() -> st.SearchStrategy[Expression]:
    """Expressions of depth up to 8 over three leaves, squashed at each level so that numbers stay of a size."""
    leaf = st.integers(0, 2).map(lambda i: lambda leaves, ops: leaves[i])

    def deeper(parts: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        one = st.builds(lambda name, a: lambda leaves, ops: ops[name](a(leaves, ops)), st.sampled_from(UNARY), parts)
        two = st.builds(
            lambda name, a, b: lambda leaves, ops: ops[name](a(leaves, ops), b(leaves, ops)),
            st.sampled_from(BINARY), parts, parts,
        )  # fmt: skip
        return one | two

    grown = leaf
    for _ in range(8):
        grown = leaf | deeper(grown)
    return grown


def close(ours: float, theirs: float, relative: float = 1e-9) -> bool:
    return math.isclose(ours, theirs, rel_tol=relative, abs_tol=relative)


@settings(max_examples=300, deadline=None)
@given(expressions(), st.lists(st.floats(-3, 3), min_size=3, max_size=3))
def test_random_expressions_have_pytorchs_values_and_gradients(expression: Expression, numbers: list[float]) -> None:
    leaves = [Value(number) for number in numbers]
    tensors = [torch.tensor(number, dtype=torch.float64, requires_grad=True) for number in numbers]
    ours, theirs = expression(leaves, OURS), expression(tensors, TORCH)
    if abs(theirs.item()) > 1e100:
        return  # one step further numbers overflow, which is refused (test below)
    ours.backward()
    gradients = torch.autograd.grad(theirs, tensors, allow_unused=True)
    assert close(ours.data, theirs.item())
    for leaf, gradient in zip(leaves, gradients, strict=True):
        assert close(leaf.grad, 0.0 if gradient is None else gradient.item())


def test_gradients_agree_with_finite_differences() -> None:
    def function(a: Value, b: Value, c: Value) -> Value:
        return dot([a, b], [b, c]).tanh() / (mean([a, b, c]) ** 2 + 1) + (a - b).sigmoid() * c.exp() + (c * c + 1).log()

    at, step = (0.7, -1.3, 0.4), 1e-6
    leaves = [Value(number) for number in at]
    function(*leaves).backward()
    for index, leaf in enumerate(leaves):
        moved = [[number + sign * step * (i == index) for i, number in enumerate(at)] for sign in (1, -1)]
        up, down = (function(*map(Value, numbers)).data for numbers in moved)
        assert leaf.grad == pytest.approx((up - down) / (2 * step), rel=1e-7)


def test_the_example_of_the_docstring() -> None:
    a, b = Value(2.0), Value(-3.0)
    loss = (a * b + 4).relu() + a**2
    loss.backward()
    assert (loss.data, a.grad, b.grad) == (4.0, 4.0, 0.0)


def test_a_value_used_twice_gets_both_gradients() -> None:
    a = Value(3.0)
    b = a * a
    (b + b * a).backward()
    assert a.grad == 2 * 3 + 3 * 3**2
    assert b.grad == 1 + 3


def test_a_chain_of_100_000_is_no_deeper_than_python_can_go() -> None:
    a = Value(1.0)
    end = a
    for _ in range(100_000):
        end = end + 1e-5
    end.backward()
    assert (a.grad, len(graph(end)["nodes"])) == (1.0, 100_001)


def test_several_losses_add_up_at_the_leaves() -> None:
    a, b = Value(2.0), Value(5.0)
    shared = a * b
    (shared * 3).backward()
    (shared * 4).backward()
    assert (a.grad, b.grad) == (7 * 5, 7 * 2)
    assert shared.grad == 4, "what is between holds the gradient of the last call"
    a.backward()
    assert a.grad == 7 * 5 + 1


def test_comparisons_look_at_the_numbers_and_equality_at_the_node() -> None:
    a, b = Value(1.0), Value(2.0)
    assert a < b and b > a and a < 1.5 and b > 1.5 and not a < 1
    assert a <= b and a <= 1 and b >= a and b >= 2.0 and not b <= 1
    assert not a <= math.nan and not a >= Value(math.nan)
    assert sorted([b, a]) == [a, b] and max(a, b) is b
    assert a != Value(1.0) and len({a, Value(1.0)}) == 2


def test_a_nan_stays_one() -> None:
    assert math.isnan((Value(math.inf) - math.inf).relu().data)


def test_sigmoid_and_tanh_do_not_overflow() -> None:
    for number, expected in ((1000.0, 1.0), (-1000.0, 0.0)):
        a = Value(number)
        result = a.sigmoid()
        result.backward()
        assert (result.data, a.grad) == (expected, 0.0)
        assert Value(number).tanh().data == 2 * expected - 1


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        (lambda: Value(0.0, label="price").log(), "log of Value(0, price)"),
        (lambda: Value(-2.5).log(), "log of Value(-2.5)"),
        (lambda: Value(0.0) ** -1, "Value(0) ** -1"),
        (lambda: Value(0.0) ** 0.5, "none for the slope there"),
        (lambda: Value(-4.0) ** 0.5, "Value(-4) ** 0.5"),
        (lambda: Value(1.0) / Value(0.0), "Value(0) ** -1"),
        (lambda: 3 / Value(0.0), "Value(0) ** -1"),
        (lambda: Value(0.0) ** Value(2.0), "log of Value(0)"),
        (lambda: Value(1e3).exp(), "exp of Value(1000)"),
        (lambda: Value(1e200) ** 2, "Value(1e+200) ** 2"),
        (lambda: dot([Value(1.0)], []), "dot of 1 and 0 values"),
    ],
)
def test_where_there_is_no_number_the_value_and_the_operation_are_named(
    compute: Callable[[], Value], message: str
) -> None:
    with pytest.raises(ValueError) as refused:
        compute()
    assert message in str(refused.value)


def test_powers_of_zero_that_exist() -> None:
    for exponent, value, slope in ((0, 1, 0), (1, 0, 1), (2, 0, 0)):
        a = Value(0.0)
        result = a**exponent
        result.backward()
        assert (result.data, a.grad) == (value, slope)


def test_the_graph_is_plain_data() -> None:
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    loss = a * b + a
    loss.backward()
    shown = graph(loss)
    assert [(node["label"], node["operation"], node["value"], node["gradient"]) for node in shown["nodes"]] == [
        ("a", "", 2.0, -2.0), ("b", "", -3.0, 2.0), ("", "*", -6.0, 1.0), ("", "+", -4.0, 1.0)
    ]  # fmt: skip
    assert [(edge["from"], edge["to"], edge["local"]) for edge in shown["edges"]] == [
        (0, 2, -3.0), (1, 2, 2.0), (2, 3, 1.0), (0, 3, 1.0)
    ]  # fmt: skip
    assert [node["value"] for node in graph(Value(7.0))["nodes"]] == [7.0], "a leaf is a graph too"
