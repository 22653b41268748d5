"""Simulation 15, predict then run: the engine's own result grades what the reader committed to."""

from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import expect

from orrery.server.studio.compute import Loaded, loaded
from orrery.server.studio.sims.draws import DrawsRequest, draws
from orrery.server.studio.sims.surprise import SurpriseRequest, surprise
from orrery.server.studio.sims.writing import WritingRequest, writing
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit

NAME = " Zubek Wollam"


def entropy(read: Loaded, text: str, temperature: float = 1.0) -> float:
    """How unsure a model is after a text."""
    expected = draws(DrawsRequest("any", text, temperature, draws=1), read).expected
    kept = expected[expected > 0].astype(np.float64)
    return float(-(kept * np.log(kept)).sum())


def name_surprises(read: Loaded) -> tuple[float, float]:
    """Mean surprise at the name's tokens, where it stands first and where it stands last."""
    places = surprise(SurpriseRequest("any", f"Here is{NAME}. He likes fish.{NAME}"), read).places
    count = len(read.tokenizer.encode(NAME))
    start = len(read.tokenizer.encode("Here is"))
    surprises = [place.surprise for place in places]
    return sum(surprises[start : start + count]) / count, sum(surprises[-count:]) / count


def right_answers(read: Loaded) -> list[int]:
    """The options that Python's own numbers make right, question by question."""
    tokens = len(read.tokenizer.encode("strawberry"))
    short, long = entropy(read, "Q: What"), entropy(read, "Q: What is the name of the")
    first, second = name_surprises(read)
    written = writing(WritingRequest("any", "What is the capital of France?", 60), read)
    return [
        0 if tokens <= 1 else 1 if tokens <= 4 else 2 if tokens <= 9 else 3,
        0 if entropy(read, "The", 0.5) > entropy(read, "The") else 1,
        0,
        1 if abs(second - first) <= 0.1 * first else 0 if second < first else 2,
        2 if abs(short - long) <= 0.1 else 0 if short < long else 1,
        2 if not written.text.strip() else 0 if written.ended else 1,
    ]


def test_the_engine_grades_all_six_for_each_model(visit: Visit, runs: Path) -> None:
    page = visit("sims/predict?predict.model=tiny/base")
    for name in ("base", "sft"):
        right = right_answers(loaded(runs / "tiny" / name))
        page.get_by_role("combobox", name="Model").select_option(f"tiny/{name}")
        quizzes: Any = page.locator("fieldset.quiz")
        expect(quizzes).to_have_count(6)
        for quiz, index in zip(quizzes.all(), right, strict=True):
            radios = quiz.get_by_role("radio")
            wrong = 1 - index if index < 2 else 0
            radios.nth(wrong).press("Space")
            expect(quiz.locator(".quiz-reason")).to_contain_text("Not quite.")
            radios.nth(index).press("Space")
            expect(quiz.locator(".quiz-reason")).to_contain_text("Right.")
    expect(page.get_by_text("6 of 6 predicted rightly")).to_be_visible()
    accessible(page)
    fits(page)
