"""Expressions that are typed: computed as Python would, and nothing but arithmetic."""

import math

import pytest

from orrery.errors import ConfigError
from orrery.scratch.autograd import Value
from orrery.scratch.expression import LONGEST, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a*b + 4", -2.0),
        ("(a*b + 4).relu() + a^2", 4.0),
        ("relu(a) - -b / 4", 1.25),
        ("2^a", 4.0),
        ("exp(0)", 1.0),
        ("log(a) * 0 + sqrt(9)", 3.0),
        ("tanh(a)", math.tanh(2)),
        ("a.sigmoid()", 1 / (1 + math.exp(-2))),
        (" 7 ", 7.0),
    ],
)
def test_it_is_computed_as_mathematics_has_it(text: str, expected: float) -> None:
    assert parse(text)({"a": Value(2.0), "b": Value(-3.0)}).data == pytest.approx(expected)


def test_names_come_in_the_order_in_which_they_stand_and_functions_are_none() -> None:
    assert parse("exp(c) + b*a*c").names == ("c", "b", "a")


def test_its_gradients_are_those_of_the_values() -> None:
    a, b = Value(2.0), Value(-3.0)
    parse("a*b + a")({"a": a, "b": b}).backward()
    assert (a.grad, b.grad) == (-2.0, 2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a +", "is no expression"),
        ("", "is no expression"),
        ("__import__('os')", "cannot be computed here"),
        ("a.data", "cannot be computed here"),
        ("a if b else c", "cannot be computed here"),
        ("sin(a)", "'sin(a)' cannot be computed here"),
        ("True", "cannot be computed here"),
        ("a < b", "cannot be computed here"),
        ("()", "cannot be computed here"),
        ("a" * (LONGEST + 1), f"{LONGEST} are the most"),
    ],
)
def test_what_is_not_in_the_grammar_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(text)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "text", ["log(0 - a)", "1 / (a - a)", "exp(1000 * a)", "(0 - 2) ^ 0.5", "0 ^ (0 - 1)", "9.0^9.0^9", "a + q"]
)
def test_where_there_is_no_number_that_is_said(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text)({"a": Value(2.0)})
