"""Simulation 17, four lanes: several models on one prompt and seed, where they part, and one read by another."""

import math
import os.path
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Locator, expect

from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.models.hf import load_model, load_tokenizer, save_model
from orrery.tokenizers.chat import render
from tests.inference.assistant import user
from tests.server.running import eventually
from tests.studio.chats import events
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Studio, Visit

MODEL = "([name, ...args]) => import('/static/sims/lanes.model.js').then((model) => model[name](...args))"
QUESTION = "What is 12 times 7?"


@pytest.fixture(scope="module")
def lanes(runs: Path) -> Iterator[dict[str, Engine]]:
    """A run in which `sft` was trained on to `grpo` (a little noise on its weights); gone after these tests."""
    folder = runs / "lanes"
    shutil.copytree(runs / "tiny" / "sft", folder / "sft")
    shutil.copy(runs / "tiny" / "run.json", folder / "run.json")
    model, tokenizer = load_model(folder / "sft"), load_tokenizer(folder / "sft")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight += 0.25 * weight.std() * torch.randn(weight.shape, generator=generator)
    save_model(model, folder / "grpo", tokenizer=tokenizer, eos_ids=[tokenizer.eos_id, tokenizer.im_end_id])
    yield {name: Engine.load(folder / name) for name in ("sft", "grpo")}
    shutil.rmtree(folder)


def race(studio: Studio, *models: str, prompt: str = QUESTION, **sampling: Any) -> dict[int, list[dict[str, Any]]]:
    """The events of each lane."""
    found: dict[int, list[dict[str, Any]]] = {lane: [] for lane in range(len(models))}
    for event in events(studio, "/api/lanes", models=list(models), prompt=prompt, sampling=sampling):
        found[event["lane"]].append(event["event"])
    return found


def tokens(lane: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in lane if event["type"] == "token"]


def test_each_lane_has_what_its_model_says_alone_with_that_seed(studio: Studio, lanes: dict[str, Engine]) -> None:
    sampling = {"temperature": 1.0, "seed": 3, "max_tokens": 60}
    found = race(studio, "lanes/sft", "lanes/grpo", "tiny/base", **sampling)
    for lane, engine in enumerate(lanes.values()):
        turn = engine.turns([[user(QUESTION)]], Sampling(**sampling))[0]
        (first, *_), done = turn.messages, found[lane][-1]
        own = tokens(found[lane])[: len(turn.ids)]
        calls = engine.tokenizer.im_end_id in [token["id"] for token in own[:-1]]
        if not calls:  # after a tool's answer the server draws from another stream than `turns`
            assert done["ids"] == turn.ids and first["content"] == "".join(
                t["text"] for t in own if t["kind"] == "text"
            )
        assert [id for id, mine in zip(done["ids"], done["mask"], strict=True) if mine] == [
            token["id"] for token in tokens(found[lane])
        ]
    assert {lane[-1]["type"] for lane in found.values()} == {"done"}
    again = race(studio, "lanes/sft", "lanes/grpo", "tiny/base", **sampling)
    assert [tokens(lane) for lane in again.values()] == [tokens(lane) for lane in found.values()]


def test_an_answer_through_another_model_has_that_models_logprobs(studio: Studio, lanes: dict[str, Engine]) -> None:
    done = race(studio, "lanes/sft")[0][-1]
    body = {"model": "lanes/grpo", "writer": "lanes/sft", "prompt": QUESTION, "ids": done["ids"], "mask": done["mask"]}
    scored = studio.http.post("/api/lanes/score", json=body).json()["tokens"]
    prompt = render([user(QUESTION)], lanes["grpo"].tokenizer, add_generation_prompt=True).ids
    logprobs = lanes["grpo"].logprobs([[*prompt, *done["ids"]]])[0][len(prompt) - 1 :].tolist()
    wanted = [logprob for logprob, mine in zip(logprobs, done["mask"], strict=True) if mine]
    assert False in done["mask"] and [token["logprob"] for token in scored] == pytest.approx(wanted, abs=1e-4)
    refused = studio.http.post("/api/lanes/score", json=body | {"model": "tiny/base"})
    assert refused.status_code == 422 and "different tokenizers" in refused.text


def test_a_lane_that_cannot_answer_leaves_the_others_alone(studio: Studio, lanes: dict[str, Engine]) -> None:
    found = race(studio, "lanes/sft", "tiny/base", prompt="Hi " * 100)
    assert found[1][-1]["type"] == "failed" and "shorten it" in found[1][-1]["message"]
    assert found[0][-1]["type"] == "done"
    assert studio.http.post("/api/lanes", json={"models": ["none"], "prompt": "Hi"}).status_code == 404
    assert studio.http.post("/api/lanes", json={"models": [], "prompt": "Hi"}).status_code == 422


def test_a_page_that_goes_away_ends_all_lanes(studio: Studio, slow: None) -> None:
    stream = events(studio, "/api/lanes", models=["slow/base"] * 3, prompt="The", sampling={"max_tokens": 9000})
    next(stream)
    eventually(lambda: studio.metric("orrery_requests_running") == 3, "three lanes are written")
    stream.close()  # type: ignore[attr-defined]
    eventually(lambda: studio.metric("orrery_requests_running") == 0, "nothing is written")


def values(at: Locator, name: str) -> list[float]:
    """Numbers on the screen, in full precision."""
    return [float(one.get_attribute("data-value") or "nan") for one in at.locator(f'[data-name="{name}"]').all()]


def test_the_page_shows_where_lanes_part_and_what_one_thinks_of_another(
    visit: Visit, studio: Studio, lanes: dict[str, Engine]
) -> None:
    found = race(studio, "lanes/sft", "lanes/grpo", temperature=1.5, seed=1, max_tokens=60)
    first, second = tokens(found[0]), tokens(found[1])
    page = visit(
        "sims/lanes?lanes.models=lanes/sft,lanes/grpo&lanes.temperature=1.5&lanes.seed=1&lanes.reference=0&lanes.judge=lanes/sft"
    )
    own, other = page.locator('[data-model="lanes/sft"]'), page.locator('[data-model="lanes/grpo"]')
    options = other.get_by_role("option").and_(page.locator(".token"))
    expect(options).to_have_count(len(second))
    ids = [int(one.get_attribute("data-id") or "") for one in options.all()]
    assert ids == [token["id"] for token in second]
    parting = page.evaluate(MODEL, ["firstDifference", first, second])
    expect(other.locator(".token.parts")).to_have_count(1)
    assert options.nth(parting).get_attribute("class") == other.locator(".token.parts").get_attribute("class")
    done = found[1][-1]
    body = {"model": "lanes/sft", "writer": "lanes/grpo", "prompt": QUESTION, "ids": done["ids"], "mask": done["mask"]}
    scored = studio.http.post("/api/lanes/score", json=body).json()["tokens"]
    wanted = sum(new["logprob"] - old["logprob"] for new, old in zip(scored, second, strict=True))
    expect(other.locator('[data-name="total"]')).to_be_visible()
    assert values(other, "total") == [pytest.approx(wanted, abs=1e-3)]
    assert values(own, "total") == [pytest.approx(0, abs=1e-3)]  # its own answer
    options.nth(0).focus()
    page.keyboard.press("ArrowRight")
    assert values(other, "probability") == [pytest.approx(math.exp(second[1]["logprob"]), abs=1e-5)]
    assert values(other, "judged") == [pytest.approx(math.exp(scored[1]["logprob"]), abs=1e-5)]
    # Another checkpoint changes the screen.
    page.get_by_label("Read by").select_option("")
    before = own.locator(".token").all_inner_texts()
    own.get_by_role("combobox").select_option("tiny/base")
    page.get_by_role("button", name="Ask all").click()
    changed = page.locator('[data-model="tiny/base"]')
    expect(changed.get_by_text("ms", exact=False).first).to_be_visible()
    assert changed.locator(".token").all_inner_texts() != before
    accessible(page)
    fits(page)
    page.get_by_role("button", name="Show as table").click()
    expect(page.get_by_role("columnheader", name="log-probability")).to_be_visible()


def test_a_model_has_one_lane_and_a_new_lane_is_not_asked_before_all_are(visit: Visit) -> None:
    page = visit("sims/lanes?lanes.models=tiny/sft,tiny/sft,nobody")
    expect(page.locator("section.lane")).to_have_count(1)
    page.get_by_role("button", name="Add a lane").click()
    expect(page.locator("section.lane").last).to_contain_text("Not asked yet")


def test_where_texts_part_is_found_by_the_text(visit: Visit) -> None:
    page = visit("sims/lanes")

    def cut(*texts: str) -> list[dict[str, str]]:
        return [{"text": text, "kind": "end" if text == "<|im_end|>" else "text"} for text in texts]

    pairs = [
        (cut("12", " times"), cut("1", "2", " times"), None),
        (cut("12", " times"), cut("12", " is"), 1),
        (cut("12"), cut("12", " times"), 1),
        (cut("12", " times", "<|im_end|>"), cut("12", "<|im_end|>"), 1),
        (cut("a"), cut("b"), 0),
        (cut("é", "x"), cut("", "é", "y"), 2),
    ]
    for reference, tokens_, wanted in pairs:
        assert page.evaluate(MODEL, ["firstDifference", reference, tokens_]) == wanted
        texts = ["".join(one["text"] for one in lane if one["kind"] == "text") for lane in (reference, tokens_)]
        assert (len(os.path.commonprefix(texts)) == max(map(len, texts))) is (wanted is None)
    scored = [{"logprob": -1.0}, {"logprob": -3.0}, {"logprob": None}]
    written = [{"logprob": -2.0}, {"logprob": -1.0}, {"logprob": -1.0}, {"logprob": -1.0}]
    assert page.evaluate(MODEL, ["differences", written, scored]) == [1, -2, None, None]
    assert page.evaluate(MODEL, ["total", [1, -2, None]]) == -1
    models = [
        {"name": f"run/{stage}", "run": "run", "stage": stage, "kind": "assistant"} for stage in ("grpo", "dpo", "sft")
    ]
    models.append({"name": "run/base", "run": "run", "stage": "base", "kind": "base"})
    assert page.evaluate(MODEL, ["firstLanes", models]) == ["run/base", "run/sft", "run/dpo", "run/grpo"]
