"""The one dial: what the minutes are spent on, on machines of different speed."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from orrery import plan as planning
from orrery.config import from_mapping
from orrery.data.world.world import WorldConfig
from orrery.errors import ConfigError, DataError
from orrery.evals.report import Report, StageSummary, render_html
from orrery.evals.scaling_law import NAMES, MeasuredLaw, read_law
from orrery.models.explain import flops_per_token
from orrery.plan import LADDER, Plan, Talk, count_parameters, fit, plan_table, shape_of
from orrery.speedrun import SpeedrunConfig, law_for
from orrery.speedrun_report import expected_line
from orrery.training.stage import TrainConfig
from tests.typed import typed


def planned(monkeypatch: pytest.MonkeyPatch, minutes: float, speed: float, **changes: Any) -> Plan:
    """The plan where the 128 x 4 model trains ``speed`` x 20,000 tokens a second, and larger ones fewer."""
    rate = speed * 4e11
    monkeypatch.setattr(planning, "measure_matmul_rate", lambda *_: rate)
    monkeypatch.setattr(
        planning,
        "measure_training",
        lambda config, *_: speed * 20_000 * (128 * 128 * 4) / (config.width * config.width * config.layers),
    )
    config = SpeedrunConfig()
    settings: dict[str, Any] = {
        "vocab_size": config.vocab_size, "context": config.context, "pretrain": config.pretrain, "sft": config.sft,
        "talk": Talk(60.0, 0.29, 0.35), "elapsed": 2.0,
    }  # fmt: skip
    return fit(minutes, **{**settings, **changes})


@pytest.mark.parametrize("minutes", [1, 2, 5, 10, 20, 60])
@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0, 8.0])
def test_the_parts_add_up_to_the_minutes(monkeypatch: pytest.MonkeyPatch, minutes: float, speed: float) -> None:
    plan = planned(monkeypatch, minutes, speed)
    assert sum(plan.seconds.values()) == pytest.approx(60 * minutes, rel=0.03)
    assert (plan.width, plan.layers) in LADDER
    assert min(plan.seconds.values()) >= 0


def test_a_machine_twice_as_fast_gets_a_larger_plan_and_not_a_shorter_run(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, fast = (planned(monkeypatch, 10, speed) for speed in (1.0, 2.0))
    work = [plan.pretrain_steps * plan.width**2 * plan.layers for plan in (slow, fast)]
    assert work[1] > 1.7 * work[0]
    assert sum(fast.seconds.values()) == pytest.approx(sum(slow.seconds.values()), rel=0.02)


def test_more_minutes_are_more_of_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    plans = [planned(monkeypatch, minutes, 1.0) for minutes in (2, 5, 10, 20, 60)]
    for fewer, more in zip(plans, plans[1:], strict=False):
        assert (more.width, more.layers) >= (fewer.width, fewer.layers)
        assert more.seconds["pretrain"] > fewer.seconds["pretrain"] and more.seconds["tune"] > fewer.seconds["tune"]


def test_set_steps_and_sizes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(monkeypatch, 10, 1.0, size=(64, 3), steps=(500, 60))
    assert (plan.width, plan.layers, plan.pretrain_steps, plan.sft_steps) == (64, 3, 500, 60)
    text = plan.corpus_bytes + plan.first_bytes
    assert 0 < plan.first_bytes < 0.2 * text


def test_too_few_minutes_say_how_many_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"too short on this machine; give it at least \d"):
        planned(monkeypatch, 0.3, 0.2)
    for minutes in (0, -1, float("inf"), float("nan")):
        with pytest.raises(ConfigError, match="must be above 0"):
            planned(monkeypatch, minutes, 1.0)


def test_too_few_steps_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="--pretrain-steps is 16; it takes at least 20"):
        planned(monkeypatch, 2, 1.0, steps=(16, 10))
    with pytest.raises(ConfigError, match="--sft-steps is 9; it takes at least 10"):
        planned(monkeypatch, 2, 1.0, steps=(20, 9))


def test_the_table_names_every_part(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(monkeypatch, 10, 1.0)
    assert plan_table(plan).row_count == len(plan.seconds)


def measured_law(tokens_wanted: float) -> MeasuredLaw:
    """A law of the ladder's first sizes: the larger ones are better from so many tokens a parameter on."""
    runs = []
    for width, layers in LADDER[:4]:
        config = shape_of(width, layers, 256).config(1024)
        n = count_parameters(config)
        for d in (1.1e6, 4e6, 16e6):
            bits = 0.27 + 1e4 / n + 1e4 * tokens_wanted / d
            values = (width, d / 2048, n, d, d * flops_per_token(config, 256), bits, 0.27)
            runs.append(dict(zip(NAMES, values, strict=True)))
    return MeasuredLaw("a test", runs)


def test_the_law_chooses_among_the_neighbours_of_the_rules_size(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = planned(monkeypatch, 10, 1.0)
    assert (rule.width, rule.layers) == (128, 4) and rule.expected is None
    hungry, sated = (planned(monkeypatch, 10, 1.0, law=measured_law(wanted)) for wanted in (1e3, 1e-3))
    assert (hungry.width, hungry.layers) == (96, 3), "where tokens count, a smaller model that reads more of them"
    assert (sated.width, sated.layers) == (192, 5)
    assert planned(monkeypatch, 10, 1.0, law=measured_law(1e3), size=(64, 3)).width == 64, "a set size is kept"


def test_a_plan_says_what_to_expect_where_the_law_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    law = measured_law(1.0)
    plan = planned(monkeypatch, 10, 1.0, law=law, size=(128, 4))
    assert plan.expected is not None
    tokens = plan.pretrain_steps * SpeedrunConfig().pretrain.rows * 256
    truth = 0.27 + 1e4 / count_parameters(shape_of(128, 4, 256).config(1024)) + 1e4 / tokens
    assert plan.expected.bits_per_byte == pytest.approx(truth, rel=1e-3)
    assert plan.expected.low <= plan.expected.bits_per_byte <= plan.expected.high
    assert planned(monkeypatch, 10, 1.0, law=law, size=(256, 6)).expected is None, "a size that was not measured"
    few = planned(monkeypatch, 10, 1.0, law=law, size=(64, 3), steps=(480, 50))
    assert few.expected is None, "fewer steps than any run that was measured had"
    far = planned(monkeypatch, 3000, 1.0, law=law)
    assert far.expected is None and (far.width, far.layers) not in LADDER[:4], "far more operations: the rule's size"


def test_another_recipe_has_no_law(tmp_path: Path) -> None:
    usual = SpeedrunConfig(minutes=3, seed=2, run="mine", root=tmp_path, world=WorldConfig(seed=2))
    assert law_for(usual) is not None
    others: list[dict[str, Any]] = [
        {"full": True}, {"agent": True}, {"data": ("notes",)}, {"vocab_size": 512}, {"documents": {"story": 1.0}},
        {"pretrain": TrainConfig(rows=4)},
    ]  # fmt: skip
    for changes in others:
        assert law_for(SpeedrunConfig(root=tmp_path, **changes)) is None, changes


def test_the_law_that_ships_falls_with_size_and_tokens_to_the_floor(tmp_path: Path) -> None:
    law = read_law(tmp_path)
    assert len(law.runs) >= 15 and len(law.fitted) >= 9 and 0.25 < law.floor < 0.3
    assert law.at(984_448, 1e7) < law.at(984_448, 5e6) < law.at(225_920, 5e6)
    assert law.floor < law.at(1e9, 1e12) < law.floor + 0.02


def test_a_damaged_law_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    for damaged in ("{", "[]", '{"rows": 3}', '{"rows": {"0": [{"what": "run"}]}}'):
        (tmp_path / "ledger" / "scaling_laws.json").write_text(damaged)
        with pytest.raises(DataError, match="damaged.*remove it and measure again"):
            read_law(tmp_path)


def test_a_run_keeps_what_was_expected_and_its_report_says_what_came(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(monkeypatch, 10, 1.0, law=measured_law(1.0), size=(128, 4))
    expected = plan.expected
    assert expected is not None
    kept = json.loads(json.dumps(asdict(plan)))
    assert from_mapping(kept, Plan, "run.json: plan") == plan
    del kept["expected"]
    assert from_mapping(kept, Plan, "run.json: plan").expected is None, "a run of before there was a law"
    band = f"{expected.low:.3f} to {expected.high:.3f}"
    steps = [str(cell) for cell in plan_table(plan).columns[2].cells if "steps, to" in str(cell)]
    assert len(steps) == 1 and band in steps[0]
    base = StageSummary(wall_s=1.0, tokens=1, tokens_per_s=1.0, parameters=1, bits_per_byte=0.3012)
    report = Report(
        run="mine", minutes=10, wall_s=1.0, peak_memory_mb=1.0, seed=0, recipe={}, machine={}, exam_version=None,
        stages={"base": base}, exams=[], expected=expected,
    )  # fmt: skip
    page = " ".join(render_html(report, []).split())
    assert f"expected pretraining to end at {expected.bits_per_byte:.3f} bits per byte" in page
    assert "it ended at <b>0.301</b>" in page
    assert report.as_json()["expected"] == asdict(expected)
    line = expected_line(expected, base.bits_per_byte)
    assert f"({band}) were expected, 0.301 came out" in line
    assert "expected pretraining" not in render_html(replace(report, expected=None), [])


def test_orrery_plan_says_size_tokens_and_loss(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    planned(monkeypatch, 10, 1.0)  # the machine is a made-up one from here on
    done = typed("plan", "--minutes", "10", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert [one["minutes"] for one in said["minutes"]] == [5, 10, 20]
    expected = [one["expected"]["bits_per_byte"] for one in said["minutes"]]
    assert expected == sorted(expected, reverse=True), "more minutes, less loss"
    assert said["plan"]["tokens"] == said["plan"]["pretrain_steps"] * 2048 and said["plan"]["matmul_share"] > 0
    best = min(said["sizes"], key=lambda one: one["expected"]["bits_per_byte"] if one["expected"] else 9)
    assert best["width"] == said["plan"]["width"]
    shown = typed("plan", "--minutes", "10", cwd=tmp_path).stdout
    assert "Sizes" in shown and "Minutes" in shown and "The law: " in shown
    short = typed("plan", "--minutes", "0.01", cwd=tmp_path)
    assert short.returncode == 2 and "too short on this machine" in short.stderr
