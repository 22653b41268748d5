"""The package's own source, by name: code that the course shows is what runs, so the two cannot differ.

source_of("orrery.scratch.microgpt.softmax").text
"""

import ast
from dataclasses import dataclass
from pathlib import Path

import orrery
from orrery.server.errors import Problem

PACKAGE = Path(orrery.__file__).parent


@dataclass(frozen=True)
class Source:
    """A piece of a file of the package. `line`: of its first line, from 1. `more`: what the file defines besides."""

    name: str
    file: str
    line: int
    text: str
    more: list[str]


def source_of(name: str) -> Source:
    """The text of a module, or of a function, a class or a method in one, with its decorators.

    Nothing is imported: the file is read, so names can do no harm. Raises Problem 404 for a name that is not there.
    """
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts) or parts[0] != "orrery":
        raise missing(name)
    for count in range(len(parts), 0, -1):
        file = PACKAGE.joinpath(*parts[1:count])
        file = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
        if file.is_file():
            return cut(file, name, parts[count:])
    raise missing(name)


def cut(file: Path, name: str, path: list[str]) -> Source:
    """What lies at `path`, names within names, in a file."""
    text = file.read_text(encoding="utf-8")
    shown = file.relative_to(PACKAGE.parent).as_posix()
    tree: ast.Module | ast.ClassDef | ast.FunctionDef = ast.parse(text)
    more = [node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    if not path:
        return Source(name, shown, 1, text, more)
    for part in path:
        found = [node for node in tree.body if named(node, part)]
        if not found:
            raise missing(name)
        tree = found[0]  # type: ignore[assignment]
    assert isinstance(tree, ast.stmt)
    decorators = getattr(tree, "decorator_list", [])
    first, last = min([tree.lineno, *(one.lineno for one in decorators)]), tree.end_lineno
    return Source(name, shown, first, "\n".join(text.splitlines()[first - 1 : last]), more)


def named(node: ast.stmt, name: str) -> bool:
    """Whether a statement defines this name: a function, a class, or a constant."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name == name
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def missing(name: str) -> Problem:
    """There is no such name."""
    return Problem(404, f"the package has no {name!r}", "source_not_found", "name")
