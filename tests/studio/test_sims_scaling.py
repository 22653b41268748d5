"""Simulation 20, scaling laws: the law on the screen is Python's; a prediction stands before the run that tests it."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from orrery.evals.scaling import bootstrap, fit_power_law
from orrery.models.explain import count_parts
from orrery.server.studio.sims.scaling import DRAWS, SEED
from orrery.stages.pretrain import ModelShape
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit

SIZES = ((16, 2), (32, 2), (48, 3), (64, 4), (96, 4))
BITS = (3.073, 2.734, 2.405, 2.120, 1.848)
MODEL = "(name, ...given) => import('/static/sims/scaling.model.js').then((module) => module[name](...given))"


def parameters(width: int, layers: int) -> int:
    shape = ModelShape(width=width, layers=layers, heads=width // 16, kv_heads=width // 16, head_width=16,
                       mlp_width=3 * width, context=128)  # fmt: skip
    return sum(part.parameters for part in count_parts(shape.config(512), 128))


def runs(bits: tuple[float, ...]) -> list[dict[str, Any]]:
    """What /api/scaling says of such runs."""
    return [
        {"run": f"scaling-{width}x{layers}-300", "group": "g", "about": "some text",
         "parameters": parameters(width, layers), "tokens": 282_090, "steps": 300, "bits": measured, "floor": 0.265}
        for (width, layers), measured in zip((*SIZES, (128, 4)), bits, strict=False)
    ]  # fmt: skip


def shown(page: Page, name: str) -> float:
    return float(page.locator(f"[data-name={name}]").get_attribute("data-value") or "nan")


def test_the_law_of_the_screen_is_pythons_and_its_prediction_is_kept(visit: Visit, page: Page) -> None:
    told, asked = {"points": runs(BITS)}, []

    def start(route: Route) -> None:
        if route.request.method == "POST":
            asked.append(json.loads(route.request.post_data or ""))
            told["points"] = runs((*BITS, 1.7))  # it has run when somebody looks again
            route.fulfill(json={"id": "1", "run": "scaling-128x4-300", "running": True, "error": ""})
        else:
            route.fulfill(json=[])

    page.route("**/api/scaling", lambda route: route.fulfill(json=told["points"]))
    page.route("**/api/jobs", start)
    visit("sims/scaling")
    law = fit_power_law([parameters(*size) for size in SIZES], BITS)
    expect(page.locator("[data-name=next]")).to_be_visible()
    band = bootstrap(law, [parameters(128, 4)], DRAWS, SEED)
    assert band is not None
    assert shown(page, "exponent") == pytest.approx(law.exponent) and shown(page, "floor") == pytest.approx(law.floor)
    assert shown(page, "next") == pytest.approx(law.at(parameters(128, 4)))
    assert page.locator(".law .point[data-run]").count() == 5
    rungs = page.evaluate(f"() => ({MODEL})('ladder', 'parameters')")
    assert [rung["size"] for rung in rungs[:5]] == [parameters(*size) for size in SIZES]
    page.get_by_role("switch").press("Space")
    expect(page.locator(".law").first).to_contain_text("above E")
    page.get_by_role("button", name="Show as table").press("Enter")
    cells = page.locator(".figure tbody tr").last.locator("td").all_inner_texts()
    assert [float(cell) for cell in cells[1:4]] == pytest.approx(
        [parameters(96, 4), 1.848, law.at(parameters(96, 4))], rel=1e-4
    )
    accessible(page)
    fits(page)

    row = page.locator("[data-run=scaling-128x4-300]").last
    page.get_by_role("button", name="Write the prediction down").press("Enter")
    expect(row.locator("td").nth(3)).to_have_text("1.700", timeout=15_000)
    expect(row.locator("td").nth(2)).to_contain_text(f"{law.at(parameters(128, 4)):.3f}")
    error = 100 * (law.at(parameters(128, 4)) / 1.7 - 1)
    expect(row.locator("td").nth(4)).to_contain_text(f"{abs(error):.1f}% too {'high' if error > 0 else 'low'}")
    (given,) = asked
    assert given["command"] == "pretrain" and given["values"]["shape"]["width"] == 128
    page.emulate_media(color_scheme="dark")
    accessible(page)


def test_three_points_have_a_line_and_no_band(visit: Visit, page: Page) -> None:
    page.route("**/api/scaling", lambda route: route.fulfill(json=runs(BITS[:3])))
    visit("sims/scaling")
    expect(page.locator(".figure")).to_contain_text("as through any three")
    expect(page.locator(".law .band")).to_have_count(0)


def test_a_run_of_the_folder_is_a_point(visit: Visit) -> None:
    page = visit("sims/scaling")
    expect(page.locator(".law .point[data-run=tiny]")).to_have_count(1)
    expect(page.locator(".figure")).to_contain_text("1 size: the law has three numbers")
