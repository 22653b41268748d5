"""Which runs become points of a scaling law: finished ones, in groups that differ in size and length only."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orrery.commands.pretrain import PretrainCommand
from orrery.config import as_mapping
from orrery.data.world.world import WorldConfig
from orrery.evals.scaling import bootstrap, fit_power_law
from orrery.server.studio.scaling import points
from orrery.server.studio.sims.scaling import DRAWS, SEED, ScalingRequest, scaling_law
from orrery.stages.pretrain import ModelShape
from orrery.training.runs import Run
from orrery.training.stage import TrainConfig

BASE = PretrainCommand(shape=ModelShape(width=32), train=TrainConfig(steps=100))


def keep(config: PretrainCommand, name: str, root: Path, bits: float, status: str = "finished") -> None:
    """A run that says that it was trained."""
    with Run.open(name, recipe=as_mapping(config), seed=0, root=root) as run:
        told: dict[str, Any] = {"parameters": 1000 * config.shape.width, "steps": config.train.steps}
        run.events.append("status", "base", 0, {"status": "started", **told})
        measured = {"bits_per_byte": bits, "floor_bits_per_byte": 0.26}
        run.events.append("metric", "base", config.train.steps, measured)
        run.events.append("status", "base", config.train.steps, {"status": status, "tokens": 7})


def test_runs_that_differ_in_size_alone_are_points_of_one_law(tmp_path: Path) -> None:
    keep(BASE, "small", tmp_path, 2.5)
    keep(replace(BASE, shape=ModelShape(width=64), run="large"), "large", tmp_path, 2.0)
    keep(replace(BASE, train=TrainConfig(steps=200)), "longer", tmp_path, 2.2)
    keep(replace(BASE, world=WorldConfig(seed=1)), "other", tmp_path, 9.0)
    keep(replace(BASE, vocab_size=300), "letters", tmp_path, 9.0)
    keep(BASE, "broken-off", tmp_path, 1.0, status="interrupted")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "events.jsonl").write_text("{}\n")
    found = {point.run: point for point in points(tmp_path)}
    assert set(found) == {"small", "large", "longer", "other", "letters"}
    group = found["small"].group
    assert [point.run for point in found.values() if point.group == group] == ["small", "longer", "large"]
    large = found["large"]
    assert (large.parameters, large.tokens, large.steps, large.bits, large.floor) == (64_000, 7, 100, 2.0, 0.26)
    json.dumps([point.__dict__ for point in points(tmp_path)])


def test_the_answer_is_the_fit_with_its_band() -> None:
    x, y = [1e4, 3e4, 1e5, 3e5, 1e6], [3.0, 2.4, 1.97, 1.65, 1.42]
    law = fit_power_law(x, y)
    answer = scaling_law(ScalingRequest(x, y, next=2e6))
    assert (answer.floor, answer.exponent) == (law.floor, law.exponent)
    assert answer.next_y == pytest.approx(law.at(2e6)) and answer.curve_x[[0, -1]] == pytest.approx([1e4, 2e6])
    band = bootstrap(law, [*answer.curve_x, 2e6], DRAWS, SEED)
    assert band is not None and answer.low is not None and answer.next_high is not None
    np.testing.assert_allclose(answer.low, band[0][:-1])
    assert answer.next_low == pytest.approx(band[0][-1]) and answer.next_low < answer.next_y < answer.next_high
    assert scaling_law(ScalingRequest(x[:3], y[:3], next=3e5)).low is None
