"""What an agent's run is made of: typed steps, as a trace that can be read, and as JSON that can be kept.

    Task          what was asked
    Thought       what the model said or reasoned before it acted
    Action        a call of a tool
    Observation   what came back, errors included
    FinalAnswer   the end; `forced` says why where the model did not end by itself

(After ReAct, arXiv 2210.03629: thought, action, observation. The types are smolagents' idea.)
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from rich.text import Text

from orrery.errors import DataError
from orrery.inference.chat import printable


@dataclass(frozen=True)
class Task:
    """What was asked."""

    text: str


@dataclass(frozen=True)
class Thought:
    """What the model said or reasoned before it acted."""

    text: str


@dataclass(frozen=True)
class Action:
    """A call of a tool. `arguments` are as the model wrote them, whatever that is: they are checked by the call."""

    name: str
    arguments: Any = field(default_factory=dict)


@dataclass(frozen=True)
class Observation:
    """What came back: a tool's answer, or "error: …"."""

    text: str


@dataclass(frozen=True)
class FinalAnswer:
    """The end. `forced` is empty where the model ended by itself; otherwise it says why it had to."""

    text: str
    forced: str = ""


Step = Task | Thought | Action | Observation | FinalAnswer
KINDS: dict[str, type[Step]] = {kind.__name__: kind for kind in (Task, Thought, Action, Observation, FinalAnswer)}
STYLES = {"Task": "bold", "Thought": "italic", "Action": "cyan", "Observation": "dim", "FinalAnswer": "bold green"}


def to_json(step: Step) -> dict[str, Any]:
    """A step as a JSON object: {"kind": "Observation", "text": …}."""
    return {"kind": type(step).__name__, **asdict(step)}


def from_json(values: dict[str, Any]) -> Step:
    """The step of a JSON object. Raises DataError when it is none."""
    rest = dict(values)
    try:
        return KINDS[rest.pop("kind")](**rest)
    except (KeyError, TypeError) as error:
        raise DataError(f"this is no step of an agent: {values}") from error


def shown(step: Step) -> Text:
    """A step as it stands in a trace, without control characters: a tool's answer must not steer the terminal."""
    kind = type(step).__name__
    label = "Answer" if isinstance(step, FinalAnswer) else kind
    text = call_text(step) if isinstance(step, Action) else step.text
    if isinstance(step, FinalAnswer) and step.forced:
        text += f"\n({step.forced})"
    indented = printable(text).replace("\n", "\n" + " " * 13)
    return Text(f"{label:<12} ", style="dim").append(indented, style=STYLES[kind])


def call_text(action: Action) -> str:
    """A call as Python would write it: calculator(expression="12*7")."""
    if not isinstance(action.arguments, dict):
        return f"{action.name}({action.arguments})"
    return f"{action.name}({', '.join(f'{name}={value!r}' for name, value in action.arguments.items())})"
