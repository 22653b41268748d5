"""Simulation 1, the name generator: what is written and how likely it was, beside the untrained model."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from orrery.server.studio.micro import read_micro
from orrery.server.studio.sims.names import NamesAnswer, NamesRequest, names
from tests.server.running import PATIENCE
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit

LAST = 200


def answers(runs: Path, *steps: int, **how: float) -> list[NamesAnswer]:
    run = read_micro(runs / "micro")
    return [names(NamesRequest("micro", step, **how), run) for step in steps]


def listed(page: Page, title: str) -> list[str]:
    return page.get_by_role("list", name=f"{title}: names").locator("li span").all_text_contents()


def test_letters_appear_one_by_one_with_the_chances_that_python_gives(visit: Visit, runs: Path) -> None:
    page = visit("sims/names?names.at=0&names.seed=2")
    untrained, trained = answers(runs, 0, LAST, seed=2)
    for title in ("Untrained", "After 200 steps"):
        expect(page.get_by_role("list", name=f"{title}: names")).to_be_visible(timeout=1000 * PATIENCE)
    assert listed(page, "Untrained") == [name.text or "(empty)" for name in untrained.names]
    assert listed(page, "After 200 steps") == [name.text or "(empty)" for name in trained.names]
    bars = page.get_by_role("list", name="After 200 steps: chances of the next letter")
    words = page.locator("[data-name=word]")
    for shown in range(3):
        expect(words.nth(1)).to_have_text(trained.names[0].text[:shown])
        drawn = bars.locator(".marked [data-value]").get_attribute("data-value")
        assert float(drawn or 0) == pytest.approx(trained.chances[shown, trained.drawn[shown]])
        first = bars.locator("[data-value]").first.get_attribute("data-value")
        assert float(first or 0) == pytest.approx(trained.chances[shown].max())
        page.get_by_role("button", name="Next letter").press("Enter")
    page.get_by_role("button", name="Play").click()  # with less motion: the whole names at once
    expect(words.nth(0)).to_have_text(untrained.names[0].text)
    expect(words.nth(1)).to_have_text(trained.names[0].text)
    accessible(page)
    fits(page)
    page.emulate_media(color_scheme="dark")
    accessible(page)


def test_another_step_temperature_and_seed_write_other_names(visit: Visit, runs: Path) -> None:
    page = visit("sims/names?names.step=100")
    (hundred,) = answers(runs, 100)
    expect(page.get_by_role("list", name="After 100 steps: names")).to_be_visible(timeout=1000 * PATIENCE)
    assert listed(page, "After 100 steps") == [name.text or "(empty)" for name in hundred.names]
    page.get_by_role("slider", name="Training step").press("ArrowLeft")
    expect(page.get_by_role("heading", name="After 50 steps")).to_be_visible()
    page.get_by_role("spinbutton", name="temperature").fill("2")
    page.get_by_role("button", name="New names").click()
    (fifty,) = answers(runs, 50, temperature=2.0, seed=2)
    expect(page.get_by_role("list", name="After 50 steps: names").locator("li span").first).to_have_text(
        fifty.names[0].text
    )
    assert listed(page, "After 50 steps") == [name.text or "(empty)" for name in fifty.names]
    assert [name.text for name in fifty.names] != [name.text for name in hundred.names]
    expect(page.locator(".badge")).to_contain_text("step 50")
