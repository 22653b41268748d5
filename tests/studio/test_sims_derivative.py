"""Simulation 3, the derivative: slopes on the screen are autograd's, of expressions and of a model's loss."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from orrery.server.studio.micro import read_micro
from orrery.server.studio.sims.derivative import DerivativeRequest, WeightSlopeRequest, derivative, weight_slope
from tests.server.running import eventually
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit


def reading(page: Page, name: str) -> float:
    """A number on the screen, in full precision."""
    return float(page.locator(f"[data-name={name}]").get_attribute("data-value") or "nan")


def shows(page: Page, name: str, value: float) -> None:
    """Wait until this number is on the screen."""
    eventually(lambda: reading(page, name) == pytest.approx(value, rel=1e-6), f"{name} {value}")


def test_the_point_is_moved_and_the_slopes_are_pythons(visit: Visit) -> None:
    page = visit("sims/derivative")
    answer = derivative(DerivativeRequest("x^3/3 - x", 1.5, 0.8))
    shows(page, "slope", answer.slope)
    assert reading(page, "secant") == pytest.approx(answer.secant) and reading(page, "value") == answer.value
    page.get_by_role("slider", name="point on the curve").press("ArrowRight")
    moved = derivative(DerivativeRequest("x^3/3 - x", 1.55, 0.8))
    shows(page, "slope", moved.slope)
    box = page.get_by_role("group", name="The curve of x^3/3 - x").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + 60)
    page.mouse.up()
    page.wait_for_url("**derivative.x=-*")
    page.get_by_role("textbox", name="f(x) =").fill("exp(x")
    expect(page.get_by_role("alert")).to_contain_text("is no expression")
    page.problems.clear()  # type: ignore[attr-defined]  # the browser says that a request was refused
    page.get_by_role("textbox", name="f(x) =").fill("exp(x)")
    expect(page.get_by_role("alert")).to_have_count(0)
    x = float(page.get_by_role("spinbutton", name="x, as a number").input_value())
    assert reading(page, "slope") == pytest.approx(derivative(DerivativeRequest("exp(x)", x)).slope)
    accessible(page)
    fits(page)


def test_the_gradient_of_a_weight_touches_the_loss(visit: Visit, runs: Path) -> None:
    page = visit("sims/derivative?derivative.view=weight&derivative.step=0")
    run = read_micro(runs / "micro")
    asked = WeightSlopeRequest("micro", 0, "output", 0, 2)
    shows(page, "gradient", weight_slope(asked, run).gradient)
    heat = page.get_by_role("application")
    heat.press("ArrowDown")
    shows(page, "gradient", weight_slope(WeightSlopeRequest("micro", 0, "output", 1, 2), run).gradient)
    page.get_by_role("slider", name="Training step").press("End")
    last = weight_slope(WeightSlopeRequest("micro", 200, "output", 1, 2), run)
    shows(page, "gradient", last.gradient)
    assert reading(page, "loss") == pytest.approx(last.at) and reading(page, "secant") == pytest.approx(last.secant)
    page.get_by_label("Matrix").select_option("0.value")
    shows(page, "gradient", weight_slope(WeightSlopeRequest("micro", 200, "0.value", 0, 0), run).gradient)
    accessible(page)
    fits(page)
