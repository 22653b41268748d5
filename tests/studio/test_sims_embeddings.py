"""Simulation 7, embeddings over training: places and neighbours are Python's, at every step."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from orrery.server.studio.micro import read_micro
from orrery.server.studio.sims.embeddings import EmbeddingsRequest, embeddings
from tests.server.running import PATIENCE
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit


def places(page: Page) -> list[list[float]]:
    marks = page.locator(".embedding-mark").all()
    return [[float(one) for one in (mark.get_attribute("data-value") or "").split(",")] for mark in marks]


def nearest(vectors: np.ndarray, index: int) -> list[float]:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.sort(np.delete(unit @ unit[index], index))[::-1][:8].tolist()


def test_letters_move_as_they_are_learnt(visit: Visit, runs: Path) -> None:
    page = visit("sims/embeddings")
    answer = embeddings(EmbeddingsRequest("micro"), read_micro(runs / "micro"))
    expect(page.locator(".embedding-mark")).to_have_count(27, timeout=1000 * PATIENCE)
    np.testing.assert_allclose(places(page), answer.points[-1], rtol=1e-6)
    cosines = page.locator(".bars [data-value]")
    shown = [float(one.get_attribute("data-value") or 0) for one in cosines.all()]
    assert shown == pytest.approx(nearest(answer.vectors[-1].astype(float), 0), abs=1e-6)
    page.get_by_role("slider", name="Training step").press("ArrowLeft")
    page.get_by_role("slider", name="Training step").press("ArrowLeft")
    expect(page.locator(".badge")).to_contain_text("step 100")
    np.testing.assert_allclose(places(page), answer.points[2], rtol=1e-6)
    page.get_by_role("combobox", name="Nearest to").select_option("e")
    page.get_by_role("button", name="Play").click()  # with less motion: the last step
    expect(page.locator(".badge")).to_contain_text("step 200")
    shown = [float(one.get_attribute("data-value") or 0) for one in cosines.all()]
    assert shown == pytest.approx(nearest(answer.vectors[-1].astype(float), 4), abs=1e-6)
    accessible(page)
    fits(page)
    page.emulate_media(color_scheme="dark")
    accessible(page)
    page.get_by_text("Positions", exact=True).click()
    expect(page.locator(".embedding-mark")).to_have_count(16)
