"""Simulation 8, softmax: what is on the screen is what the engine computes."""

import math

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from orrery.errors import ConfigError
from orrery.server.studio.sims.softmax import SoftmaxRequest, softmax
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit

MODEL = "([logits, t]) => import('/static/sims/softmax.model.js').then(({softmax}) => softmax(logits, t))"


def shown(page: Page) -> list[float]:
    """The probabilities on the screen, in full precision."""
    values = page.locator(".bars [data-value]")
    return [float(values.nth(i).get_attribute("data-value") or "nan") for i in range(values.count())]


def test_the_page_computes_what_python_computes(visit: Visit) -> None:
    page = visit("sims/softmax")
    rng = np.random.default_rng(0)
    for size, temperature in ((1, 1.0), (3, 0.3), (12, 2.5), (40, 1.0)):
        logits = rng.normal(0, 4, size).round(3).tolist()
        ours, theirs = softmax(SoftmaxRequest(logits, temperature)), page.evaluate(MODEL, [logits, temperature])
        for name in ("scaled", "shifted", "powers", "probabilities"):
            np.testing.assert_allclose(theirs[name], getattr(ours, name), rtol=1e-6, atol=1e-9)
        assert theirs["entropy"] == pytest.approx(ours.entropy, abs=1e-6)
        assert sum(theirs["probabilities"]) == pytest.approx(1, abs=1e-6)


def test_keyboard_and_mouse_move_the_scores_and_the_address_keeps_them(visit: Visit) -> None:
    page = visit("sims/softmax?softmax.logits=1,0,0")
    expect(page.locator(".badge")).to_contain_text("microgpt.softmax")
    assert shown(page) == pytest.approx([math.e / (math.e + 2), *[1 / (math.e + 2)] * 2], abs=1e-6)
    page.get_by_role("slider", name="score of a").press("ArrowRight")
    assert shown(page) == pytest.approx(softmax(SoftmaxRequest((1.1, 0, 0))).probabilities.tolist(), abs=1e-6)
    box = page.get_by_role("spinbutton", name="score of b")
    box.fill("3")
    box.press("Enter")
    expected = softmax(SoftmaxRequest((1.1, 3, 0))).probabilities.tolist()
    assert shown(page) == pytest.approx(expected, abs=1e-6)
    page.wait_for_url("**softmax.logits=1.1*")
    page.reload()
    expect(page.locator(".bars li")).to_have_count(3)
    assert shown(page) == pytest.approx(expected, abs=1e-6)
    accessible(page)
    fits(page)
    page.emulate_media(color_scheme="dark")
    accessible(page)


def test_large_scores_overflow_unless_the_largest_is_taken_off(visit: Visit) -> None:
    page = visit("sims/softmax")
    page.get_by_role("button", name="Overflow it").click()
    expect(page.get_by_role("alert")).to_contain_text("infinite over infinite is no number")
    page.get_by_role("switch", name="Without taking off the largest").press("Space")
    assert shown(page) == pytest.approx(softmax(SoftmaxRequest((100, 99, 98))).probabilities.tolist(), abs=1e-6)


def test_a_models_own_scores_can_be_taken(visit: Visit) -> None:
    page = visit("sims/softmax?softmax.source=model&softmax.text=The")
    page.get_by_role("button", name="Take its eight likeliest").click()
    expect(page.locator(".bars li")).to_have_count(8)
    assert shown(page) == sorted(shown(page), reverse=True)


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(ConfigError, match="above 0"):
        softmax(SoftmaxRequest((1.0,), temperature=0))
    with pytest.raises(ConfigError, match="give 1 to 4,096"):
        softmax(SoftmaxRequest(()))
    assert all(math.isnan(p) for p in softmax(SoftmaxRequest((100.0, 99.0))).naive)
