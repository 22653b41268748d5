"""Simulation 5, the autograd graph: gradients arrive node by node, and at the end they are Python's."""

import pytest
from playwright.sync_api import Page, expect

from orrery.scratch.autograd import Value
from orrery.server.studio.packing import pack, unpack
from orrery.server.studio.sims.autograd import AutogradRequest, autograd
from tests.server.running import PATIENCE
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit

MODEL = "/static/sims/autograd.model.js"
ALL = f"""(graph) => import('{MODEL}').then(({{folded, backward}}) =>
    [graph, folded(graph)].map((one) => backward(one, 99).gradients))"""


def gradients(page: Page) -> dict[int, float]:
    nodes = page.locator("[data-node]").all()
    told = {int(node.get_attribute("data-node") or -1): node.get_attribute("data-gradient") or "" for node in nodes}
    return {id: float(gradient) for id, gradient in told.items() if gradient}


def test_the_pages_backward_is_pythons_folded_or_not(visit: Visit) -> None:
    page = visit("sims/autograd")
    for text in ("(a*b + c)^2 + a", "tanh(a*b) * sigmoid(c) + b", "exp(a) / (exp(a) + exp(b))", "a + a", "a"):
        answer = autograd(AutogradRequest(text, {"a": 0.5, "b": -1.5, "c": 2.0}))
        whole, folded = page.evaluate(ALL, unpack(pack(answer)))
        assert {int(id): value for id, value in whole.items()} == pytest.approx(
            {node.id: node.gradient for node in answer.nodes} if answer.order else {0: 1.0}
        )
        assert folded == pytest.approx({id: whole[id] for id in folded}) and len(folded) <= len(whole)


def test_next_node_hands_gradients_on_and_adds_them_up(visit: Visit) -> None:
    page = visit("sims/autograd?autograd.at=-4")  # an address that somebody has edited stands for its nearest
    a, b, c = Value(2.0), Value(-3.0), Value(4.0)
    (((a * b + c) ** 2) + a).backward()
    graph = page.get_by_role("application")
    expect(graph).to_contain_text("value 6.000", timeout=1000 * PATIENCE)
    assert gradients(page) == {}
    graph.press("ArrowRight")
    expect(page.get_by_text("The result moves as itself does")).to_be_visible()
    assert list(gradients(page).values()) == [1.0]
    for _ in range(4):
        page.get_by_role("button", name="Next node").click()
    expect(page.get_by_text("All gradients are known")).to_be_visible()
    expect(page.locator(".adds")).to_have_count(1)  # a, which has one gradient already
    leaves = page.locator(".leaf").all()
    assert [float(leaf.get_attribute("data-gradient") or 0) for leaf in leaves] == [a.grad, b.grad, c.grad]
    page.get_by_role("slider", name="b", exact=True).press("ArrowRight")
    b.data = -2.9
    value = (a.data * b.data + c.data) ** 2 + a.data
    expect(page.locator("[data-node]").last).to_have_attribute("data-value", str(value))
    accessible(page)
    fits(page)


def test_large_graphs_are_folded_and_can_be_opened(visit: Visit) -> None:
    page = visit("sims/autograd?autograd.expression=tanh(w*x+%2B+b)")
    opened = page.get_by_role("switch", name="nodes")
    expect(opened).to_be_visible(timeout=1000 * PATIENCE)
    nodes = page.locator("[data-node]")
    few = nodes.count()
    opened.press("Space")
    answer = autograd(AutogradRequest("tanh(w*x + b)", {"w": 0.5, "x": 2.0, "b": -3.0}))
    expect(nodes).to_have_count(len(answer.nodes))
    assert few < len(answer.nodes)
    page.get_by_role("textbox", name="Expression").fill("sin(x)")
    expect(page.get_by_role("alert")).to_contain_text("cannot be computed here")
    page.problems.clear()  # type: ignore[attr-defined]  # the browser says that a request was refused
