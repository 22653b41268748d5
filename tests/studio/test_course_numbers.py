"""Chapters 1, 8, 9 and 10: vectors and dot products; loss as surprise; generation; from micro to macro."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from orrery.models.explain import KNOWN, count_parts
from orrery.scratch.microgpt import MicroGPT
from orrery.server.studio.compute import loaded
from orrery.server.studio.sims.embedding import EmbeddingRequest, embedding
from orrery.server.studio.sims.surprise import SurpriseRequest, surprise
from orrery.server.studio.sims.writing import WritingRequest, writing
from tests.server.running import PATIENCE
from tests.studio.checks import ROOT, accessible, fits, source_is_the_packages
from tests.studio.conftest import Visit

# Each quiz by a part of its question, with a part of the right option; None where the engine says which it is.
QUIZZES: dict[int, dict[str, str | None]] = {
    1: {
        "dot product of": "^1$",
        "double every number": "The dot product doubles",
        "How many multiplications": "16,777,216",
        "Commit yourself": None,
    },
    8: {"surprises": None, "two tokens": "4.16 and 2.08", "2.26 in one step": "just another name"},
    9: {"writes 80 tokens": None, "scores 3 and 1": "54.6", "Four tokens": "^3$"},
    10: {"lacks altogether": "None of the three", "double the width": "four times", "How many operations": "About 2$"},
}


def graded(chapter: int, runs: Path) -> str:
    """The right option of the question that the engine grades, by Python's own numbers."""
    base = loaded(runs / "tiny" / "base")
    if chapter == 1:
        eight, letter = (embedding(EmbeddingRequest("any", "7", other), base).cosine for other in "8e")
        return "8" if eight > letter else "The row of “e”"
    if chapter == 8:
        texts = ("The capital of Spain is a city.", "city. a is Spain of capital The")
        plain, mixed = (sum(p.surprise for p in surprise(SurpriseRequest("any", text), base).places) for text in texts)
        return "as it is" if plain > mixed else "backwards"
    ways = (WritingRequest("any", "It was", 80, temperature, seed=1) for temperature in (0.0, 1.0))
    greedy, drawn = (writing(way, base).repeated for way in ways)
    return "greedy" if greedy > drawn else "drawn" if drawn > greedy else "both"


@pytest.mark.parametrize("chapter", QUIZZES)
def test_a_chapter_is_read_its_quizzes_answered_and_its_source_is_the_packages(
    visit: Visit, runs: Path, chapter: int
) -> None:
    page = visit(f"course/{chapter}")
    for question, option in QUIZZES[chapter].items():
        quiz = page.get_by_role("group", name=re.compile(question))
        quiz.get_by_role("radio", name=re.compile(option or graded(chapter, runs))).press("Space")
        expect(quiz.locator(".quiz-reason")).to_contain_text("Right.", timeout=1000 * PATIENCE)
    source_is_the_packages(page)
    expect(page.locator(".exercise")).to_be_visible()
    expect(page.locator(".figure .badge").first).not_to_have_text("…", timeout=1000 * PATIENCE)
    accessible(page)
    fits(page)


def test_numbers_in_the_text_are_true() -> None:
    first = MicroGPT((ROOT / "orrery/data/names.txt").read_text().split()).step()
    assert (round(first, 3), round(math.log(27), 3)) == (3.290, 3.296)  # chapter 8
    blocks, rows = 12 * 12 * 768**2, 50257 * 768
    assert (round(blocks / 1e6, 1), round(rows / 1e6, 1)) == (84.9, 38.6)  # chapter 10, and what follows
    gpt3 = KNOWN["GPT-3 175B"]
    counted = 3 * 300e9 * sum(part.flops for part in count_parts(gpt3, gpt3.context))
    assert counted == pytest.approx(3.2e23, rel=0.02)
    llama = sum(part.parameters for part in count_parts(KNOWN["Llama 3.1 405B"], 1))
    assert 6 * llama * 15.6e12 == pytest.approx(3.8e25, rel=0.01)
    kilometres = 175e9 / 4192 / 1e6  # of GPT-3, where microGPT is a millimetre
    assert kilometres == pytest.approx(42, abs=0.5)
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 4000, 64))  # chapter 1: cosines of random vectors
    cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert np.sqrt((cosines**2).mean()) == pytest.approx(1 / 8, rel=0.05)
