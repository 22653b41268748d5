"""Simulation 14, from micro to macro: sizes on a log scale, and the same prompt for every model that is here."""

import math
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import expect

from orrery.server.studio.compute import loaded
from orrery.server.studio.models import find_models
from orrery.server.studio.sims.scale import ScaleRequest, scale
from orrery.server.studio.sims.writing import WritingRequest, writing
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit

AXIS = "(values) => import('/static/sims/scale.model.js').then(({axis}) => axis(values))"


def test_sizes_are_pythons_and_stand_where_their_logarithms_say(visit: Visit, runs: Path) -> None:
    page = visit("sims/scale")
    sizes = scale(ScaleRequest(["tiny/base"]), [loaded(runs / "tiny" / "base")]).sizes
    tokens = {model.name: model.tokens for model in find_models(runs)}
    values = page.locator(".scale [data-value]")
    expect(values).to_have_count(len(sizes))
    shown = {one.get_attribute("data-model"): float(one.get_attribute("data-value") or 0) for one in values.all()}
    assert shown == {size.name: size.parameters for size in sizes}
    marks = page.locator(".scale-track b").evaluate_all("all => all.map((mark) => parseFloat(mark.style.left))")
    logs = [math.log(size.parameters) for size in sizes]
    slopes = [(mark - marks[0]) / (log - logs[0]) for mark, log in zip(marks[1:], logs[1:], strict=True)]
    assert slopes == pytest.approx([slopes[0]] * len(slopes), rel=1e-3)
    page.get_by_role("radio", name="Compute").press("Space")
    here = page.locator(".scale [data-model='tiny/base']")
    flops = next(size.flops for size in sizes if size.name == "tiny/base")
    assert tokens["tiny/base"] > 0
    assert float(here.get_attribute("data-value") or 0) == pytest.approx(3 * flops * tokens["tiny/base"])
    expect(page.locator(".scale")).to_contain_text("not told")
    page.get_by_role("button", name="GPT-3 175B").press("Enter")
    expect(page.get_by_role("button", name="GPT-3 175B")).to_contain_text("× 1")
    accessible(page)
    fits(page)
    page.emulate_media(color_scheme="dark")
    accessible(page)
    page.get_by_role("button", name="Show as table").click()
    expect(page.get_by_role("region", name="Numbers as a table")).to_contain_text("arXiv 2407.21783")


def test_every_model_that_is_here_goes_on_with_the_same_prompt(visit: Visit, runs: Path) -> None:
    page = visit("sims/scale?scale.text=The sun")
    for name in ("base", "sft"):
        expected = writing(WritingRequest("any", "The sun", 32), loaded(runs / "tiny" / name)).text
        expect(page.locator(f"[data-writer='tiny/{name}']")).to_have_text(expected)


def test_the_axis_begins_and_ends_at_its_marks_around_all_values(visit: Visit) -> None:
    page = visit("sims")
    for values in ([4192, 4.06e11], [1, 10], [5.0], [6.8e3, 1.56e13], [1.6e8, 3.8e25]):
        axis = page.evaluate(AXIS, values)
        assert axis["low"] <= min(values) * 1.000001 and axis["high"] >= max(values) / 1.000001
        assert (axis["low"], axis["high"]) == pytest.approx((10.0 ** axis["ticks"][0], 10.0 ** axis["ticks"][-1]))
        assert len({b - a for a, b in pairwise(axis["ticks"])}) == 1
        assert 2 <= len(axis["ticks"]) <= 9
