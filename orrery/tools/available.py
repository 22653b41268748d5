"""Tools by their names: those that Orrery brings, and those of other packages.

A package adds tools by entry points of the group "orrery.tools", in its pyproject.toml:

    [project.entry-points."orrery.tools"]
    weather = "mypackage.weather:forecast"      # a typed function with a docstring, or a Tool

The name before the equals sign is what models call it.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from orrery.config import nearest
from orrery.errors import ConfigError, ToolError
from orrery.tools.calculator import CALCULATOR
from orrery.tools.final_answer import FINAL_ANSWER
from orrery.tools.python import PYTHON
from orrery.tools.registry import Tool, tool_from_function
from orrery.tools.sandbox import sandbox_missing

GROUP = "orrery.tools"
BUILT_IN = {tool.name: tool for tool in (CALCULATOR, PYTHON, FINAL_ANSWER)}


def tools_named(names: Sequence[str], more: Mapping[str, Tool] | None = None) -> list[Tool]:
    """The tools of these names; ``more`` are those that somebody has at hand, such as a search in their documents.

    Raises:
        ConfigError: there is no tool of a name, or two packages bring one.
        ToolError: another package's tool cannot be loaded, or `python` cannot be isolated here.
    """
    known = {**BUILT_IN, **(more or {})}
    others = {entry.name: entry for entry in entry_points(group=GROUP)}
    if twice := sorted(known.keys() & others):
        raise ConfigError(f"the tool {twice[0]} of {others[twice[0]].value} has the name of one of Orrery's")
    found = []
    for name in names:
        if name not in known and name not in others:
            raise ConfigError(f"there is no tool {name!r}; {nearest(name, [*known, *others])}")
        tool = known.get(name) or _loaded(name, others[name].load)
        if tool is PYTHON and (missing := sandbox_missing()):
            raise ToolError(missing)
        found.append(tool)
    return found


def _loaded(name: str, load: Callable[[], Any]) -> Tool:
    """Another package's tool, under the name that its entry point gives it."""
    try:
        made = load()
        tool = made if isinstance(made, Tool) else tool_from_function(made)
    except Exception as error:  # whatever the other package does as it is imported
        raise ToolError(f"the tool {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    return dataclasses.replace(tool, name=name)
