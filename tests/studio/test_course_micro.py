"""Chapters 0, 2, 3 and 4: read, answered, graded by the engine, and what they say of microGPT is so."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from orrery.data.names import OUR_NAMES
from orrery.scratch.autograd import graph
from orrery.scratch.microgpt import MicroGPT, loss
from orrery.server.studio.micro import read_micro
from orrery.server.studio.sims.names import NamesRequest, names
from tests.server.running import PATIENCE
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit

# Of each chapter its questions (parts of them) and the right answers; the last of each is graded by the engine.
QUIZZES = {
    2: {"weight is −0.4": "larger", "sixteen digits": "One at most", "its slope at x = 1": "−0.5"},
    3: {
        "In the ravine": "0.5",
        "multiply the loss by 1,000": "Nothing, almost",
        "learning rate of exactly 1": "where it began",
    },
    4: {"no rule for division": "pow and mul", "forgets to set": "The sum of", "gradient does x end up": "12"},
}
SIMULATIONS = {2: 3, 3: 3, 4: 1}  # figures with a badge: their numbers are the engine's


def choose(page: Page, question: str, option: str) -> None:
    quiz = page.get_by_role("group", name=re.compile(re.escape(question)))
    quiz.get_by_role("radio", name=re.compile(re.escape(option))).press("Space")
    expect(quiz.locator(".quiz-reason")).to_contain_text("Right.", timeout=1000 * PATIENCE)


@pytest.mark.parametrize("chapter", QUIZZES)
def test_a_chapter_is_read_and_its_quizzes_answered(visit: Visit, chapter: int) -> None:
    page = visit(f"course/{chapter}")
    for question, option in QUIZZES[chapter].items():
        choose(page, question, option)
    assert page.get_by_text("The engine").count() + page.get_by_text("Autograd gives").count() > 0
    expect(page.locator(".figure .badge button")).to_have_count(SIMULATIONS[chapter])
    expect(page.locator(".exercise")).to_be_visible()
    accessible(page)
    fits(page)


def test_chapter_0_makes_names_and_counts_the_copies(visit: Visit, runs: Path) -> None:
    page = visit("course/0")
    choose(page, "Which of the steps is missing", "Adjust")
    choose(page, "Which has the smaller loss", "They are equal")
    made = names(NamesRequest("micro", 200, seed=1, count=50), read_micro(runs / "micro")).names
    copies = sum(name.seen for name in made)
    choose(page, "make up fifty names", "More than half" if copies > 25 else "Some" if copies else "None")
    expect(page.get_by_text(f"The engine wrote fifty: {copies} are in the list.")).to_be_visible()
    accessible(page)
    fits(page)


def test_where_there_is_no_microgpt_a_button_makes_one(visit: Visit, page: Page) -> None:
    page.route("**/api/micro", lambda route: route.fulfill(json=[]))
    page.route(
        "**/api/jobs", lambda route: route.fulfill(json={"id": "1", "run": "microgpt", "running": True, "error": ""})
    )
    visit("sims/embeddings")
    with page.expect_request("**/api/jobs") as asked:
        page.get_by_role("button", name="Train one").click()
    assert asked.value.post_data_json == {"command": "microgpt", "values": {"steps": 3000, "snapshot_every": 50}}


def test_the_graph_of_one_name_is_as_large_as_chapter_4_says() -> None:
    model = MicroGPT(OUR_NAMES.read_text().split())
    bos = model.characters.bos
    found = graph(loss(model.weights, model.shape, [bos, *model.characters.encode("emma"), bos]))
    assert (len(found["nodes"]), len(found["edges"])) == (6080, 38621)
