"""Tools are plain functions with a schema; whatever a model does to them comes back as text."""

import logging
from collections.abc import Callable
from typing import Any, Literal

import pytest
from transformers.utils import get_json_schema

from orrery.errors import ToolError
from orrery.tools.registry import Tool, call_tool, tool_from_function


def order(dish: str, count: int, price: float = 1.0, hot: bool = True, size: Literal["S", "L"] = "S") -> str:
    """Order a dish from the
    kitchen.

    More about it that the model does not see.

    Args:
        dish: what to cook, in words
            of one's own
        count: how many plates
        price: price of one
        hot: whether it is warm
        size: of each plate

    Returns:
        what: the kitchen says
    """
    return f"{count} {size} {dish} at {price}{' hot' if hot else ''}"


def total(numbers: list[float]) -> str:
    """Add up."""
    return str(sum(numbers))


def broken() -> str:
    """Fail."""
    raise RuntimeError("the kitchen is on fire")


def refusing() -> str:
    """Refuse."""
    raise ToolError("closed today")


def silent() -> str:
    """Return what no tool may."""
    return None  # type: ignore[return-value]


TOOLS = [tool_from_function(fn) for fn in (order, total, broken, refusing, silent)]


def test_the_schema_is_the_one_transformers_makes() -> None:
    ours, theirs = TOOLS[0].schema, get_json_schema(order)
    theirs["function"].pop("return", None)
    theirs["function"]["description"] = "Order a dish from the kitchen."  # theirs keeps line breaks and all paragraphs
    properties = theirs["function"]["parameters"]["properties"]
    properties["dish"]["description"] = " ".join(properties["dish"]["description"].split())
    assert ours == theirs


def test_a_list_is_an_array_and_a_parameter_without_default_is_required() -> None:
    parameters = TOOLS[1].parameters
    assert parameters["properties"]["numbers"] == {"type": "array", "items": {"type": "number"}}
    assert parameters["required"] == ["numbers"] and TOOLS[0].parameters["required"] == ["dish", "count"]


def test_a_right_call_returns_the_tools_text() -> None:
    assert call_tool(TOOLS, "order", {"dish": "soup", "count": 2, "size": "L"}) == "2 L soup at 1.0 hot"
    assert call_tool(TOOLS, "total", {"numbers": [1, 2.5]}) == "3.5"


@pytest.mark.parametrize(
    ("name", "arguments", "observation"),
    [
        ("cook", {}, "error: there is no tool 'cook'; there is order, total, broken, refusing, silent"),
        ("order", {"dish": "soup"}, "error: order: the argument 'count' is missing"),
        ("order", {"dish": 7, "count": 1}, "error: order: 'dish' must be a string, not 7"),
        ("order", {"dish": "x", "count": 1.5}, "error: order: 'count' must be an integer, not 1.5"),
        ("order", {"dish": "x", "count": True}, "error: order: 'count' must be an integer, not True"),
        ("order", {"dish": "x", "count": 1, "hot": 1}, "error: order: 'hot' must be true or false, not 1"),
        ("order", {"dish": "x", "count": 1, "size": "M"}, "error: order: 'size' must be one of S, L, not 'M'"),
        ("order", {"dish": "x", "count": 1, "price": "1"}, "error: order: 'price' must be a number, not '1'"),
        ("order", {"plate": 1, "dish": "x", "count": 1}, "error: order: there is no argument 'plate'; there is dish, "),
        ("total", {"numbers": [1, "2"]}, "error: total: 'numbers': each item must be a number, not '2'"),
        ("total", {"numbers": 3}, "error: total: 'numbers' must be a list, not 3"),
        ("total", [1], "error: total: the arguments must be a JSON object, not [1]"),
        ("total", None, "error: total: the arguments must be a JSON object, not None"),
        ("refusing", {}, "error: closed today"),
        ("silent", {}, "error: silent returned NoneType where text was expected"),
    ],
)
def test_a_wrong_call_is_an_observation_that_says_what_is_wrong(name: str, arguments: Any, observation: str) -> None:
    assert call_tool(TOOLS, name, arguments).startswith(observation)


def test_a_bug_in_a_tool_is_an_observation_and_its_traceback_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert call_tool(TOOLS, "broken", {}) == "error: RuntimeError: the kitchen is on fire"
    assert caplog.records[0].exc_info is not None


def without_docstring(a: int) -> str:
    return str(a)


def without_annotation(a) -> str:  # type: ignore[no-untyped-def]
    """A."""
    return str(a)


def of_a_mapping(a: dict) -> str:  # type: ignore[type-arg]
    """A."""
    return str(a)


def of_bytes_in_a_list(a: list[bytes]) -> str:
    """A."""
    return str(a)


def of_many(*a: int) -> str:
    """A."""
    return str(a)


def returning_a_number(a: int) -> int:
    """A."""
    return a


def with_a_misspelt_note(a: int) -> str:
    """A.

    Args:
        b: no such parameter
    """
    return str(a)


@pytest.mark.parametrize(
    ("fn", "message"),
    [
        (without_docstring, "no docstring"),
        (without_annotation, "'a' has no type annotation"),
        (of_a_mapping, "'a' is dict; use str, int"),
        (of_bytes_in_a_list, "'a' is bytes"),
        (of_many, "'a' cannot be passed by name"),
        (returning_a_number, "annotate it `-> str`"),
        (with_a_misspelt_note, r"describes \['b'\]"),
    ],
)
def test_a_function_that_no_schema_can_describe_is_refused(fn: Callable[..., str], message: str) -> None:
    with pytest.raises(ToolError, match=message):
        tool_from_function(fn)


def test_a_tool_can_be_written_by_hand() -> None:
    parameters = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
    tool = Tool("search", "Search.", parameters, lambda q: f"nothing about {q}")
    assert call_tool([tool], "search", {"q": "cats"}) == "nothing about cats"
