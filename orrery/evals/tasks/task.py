r"""A task is a YAML file: which questions, how they are put to a model, and what counts as right.

    name: colours
    version: 1
    kind: multiple_choice
    format: jsonl                              # {"thing": "The sky", "colours": ["red", "blue"], "right": 1}
    prompt: "{{ thing }} is"
    choices: colours
    right: right
    metrics: {acc: none, acc_norm: characters}

    task = read_task("hellaswag")              # one that ships with Orrery
    task = read_task("colours.yaml")           # or any file

Kinds
    multiple_choice   the likeliest choice after the prompt; `metrics` says what its log-probability is divided by
    generation        what the model writes is searched by two extractors, and must equal the answer
    bits_per_byte     how well the model predicts whole documents

Prompts and answers are Jinja templates, `choices` and `right` Jinja expressions, of a row's fields (`formats.py`); all
run in Jinja's sandbox, because task files travel. `version` is raised by whoever changes a task: scores of two versions
cannot be compared. `fingerprint` notices those who forget.
"""

import functools
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from orrery.config import as_mapping, from_mapping, nearest
from orrery.errors import ConfigError, DataError
from orrery.evals.tasks.formats import FORMATS

SHIPPED = Path(__file__).parent
Kind = Literal["multiple_choice", "generation", "bits_per_byte"]
Length = Literal["none", "characters", "bytes", "tokens"]
SHOTS = ("shots", "examples", "pick", "separator", "delimiter")
# Which keys a kind must have, and which it may have, besides those that all have.
KEYS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "multiple_choice": (("prompt", "choices", "right", "metrics"), SHOTS),
    "generation": (("prompt", "answer", "extract"), (*SHOTS, "ignore", "ignore_case", "stop", "max_tokens")),
    "bits_per_byte": ((), ("ends",)),
}  # fmt: skip
ALWAYS = ("name", "version", "kind", "format", "about", "source", "questions")


@dataclass(frozen=True)
class Extractor:
    """Finds an answer in what a model wrote: what the pattern's first filled group holds, or all that it matched."""

    pattern: str = ""
    take: Literal["first", "last"] = "first"
    """Of several places that match."""

    def __call__(self, text: str) -> str | None:
        """The answer; None where there is none."""
        found = re.findall(self.pattern, text)
        if not found:
            return None
        match = found[0 if self.take == "first" else -1]
        groups = match if isinstance(match, tuple) else (match,)
        return next((group.strip() for group in groups if group), None)


@dataclass(frozen=True)
class Extract:
    """The two extractors of a task: the form that was asked for, and anything that can be meant. Both are shown."""

    strict: Extractor = field(default_factory=Extractor)
    flexible: Extractor = field(default_factory=Extractor)


@dataclass(frozen=True)
class Task:
    """What a task file says; `read_task` makes one."""

    name: str
    version: int
    kind: Kind
    format: str
    """How a row of the data is read (`formats.py`)."""
    about: str = ""
    """One line for people."""
    source: str = ""
    """Where the data comes from."""
    questions: str | tuple[str, ...] = "*"
    """The files that hold the questions, where --data is a folder: how their paths end, such as ``*test*``."""
    examples: str | tuple[str, ...] = ""
    """The files whose rows are shots, where --data is a folder. Empty, or a single file: other questions are."""
    shots: int = 0
    """Worked examples before each question."""
    pick: Literal["random", "first"] = "random"
    """Each question gets shots of its own, drawn by the seed; or all get the first ones."""
    prompt: str = ""
    separator: str = "\n\n"
    """Between shots."""
    delimiter: str = " "
    """Between a prompt and its answer."""
    choices: str | tuple[str, ...] = ""
    """Texts, or an expression that gives a list of texts."""
    right: str = ""
    """An expression: the number of the right choice, from 0."""
    metrics: Mapping[str, Length] = field(default_factory=dict)
    """Name → what a choice's log-probability is divided by before the largest is taken."""
    answer: str = ""
    """The right answer, as shots show it; what `ignore` leaves of it is what must be found."""
    extract: Extract = field(default_factory=Extract)
    ignore: tuple[str, ...] = ()
    """Patterns that are removed from what was found and from the answer before these are compared."""
    ignore_case: bool = False
    stop: tuple[str, ...] = ()
    """Texts that end what the model writes."""
    max_tokens: int = 256
    """Most tokens that the model may write."""
    ends: bool = True
    """Whether the bits include that a document ends, as in training; its bytes are those of the text alone."""

    @property
    def fingerprint(self) -> str:
        """A hash of all in the file that decides a score. Results say beside it what was asked for: shots, seed."""
        said = as_mapping(self)
        said = {key: value for key, value in said.items() if key not in ("about", "source")}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]

    def asks(self, row: Mapping[str, Any]) -> str:
        """The prompt of a row, without shots."""
        return _text(self.prompt, row, f"{self.name}: prompt")

    def choices_of(self, row: Mapping[str, Any]) -> list[str]:
        """The choices of a row. Raises DataError where they are not two texts or more."""
        where = f"{self.name}: choices"
        if isinstance(self.choices, str):
            found = _value(self.choices, row, where)
        else:
            found = [_text(choice, row, where) for choice in self.choices]
        if not isinstance(found, list) or len(found) < 2 or not all(isinstance(text, str) and text for text in found):
            raise DataError(f"{where}: not a list of two texts or more, but {found!r:.200}")
        return found

    def right_of(self, row: Mapping[str, Any], choices: int) -> int:
        """The number of the right choice. Raises DataError where there is no such choice."""
        found = _value(self.right, row, f"{self.name}: right")
        if not isinstance(found, int) or not 0 <= found < choices:
            raise DataError(f"{self.name}: right is {found!r:.200}, not a number from 0 to {choices - 1}")
        return found

    def answer_of(self, row: Mapping[str, Any]) -> str:
        """The answer that shots show: the right choice, or what `answer` says."""
        if self.kind == "multiple_choice":
            choices = self.choices_of(row)
            return choices[self.right_of(row, len(choices))]
        return _text(self.answer, row, f"{self.name}: answer")

    def same(self, found: str | None, answer: str) -> bool:
        """Whether what an extractor found is the answer."""
        return found is not None and self._plain(found) == self._plain(answer)

    def _plain(self, text: str) -> str:
        for pattern in self.ignore:
            text = re.sub(pattern, "", text)
        return text.lower() if self.ignore_case else text


def shipped() -> dict[str, Path]:
    """The tasks that come with Orrery, by name."""
    return {file.stem: file for file in sorted(SHIPPED.glob("*.yaml"))}


def read_task(name: str) -> Task:
    """The shipped task of that name, or the one in a file.

    Raises:
        ConfigError: there is none (the nearest is named), or the file is not what a task must be.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        known = shipped()
        if name not in known:
            raise ConfigError(
                f"no task '{name}': there is no such .yaml file, and none that ships; {nearest(name, known)}"
            )
        path = known[name]
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError(f"{path} is no task: it must be keys with values, such as name: colours")
    for key in ("name", "version", "kind", "format"):
        if key not in values:
            raise ConfigError(f"{path}: the key '{key}' is missing")
    task = from_mapping(values, Task, str(path))
    _check(task, values, str(path))
    return task


def _check(task: Task, given: Mapping[str, Any], where: str) -> None:
    """Refuse what would fail only later, or would be silently left out."""
    needed, allowed = KEYS[task.kind]
    for key in given:
        if key not in (*ALWAYS, *needed, *allowed):
            raise ConfigError(f"{where}: '{key}' has no meaning for a task of the kind {task.kind}: leave it out")
    for key in needed:
        if not given.get(key):
            raise ConfigError(f"{where}: a task of the kind {task.kind} needs the key '{key}'")
    if task.format not in FORMATS:
        raise ConfigError(f"{where}: no format '{task.format}'; {nearest(task.format, FORMATS)}")
    if (task.format == "text") != (task.kind == "bits_per_byte"):
        raise ConfigError(f"{where}: the format text and the kind bits_per_byte go together: {task.kind} reads rows")
    if task.shots < 0 or task.max_tokens < 1:
        raise ConfigError(f"{where}: shots cannot be negative, and max_tokens must be at least 1")
    if "" in task.stop:
        raise ConfigError(f"{where}: an empty text cannot be a stop: it stands everywhere")
    patterns = {"ignore": list(task.ignore)}
    if task.kind == "generation":
        patterns |= {
            "extract.strict": [task.extract.strict.pattern],
            "extract.flexible": [task.extract.flexible.pattern],
        }
    for key, found in patterns.items():
        for pattern in found:
            if not pattern:
                raise ConfigError(f"{where}: {key} needs a pattern: both extractors are shown beside each other")
            try:
                re.compile(pattern)
            except re.error as error:
                raise ConfigError(f"{where}: {key}: {pattern!r} is no regular expression: {error}") from error
    expressions = [task.right] + ([task.choices] if isinstance(task.choices, str) else [])
    templates = [task.prompt, task.answer, *(task.choices if isinstance(task.choices, tuple) else ())]
    try:
        for template in templates:
            _template(template)
        for expression in filter(None, expressions):
            _expression(expression, False)
    except TemplateError as error:
        raise ConfigError(f"{where}: a template that Jinja cannot read: {error}") from error


# Templates


def wikihow(text: str) -> str:
    """Text of HellaSwag without the marks that WikiHow's pages left in it, as lm_eval cleans it.

    >>> wikihow("How to bake [header] Mix [title] Stir")
    'How to bake Mix. Stir'
    """
    return re.sub(r"\[.*?\]", "", text.strip().replace(" [title]", ". ")).replace("  ", " ")


_JINJA = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
_JINJA.filters["wikihow"] = wikihow


_template = functools.cache(_JINJA.from_string)  # compiling takes a hundred times as long as filling in
_expression = functools.cache(_JINJA.compile_expression)


def _text(template: str, row: Mapping[str, Any], where: str) -> str:
    try:
        return _template(template).render(row)
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise DataError(f"{where}: {error} (the row has {', '.join(row)})") from error


def _value(expression: str, row: Mapping[str, Any], where: str) -> Any:
    try:
        return _expression(expression, False)(**row)  # what is undefined stays so, and is no None
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise DataError(f"{where}: {error} (the row has {', '.join(row)})") from error
