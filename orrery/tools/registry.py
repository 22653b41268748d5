"""What a model may call: a tool is a Python function with a JSON schema, and a call never raises.

    >>> def greet(name: str, times: int = 1) -> str:
    ...     '''Greet someone.
    ...
    ...     Args:
    ...         name: whom to greet
    ...         times: how often
    ...     '''
    ...     return " ".join([f"Hello {name}!"] * times)
    >>> tools = [tool_from_function(greet)]
    >>> call_tool(tools, "greet", {"name": "Ada", "times": 2})
    'Hello Ada! Hello Ada!'
    >>> call_tool(tools, "greet", {"name": 7})
    "error: greet: 'name' must be a string, not 7"

The schema is the one that OpenAI, Hugging Face chat templates and MCP share. Only what a schema can say
exactly is accepted as a parameter: str, int, float, bool, Literal[...] of strings, and lists of these.
"""

import inspect
import logging
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orrery.errors import ToolError

log = logging.getLogger(__name__)

_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
_ARTICLED = {"string": "a string", "integer": "an integer", "number": "a number", "boolean": "true or false"}


@dataclass(frozen=True)
class Tool:
    """A function that a model may call.

    `parameters` is a JSON schema of type "object"; `call` takes those as keywords and returns the text that
    the model sees. It raises ToolError, with a message for the model to read, when it cannot answer.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    call: Callable[..., str]

    @property
    def schema(self) -> dict[str, Any]:
        """The tool as chat templates and OpenAI's `tools` field want it."""
        function = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": function}


def tool_from_function(fn: Callable[..., str]) -> Tool:
    """Make a Tool of a function: types from its annotations, descriptions from its docstring.

    The docstring's first paragraph describes the tool; under a line `Args:` each `name: text` describes a
    parameter. Raises ToolError when a parameter has no annotation or one that JSON cannot say, when there
    is no docstring, when `Args:` names a parameter that does not exist, or when it does not return str.
    """
    where = f"cannot make a tool of {fn.__name__}()"
    description, notes = _read_docstring(inspect.getdoc(fn) or "")
    if not description:
        raise ToolError(f"{where}: it has no docstring; its first paragraph tells the model what it does")
    hints = typing.get_type_hints(fn)
    if hints.get("return") is not str:
        raise ToolError(f"{where}: annotate it `-> str`; the model reads text")
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, parameter in inspect.signature(fn).parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ToolError(f"{where}: parameter '{name}' cannot be passed by name")
        if name not in hints:
            raise ToolError(f"{where}: parameter '{name}' has no type annotation")
        schema = _json_schema(hints[name], f"{where}: parameter '{name}'")
        properties[name] = {**schema, "description": notes[name]} if name in notes else schema
        if parameter.default is parameter.empty:
            required.append(name)
    unknown = sorted(set(notes) - set(properties))
    if unknown:
        raise ToolError(f"{where}: its docstring describes {unknown}, which are no parameters")
    parameters = {"type": "object", "properties": properties, "required": required}
    return Tool(fn.__name__, description, parameters, fn)


def call_tool(tools: Sequence[Tool], name: str, arguments: Any) -> str:
    """Call the tool of that name and return what the model sees; every failure is text, "error: …".

    A model writes these calls, so anything may be wrong with them: the name, the arguments, their types.
    An exception that is no ToolError is a bug in the tool: the model sees its type and message, and the
    traceback goes to the log, so that one bad call does not take a whole batch of conversations with it.
    """
    try:
        tool = next((tool for tool in tools if tool.name == name), None)
        if tool is None:
            raise ToolError(f"there is no tool {name!r}; there is {', '.join(tool.name for tool in tools) or 'none'}")
        _check_arguments(tool, arguments)
        result = tool.call(**arguments)
        if not isinstance(result, str):
            raise ToolError(f"{name} returned {type(result).__name__} where text was expected")
        return result
    except ToolError as error:
        return f"error: {error}"
    except Exception as error:
        log.exception("the tool %s failed on %r", name, arguments)
        return f"error: {type(error).__name__}: {error}"


def _read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """First paragraph, and {parameter: description} of the `Args:` section."""
    head, _, args = text.partition("\nArgs:\n")
    description = " ".join(head.strip().split("\n\n")[0].split())
    notes: dict[str, str] = {}
    section = re.split(r"\n\S", args)[0]  # the section ends where the indentation does
    for name, note in re.findall(r"^ +(\w+): (.*(?:\n {5,}\S.*)*)", section, re.MULTILINE):
        notes[name] = " ".join(note.split())
    return description, notes


def _json_schema(hint: Any, where: str) -> dict[str, Any]:
    """Annotation → JSON schema."""
    if hint in _JSON_TYPES:
        return {"type": _JSON_TYPES[hint]}
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal and all(isinstance(arg, str) for arg in args):
        return {"type": "string", "enum": list(args)}
    if origin is list and len(args) == 1:
        return {"type": "array", "items": _json_schema(args[0], where)}
    shown = hint.__name__ if isinstance(hint, type) and not isinstance(hint, types.GenericAlias) else hint
    raise ToolError(f"{where} is {shown}; use str, int, float, bool, Literal of strings, or a list of one of these")


def _check_arguments(tool: Tool, arguments: Any) -> None:
    """Raise ToolError, in words that help a model to mend its call, unless the arguments fit the schema."""
    if not isinstance(arguments, Mapping):
        raise ToolError(f"{tool.name}: the arguments must be a JSON object, not {_short(arguments)}")
    properties = tool.parameters["properties"]
    for name in tool.parameters["required"]:
        if name not in arguments:
            raise ToolError(f"{tool.name}: the argument '{name}' is missing")
    for name, value in arguments.items():
        if name not in properties:
            raise ToolError(f"{tool.name}: there is no argument {_short(name)}; there is {', '.join(properties)}")
        _check_value(value, properties[name], f"{tool.name}: '{name}'")


def _check_value(value: Any, schema: Mapping[str, Any], where: str) -> None:
    """Check one value against the part of JSON schema that _json_schema writes."""
    kind = schema["type"]
    if kind == "array":
        if not isinstance(value, list):
            raise ToolError(f"{where} must be a list, not {_short(value)}")
        for item in value:
            _check_value(item, schema["items"], f"{where}: each item")
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)  # bool is an int in Python, not in JSON
    fits = {
        "string": isinstance(value, str),
        "integer": number and isinstance(value, int),
        "number": number,
        "boolean": isinstance(value, bool),
    }[kind]
    if not fits:
        raise ToolError(f"{where} must be {_ARTICLED[kind]}, not {_short(value)}")
    if "enum" in schema and value not in schema["enum"]:
        raise ToolError(f"{where} must be one of {', '.join(schema['enum'])}, not {_short(value)}")


def _short(value: Any) -> str:
    """A value as it is shown in a message: a model may have written pages."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
