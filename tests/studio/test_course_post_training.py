"""Chapters 15 to 18: their figures show what the package computes, and the engine grades their quizzes.

(Chapter 14 is opened in test_sims_reward_gaming.py, where there is a reward model.)
"""

import json
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from orrery.server.static.measured.refresh import HERE
from orrery.server.studio.sims.advantages import AdvantagesRequest, advantages
from orrery.server.studio.sims.clipping import ClippingRequest, clipping
from orrery.server.studio.sims.dpo_loss import DPORequest, dpo_loss
from orrery.server.studio.sims.votes import vote
from tests.server.running import PATIENCE
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit

MODELS = """async ({pairs, ratios, rewards, votes}) => {
    const of = (name) => import(`/static/course/figures/${name}.model.js`);
    const [dpo, clip, groups, ballots] = await Promise.all(["dpo", "clipping", "advantages", "votes"].map(of));
    return {
        dpo: pairs.map((args) => dpo.dpoLoss(...args)),
        clip: [-1.5, 1.5].map((advantage) => ratios.map((ratio) => clip.clipped(ratio, advantage, .2, .28))),
        groups: Object.fromEntries(["group", "batch", "none"].map((by) => [by, groups.advantages(rewards, by)])),
        votes: votes.map((args) => ballots.vote(...args)),
        counted: ballots.count([3, null, 2, 2, 3, 7]),
    };
}"""


def value(page: Page, name: str) -> float:
    """A number on the screen, in full precision."""
    return float(page.locator(f"[data-name={name}]").first.get_attribute("data-value") or "nan")


def graded(page: Page, option: str) -> None:
    """Choose an answer of a quiz that the engine grades: it is right."""
    page.get_by_role("radio", name=option).check()
    quiz = page.locator(".quiz").filter(has=page.get_by_role("radio", name=option))
    expect(quiz.locator(".quiz-reason")).to_contain_text("Right.", timeout=1000 * PATIENCE)


def test_figures_compute_what_the_package_computes(visit: Visit) -> None:
    rewards, sizes = [[1, 0, 0, 0], [1, 1, 1, 1], [0.5, 2, -1, 0]], [(0.54, 4, 32), (0.3, 1, 9), (0.25, 9, 16)]
    pairs = [(5, 0.1, "sigmoid"), (-900, 1, "sigmoid"), (900, 1, "sigmoid"), (7, 0.3, "ipo")]
    ratios = [0.5, 0.9, 1.1, 1.5]
    asked = {"pairs": pairs, "ratios": ratios, "rewards": rewards, "votes": sizes}
    found = visit("course/15").evaluate(MODELS, asked)
    for (margin, beta, loss), mine in zip(pairs, found["dpo"], strict=True):
        theirs = dpo_loss(DPORequest(margin, 0.0, beta, loss))  # type: ignore[arg-type]
        assert (mine["value"], mine["slope"]) == pytest.approx((theirs.value, theirs.by_chosen), abs=1e-9)
    for advantage, row in zip((-1.5, 1.5), found["clip"], strict=True):
        curve = clipping(ClippingRequest(advantage, 0.2, 0.28))
        for ratio, mine in zip(ratios, row, strict=True):
            at = int(np.abs(curve.ratios - ratio).argmin())
            assert (mine["loss"], mine["slope"]) == pytest.approx((curve.losses[at], curve.slopes[at]), abs=1e-9)
    groups = advantages(AdvantagesRequest(rewards))
    for by, mine in found["groups"].items():
        np.testing.assert_allclose(mine, getattr(groups, by), atol=1e-5)
    assert found["votes"] == pytest.approx([vote(*one) for one in sizes], abs=1e-9)
    assert [one["answer"] for one in found["counted"]] == [3, 2, 7]


def dpo(page: Page) -> None:
    """Chapter 15: lowering both sides changes nothing; beta does."""
    before = value(page, "dpo-loss")
    assert before == pytest.approx(dpo_loss(DPORequest(2, -3)).value)
    for side in ("chosen", "rejected"):
        page.get_by_role("slider", name=f"log-ratio of the {side}").press("ArrowLeft")
    assert value(page, "dpo-loss") == pytest.approx(before)
    graded(page, "It becomes larger")


def grpo(page: Page) -> None:
    """Chapter 16: a group that is made equal is dropped, by keyboard."""
    page.get_by_role("button", name="completion 8, wrong, advantage −2.47").press("Enter")
    expect(page.get_by_role("group", name="An easy sum")).to_contain_text("all equal: dropped")
    page.get_by_role("radio", name="Dr. GRPO").press("Space")
    assert abs(value(page, "advantage-even")) == pytest.approx(0.5)
    graded(page, "About 2.5 and −0.35")


def think(page: Page) -> None:
    """Chapter 17: ballots as they were cast, and the vote's chance."""
    row = json.loads((HERE / "self_consistency.json").read_text(encoding="utf-8"))["rows"]["0"][2]
    assert value(page, "ballot") == max(set(row["said"][:16]), key=row["said"][:16].count)
    assert value(page, "vote-16") == pytest.approx(vote(0.54, 4, 16), abs=1e-9)
    graded(page, "Much more often: in more than half of all cases")
    page.get_by_role("radio", name="A model of this machine").press("Space")
    expect(page.locator(".badge").filter(has_text="rollouts.roll_out")).to_be_visible(timeout=1000 * PATIENCE)


def tools(page: Page) -> None:
    """Chapter 18: what was measured stands on the screen."""
    measured = json.loads((HERE / "tool_gain.json").read_text(encoding="utf-8"))["measured"]
    mean = np.mean([seed["with the calculator"] for seed in measured.values()])
    shown = page.locator(".bars").first.locator("[data-value]").last
    assert float(shown.get_attribute("data-value") or "nan") == pytest.approx(mean)
    graded(page, "Less than half")


@pytest.mark.parametrize(("chapter", "drive"), [(15, dpo), (16, grpo), (17, think), (18, tools)])
def test_each_chapter_is_read_and_driven(visit: Visit, chapter: int, drive: Callable[[Page], None]) -> None:
    page = visit(f"course/{chapter}")
    expect(page.get_by_text("measured, not computed now").first).to_be_visible()
    drive(page)
    accessible(page)
    fits(page)
