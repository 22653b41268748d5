"""Simulation 2, the dot product: arrows that are dragged, and rows of real models."""

import math
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from orrery.server.studio.compute import loaded
from orrery.server.studio.sims.embedding import EmbeddingRequest, embedding
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit

MODEL = """([a, b]) => import('/static/sims/dot.model.js').then(
  ({multiply, foot}) => ({...multiply(a, b), foot: foot(a, b)}))"""


def value(page: Page, name: str) -> float:
    """A number on the screen, in full precision."""
    return float(page.locator(f"[data-name={name}]").get_attribute("data-value") or "nan")


def test_the_page_multiplies_as_numpy_does(visit: Visit) -> None:
    page = visit("sims/dot")
    rng = np.random.default_rng(0)
    for size in (2, 2, 9, 64):
        a, b = rng.normal(0, 2, (2, size))
        found = page.evaluate(MODEL, [a.tolist(), b.tolist()])
        cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        np.testing.assert_allclose(found["terms"], a * b)
        assert found["dot"] == pytest.approx(a @ b)
        assert found["cosine"] == pytest.approx(cosine)
        assert found["degrees"] == pytest.approx(math.degrees(math.acos(cosine)))
        assert found["shadow"] == pytest.approx(cosine * np.linalg.norm(b))
        np.testing.assert_allclose(found["foot"], (a @ b) / (a @ a) * a)
        assert a @ (b - found["foot"]) == pytest.approx(0, abs=1e-9)  # the shadow falls at a right angle


def test_arrows_move_by_keyboard_and_mouse_and_the_address_keeps_them(visit: Visit) -> None:
    page = visit("sims/dot?dot.a=3,1&dot.b=1,2")
    assert value(page, "dot") == pytest.approx(5)
    tip = page.get_by_role("slider", name="Tip of b")
    tip.press("ArrowLeft")
    tip.press("Shift+ArrowUp")
    assert value(page, "dot") == pytest.approx(3 * 0.9 + 3)
    page.get_by_role("button", name="Square").click()
    assert value(page, "dot") == pytest.approx(0)
    assert value(page, "degrees") == pytest.approx(90)
    first = page.get_by_role("slider", name="Tip of a")
    plane, start = page.locator(".dot-plane").bounding_box(), first.bounding_box()
    assert plane and start
    unit = plane["width"] / 8.9
    x, y = start["x"] + start["width"] / 2, start["y"] + start["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - unit, y - unit, steps=3)
    page.mouse.up()
    assert value(page, "dot") == pytest.approx(2 * -1 + 2 * 3)
    page.wait_for_url("**dot.a=2%2C2*")


def test_rows_are_those_of_the_model_that_is_chosen(visit: Visit, runs: Path) -> None:
    page = visit("sims/dot?dot.model=tiny/base&dot.first=a&dot.second=b")
    for name in ("base", "sft"):
        page.get_by_role("combobox", name="Model").select_option(f"tiny/{name}")
        answer = embedding(EmbeddingRequest("any", "a", "b"), loaded(runs / "tiny" / name))
        expect(page.locator(".badge")).to_contain_text(f"tiny/{name}")
        assert value(page, "row-dot") == pytest.approx(answer.dot, rel=1e-5)
        assert value(page, "row-cosine") == pytest.approx(answer.cosine, abs=1e-6)
        near = page.get_by_role("list", name="Nearest tokens").locator("[data-value]")
        expect(near).to_have_count(10)
        assert float(near.first.get_attribute("data-value") or 0) == pytest.approx(
            answer.neighbours[0].cosine, abs=1e-6
        )
    page.get_by_role("list", name="Nearest tokens").get_by_role("button").first.click()
    expect(page.locator("[data-name=row-cosine]")).to_have_attribute("data-value", str(answer.neighbours[0].cosine))
    accessible(page)
    fits(page)
    page.emulate_media(color_scheme="dark")
    accessible(page)
