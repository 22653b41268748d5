"""Chapters 5, 11 and 13: text, tokens and vectors; byte-pair encoding; fine-tuning by conversations."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from orrery.models.hf import load_tokenizer
from orrery.server.studio.compute import loaded
from orrery.server.studio.sims.next_token import NextTokenRequest, next_token
from tests.server.running import PATIENCE
from tests.studio.checks import accessible, fits, source_is_the_packages
from tests.studio.conftest import Visit

# Each quiz by a part of its question, with a part of the right option.
QUIZZES = {
    5: {"shuffle the list": "Nothing", "double the vocabulary": "131,072", "no text of": "The random numbers"},
    11: {"longest token that fits": "in that order", "space behind every prompt": "what followed single spaces"},
    13: {"closing": "and then goes on", "calls a calculator": "The call and the sentence", "thousand": "not know"},
}


def choose(page: Page, question: str, option: str) -> None:
    quiz = page.get_by_role("group", name=re.compile(question))
    quiz.get_by_role("radio", name=re.compile(option)).press("Space")
    expect(quiz.locator(".quiz-reason")).to_contain_text("Right.")


@pytest.mark.parametrize("chapter", QUIZZES)
def test_a_chapter_is_read_its_quizzes_answered_and_its_source_is_the_packages(visit: Visit, chapter: int) -> None:
    page = visit(f"course/{chapter}")
    for question, option in QUIZZES[chapter].items():
        choose(page, question, option)
    source_is_the_packages(page)
    expect(page.locator(".exercise")).to_be_visible()
    expect(page.locator("section .figure .badge").first).not_to_have_text("…", timeout=1000 * PATIENCE)
    accessible(page)
    fits(page)


def test_the_engine_grades_the_quiz_and_shows_what_a_space_at_the_end_does(visit: Visit, runs: Path) -> None:
    page = visit("course/11/letters?trailing.model=tiny/base&trailing.text=One and")
    tokens = load_tokenizer(runs / "tiny" / "base").encode(" strawberry")
    right = "One" if len(tokens) == 1 else "Two or three" if len(tokens) < 4 else "Four or more"
    choose(page, "Of how many tokens", f"^{right}$")
    expect(page.get_by_role("group", name=re.compile("Of how many"))).to_contain_text(f"it is {len(tokens)} tokens")
    read = loaded(runs / "tiny" / "base")
    for side, text in (("without", "One and"), ("with", "One and ")):
        values = page.locator(f"[data-side={side}] [data-value]")
        expect(values).to_have_count(6, timeout=1000 * PATIENCE)
        shown = [float(value.get_attribute("data-value") or "nan") for value in values.all()]
        expected = next_token(NextTokenRequest("tiny/base", text, 6), read).logprobs
        assert shown == pytest.approx([2.718281828459045**one for one in expected], abs=1e-6)
