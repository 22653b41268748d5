"""Pictures of graphs: SVG that a browser can read, DOT with every node and edge."""

import re
from xml.etree import ElementTree

from orrery.scratch import draw
from orrery.scratch.autograd import Value, dot, graph

SVG = "{http://www.w3.org/2000/svg}"


def example() -> dict:
    a, b, c = Value(2.0, label="a"), Value(-3.0, label='<b> & "c"'), Value(0.5, label="c")
    loss = dot([a, b], [b, c]).tanh() * a + 1
    loss.backward()
    return graph(loss)


def boxes(picture: str) -> list[tuple[float, float, float, float]]:
    root = ElementTree.fromstring(picture)
    found = [group.find(f"{SVG}rect") for group in root.iter(f"{SVG}g")]
    return [tuple(float(box.get(key)) for key in ("x", "y", "width", "height")) for box in found]


def test_svg_has_a_box_for_each_node_and_a_line_for_each_pair_that_is_joined() -> None:
    shown = example()
    root = ElementTree.fromstring(draw.svg(shown))
    assert len(boxes(draw.svg(shown))) == len(shown["nodes"])
    assert len(list(root.iter(f"{SVG}path"))) == len({(edge["from"], edge["to"]) for edge in shown["edges"]})
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert '<b> & "c"' in texts and any(text.startswith("2 · grad ") for text in texts)


def test_no_two_boxes_overlap_and_all_are_inside() -> None:
    picture = draw.svg(example())
    root = ElementTree.fromstring(picture)
    width, height = (float(number) for number in root.get("viewBox").split()[2:])
    found = boxes(picture)
    for i, (x, y, w, h) in enumerate(found):
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
        for other_x, other_y, _, _ in found[:i]:
            assert abs(x - other_x) >= w or abs(y - other_y) >= h


def test_lines_go_from_left_to_right() -> None:
    for path in re.findall(r'd="M([\d.]+) [\d.]+ C.* ([\d.]+) [\d.]+"', draw.svg(example())):
        assert float(path[0]) < float(path[1])


def test_a_single_value_is_a_picture_too() -> None:
    assert len(boxes(draw.svg(graph(Value(1.0))))) == 1


def test_dot_has_every_node_and_edge() -> None:
    shown = example()
    text = draw.dot(shown)
    assert text.startswith("digraph {") and text.endswith("}\n")
    assert len(re.findall(r"^  \d+ \[", text, re.M)) == len(shown["nodes"])
    assert len(re.findall(r"^  \d+ -> \d+", text, re.M)) == len(shown["edges"])
    assert '"<b> & \\"c\\""' in text
