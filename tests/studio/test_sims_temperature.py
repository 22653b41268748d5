"""Simulation 13, temperature: the page chooses as the sampler does, and its draws are the sampler's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect

from orrery.inference.sampling import Sampling, filtered_probabilities
from orrery.server.studio.compute import Loaded, loaded
from orrery.server.studio.sims.draws import DrawsRequest, draws
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit

TEXT = "The place where"
SETTINGS = (  # tokens, temperature, top k, top p, min p
    (7, 1.0, 0, 1.0, 0.0),
    (50, 0.7, 0, 0.9, 0.0),
    (300, 2.0, 40, 0.8, 0.02),
    (300, 0.3, 5, 1.0, 0.3),
    (300, 1.2, 0, 0.35, 0.0),
)
CHOOSE = """([logits, how]) => import('/static/sims/temperature.model.js').then(({choose}) => {
  const {probabilities, order, kept} = choose(Float32Array.from(logits), how);
  return {probabilities: [...probabilities], order: [...order], kept};
})"""


def shown(page: Page, name: str = "data-value") -> list[float]:
    """The numbers of all bars but the last, that of all other tokens."""
    return [float(one.get_attribute(name) or "nan") for one in page.locator(f".bars [{name}]").all()[:-1]]


def settled(page: Page) -> None:
    """Wait until the bars are there."""
    expect(page.locator(".bars li")).to_have_count(15)


def expected(read: Loaded, **how: Any) -> Any:
    """What Python draws, of the model that the page shows: the fourteen likeliest tokens' counts and probabilities."""
    answer = draws(DrawsRequest("any", TEXT, **how), read)
    ids = [read.tokenizer.eos_id, *read.tokenizer.encode(TEXT)]
    with torch.inference_mode():
        likeliest = read.model(torch.tensor([ids]))[0, -1].topk(14).indices
    return answer.counts[likeliest], answer.expected[likeliest]


def test_the_page_filters_as_the_sampler_does(visit: Visit) -> None:
    page = visit("sims/temperature")
    rng = np.random.default_rng(0)
    for size, *how in SETTINGS:
        logits = torch.from_numpy(rng.normal(0, 3, size).astype(np.float32))
        logits[3] = logits[0]  # as likely as another: order must not decide
        ours = filtered_probabilities(logits[None], Sampling(*how))[0]
        names = dict(zip(("temperature", "topK", "topP", "minP"), how, strict=True))
        theirs = page.evaluate(CHOOSE, [logits.tolist(), names])
        assert [p > 0 for p in theirs["probabilities"]] == (ours > 0).tolist()
        np.testing.assert_allclose(theirs["probabilities"], ours / ours.sum(), rtol=3e-6, atol=1e-9)
        assert theirs["kept"] == (ours > 0).sum()
    assert page.evaluate(CHOOSE, [[1, 3, 3], {"temperature": 0}])["probabilities"] == [0, 1, 0]


def test_bars_and_draws_are_pythons_for_each_model(visit: Visit, runs: Path) -> None:
    page = visit(f"sims/temperature?temperature.text={TEXT}&temperature.model=tiny/base")
    settled(page)
    page.get_by_role("slider", name="temperature", exact=True).press("ArrowLeft")  # 0.95
    box = page.get_by_role("spinbutton", name="top k, as a number")
    box.fill("6")
    box.press("Enter")
    page.get_by_role("button", name="Draw 200").click()
    how = {"temperature": 0.95, "top_k": 6, "seed": 1}
    for name in ("base", "sft"):
        counts, probabilities = expected(loaded(runs / "tiny" / name), **how)
        assert sum(counts) == 200
        expect(page.locator("[data-count]").first).to_have_attribute("data-count", str(counts[0]))
        assert shown(page, "data-count") == counts.tolist()
        assert shown(page) == pytest.approx(probabilities.tolist(), abs=1e-5)
        if name == "base":
            expect(page.locator(".bars .off")).to_have_count(9)  # eight tokens, and all others together
            expect(page.locator(".badge")).to_contain_text("tiny/base")
            accessible(page)
            fits(page)
            page.get_by_role("combobox", name="Model").select_option("tiny/sft")
    page.wait_for_url("**tiny%2Fsft*")
    page.reload()
    expect(page.locator("[data-count]").first).to_have_attribute("data-count", str(counts[0]))
    page.emulate_media(color_scheme="dark")
    accessible(page)
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("[data-count]")).to_have_count(0)
