"""Simulation 9, attention: maps, arcs, steps and changes on the screen are those of the traced model."""

import re
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect

from orrery.errors import ConfigError
from orrery.models.trace import HeadOff, trace
from orrery.server.studio.compute import Loaded, loaded
from orrery.server.studio.sims.attention import AttentionRequest, HeadRequest, attention, attention_head
from tests.server.running import PATIENCE, eventually
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit

TEXT = "What is 12 times 7? What is 12"
BASE, SFT = "tiny/base", "tiny/sft"
STEPS = """([query, keys, values, position]) => import('/static/sims/attention.model.js')
    .then(({lookBack}) => lookBack(query, keys, values, position))"""


def model(runs: Path, name: str) -> Loaded:
    return loaded(runs / name)


def value(page: Page, name: str) -> float:
    """A number on the screen, in full precision."""
    return float(page.locator(f"[data-name={name}]").first.get_attribute("data-value") or "nan")


def shown_weights(page: Page) -> list[float]:
    """The weights in the line of tokens."""
    tokens = page.locator(".arc-token")
    return [float(tokens.nth(i).get_attribute("data-value") or "nan") for i in range(tokens.count())]


@torch.no_grad()
def test_what_is_asked_for_is_what_the_trace_has(runs: Path) -> None:
    read = model(runs, SFT)
    ids = torch.tensor([[read.tokenizer.eos_id, *read.tokenizer.encode(TEXT)]])
    for off in ((), (HeadOff(1, 2), HeadOff(0, 0))):
        seen, plain = trace(read.model, ids, off), read.model(ids)[0].log_softmax(-1)
        answer = attention(AttentionRequest(SFT, TEXT, off), read)
        assert answer.ids == ids[0].tolist() and "".join(answer.tokens[1:]) == TEXT
        np.testing.assert_array_equal(answer.weights, torch.stack([one[0] for one in seen.attention]))
        after = seen.logits[0].log_softmax(-1)
        for t, following in enumerate(answer.ids[1:]):
            assert answer.logprobs[t] == pytest.approx(plain[t, following].item(), abs=1e-5)
            assert answer.logprobs_after[t] == pytest.approx(after[t, following].item(), abs=1e-5)
        for t, row in enumerate(answer.likely):
            assert plain[t].argmax().item() in [one.id for one in row]
            assert after[t].argmax().item() in [one.id for one in row]
            for one in row:
                assert one.before == pytest.approx(plain[t, one.id].exp().item(), abs=1e-5)
                assert one.after == pytest.approx(after[t, one.id].exp().item(), abs=1e-5)
    assert not np.allclose(answer.logprobs, answer.logprobs_after, atol=1e-3)


def test_what_is_not_there_is_named(runs: Path) -> None:
    read = model(runs, SFT)
    with pytest.raises(ConfigError, match="at most 96 are shown"):
        attention(AttentionRequest(SFT, "What is 12?" * 30), read)
    with pytest.raises(ConfigError, match="no head 7 in layer 0"):
        attention(AttentionRequest(SFT, TEXT, (HeadOff(0, 7),)), read)
    with pytest.raises(ConfigError, match="head is 4; there are 0 to 3"):
        attention_head(HeadRequest(SFT, TEXT, 0, 4, 0), read)


def test_the_page_shows_the_chosen_head_and_another_model_changes_it(visit: Visit, runs: Path) -> None:
    page = visit(f"sims/attention?attention.model={SFT}&attention.text={quote(TEXT)}&attention.head=2")
    expect(page.locator(".badge").first).to_contain_text("tiny/sft", timeout=1000 * PATIENCE)
    expected = attention(AttentionRequest(SFT, TEXT), model(runs, SFT))
    maps, T = page.locator(".head-map"), len(expected.ids)
    assert maps.count() == 8
    np.testing.assert_allclose(shown_weights(page), expected.weights[1, 2, -1], atol=1e-6)
    maps.nth(6).press("ArrowLeft")
    np.testing.assert_allclose(shown_weights(page), expected.weights[1, 1, -1], atol=1e-6)
    maps.nth(5).press("ArrowUp")
    np.testing.assert_allclose(shown_weights(page), expected.weights[0, 1, -1], atol=1e-6)
    page.locator(".arc-token").nth(T - 1).press("ArrowLeft")
    np.testing.assert_allclose(shown_weights(page), expected.weights[0, 1, -2], atol=1e-6)
    page.locator(".arc-token").nth(3).hover()  # only as long as the pointer is there
    np.testing.assert_allclose(shown_weights(page), expected.weights[0, 1, 3], atol=1e-6)
    page.locator("h1").hover()
    np.testing.assert_allclose(shown_weights(page), expected.weights[0, 1, -2], atol=1e-6)
    accessible(page)
    fits(page)
    page.get_by_label("Model").select_option(BASE)
    expect(page.locator(".badge").first).to_contain_text("tiny/base", timeout=1000 * PATIENCE)
    other = attention(AttentionRequest(BASE, TEXT), model(runs, BASE))
    T = len(other.ids)
    expect(page.locator(".arc-token")).to_have_count(T)
    page.locator(".arc-token").nth(T - 1).click()
    page.locator("h1").hover()
    head = min(1, other.weights.shape[1] - 1)
    np.testing.assert_allclose(shown_weights(page), other.weights[0, head, -1], atol=1e-6)


def test_the_steps_of_a_head_are_the_models_and_the_pages_own_formula_gives_them(visit: Visit, runs: Path) -> None:
    page = visit(f"sims/attention?attention.model={SFT}&attention.text={quote(TEXT)}&attention.at=5")
    expect(page.locator(".head-rows tbody tr").first).to_be_visible(timeout=1000 * PATIENCE)
    steps = attention_head(HeadRequest(SFT, TEXT, 1, 0, 5), model(runs, SFT))
    strongest = int(steps.weights.argmax())
    assert value(page, "dot") == pytest.approx(steps.query @ steps.keys[strongest], abs=1e-4)
    page.locator(".head-rows").get_by_role("button").nth(len(steps.weights) - 1).click()  # the last is hidden
    assert value(page, "dot") == pytest.approx(steps.query @ steps.keys[-1], abs=1e-4)
    order = np.argsort(-steps.weights, kind="stable")
    cells = page.locator("[data-name=weight]")
    on_screen = [float(cells.nth(i).get_attribute("data-value") or "nan") for i in range(cells.count())]
    np.testing.assert_allclose(on_screen, steps.weights[order], atol=1e-6)
    asked = [steps.query.tolist(), steps.keys.tolist(), steps.values.tolist(), 5]
    for name, numbers in page.evaluate(STEPS, asked).items():
        np.testing.assert_allclose(numbers, getattr(steps, name), atol=1e-4)


def test_a_head_is_switched_off_and_what_the_text_loses_is_told(visit: Visit, runs: Path) -> None:
    page = visit(f"sims/attention?attention.model={SFT}&attention.text={quote(TEXT)}")
    page.get_by_role("switch", name="Switch layer 1, head 0 off").press("Space")
    expect(page.locator("[data-name=mean]")).to_be_visible(timeout=1000 * PATIENCE)
    changed = attention(AttentionRequest(SFT, TEXT, (HeadOff(1, 0),)), model(runs, SFT))
    mean = float((changed.logprobs_after - changed.logprobs).mean())
    eventually(lambda: abs(value(page, "mean") - mean) < 1e-5, "the change is told")
    bars = page.locator(".bars [data-value]")
    shown = [float(bars.nth(i).get_attribute("data-value") or "nan") for i in range(bars.count())]
    assert shown == pytest.approx([one.after for one in changed.likely[-1]], abs=1e-6)
    page.wait_for_url(re.compile("attention.off=1(,|%2C)0"))
    page.reload()
    expect(page.locator(".head-map.off")).to_have_count(1)
    accessible(page)
    page.get_by_role("button", name="All on again").click()
    expect(page.locator(".head-map.off")).to_have_count(0)
