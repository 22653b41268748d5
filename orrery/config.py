"""Recipes: TOML files read into the same frozen dataclasses that the command line fills.

A recipe names the command it is for and any of that command's fields; nested dataclasses are tables:

    command = "pretrain"
    run = "shakespeare"
    [shape]
    layers = 4

``orrery pretrain --recipe shakespeare --shape.layers 6`` reads the file first and lets flags override it.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from orrery.errors import ConfigError

RECIPES = Path(__file__).parent / "recipes"
C = TypeVar("C")


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names the known word closest to ``name``, or lists them all.

    >>> nearest("widht", ["width", "layers"])
    "did you mean 'width'?"
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(names)}"


def recipe_path(recipe: str | Path) -> Path:
    """The file of a recipe given by path or by the name of one that ships with Orrery.

    Raises:
        ConfigError: neither exists; the message names the nearest shipped recipe.
    """
    path = Path(recipe)
    if path.suffix == ".toml" and path.is_file():
        return path
    shipped = {file.stem: file for file in RECIPES.glob("*.toml")}
    if str(recipe) in shipped:
        return shipped[str(recipe)]
    raise ConfigError(f"no recipe '{recipe}': not a .toml file, and not shipped; {nearest(str(recipe), shipped)}")


def read_recipe(recipe: str | Path, cls: type[C], command: str) -> C:
    """Read a recipe into the configuration of ``command``; keys it does not give keep their defaults.

    Raises:
        ConfigError: no such file, not TOML, made for another command, an unknown key or a value of the wrong type.
    """
    path = recipe_path(recipe)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    made_for = values.pop("command", command)
    if made_for != command:
        raise ConfigError(f"{path} is a recipe for `orrery {made_for}`, not for `orrery {command}`")
    return from_mapping(values, cls, str(path))


def from_mapping(values: Mapping[str, Any], cls: type[C], where: str) -> C:
    """Build the dataclass ``cls`` from nested mappings, strictly; what they do not give is what ``cls`` has by default.

    A table that is given in part changes the default of ``cls``, not that of its own class: ``[pretrain] rows = 8``
    leaves everything else of the command's pretraining as it was.

    Raises:
        ConfigError: an unknown key (the nearest known one is named) or a value of the wrong type.
    """
    _refuse_unknown(values, cls, where, "")
    try:
        return TypeAdapter(cls).validate_python(_with_defaults(values, _defaults(cls)))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{where}: {key}: {first['msg']} (got {first['input']!r})") from error


def as_mapping(config: Any) -> dict[str, Any]:
    """The resolved configuration as plain JSON values: what a run saves."""
    plain: dict[str, Any] = TypeAdapter(type(config)).dump_python(config, mode="json")
    return plain


def as_toml(values: Mapping[str, Any]) -> str:
    """Plain values, as `as_mapping` gives them, as a recipe's text: `read_recipe` reads back the same.

    >>> print(as_toml({"minutes": 2.0, "sft": {"rows": 8, "optimizer": {"kind": "adamw"}}}), end="")
    minutes = 2.0
    <BLANKLINE>
    [sft]
    rows = 8
    <BLANKLINE>
    [sft.optimizer]
    kind = "adamw"
    """
    return "\n".join(_toml_lines(values, ())).removeprefix("\n") + "\n"


def _toml_lines(values: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    names = {key: key if re.fullmatch(r"[\w-]+", key, re.ASCII) else _toml_value(key) for key in values}
    plain = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
    lines = ["", f"[{'.'.join(path)}]"] if path and plain else []
    lines += [f"{names[key]} = {_toml_value(value)}" for key, value in plain.items()]
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines += _toml_lines(value, (*path, names[key]))
    return lines


def _toml_value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # the one character where they differ


def _defaults(cls: type) -> dict[str, Any]:
    """What each field has when it is not given, where there is something."""
    found = {field.name: field.default for field in fields(cls) if field.default is not MISSING}
    factories = {field.name: field.default_factory for field in fields(cls)}
    return found | {name: make() for name, make in factories.items() if make is not MISSING}


def _with_defaults(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The values, tables of dataclasses filled up with the rest of their defaults."""
    filled = dict(values)
    for key, value in values.items():
        default = defaults.get(key)
        if isinstance(value, Mapping) and is_dataclass(default) and not isinstance(default, type):
            own = {field.name: getattr(default, field.name) for field in fields(default)}
            filled[key] = own | _with_defaults(value, own)
    return filled


def _refuse_unknown(values: Mapping[str, Any], cls: type, where: str, prefix: str) -> None:
    known = {field.name for field in fields(cls)}
    hints = get_type_hints(cls)
    for key, value in values.items():
        if key not in known:
            raise ConfigError(f"{where}: unknown key '{prefix}{key}'; {nearest(key, known)}")
        if isinstance(value, Mapping) and is_dataclass(hints[key]):
            _refuse_unknown(value, hints[key], where, f"{prefix}{key}.")
