"""Simulation 18, tool calls: what the page shows is what the loop of `orrery agent --ask` does with the same model."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from orrery.agents.loop import run_agent
from orrery.agents.models import LocalModel
from orrery.agents.steps import Action, FinalAnswer
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.models.hf import load_tokenizer
from orrery.tokenizers.chat import render
from orrery.tools.calculator import CALCULATOR
from tests.inference.assistant import ANSWERS, user
from tests.server.running import PATIENCE
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Studio, Visit

ASK = "sims/tools?tools.model=tiny/sft"
MODEL = """(events) => import('/static/sims/tools.model.js').then(
    ({EMPTY, after, tokensOf}) => tokensOf(events.reduce(after, EMPTY)))"""


def shown_tokens(page: Page) -> list[tuple[int, bool]]:
    """Each token on the screen: its id, and whether the model wrote it."""
    chips = page.locator(".tool-trace .token").evaluate_all(
        "all => all.map(chip => [Number(chip.dataset.id), !chip.classList.contains('masked')])"
    )
    return [(id, wrote) for id, wrote in chips]


def test_tokens_on_the_screen_are_those_of_the_training_mask(visit: Visit, runs: Path) -> None:
    page = visit(ASK)
    expect(page.get_by_role("group", name="Breakpoint")).to_be_visible(timeout=1000 * PATIENCE)  # the engine starts
    accessible(page)
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("[data-name=answer]")).to_have_text("12 times 7 is 84.")
    question = "What is 12 times 7?"
    rendered = render([user(question), *ANSWERS[question]], load_tokenizer(runs / "tiny" / "sft"))
    shown = shown_tokens(page)
    assert [id for id, _ in shown] == rendered.ids[: len(shown)]  # rendered ends with the newline behind the turn
    assert [wrote for _, wrote in shown] == rendered.mask[: len(shown)]
    assert len(rendered.ids) - len(shown) <= 1
    accessible(page)
    fits(page)


def test_an_edited_call_is_made_by_keyboard_and_the_model_goes_on_as_in_the_command(visit: Visit, runs: Path) -> None:
    page = visit(ASK)
    box = page.get_by_role("textbox", name="expression")
    expect(box).to_have_value("12*7")
    box.fill("1+1")
    page.get_by_role("button", name="Run the edited call").press("Enter")
    expect(page.locator("[data-name=result]")).to_have_text(
        '(the user changed the call to {"expression": "1+1"})\n2', use_inner_text=True
    )
    engine = Engine.load(runs / "tiny" / "sft", tools=())
    steps = run_agent(
        LocalModel(engine, Sampling(max_tokens=96)), "What is 12 times 7?", [CALCULATOR],
        approve=lambda action: Action(action.name, {"expression": "1+1"}),
    )  # fmt: skip
    final = list(steps)[-1]
    assert isinstance(final, FinalAnswer)
    expect(page.locator("[data-name=answer]")).to_have_text(final.text or "No answer.")


def test_a_denied_call_is_not_made_and_without_stops_all_are(visit: Visit) -> None:
    page = visit(ASK)
    page.get_by_role("textbox", name="Why not").fill("too easy")
    page.get_by_role("button", name="Deny").click()
    expect(page.locator("[data-name=result]").first).to_have_text("error: the user refused this call: too easy")
    page.get_by_role("switch", name="Stop before each call").press("Space")
    page.get_by_role("textbox", name="Question").fill("Step by step")
    page.get_by_role("textbox", name="Question").press("Enter")
    expect(page.locator("[data-name=answer]")).to_have_text("It is 100.")
    assert page.locator("[data-name=result]").all_inner_texts() == ["81", "100"]
    page.wait_for_url("**tools.ask=false*")


def test_the_timeline_of_the_page_is_that_of_the_events(visit: Visit, studio: Studio) -> None:
    with asked(studio, question="Two sums", ask=False) as events:
        told = [event["event"] for event in events]
    tokens = visit(ASK).evaluate(MODEL, told)
    fed = [token for event in told if event["type"] == "fed" for token in event["tokens"]]
    written = [event for event in told if event["type"] == "token"]
    assert [token["id"] for token in tokens if not token["wrote"]] == [token["id"] for token in fed]
    assert [token["logprob"] for token in tokens if token["wrote"]] == [event["logprob"] for event in written]
    results = [event["step"]["text"] for event in told if event.get("step", {}).get("kind") == "Observation"]
    assert results == ["3", "7"]


def test_an_agent_waits_until_somebody_decides_and_ends_with_its_page(studio: Studio) -> None:
    with asked(studio, question="What is 12 times 7?", ask=True) as events:
        for event in events:
            event = event["event"]
            if event["type"] == "opened":
                run = event["run"]
            if event["type"] == "waits":
                break
        wrong = studio.http.post(f"/api/agents/{run}/decide", json={"call": 2, "decision": "approve"})
        assert wrong.status_code == 409
    deadline = time.monotonic() + PATIENCE
    while studio.http.post(f"/api/agents/{run}/decide", json={"call": 2, "decision": "deny"}).status_code != 404:
        assert time.monotonic() < deadline, "the run has not ended with its page"
        time.sleep(0.05)


@pytest.mark.parametrize(("model", "status"), [("tiny/base", 422), ("tiny/none", 404)])
def test_who_cannot_call_tools_is_not_asked(studio: Studio, model: str, status: int) -> None:
    answer = studio.http.post("/api/agents", json={"model": model, "question": "Hi"})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


@contextmanager
def asked(studio: Studio, **values: Any) -> Iterator[Iterator[dict[str, Any]]]:
    """The events of a run that somebody else than a browser watches."""
    with studio.http.stream("POST", "/api/agents", json={"model": "tiny/sft", **values}) as answer:
        assert answer.status_code == 200
        yield (json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: {"))
