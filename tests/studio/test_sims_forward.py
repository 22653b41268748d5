"""Simulation 10, the forward pass: parts, sums, depths and edits on the screen are those of the traced model."""

from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect

from orrery.errors import ConfigError
from orrery.models.trace import WeightScaled, trace
from orrery.server.studio.compute import Loaded, loaded
from orrery.server.studio.sims.forward import (
    CellRequest,
    ForwardRequest,
    PartRequest,
    forward,
    forward_cell,
    forward_part,
)
from tests.server.running import PATIENCE, eventually
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit

TEXT = "What is 12 times 7?"
CELL = "[data-name=cell]"
BASE, SFT = "tiny/base", "tiny/sft"
ADDS = "(told) => import('/static/sims/forward.model.js').then(({adds}) => adds(told))"


def model(runs: Path, name: str) -> Loaded:
    return loaded(runs / name)


def wait_for(page: Page, selector: str, number: float) -> None:
    """Until the first of these elements has it as its value."""
    element = page.locator(selector).first

    def there() -> bool:
        return abs(float(element.get_attribute("data-value") or "nan") - number) < 1e-4

    eventually(there, f"{selector} is {number}")


@torch.no_grad()
def test_parts_and_depths_are_those_of_the_trace(runs: Path) -> None:
    read = model(runs, SFT)
    edits = (WeightScaled("blocks.0.mlp.up.weight", 0.0, rows=(3,)),)
    answer = forward(ForwardRequest(SFT, TEXT, edits), read)
    whole, seen = (trace(read.model, torch.tensor([answer.ids]), made) for made in ((), edits))
    T, config = len(answer.ids), read.model.config
    shapes = {part.name: part.shape for part in answer.parts}
    assert shapes["logits"] == (T, config.vocab_size) and shapes["weights"] == (T, T)
    assert shapes["hidden"] == (T, config.mlp_width) and shapes["query"] == (T, config.head_width)
    for depth, row in enumerate(answer.lens):
        expected = seen.lens(depth)[0].softmax(-1)
        assert [top[0].id for top in row] == expected.argmax(-1).tolist()
        assert [top[0].probability for top in row] == pytest.approx(expected.amax(-1).tolist(), abs=1e-6)
    for likely in answer.likely[-1]:
        before, after = (one.logits[0, -1].softmax(-1)[likely.id].item() for one in (whole, seen))
        assert (likely.before, likely.after) == pytest.approx((before, after), abs=1e-6)
    hidden = forward_part(PartRequest(SFT, TEXT, "hidden", edits=edits), read)
    np.testing.assert_array_equal(hidden.values, seen.blocks[0].hidden[0])
    assert not hidden.values[:, 3].any()
    change = forward_part(PartRequest(SFT, TEXT, "hidden", edits=edits, change=True), read)
    np.testing.assert_allclose(change.values[:, 3], -whole.blocks[0].hidden[0, :, 3], atol=1e-6)
    logits = forward_part(PartRequest(SFT, TEXT, "logits", row=2), read)
    assert logits.columns == whole.logits[0, 2].topk(24).indices.tolist() and logits.width == config.vocab_size


def test_a_number_is_what_its_named_products_and_the_others_add_up_to(runs: Path) -> None:
    read = model(runs, SFT)
    cell = forward_cell(CellRequest(SFT, TEXT, "mlp output", row=4, column=9, layer=1), read)
    assert cell.count == read.model.config.mlp_width and len(cell.terms) == 12
    assert sum(term.product for term in cell.terms) + cell.others == pytest.approx(cell.value, abs=1e-4)
    sizes = [abs(term.product) for term in cell.terms]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > abs(cell.value) / cell.count
    for term in cell.terms:
        assert term.product == pytest.approx(term.left * term.right, rel=1e-5)
    hidden = forward_cell(CellRequest(SFT, TEXT, "weights", row=1, column=2), read)
    assert (hidden.value, hidden.count, hidden.left_is) == (0, 0, "hidden by the mask")
    with pytest.raises(ConfigError, match="column is 64; there are 0 to 63"):
        forward_cell(CellRequest(SFT, TEXT, "stream", row=0, column=64), read)
    with pytest.raises(ConfigError, match="did you mean 'final_norm.weight'"):
        forward(ForwardRequest(SFT, TEXT, (WeightScaled("final_norm", 2.0),)), read)


def test_from_the_whole_to_one_number_by_mouse_and_keyboard(visit: Visit, runs: Path) -> None:
    page = visit(f"sims/forward?forward.model={SFT}&forward.text={quote(TEXT)}&forward.layer=1")
    read = model(runs, SFT)
    expect(page.locator(".badge").first).to_contain_text("tiny/sft", timeout=1000 * PATIENCE)
    last = len(read.tokenizer.encode(TEXT))
    likeliest = int(forward_part(PartRequest(SFT, TEXT, "logits", row=last), read).columns[0])
    told = forward_cell(CellRequest(SFT, TEXT, "logits", last, likeliest), read)
    wait_for(page, CELL, told.value)
    wait_for(page, "[data-name=sum]", told.value)
    terms = [{"product": term.product} for term in told.terms]
    assert page.evaluate(ADDS, {"terms": terms, "others": told.others}) == pytest.approx(told.value, abs=1e-4)
    page.get_by_role("button", name="gate", exact=False).press("Enter")
    wait_for(page, CELL, forward_cell(CellRequest(SFT, TEXT, "gate", last, 0, layer=1), read).value)
    canvas = page.locator(".forward-heat canvas")
    canvas.press("ArrowRight")
    canvas.press("ArrowUp")
    wait_for(page, CELL, forward_cell(CellRequest(SFT, TEXT, "gate", last - 1, 1, layer=1), read).value)
    box = canvas.bounding_box()
    assert box is not None
    canvas.click(position={"x": 2.5 * box["width"] / read.model.config.mlp_width, "y": 1})
    wait_for(page, CELL, forward_cell(CellRequest(SFT, TEXT, "gate", 0, 2, layer=1), read).value)
    page.get_by_role("combobox", name="layer").select_option("0")
    wait_for(page, CELL, forward_cell(CellRequest(SFT, TEXT, "gate", 0, 2, layer=0), read).value)
    accessible(page)
    fits(page)
    page.get_by_label("Model").select_option(BASE)
    expect(page.locator(".badge").first).to_contain_text("tiny/base", timeout=1000 * PATIENCE)
    wait_for(page, CELL, forward_cell(CellRequest(BASE, TEXT, "gate", 0, 2), model(runs, BASE)).value)


def test_a_weight_is_changed_on_a_copy_and_every_depth_shows_it(visit: Visit, runs: Path) -> None:
    page = visit(f"sims/forward?forward.model={SFT}&forward.text={quote(TEXT)}")
    read = model(runs, SFT)
    factor = page.get_by_role("spinbutton", name="times, as a number")
    factor.fill("0.5")
    factor.press("Enter")
    halved = forward(ForwardRequest(SFT, TEXT, (WeightScaled("final_norm.weight", 0.5),)), read)
    bars = page.locator(".forward-after .bars [data-value]")
    wait_for(page, ".forward-after .bars [data-value]", halved.likely[-1][0].after)
    shown = [float(bars.nth(i).get_attribute("data-value") or "nan") for i in range(bars.count())]
    assert shown == pytest.approx([one.after for one in halved.likely[-1]], abs=1e-6)
    depths = page.locator(".lens tbody tr")
    for depth, row in enumerate(halved.lens):  # the last depth stands first
        cells = depths.nth(len(halved.lens) - 1 - depth).locator("td")
        assert [int(cells.nth(t).get_attribute("data-id") or "") for t in range(cells.count())] == [
            top[0].id for top in row
        ]
    page.wait_for_url("**forward.factor=0.5*")
    page.reload()
    expect(page.get_by_role("spinbutton", name="times, as a number")).to_have_value("0.5")
    page.get_by_role("button", name="As it was").click()
    plain = forward(ForwardRequest(SFT, TEXT), read)
    wait_for(page, ".forward-after .bars [data-value]", plain.likely[-1][0].after)
