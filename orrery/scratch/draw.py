"""Pictures of a graph of Values: SVG for a browser, DOT for Graphviz.

    from orrery.scratch import autograd, draw

    a, b = autograd.Value(2.0, label="a"), autograd.Value(-3.0, label="b")
    loss = (a * b + 10) ** 2
    loss.backward()
    Path("loss.svg").write_text(draw.svg(autograd.graph(loss)))

Each box shows a name or an operation, the value, and the gradient of the last `backward`; each line shows the local
gradient: what the gradient behind it is multiplied by on its way back.
"""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

Graph = Mapping[str, Sequence[Mapping[str, Any]]]

BOX, GAP_X, GAP_Y, MARGIN = (140, 46), 72, 18, 12  # pixels
LABEL_AT = 0.35  # of the way: lines that meet at one end have their labels apart
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1a1a1a}.number{font-size:11px;font-variant-numeric:tabular-nums}"
    ".local{font-size:10px;fill:#666;text-anchor:middle}path{fill:none;stroke:#999}"
    "rect{fill:#fff;stroke:#888}.leaf rect{fill:#eef4ff;stroke:#3366cc}"
)


def svg(graph: Graph) -> str:
    """The graph as one SVG document, ingredients on the left and what is made of them on the right."""
    places = _places(graph)
    width = max(x for x, _ in places.values()) + BOX[0] + MARGIN
    height = max(y for _, y in places.values()) + BOX[1] + MARGIN
    locals_of: dict[tuple[int, int], list[float]] = {}  # a value may be an ingredient twice; its lines would coincide
    for edge in graph["edges"]:
        locals_of.setdefault((edge["from"], edge["to"]), []).append(edge["local"])
    lines = [_line(places[start], places[end], locals_) for (start, end), locals_ in locals_of.items()]
    leaves = {node["id"] for node in graph["nodes"]} - {edge["to"] for edge in graph["edges"]}
    boxes = [_box(node, places[node["id"]], node["id"] in leaves) for node in graph["nodes"]]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img">',
            f'<style>{STYLE}</style><rect width="100%" height="100%" style="stroke:none"/>',
            *lines,
            *boxes,
            "</svg>\n",
        ]
    )


def dot(graph: Graph) -> str:
    """The graph in Graphviz's language."""
    nodes = [f'  {node["id"]} [label={json.dumps(_name(node))}, xlabel="{_numbers(node)}"]' for node in graph["nodes"]]
    edges = [f'  {edge["from"]} -> {edge["to"]} [label="{edge["local"]:.3g}"]' for edge in graph["edges"]]
    return "\n".join(["digraph {", "  rankdir=LR", "  node [shape=box]", *nodes, *edges, "}\n"])


def _name(node: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (node["label"], node["operation"]))) or "number"


def _numbers(node: Mapping[str, Any]) -> str:
    return f"{node['value']:.3g} · grad {node['gradient']:.3g}"


def _places(graph: Graph) -> dict[int, tuple[float, float]]:
    """The corner of every box: a column further right than all its ingredients, near them in height."""
    parents: dict[int, list[int]] = {node["id"]: [] for node in graph["nodes"]}
    for edge in graph["edges"]:
        parents[edge["to"]].append(edge["from"])
    column: dict[int, int] = {}
    for node, of in parents.items():  # ids count from the ingredients up
        column[node] = 1 + max((column[parent] for parent in of), default=-1)
    # An ingredient stands directly before the first thing made of it, so that its line is short.
    for node in [node for node, of in parents.items() if not of]:
        column[node] = min((column[edge["to"]] for edge in graph["edges"] if edge["from"] == node), default=1) - 1
    places: dict[int, tuple[float, float]] = {}
    for number in range(max(column.values()) + 1):
        nodes = [node for node in parents if column[node] == number]
        heights = {
            node: sum(places[p][1] for p in parents[node] if p in places) / max(1, len(parents[node])) for node in nodes
        }
        free = float(MARGIN)
        for node in sorted(nodes, key=lambda node: heights[node]):
            y = max(free, heights[node])
            places[node] = (MARGIN + number * (BOX[0] + GAP_X), y)
            free = y + BOX[1] + GAP_Y
    return places


def _box(node: Mapping[str, Any], place: tuple[float, float], leaf: bool) -> str:
    x, y = place
    return (
        f'<g class="{"leaf" if leaf else "made"}"><rect x="{x:g}" y="{y:g}" width="{BOX[0]}" height="{BOX[1]}" rx="6"/>'
        f'<text x="{x + 8:g}" y="{y + 18:g}">{escape(_name(node))}</text>'
        f'<text class="number" x="{x + 8:g}" y="{y + 36:g}">{_numbers(node)}</text></g>'
    )


def _line(start: tuple[float, float], end: tuple[float, float], locals_: Sequence[float]) -> str:
    (x1, y1), (x2, y2) = start, end
    x1, y1, y2 = x1 + BOX[0], y1 + BOX[1] / 2, y2 + BOX[1] / 2
    bend = (x1 + x2) / 2
    near = 3 * LABEL_AT**2 - 2 * LABEL_AT**3  # how far the curve has come in height where its label stands
    label = " ".join(f"×{local:.3g}" for local in locals_)
    x, y = x1 + LABEL_AT * (x2 - x1), y1 + near * (y2 - y1) - 4
    return (
        f'<path d="M{x1:g} {y1:g} C{bend:g} {y1:g} {bend:g} {y2:g} {x2:g} {y2:g}"/>'
        f'<text class="local" x="{x:g}" y="{y:g}">{label}</text>'
    )
