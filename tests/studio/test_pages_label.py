"""The labelling desk: a model drafts, a person edits, and `orrery sft` trains on what came of it."""

import json
from pathlib import Path

from playwright.sync_api import expect

from orrery.commands.sft import SFTCommand, run_sft
from orrery.stages.from_world import sums
from orrery.stages.sft import SFTConfig
from orrery.training.stage import TrainConfig
from tests.inference.assistant import ANSWERS
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit

QUESTION = "Greet the world"
DRAFTED = ANSWERS[QUESTION][0]["content"]


def test_a_draft_is_edited_saved_corrected_and_trained_on(visit: Visit, runs: Path, tmp_path: Path) -> None:
    page = visit("label?label.kind=own")
    saved, answer = page.locator("[data-saved]"), page.locator(".desk-answer textarea")
    page.get_by_label("Prompt").fill(QUESTION)
    page.get_by_role("button", name="Draft", exact=True).click()
    expect(answer).to_have_value(DRAFTED)
    accessible(page)
    fits(page)
    answer.fill("Hello, world.")
    page.get_by_label("Your name").fill("Ada")
    answer.press("Control+Enter")
    expect(saved).to_have_attribute("data-saved", "1")
    page.get_by_label("Prompt").fill("Hi")  # another one, without a draft
    answer.fill("Hello.")
    page.get_by_role("button", name="Save, next").press("Enter")
    expect(saved).to_contain_text("1 edited, 0 as drafted, 1 from nothing")
    page.get_by_role("button", name=f"Edit: {QUESTION}").click()
    page.locator(".saved textarea").fill("Hello, whole world.")
    page.locator(".saved-foot").get_by_role("button", name="Save").click()
    first = page.locator(".saved > ul > li").last
    expect(first.locator(".saved-text")).to_have_text("Hello, whole world.")
    first.locator("summary").press("Enter")
    expect(first.locator(".history li")).to_contain_text(["tiny/sft drafted", "Hello, world.", "Hello, whole world."])
    accessible(page)
    fits(page)
    page.emulate_media(color_scheme="dark")
    accessible(page)

    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    path = tmp_path / "labels.jsonl"
    download.value.save_as(path)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [row["messages"][-1]["content"] for row in rows] == ["Hello, whole world.", "Hello."]
    history = rows[0]["history"]
    assert history["draft"] == DRAFTED and Path(history["model"]) == runs.resolve() / "tiny" / "sft"
    assert [(edit["text"], edit["by"]) for edit in history["edits"]] == [
        ("Hello, world.", "Ada"), ("Hello, whole world.", "Ada"),
    ]  # fmt: skip
    train = TrainConfig(rows=2, steps=1, device="cpu", sample_every=0)
    trained = run_sft(
        SFTCommand(model=runs / "tiny" / "base", data=(str(path),), sft=SFTConfig(train=train), root=tmp_path)
    )
    assert trained.tokens > 0 and (trained.folder / "model.safetensors").is_file()

    page.reload()
    expect(saved).to_have_attribute("data-saved", "2")
    page.get_by_role("button", name="Delete: Hi").click()
    expect(saved).to_have_attribute("data-saved", "1")


def test_prompts_come_from_the_world_and_guidelines_have_versions(visit: Visit) -> None:
    page = visit("label")
    asked = [problem.text for problem in sums(1_000, 2)[:2]]
    prompt = page.locator("[data-prompt]")
    expect(prompt).to_have_text(asked[0])
    page.locator(".desk-answer textarea").press("Escape")
    expect(prompt).to_have_text(asked[1])
    answer = page.locator(".desk-answer textarea")
    expect(answer).to_be_editable()
    answer.fill("Mine.")
    answer.press("Escape")
    expect(answer).to_have_value("Mine.")  # what was typed is not skipped
    expect(prompt).to_have_text(asked[1])
    page.get_by_role("button", name="Change them").click()
    page.locator(".guidelines textarea").fill("Say less.")
    page.get_by_role("button", name="Save as new version").click()
    expect(page.locator(".guidelines")).to_contain_text("Say less.")
    page.get_by_role("radio", name="Stories").press("Space")
    expect(prompt).to_contain_text("story")
