"""The lab in a browser: a training is started from its form, watched, steered, reloaded; runs are compared."""

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from orrery.commands.table import COMMANDS
from orrery.server.studio.forms import Forms
from orrery.server.studio.history import Table, add
from orrery.training.events import FILE, read_events
from tests.server.running import PATIENCE, eventually
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Studio, Visit

LONG = 1000 * PATIENCE
METRICS = "import('/static/lab/metrics.model.js')"
FORM = "import('/static/lab/form.model.js')"
SMALL = {
    "": {"run": "lab", "vocab_size": 400, "world_megabytes": 0.2},
    "shape": {"width": 32, "layers": 1, "heads": 1, "kv_heads": 1, "context": 64},
    "train": {"steps": 20_000, "rows": 2, "evaluate_every": 0, "sample_every": 40},
}


def losses(root: Path, run: str) -> list[tuple[int, float]]:
    """Step and loss of every metric event that counts."""
    events = read_events(root / run) if (root / run / FILE).exists() else []
    return [(one["step"], one["values"]["loss"]) for one in events if "loss" in one["values"]]


def saved(page: Page, metric: str) -> list[tuple[int, float]]:
    """Axis and value of each row of a chart's CSV."""
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Save {metric} as CSV", exact=True).click()
    rows = list(csv.reader(download.value.path().read_text().splitlines()))[1:]
    return [(int(float(row[0])), float(row[1])) for row in rows]


def fill(page: Page, field: str, text: object) -> None:
    page.locator(f"[data-field='{field}'] input").fill(str(text))


def test_a_training_is_started_watched_reloaded_steered_stopped_and_resumed(visit: Visit, studio: Studio) -> None:
    page = visit("start/pretrain")
    for group, fields in SMALL.items():
        if group:
            page.locator("summary", has=page.get_by_text(group, exact=True)).click()
        for field, value in fields.items():
            fill(page, f"{group}.{field}".lstrip("."), value)
    fill(page, "train.rows", 0)
    accessible(page)
    fits(page)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("rows is 0", timeout=LONG)
    page.problems.clear()  # type: ignore[attr-defined]  # the browser says that a request was refused
    fill(page, "train.rows", 2)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("lab", timeout=LONG)
    eventually(lambda: len(losses(studio.root, "lab")) > 20, "it trains")
    expect(page.locator("[data-name=step]")).to_be_visible(timeout=LONG)
    page.reload()  # in the middle: what was and what comes must meet
    rate = page.get_by_label("learning rate ×, as a number")
    rate.fill("0.5")
    rate.press("Enter")
    page.get_by_role("button", name="Set it").click()
    expect(page.get_by_text("0.50 times")).to_be_visible(timeout=LONG)
    page.get_by_role("button", name="Pause").click()
    state = page.locator(".run-line .state")
    expect(state).to_have_text("stopped", timeout=LONG)
    told = [one["values"] for one in read_events(studio.root / "lab") if one["values"].get("status") == "controlled"]
    assert ("learning_rate", 0.5) in [(one["command"], one["value"]) for one in told]
    before = losses(studio.root, "lab")
    assert saved(page, "loss") == before
    accessible(page)
    fits(page)
    page.get_by_role("button", name="Resume").click()
    expect(state).to_have_text("running", timeout=LONG)
    eventually(lambda: len(losses(studio.root, "lab")) > len(before), "it goes on")
    page.get_by_role("button", name="Pause").click()
    expect(state).to_have_text("stopped", timeout=LONG)
    after = losses(studio.root, "lab")
    assert saved(page, "loss") == after and len(after) > len(before)
    last = read_events(studio.root / "lab")[-1]["seq"]
    expect(page.locator("[data-name=seq]")).to_have_attribute("data-value", str(last))


def test_the_list_leads_to_runs_and_to_their_comparison(visit: Visit, studio: Studio) -> None:
    page = visit("runs")
    row = page.locator("tr[data-run=tiny]")
    expect(row.locator(".state")).to_have_text("finished")
    last = losses(studio.root, "tiny")[-1][1]
    expect(row.locator("[data-name=value]")).to_have_attribute("data-value", str(last))
    accessible(page)
    fits(page)
    row.get_by_role("checkbox").check()
    page.get_by_role("link", name="Compare 1").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare runs")
    slider = page.get_by_label("smoothing, as a number")
    slider.fill("0")
    slider.press("Enter")
    figure = page.locator(".figure", has=page.get_by_role("heading", name="loss", exact=True))
    expect(figure.locator("[data-name=tiny]")).to_have_attribute("data-value", str(last))
    page.get_by_text("Tokens", exact=True).click()
    tokens = [one["values"]["tokens"] for one in read_events(studio.root / "tiny") if "loss" in one["values"]]
    assert [at for at, _ in saved(page, "loss")] == tokens
    page.wait_for_url("**chart.axis=tokens**")
    accessible(page)
    fits(page)


def test_simulation_12_shows_the_loss_of_a_run_and_what_it_wrote(visit: Visit, studio: Studio) -> None:
    page = visit("sims/live-loss")
    page.get_by_role("combobox", name="Run", exact=True).select_option("tiny")
    expect(page.locator("[data-name=loss]")).to_be_visible()
    assert saved(page, "loss") == losses(studio.root, "tiny")
    samples = [one for one in read_events(studio.root / "tiny") if one["kind"] == "sample"]
    expect(page.locator(".samples ul")).to_have_attribute("data-step", str(samples[-1]["step"]))
    for one in samples:
        expect(page.locator(".samples")).to_contain_text(one["values"]["text"].split()[0])
    accessible(page)
    fits(page)


def test_the_pure_parts_compute_what_python_computes(visit: Visit) -> None:
    page, chance = visit("runs"), random.Random(0)
    values = [None if chance.random() < 0.1 else chance.gauss(3, 1) for _ in range(300)]
    for weight in (0.0, 0.5, 0.9, 0.999):
        total, norm, expected = 0.0, 0.0, list[Any]()
        for value in values:
            if value is not None:
                total, norm = weight * total + (1 - weight) * value, weight * norm + (1 - weight)
            expected.append(None if value is None else pytest.approx(total / norm))
        smooth = f"async ([values, weight]) => (await {METRICS}).smooth(values, weight)"
        assert page.evaluate(smooth, [values, weight]) == expected
        assert page.evaluate(smooth, [[0.1] * 50, weight]) == [0.1] * 50  # a constant stays what it is
    table, events = Table(), []
    for step in range(1, 40):
        events.append({"step": step, "time": 10.0 + step, "values": {"loss": chance.random(), "tokens": 8 * step}})
        if step % 10 == 0:
            held_out = {"held_out_loss": chance.random(), "full": False}
            events.append({"step": step, "time": 10.5 + step, "values": held_out})
    for event in events:
        add(table, event)
    script = f"""async ([events, drop]) => {{
        const m = await {METRICS};
        const table = m.emptyTable();
        for (const event of events) m.addEvent(table, event);
        if (drop) m.dropAfter(table, drop);
        return table;
    }}"""
    assert page.evaluate(script, [events, None]) == json.loads(json.dumps(vars(table)))
    kept = page.evaluate(script, [events, 25])
    assert (kept["step"][-1], len(kept["time"]), *map(len, kept["values"].values())) == (25, 25, 25, 25)


def test_what_is_typed_into_a_form_means_what_the_command_has(visit: Visit) -> None:
    page, forms = visit("start"), Forms(COMMANDS)
    script = f"""async (schema) => {{
        const m = await {FORM};
        const fields = m.groups(schema).flatMap((group) => group.fields);
        return fields.map((field) => [field, m.meant(m.typed(field.default, field), field)]);
    }}"""
    for name in forms.names():
        for field, meant in page.evaluate(script, forms.form(name.command).fields):
            assert field["required"] or meant == field["default"], (name.command, field["path"])
    nested = page.evaluate(f"async (values) => (await {FORM}).nested(values)", {"a": 1, "b.c": [1, 2], "b.d.e": "x"})
    assert nested == {"a": 1, "b": {"c": [1, 2], "d": {"e": "x"}}}
