"""Simulation 4, gradient descent: the ball lies where Python's does, on a curve, a map and a model's loss."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from orrery.server.studio.micro import read_micro
from orrery.server.studio.sims.descent import DescentRequest, LossSliceRequest, descent, loss_slice
from tests.server.running import PATIENCE, eventually
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit


def numbers(page: Page, name: str) -> list[float]:
    """Numbers on the screen, in full precision."""
    return [float(one) for one in (page.locator(f"[data-name={name}]").get_attribute("data-value") or "").split(",")]


def shows(page: Page, loss: float) -> None:
    """Wait until this loss is on the screen."""
    eventually(lambda: numbers(page, "loss") == pytest.approx([loss], rel=1e-6), f"loss {loss}")


def after(page: Page, steps: int) -> None:
    expect(page.get_by_text(f"after {steps} steps at")).to_be_visible(timeout=1000 * PATIENCE)


def test_the_ball_rolls_swings_and_flies_away(visit: Visit) -> None:
    page = visit("sims/descent?descent.at=2")
    answer = descent(DescentRequest("x^2", (2.5,), 0.15, steps=40))
    after(page, 2)
    assert numbers(page, "place") == answer.places[2].tolist() and numbers(page, "loss") == [answer.losses[2]]
    page.get_by_role("button", name="One step").press("Enter")
    after(page, 3)
    assert numbers(page, "gradient") == answer.gradients[3].tolist()
    for name, verdict in (("It swings", "swings across"), ("It flies away", "flies away"), ("It arrives", "arrives")):
        page.get_by_role("button", name=name).click()
        expect(page.locator("[data-name=verdict]")).to_have_text(verdict)
    page.get_by_role("slider", name="the ball").press("ArrowLeft")
    page.get_by_role("button", name="Roll", exact=True).click()  # with less motion: at once
    after(page, 40)
    expected = descent(DescentRequest("x^2", (2.45,), 0.15, steps=40))
    assert numbers(page, "place") == pytest.approx(expected.places[-1].tolist())
    accessible(page)
    fits(page)
    visit("sims/descent?descent.at=-5")  # an address that somebody has edited
    after(page, 0)


def test_a_map_and_the_slice_of_a_real_loss(visit: Visit, runs: Path) -> None:
    page = visit("sims/descent?descent.view=map&descent.at=5")
    answer = descent(DescentRequest("x^2/4 + 2*y^2", (2.5, 1.5), 0.15, steps=40))
    after(page, 5)
    assert numbers(page, "place") == answer.places[5].tolist()
    page.get_by_text("A model's loss").click()
    run, asked = (
        read_micro(runs / "micro"),
        LossSliceRequest("micro", 100, reach=3.0, start=(2.5, 1.5), rate=1.0, steps=40),
    )
    shows(page, loss_slice(asked, run).losses[5])
    page.get_by_role("slider", name="Training step").press("Home")
    first = loss_slice(LossSliceRequest("micro", 0, reach=3.0, start=(2.5, 1.5), rate=1.0, steps=40), run)
    shows(page, first.losses[5])
    np.testing.assert_allclose(numbers(page, "place"), first.places[5])
    page.get_by_role("combobox", name="Directions").select_option("random, scaled")
    scaled = LossSliceRequest("micro", 0, "random, scaled", reach=1.0, start=(1.0, 1.0), rate=0.1, steps=40)
    shows(page, loss_slice(scaled, run).losses[5])
    accessible(page)
    fits(page)
