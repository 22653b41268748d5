"""The graph of an expression that a reader types, with the gradients that `backward` finds, and in which order."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from orrery.errors import ConfigError
from orrery.scratch.autograd import Value, graph
from orrery.scratch.expression import parse

MOST_NODES = 80


@dataclass(frozen=True)
class AutogradRequest:
    """An expression, and the values of its names; a name without one is 1."""

    expression: str
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class GraphNode:
    """A Value: its number, its gradient after `backward`, the operation that made it, and its name where it has one."""

    id: int
    value: float
    gradient: float
    operation: str
    label: str


@dataclass(frozen=True)
class GraphEdge:
    """An ingredient and what is made of it. `local`: by how much this moves when that moves a little."""

    source: int
    target: int
    local: float


@dataclass(frozen=True)
class AutogradAnswer:
    """The graph; ids count from 0, ingredients before what is made of them. `order`: of the nodes in `backward`."""

    names: tuple[str, ...]
    nodes: list[GraphNode]
    edges: list[GraphEdge]
    order: list[int]


def autograd(asked: AutogradRequest) -> AutogradAnswer:
    """Compute an expression forwards and backwards.

    Raises ConfigError for what is no expression, has no value, or makes more nodes than can be looked at.
    """
    expression = parse(asked.expression)
    values = {name: Value(asked.values.get(name, 1.0), label=name) for name in expression.names}
    root = expression(values)
    root.backward()
    found = graph(root)
    if len(found["nodes"]) > MOST_NODES:
        raise ConfigError(
            f"the graph has {len(found['nodes'])} nodes; {MOST_NODES} are the most: shorten the expression"
        )
    nodes = [GraphNode(**node) for node in found["nodes"]]
    edges = [GraphEdge(edge["from"], edge["to"], edge["local"]) for edge in found["edges"]]
    order = [node.id for node in reversed(nodes) if node.operation]
    return AutogradAnswer(expression.names, nodes, edges, order)
