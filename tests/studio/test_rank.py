"""Ranking in the page: drawn answers put in order by keyboard and mouse, kept where `orrery reward` finds them."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from orrery.commands.reward import RewardCommand, run_reward
from orrery.database import open_database
from orrery.inference.chat_views import shown as shown_as
from orrery.stages.rankings import PersonsRanking, rankings_of_people
from orrery.stages.reward import RewardConfig
from orrery.training.stage import TrainConfig
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Studio, Visit

DRAWN = {"model": "tiny/sft", "prompt": "Two sums"}
WILD = {"temperature": 1.6, "max_tokens": 30}


def draw(studio: Studio, seed: int, **more: Any) -> list[dict[str, Any]]:
    """Answers to be ranked."""
    body = DRAWN | {"sampling": WILD | {"seed": seed}} | more
    answers: list[dict[str, Any]] = studio.http.post("/api/rankings/draw", json=body).json()
    return answers


def order(page: Page) -> list[str]:
    """What the page shows, from the best on."""
    return page.locator(".rank-order li > p").all_inner_texts()


def test_answers_are_drawn_by_the_seed_and_look_different(studio: Studio) -> None:
    first = draw(studio, 1)
    assert 2 <= len(first) <= 5 and len({answer["text"] for answer in first}) == len(first)
    assert draw(studio, 1) == first != draw(studio, 2)

    def refused(**more: Any) -> str:
        answer = studio.http.post("/api/rankings/draw", json=DRAWN | more)
        assert answer.status_code == 422
        return answer.text

    assert "at temperature 0 all answers are equal" in refused(sampling={"temperature": 0})
    assert "is a base model" in refused(model="tiny/base")
    refused(completions=1)


def test_an_order_made_in_the_page_teaches_a_reward_model(visit: Visit, studio: Studio, runs: Path) -> None:
    before = studio.http.get("/api/rankings").json()
    page = visit("rank?rank.model=tiny/sft&rank.temperature=1.6&rank.seed=5")
    box = page.get_by_role("textbox", name="Prompt")
    expect(box).to_have_value(before["prompt"])
    box.fill("Two sums")
    page.get_by_role("button", name="Draw 5").click()
    expect(page.locator(".rank-order li").nth(2)).to_be_visible()
    shown = order(page)
    page.get_by_role("button", name="Place 3: move with the arrow keys").press("ArrowUp")
    assert order(page)[:3] == [shown[0], shown[2], shown[1]]
    expect(page.get_by_role("button", name="Place 2: move with the arrow keys")).to_be_focused()
    page.keyboard.press("Home")
    assert order(page)[:3] == [shown[2], shown[0], shown[1]]
    page.locator(".rank-order li").nth(1).drag_to(page.locator(".rank-order li").nth(2))
    wanted = order(page)
    assert wanted[:3] == [shown[2], shown[1], shown[0]]
    page.get_by_role("button", name="Worse").first.click()
    page.get_by_role("button", name="Better").nth(1).click()
    assert order(page) == wanted
    accessible(page)
    fits(page)
    page.get_by_role("button", name="Save this order").click()
    expect(page.locator('[data-name="count"]')).to_have_attribute("data-value", str(before["count"] + 1))
    for name in ("Draw 5", "Draw others"):  # never the same answers again
        page.get_by_role("button", name=name).click()
        expect(page.locator(".rank-order li > p").first).not_to_have_text(shown[0])
        assert not set(order(page)) & set(shown)
        shown = order(page)
    for seed in (6, 7):
        answers = [answer["messages"] for answer in draw(studio, seed)]
        assert studio.http.post("/api/rankings", json=DRAWN | {"completions": answers}).status_code == 200
    with open_database(runs) as database:
        made = rankings_of_people(database)[before["count"]]
        with database.session() as session:
            row = session.get_one(PersonsRanking, before["count"] + 1)
    assert made.prompt == [{"role": "user", "content": "Two sums"}]
    assert (row.source, row.model) == ("orrery studio", str(runs / "tiny" / "sft"))
    assert [" ".join(shown_as(answer).split()) for answer in made.completions] == [
        " ".join(text.split()) for text in wanted
    ]
    settings = RewardConfig(train=TrainConfig(steps=3, rows=2, precision="float32", device="cpu"))
    try:
        result = run_reward(RewardCommand(runs / "tiny" / "sft", people=True, run="ranked", root=runs, reward=settings))
        assert (result.folder / "model.safetensors").exists()
    finally:
        shutil.rmtree(runs / "ranked")


@pytest.mark.parametrize(
    "completions",
    [[[{"role": "assistant", "content": "Only one"}]], [[{"role": "user", "content": "I"}]] * 2, [[]] * 2],
)
def test_what_is_no_ranking_is_not_saved(studio: Studio, completions: list[Any]) -> None:
    before = studio.http.get("/api/rankings").json()["count"]
    assert studio.http.post("/api/rankings", json=DRAWN | {"completions": completions}).status_code == 422
    assert studio.http.get("/api/rankings").json()["count"] == before
