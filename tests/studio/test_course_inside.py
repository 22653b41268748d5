"""Chapters 6 and 7: attention; the full model and its parameters."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from orrery.models.trace import HeadOff
from orrery.server.studio.compute import loaded
from orrery.server.studio.sims.attention import AttentionRequest, attention
from tests.server.running import PATIENCE, eventually
from tests.studio.checks import accessible, fits, source_is_the_packages
from tests.studio.conftest import Visit

# Each quiz by a part of its question, with a part of the right option.
QUIZZES = {
    6: {
        "same key": "the same weight",
        "four times as wide": "doubles",
        "change the last word": "Only those",
        "goes on with the next": "Nothing",
    },
    7: {
        "multiplied by 10": "The same",
        "leaves out the ReLU": "One matrix",
        "four heads": "4,192",
        "a width of 768": "MLPs",
    },
}
TEXT = "Mara went to the market. Mara went to the"


def choose(page: Page, question: str, option: str) -> None:
    quiz = page.get_by_role("group", name=re.compile(question))
    quiz.get_by_role("radio", name=re.compile(option)).press("Space")
    expect(quiz.locator(".quiz-reason")).to_contain_text("Right.", timeout=1000 * PATIENCE)


@pytest.mark.parametrize("chapter", QUIZZES)
def test_a_chapter_is_read_its_quizzes_answered_and_its_source_is_the_packages(visit: Visit, chapter: int) -> None:
    page = visit(f"course/{chapter}")
    for question, option in QUIZZES[chapter].items():
        choose(page, question, option)
    source_is_the_packages(page, at_least=2)
    expect(page.locator(".exercise")).to_be_visible()
    expect(page.locator("section .figure .badge").first).not_to_have_text("…", timeout=1000 * PATIENCE)
    accessible(page)
    fits(page)


def test_the_engine_says_which_head_a_text_misses_most(visit: Visit, runs: Path) -> None:
    page = visit("course/6/heads")
    read = loaded(runs / "tiny" / "base")
    config = read.model.config
    changes = {}
    for layer in range(config.layers):
        for head in range(config.heads):
            answer = attention(AttentionRequest("tiny/base", TEXT, (HeadOff(layer, head),)), read)
            changes[layer, head] = float((answer.logprobs_after - answer.logprobs).mean())
    layer, head = min(changes, key=changes.__getitem__)
    choose(page, "each head is switched off", f"^In layer {layer}")
    told = page.get_by_role("group", name=re.compile("each head is switched off"))
    expect(told).to_contain_text(f"In tiny/base it is layer {layer}, head {head}")


def test_parameters_are_counted_for_the_shape_that_a_reader_sets(visit: Visit) -> None:
    page = visit("course/7/count")
    count = page.locator("[data-name=parameters]")
    expect(count).to_have_attribute("data-value", "4192", timeout=1000 * PATIENCE)
    page.get_by_role("slider", name="layers").press("ArrowRight")
    expect(count).to_have_attribute("data-value", str(4192 + 12 * 16 * 16))
    bars = page.locator(".part-bar")
    expect(bars.last).to_have_attribute("data-value", "1557611200", timeout=1000 * PATIENCE)
    assert bars.count() == 4
    page.wait_for_url("**parameters.layers=2*")
    page.reload()
    eventually(lambda: count.get_attribute("data-value") == "7264", "the shape is kept")
