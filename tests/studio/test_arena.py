"""The arena: names come after the vote, a vote is cast once, and the table is Python's own."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from orrery.database import open_database
from orrery.evals.arena import Battle, votes_in
from orrery.evals.ratings import Vote, bradley_terry, standings
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Studio, Visit

MODEL = "([name, ...args]) => import('/static/pages/arena/arena.model.js').then((model) => model[name](...args))"
ASKED = {"prompt": "Hi", "models": ["tiny/sft", "twin/sft"]}


@pytest.fixture(scope="module", autouse=True)
def twin(runs: Path) -> Iterator[None]:
    """A run with a second assistant; gone after these tests."""
    shutil.copytree(runs / "tiny" / "sft", runs / "twin" / "sft")
    shutil.copy(runs / "tiny" / "run.json", runs / "twin" / "run.json")
    yield
    shutil.rmtree(runs / "twin")


def fight(studio: Studio, **more: Any) -> dict[str, Any]:
    """Two answers without names."""
    answer = studio.http.post("/api/arena/battles", json=ASKED | more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_nothing_tells_the_names_before_the_vote_and_sides_are_drawn(studio: Studio, runs: Path) -> None:
    sides = set()
    for _ in range(12):
        battle = fight(studio)
        assert battle == {"battle": battle["battle"], "left": "Hello.", "right": "Hello."}
        told = studio.http.post(f"/api/arena/battles/{battle['battle']}/vote", json={"choice": "tie"}).json()
        assert {told["left"], told["right"]} == set(ASKED["models"])
        sides.add(told["left"])
    assert len(sides) == 2  # one in 2,048 times it is not
    with open_database(runs) as database, database.session() as session:
        row = session.get_one(Battle, battle["battle"])
    assert row.prompt == [{"role": "user", "content": "Hi"}] and row.left == str(runs / told["left"])


def test_a_vote_counts_once_and_the_table_is_that_of_all_votes(studio: Studio, runs: Path) -> None:
    battle = fight(studio)["battle"]
    vote = f"/api/arena/battles/{battle}/vote"
    assert studio.http.post(vote, json={"choice": "better"}).status_code == 422
    told = studio.http.post(vote, json={"choice": "left"}).json()
    assert studio.http.post(vote, json={"choice": "right"}).status_code == 422
    assert studio.http.post("/api/arena/battles/999999/vote", json={"choice": "tie"}).status_code == 422
    with open_database(runs) as database:
        votes = votes_in(database)
    root = f"{runs}/"
    named = [Vote(one.left.removeprefix(root), one.right.removeprefix(root), one.score) for one in votes]
    assert named[-1] == Vote(told["left"], told["right"], 1.0)
    table = studio.http.get("/api/arena").json()
    assert table == told["table"] and table["votes"] == len(votes)
    for shown, wanted in zip(table["standings"], standings(named), strict=True):
        assert (shown["name"], shown["votes"]) == (wanted.name, wanted.votes)
        assert [shown[key] for key in ("rating", "low", "high", "elo")] == pytest.approx(
            [wanted.rating, wanted.low, wanted.high, wanted.elo]
        )


def test_it_takes_two_models(studio: Studio) -> None:
    for models in (["tiny/sft"], ["tiny/sft", "tiny/sft"]):
        assert studio.http.post("/api/arena/battles", json=ASKED | {"models": models}).status_code == 422
    assert studio.http.post("/api/arena/battles", json=ASKED | {"models": ["tiny/sft", "none"]}).status_code == 404


def test_a_person_votes_in_the_page(visit: Visit, studio: Studio, runs: Path) -> None:
    page = visit("arena")
    page.get_by_role("textbox", name="Prompt").fill("Hi")
    page.get_by_role("button", name="Ask both").click()
    left = page.get_by_role("article", name="Left answer")
    expect(left).to_contain_text("Hello.")
    battle = page.get_by_role("region", name="Battle")
    expect(battle).to_be_focused()
    assert "sft" not in battle.inner_text()
    accessible(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="The left one")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your vote counts.")).to_be_visible()
    with open_database(runs) as database:
        votes = votes_in(database)
    winner = votes[-1].left.removeprefix(f"{runs}/")
    expect(left.get_by_role("heading")).to_have_text(winner)
    rating = page.locator(f'[data-model="{winner}"] [data-name="rating"]').get_attribute("data-value")
    assert float(rating or "nan") == pytest.approx(bradley_terry(votes)[votes[-1].left])
    accessible(page)
    fits(page)
    page.emulate_media(color_scheme="dark")
    accessible(page)
    page.get_by_role("button", name="Show as table").click()
    expect(page.get_by_role("columnheader", name="rating")).to_be_visible()


def test_places_on_the_scale(visit: Visit) -> None:
    page = visit("arena")
    scale = page.evaluate(MODEL, ["scale", [{"low": 812.0, "high": 991.0}, {"low": 1001.0, "high": 1187.0}]])
    assert scale == {"low": 800, "high": 1200}
    assert page.evaluate(MODEL, ["at", 1000, scale]) == 50
    assert page.evaluate(MODEL, ["chance", 1400, 1000]) == pytest.approx(10 / 11)
