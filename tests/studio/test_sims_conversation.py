"""Simulation 16, a conversation in tokens: mask, log-probabilities and turns on the screen are those of training."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from orrery.server.studio.compute import loaded
from orrery.server.studio.sims.conversation import (
    ConversationAnswer,
    ConversationRequest,
    SampleRequest,
    conversation,
    sample,
)
from tests.server.running import PATIENCE
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit

MESSAGES: list[Any] = [{"role": "user", "content": "Hi é"}, {"role": "assistant", "content": "Hello."}]


def python(runs: Path, model: str, messages: Any) -> ConversationAnswer:
    return conversation(ConversationRequest(model, messages), loaded(runs / model))


def loss(page: Page) -> float:
    return float(page.locator("[data-name=loss]").get_attribute("data-value") or "nan")


def test_what_is_trained_on_and_how_likely_is_what_python_says_and_another_model_changes_it(
    visit: Visit, runs: Path
) -> None:
    page = visit(f"sims/conversation?conversation.messages={quote(json.dumps(MESSAGES))}&conversation.model=tiny/sft")
    answer = python(runs, "tiny/sft", MESSAGES)
    trained = page.locator("[data-name=trained]")
    expect(trained).to_have_attribute("data-value", str(answer.trained), timeout=1000 * PATIENCE)  # the process starts
    assert loss(page) == pytest.approx(answer.loss, abs=1e-5)
    marks = {"trained": True, "masked": False}
    shown = [
        wanted
        for one in page.locator(".conversation-turns .token").all()
        for name, wanted in marks.items()
        if name in (one.get_attribute("class") or "").split()
    ]
    assert shown == [any(answer.mask[chip.first : chip.first + chip.count]) for chip in answer.chips]
    told = page.evaluate(
        "(answer) => import('/static/sims/conversation.model.js').then(({surprises}) => surprises(answer))",
        {"mask": answer.mask, "logprobs": {"data": answer.logprobs.tolist()}},
    )
    assert told["trained"] == pytest.approx(answer.loss, abs=1e-5)
    # keyboard: the last token of the assistant's turn, which closes it, is trained on
    turn = page.get_by_role("listbox", name="Turn 2, assistant")
    turn.locator("[tabindex='0']").press("End")
    turn.locator(".chosen").press("ArrowLeft")
    expect(page.locator("[data-name=chosen]")).to_contain_text("<|im_end|>")
    expect(page.locator("[data-name=chosen]")).to_contain_text("trained on")
    page.get_by_label("Read by").select_option("tiny/base")
    base = python(runs, "tiny/base", MESSAGES)
    expect(trained).to_have_attribute("data-value", str(base.trained))
    expect(page.locator(".badge")).to_contain_text("tiny/base")
    assert loss(page) == pytest.approx(base.loss, abs=1e-5)
    assert abs(loss(page) - (answer.loss or 0)) > 0.1
    accessible(page)
    fits(page)


def test_a_user_who_attacks_opens_no_turn(visit: Visit, runs: Path) -> None:
    page = visit("sims/conversation?conversation.model=tiny/sft")
    first = sample(SampleRequest("calculator", 3)).messages
    turns = page.locator(".conversation-turns > li")
    expect(turns).to_have_count(len(first))
    page.get_by_role("button", name="Let the user attack").click()
    expect(page.locator(".conversation-note")).to_contain_text("4 strings")
    expect(turns).to_have_count(len(first))
    expect(turns.first.locator(".special")).to_have_count(2)
    expect(turns.first).to_contain_text("<U+200B>")
    page.wait_for_url("**conversation.messages=*im_start*")
    page.reload()  # the address holds what was edited
    expect(page.locator(".conversation-note")).to_be_visible()


def test_messages_are_edited_added_masked_and_pasted(visit: Visit, runs: Path) -> None:
    page = visit(f"sims/conversation?conversation.messages={quote(json.dumps(MESSAGES))}&conversation.model=tiny/sft")
    page.get_by_label("What assistant 2 says").fill("Hello. Hello.")
    longer = [MESSAGES[0], {"role": "assistant", "content": "Hello. Hello."}]
    trained = page.locator("[data-name=trained]")
    expect(trained).to_have_attribute("data-value", str(python(runs, "tiny/sft", longer).trained))
    page.get_by_role("switch", name="trained on").click()
    expect(trained).to_have_attribute("data-value", "0")
    page.get_by_role("button", name="Tool result").click()
    expect(page.get_by_role("alert")).to_contain_text("no tool call before it waits for one")
    page.get_by_text("JSON", exact=True).click()
    page.get_by_role("textbox", name="Messages").fill(json.dumps({"messages": MESSAGES}))
    expect(trained).to_have_attribute("data-value", str(python(runs, "tiny/sft", MESSAGES).trained))
    page.get_by_role("textbox", name="Messages").fill("{")
    expect(page.get_by_role("alert")).to_contain_text("not JSON yet")
    page.problems.clear()  # type: ignore[attr-defined]  # the browser says that a request was refused
