"""Simulation 11, loss as surprise: bets are scored as the model is, and the model's own numbers are the engine's."""

import math
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from orrery.server.studio.compute import loaded
from orrery.server.studio.sims.surprise import SurpriseRequest, UnreadRequest, surprise, unread
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit

EVENTS = "(place) => import('/static/sims/surprise.model.js').then(({events}) => events(place))"


def value(page: Page, name: str) -> float:
    """A number on the screen, in full precision."""
    return float(page.locator(f"[data-name={name}]").get_attribute("data-value") or "nan")


def test_reader_and_model_are_scored_on_the_same_six_events(visit: Visit, runs: Path) -> None:
    page = visit("sims/surprise?surprise.model=tiny/base&surprise.number=1")
    places = surprise(SurpriseRequest("any", unread(UnreadRequest(1)).text), loaded(runs / "tiny" / "base")).places
    stakes = page.get_by_role("slider", name="Stake on")
    expect(stakes).to_have_count(6)
    accessible(page)
    mine = models = 0.0
    for round, place in enumerate(places[4:7]):
        stakes.nth(round).press("Home")
        for _ in range(6 - round):
            stakes.nth(5).press("ArrowRight")
        shares = [float(one.get_attribute("data-share") or 0) for one in page.locator("[data-share]").all()]
        assert sum(shares) == pytest.approx(1)
        assert shares[round] == 0
        page.get_by_role("button", name="See what comes").press("Enter")
        order = sorted(range(5), key=lambda i: place.texts[i])
        came = next((i for i, k in enumerate(order) if place.likeliest[k] == place.id), 5)
        p = math.exp(-place.surprise) if came < 5 else 1 - sum(place.probabilities)
        expect(page.locator(".stakes li").nth(came)).to_have_class("came")
        mine, models = mine + (-math.log(shares[came]) if shares[came] else math.inf), models - math.log(p)
        assert value(page, "full") == pytest.approx(place.surprise, abs=1e-4)
        assert value(page, "models") == pytest.approx(models, abs=1e-3)
        assert value(page, "blind") == pytest.approx((round + 1) * math.log(6))
        assert value(page, "mine") == pytest.approx(mine)  # Python reads "Infinity" too
        page.get_by_role("button", name="Next token").press("Enter")
    accessible(page)
    fits(page)


def test_events_are_in_alphabetical_order_and_their_probabilities_are_whole(visit: Visit) -> None:
    page = visit("sims")
    place = {"id": 9, "likeliest": [5, 4], "texts": ["b", "a"], "probabilities": [0.5, 0.25]}
    found = page.evaluate(EVENTS, place)
    assert [option["text"] for option in found["options"]] == ["a", "b", "anything else"]
    assert [option["p"] for option in found["options"]] == [0.25, 0.5, 0.25]
    assert found["right"] == 2
    assert page.evaluate(EVENTS, place | {"id": 5})["right"] == 1


def test_the_loss_on_the_screen_is_each_models_own(visit: Visit, runs: Path) -> None:
    text = "The café baked bread."
    page = visit(f"sims/surprise?surprise.mode=read&surprise.source=own&surprise.text={text}&surprise.model=tiny/base")
    for name in ("base", "sft"):
        page.get_by_role("combobox", name="Model").select_option(f"tiny/{name}")
        expect(page.locator(".badge")).to_contain_text(f"tiny/{name}")
        answer = surprise(SurpriseRequest("any", text), loaded(runs / "tiny" / name))
        surprises = [place.surprise for place in answer.places]
        assert value(page, "total") == pytest.approx(sum(surprises), rel=1e-4)
        assert value(page, "mean") == pytest.approx(sum(surprises) / len(surprises), rel=1e-4)
        assert value(page, "bits") == pytest.approx(sum(surprises) / math.log(2) / len(text.encode()), rel=1e-4)
        assert value(page, "chosen") == pytest.approx(surprises[0], rel=1e-4)
    page.locator(".token").first.press("End")
    assert value(page, "chosen") == pytest.approx(surprises[-1], rel=1e-4)
    typed = page.get_by_role("textbox", name="Text", exact=True)
    typed.press("End")
    typed.press_sequentially(" 👍", delay=400)  # the model reads in between; the reader goes on typing
    expect(typed).to_have_value(f"{text} 👍")
    expect(page.locator(".token").last).to_have_text("👍")
    typed.fill(text)
    expect(page.locator(".token").last).not_to_have_text("👍")
    page.get_by_text("By word", exact=True).click()
    first = sum(place.surprise for place in answer.places if place.word == 0)
    assert value(page, "chosen") == pytest.approx(first, rel=1e-4)
    accessible(page)
    fits(page)
    page.emulate_media(color_scheme="dark")
    accessible(page)
