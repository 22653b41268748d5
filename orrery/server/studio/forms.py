"""Forms for the commands that train, made from the dataclasses that the command line fills: the two cannot differ.

    GET /api/forms             the commands
    GET /api/forms/NAME        one: its fields with their types, defaults and help, as a JSON schema

What a page sends back is checked as a recipe is (`orrery.config.from_mapping`): an unknown field, or a value of the
wrong type, is a 422 that names the field.
"""

import ast
import asyncio
import importlib
import inspect
import textwrap
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any, Protocol, get_type_hints

from docstring_parser import parse
from fastapi import APIRouter
from pydantic import TypeAdapter, ValidationError

from orrery.config import RECIPES, as_mapping, from_mapping
from orrery.errors import ConfigError
from orrery.server.errors import Problem

HIDDEN = ("root", "resume")  # the studio says these itself


class Command(Protocol):
    """A command of the command line; `orrery.cli.Command` is one."""

    @property
    def words(self) -> str:
        """What calls it."""

    @property
    def module(self) -> str:
        """Where its configuration is."""

    @property
    def config(self) -> str:
        """The name of that dataclass."""

    @property
    def summary(self) -> str:
        """One line about it."""


@dataclass(frozen=True)
class FormName:
    """A command in the list."""

    command: str
    summary: str


@dataclass(frozen=True)
class Form:
    """A command as a form. `about`: its help; `fields`: a JSON schema of an object.

    `examples`: words that do it; `recipes`: name -> the values of those that are shipped for it.
    """

    command: str
    summary: str
    about: str
    examples: list[str]
    recipes: dict[str, dict[str, Any]]
    fields: dict[str, Any]


class Forms:
    """The forms of those among `commands` that train: their results go into a run of a root."""

    def __init__(self, commands: Iterable[Command]) -> None:
        self._commands = list(commands)

    @cached_property
    def configs(self) -> dict[str, type]:
        """Command -> its dataclass. The modules are imported when somebody first asks."""
        found = {one.words: getattr(importlib.import_module(one.module), one.config) for one in self._commands}
        return {
            words: cls for words, cls in found.items() if {"run", "root", "resume"} <= {f.name for f in fields(cls)}
        }

    def names(self) -> list[FormName]:
        """The commands, as they stand in `orrery --help`."""
        return [FormName(one.words, one.summary) for one in self._commands if one.words in self.configs]

    def config(self, command: str) -> type:
        """The dataclass of a command. Raises Problem 404 when it is none that trains."""
        if command not in self.configs:
            known = ", ".join(self.configs)
            raise Problem(404, f"{command!r} does not train; there is {known}", "command_not_found", "command")
        return self.configs[command]

    def form(self, command: str) -> Form:
        """One command as a form. Raises Problem 404 when there is none."""
        cls = self.config(command)
        about, *examples = inspect.cleandoc(cls.__doc__ or "").split("Example: ")
        summary = next(one.summary for one in self._commands if one.words == command)
        shown = schema(cls, defaults(cls))
        for name in HIDDEN:
            del shown["properties"][name]
        recipes = {
            path.stem: {key: value for key, value in found.items() if key != "command"}
            for path in sorted(RECIPES.glob("*.toml"))
            if (found := tomllib.loads(path.read_text(encoding="utf-8"))).get("command") == command
        }
        return Form(command, summary, about.strip(), [example.strip() for example in examples], recipes, shown)

    def values(self, command: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """All values of a command, those given and the defaults of the others, as plain JSON values.

        Raises:
            Problem: 404 for an unknown command; 422 for a field that is unknown, missing or has a wrong value.
        """
        cls = self.config(command)
        try:
            return as_mapping(from_mapping(merged(defaults(cls), given), cls, f"orrery {command}"))
        except ConfigError as error:
            if not isinstance(error.__cause__, ValidationError):
                raise Problem(422, str(error), "invalid_value") from error
            first = error.__cause__.errors()[0]
            field = ".".join(map(str, first["loc"]))
            raise Problem(422, f"{field}: {first['msg']}", "invalid_value", field) from error


def router(forms: Forms) -> APIRouter:
    """The addresses of the forms."""
    found = APIRouter()

    @found.get("/forms", summary="The commands that train")
    async def names() -> list[FormName]:
        return await asyncio.to_thread(forms.names)

    @found.get("/forms/{command}", summary="One command as a form")
    async def form(command: str) -> Form:
        return await asyncio.to_thread(forms.form, command)

    return found


def schema(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """A dataclass as a JSON schema without references: dataclasses in it are objects, and each field has its help.

    Args:
        values: its defaults (`defaults`).
    """
    whole = TypeAdapter(cls).json_schema()
    return _object(cls, whole, whole.get("$defs", {}), values)


def _object(cls: type, found: Mapping[str, Any], parts: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    hints, about, properties = get_type_hints(cls), help_of(cls), {}
    for field in fields(cls):
        name, hint = field.name, hints[field.name]
        if is_dataclass(hint):
            assert isinstance(hint, type)
            shown = _object(hint, parts[hint.__name__], parts, values[name])
        else:
            shown = {key: value for key, value in found["properties"][name].items() if key not in ("title", "default")}
            if name in values:
                shown["default"] = values[name]
        properties[name] = {**shown, "description": about.get(name, shown.get("description", ""))}
    required = [name for name in properties if name not in values]
    about_all = parse(cls.__doc__ or "").short_description or ""
    return {"type": "object", "title": cls.__name__, "description": " ".join(about_all.split()),
            "properties": properties, "required": required}  # fmt: skip


def defaults(cls: type) -> dict[str, Any]:
    """The defaults of a dataclass as plain JSON values, nested ones too; a field without one is left out."""
    hints = get_type_hints(cls)
    return {
        field.name: TypeAdapter(hints[field.name]).dump_python(_default(field), mode="json")
        for field in fields(cls)
        if field.default is not MISSING or field.default_factory is not MISSING
    }


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def merged(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what was given; where both have a mapping, the same within.

    >>> merged({"train": {"steps": 10, "rows": 4}}, {"train": {"rows": 8}})
    {'train': {'steps': 10, 'rows': 8}}
    """
    found = dict(base)
    for name, value in given.items():
        old = found.get(name)
        found[name] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return found


def help_of(cls: type) -> dict[str, str]:
    """What `--help` shows of each field: the text below it, or what its class says of it; inherited ones too."""
    found: dict[str, str] = {}
    for parent in reversed(cls.__mro__[:-1]):
        body = ast.parse(textwrap.dedent(inspect.getsource(parent))).body[0]
        assert isinstance(body, ast.ClassDef)
        found.update((one.arg_name, one.description or "") for one in parse(parent.__doc__ or "").params)
        for field, text in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                found[ast.unparse(field.target)] = " ".join(str(text.value.value).split())
    return found
