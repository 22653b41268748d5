"""Simulation 19, reward gaming: the points are a run's own numbers, and the scores those of its reward model."""

import math
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page, Route, expect

from orrery.cli import COMMANDS
from orrery.data.world.preferences import gold
from orrery.models.hf import load_model, load_tokenizer
from orrery.models.scalar import ScalarModel, save_scalar_model
from orrery.server.studio.compute import Judge
from orrery.server.studio.forms import Forms
from orrery.server.studio.sims.story_scores import StoriesRequest, Story, story_scores
from orrery.training.events import read_events
from orrery.training.runs import Run
from tests.server.running import PATIENCE
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit

STORIES = {
    20: ("Please tell me a story about a kite.", "The kind kite flew."),
    40: ("Please tell me a story about a kite.", "Thank you, friend, thank you, friend"),
}
POINTS = [(20, 1.0, 0.5, 1.25), (40, 9.0, 2.0, 0.75)]  # step, nats, proxy, gold


@pytest.fixture(scope="module")
def judges(runs: Path) -> Iterator[dict[str, Judge]]:
    """A run that games its reward, as far as its events say, with two reward models; gone afterwards."""
    parent, tokenizer = load_model(runs / "tiny" / "sft"), load_tokenizer(runs / "tiny" / "sft")
    made = {}
    with Run.open("gamed", recipe={"reward_model": "runs/gamed/reward"}, seed=0, root=runs) as run:
        run.events.append("status", "ppo", 0, {"status": "started", "from_step": -1, "steps": 40})
        for step, kl, proxy, value in POINTS:
            run.events.append("metric", "ppo", step, {"objective/kl": kl, "kl_coefficient": 0.05, "loss": 0.0})
            run.events.append("metric", "ppo", step, {"held_out/score": proxy, "held_out/gold": value})
            prompt, text = STORIES[step]
            run.events.append("sample", "ppo", step, {"prompt": prompt, "text": text, "chat": True})
        run.events.append("status", "ppo", 40, {"status": "finished"})
    for seed, name in enumerate(("reward", "reward2")):
        model = ScalarModel.from_parent(parent, torch.Generator().manual_seed(seed))
        made[f"gamed/{name}"] = Judge(model, tokenizer)
        save_scalar_model(model, runs / "gamed" / name, tokenizer=tokenizer)
    yield made
    shutil.rmtree(runs / "gamed")


def value(page: Page, name: str) -> float:
    """A score on the screen, in full precision, when it is there."""
    shown = page.locator(f".story [data-name={name}][data-value]")
    expect(shown).to_have_count(1)
    return float(shown.get_attribute("data-value") or "nan")


def test_points_and_stories_are_the_runs_and_another_judge_scores_otherwise(
    visit: Visit, judges: dict[str, Judge]
) -> None:
    page = visit("sims/reward-gaming?gaming.judge=gamed/reward")
    expect(page.get_by_role("button", name="step 40: 9.0 nats away, proxy 2.00, gold 0.75")).to_be_visible()
    assert page.locator("[data-name=fall]").get_attribute("data-value") == "0.5"
    scores = {}
    for name, judge in judges.items():
        if name != "gamed/reward":
            page.get_by_role("combobox", name="Reward model").select_option(name)
        story = Story(*STORIES[40])
        expected = story_scores(StoriesRequest(name, [story]), judge).scores[0]
        expect(page.locator("[data-name=proxy]")).to_have_text(f"{expected.proxy:.2f}".replace("-", "−"))
        scores[name] = value(page, "proxy")
        assert scores[name] == pytest.approx(expected.proxy, abs=1e-4)
        assert value(page, "gold") == pytest.approx(gold(story.prompt, story.text))
    assert len(set(scores.values())) == 2
    chosen = page.get_by_role("button", name="step 40")
    chosen.press("ArrowLeft")  # to the point before
    expect(page.locator(".story blockquote")).to_have_text(STORIES[20][1])
    page.wait_for_url("**gaming.point=gamed*20*")
    accessible(page)
    fits(page)
    page.get_by_role("button", name="Show as table").first.click()
    assert page.locator("table tbody tr").first.locator("td").all_inner_texts() == [
        "gamed",
        "0.05",
        "20",
        "1",
        "0.5",
        "1.25",
    ]


def test_a_run_is_started_with_the_leash_of_the_slider(visit: Visit, page: Page, judges: dict[str, Judge]) -> None:
    sent: list[dict[str, Any]] = []

    def hold(route: Route) -> None:  # a real one would take half a minute
        sent.append(route.request.post_data_json)
        route.fulfill(json={"run": "gaming"})

    page.route("**/api/jobs", hold)
    visit("sims/reward-gaming?gaming.beta=0.2&gaming.steps=40")
    page.get_by_role("button", name="Start a short run").click()
    expect(page.get_by_text("gaming was started")).to_be_visible()
    values = Forms(COMMANDS).values(sent[0]["command"], sent[0]["values"])
    assert (values["ppo"]["kl"], values["steps"], values["run"]) == (0.2, 40, "gaming")
    assert values["model"] == "tiny/sft" and values["reward_model"].startswith("gamed/")
    assert values["ppo"]["train"]["evaluate_every"] == values["ppo"]["train"]["sample_every"] == 5


def test_the_model_part_reads_a_table_as_python_does(visit: Visit, judges: dict[str, Judge]) -> None:
    page = visit("sims/reward-gaming")
    table = {
        "step": [1, 20, 21, 40],
        "values": {
            "objective/kl": [-0.5, 1.0, 4.0, None], "held_out/gold": [None, 1.25, None, 0.75],
            "held_out/score": [None, 0.5, None, 2.0],
        },
    }  # fmt: skip
    points = page.evaluate("table => import('/static/sims/reward-gaming.model.js').then(m => m.pointsOf(table))", table)
    assert points == [
        {"step": 20, "kl": 1.0, "proxy": 0.5, "gold": 1.25}, {"step": 40, "kl": 4.0, "proxy": 2.0, "gold": 0.75},
    ]  # fmt: skip
    ticks = page.evaluate("() => import('/static/sims/reward-gaming.model.js').then(m => m.ticks(0, 9.5, 5))")
    assert all(math.isclose(b - a, ticks[1] - ticks[0]) for a, b in zip(ticks, ticks[1:], strict=False))


def test_chapter_14_scores_what_the_reader_writes(visit: Visit, judges: dict[str, Judge]) -> None:
    page = visit("course/14?judge.model=gamed/reward")
    prompt, text = "Please tell me a story about a lost kite.", "Thank you, kind friend."
    page.get_by_role("textbox", name=prompt).fill(text)
    expected = story_scores(StoriesRequest("gamed/reward", [Story(prompt, text)]), judges["gamed/reward"]).scores[0]
    expect(page.locator("[data-name=judge-gold]")).to_have_text(f"{expected.gold:.2f}".replace("-", "−"))
    shown = page.locator("[data-name=judge-proxy]").get_attribute("data-value")
    assert float(shown or "nan") == pytest.approx(expected.proxy, abs=1e-4)
    page.get_by_role("radio", name="The fair story").check()
    expect(page.locator(".quiz-reason").filter(has_text="gives the story")).to_have_count(1)
    accessible(page)
    fits(page)


@pytest.mark.slow
def test_points_appear_while_a_real_run_goes_on(visit: Visit, runs: Path, judges: dict[str, Judge]) -> None:
    page = visit("sims/reward-gaming?gaming.model=tiny/sft&gaming.judge=gamed/reward&gaming.steps=20&gaming.beta=0.1")
    try:
        page.get_by_role("button", name="Start a short run").click()
        for step in (5, 20):
            point = page.get_by_role("button", name=re.compile(rf"^gaming, β 0.10, step {step}:"))
            expect(point).to_be_visible(timeout=1000 * PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while not any(event["values"].get("status") == "finished" for event in read_events(runs / "gaming")):
            assert time.monotonic() < deadline, "the run has not ended"
            time.sleep(0.1)
        values = [event["values"] for event in read_events(runs / "gaming") if "held_out/gold" in event["values"]]
        expect(point).to_have_attribute("aria-label", re.compile(f"gold {values[-1]['held_out/gold']:.2f}$"))
        point.click()
        expect(page.get_by_role("heading", name="gaming, step 20: what it writes")).to_be_visible()
    finally:
        shutil.rmtree(runs / "gaming", ignore_errors=True)
