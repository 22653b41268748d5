"""What varies: read strictly, drawn the same way every time."""

import math

import pytest

from orrery.data.world.generate import DEFAULT_MIX
from orrery.errors import ConfigError
from orrery.search.space import Choices, Range, draw, parse_settings, parse_space, with_values
from orrery.speedrun import SpeedrunConfig

SPACE = ["pretrain.optimizer.lr=0.005..0.04:log", "sft.rows=4,8,16", "world.head=20..40", "documents.dialogue=14..30"]


def test_lists_and_ranges_take_the_type_of_their_setting() -> None:
    space = parse_space(SPACE)
    assert space["pretrain.optimizer.lr"] == Range(0.005, 0.04, log=True)
    assert space["sft.rows"] == Choices((4, 8, 16))
    assert space["world.head"] == Range(20, 40) and space["world.head"].whole  # type: ignore[union-attr]
    assert space["documents.dialogue"] == Range(14.0, 30.0)
    assert parse_space([f"{key}={values}" for key, values in space.items()]) == space, "their text reads back"


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ("pretrain.rows", "must be KEY=VALUES"),
        ("pretrain.optimizer.lrr=1,2", r"unknown key 'pretrain\.optimizer\.lrr'; did you mean 'lr'"),
        ("pretran.rows=1,2", "unknown key 'pretran'; did you mean 'pretrain'"),
        ("pretrain.rows=4.5,8", r"pretrain\.rows: .*integer"),
        ("pretrain.rows=0,8", "rows is 0"),
        ("sft.optimizer.kind=adam", "'muon' or 'adamw'"),
        ("minutes.x=1,2", "'minutes' is a single value"),
        ("documents.dialog=1,2", "did you mean 'dialogue'"),
        ("conversations.unknwon=1,2", "did you mean 'unknown'"),
        ("pretrain.optimizer.lr=0.04..0.005", "from the lower number"),
        ("pretrain.optimizer.lr=0..1:log", "above 0"),
        ("pretrain.optimizer.lr=0.1..1:ln", "only ':log'"),
        ("pretrain.optimizer.lr=0.1..inf", "finite"),
        ("sft.optimizer.kind=muon..adamw", "a range needs numbers"),
        ("seed=1,2", "the sweep itself decides"),
        ("world.seed=1,2", "the sweep itself decides"),
        ("run=a,b", "the sweep itself decides"),
    ],
)
def test_what_cannot_vary_is_named(vary: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_space([vary])


def test_a_key_varies_once() -> None:
    with pytest.raises(ConfigError, match=r"'pretrain\.rows' twice"):
        parse_space(["pretrain.rows=4", "pretrain.rows=8"])


def test_a_trials_values_follow_from_seed_space_and_number() -> None:
    space = parse_space(SPACE)
    drawn = draw(space, 7, 12)
    assert draw(parse_space(SPACE[::-1]), 7, 20)[:12] == drawn, "more trials and another order change nothing"
    assert draw(space, 8, 12) != drawn
    assert drawn[0] == {
        "pretrain.optimizer.lr": 0.03069, "sft.rows": 8, "world.head": 25, "documents.dialogue": 17.71
    }, "nor do other versions of Python: a sweep may go on years later"  # fmt: skip


def test_values_are_spread_over_their_range() -> None:
    logs = [math.log(one["x"]) for one in draw({"x": Range(1e-4, 1e-2, log=True)}, 0, 2000)]
    middle = sum(logs) / len(logs)
    assert abs(middle - math.log(1e-3)) < 0.1 and min(logs) >= math.log(1e-4) and max(logs) <= math.log(1e-2)
    for log in (False, True):
        wholes = {one["x"] for one in draw({"x": Range(2, 9, log)}, 0, 8)}
        assert wholes == set(range(2, 10)), "each whole number, the ends too, and none twice"
    assert {one["x"] for one in draw({"x": Choices(("a", "b", "c"))}, 0, 3)} == {"a", "b", "c"}


def test_more_trials_than_combinations_are_refused() -> None:
    with pytest.raises(ConfigError, match="6 different combinations, fewer than --trials 7"):
        draw(parse_space(["pretrain.rows=4,8", "sft.rows=4,8,16"]), 0, 7)


def test_one_weight_of_a_mix_leaves_the_others_as_usual() -> None:
    config = with_values(SpeedrunConfig(), {"documents.dialogue": 30.0}, "test")
    assert config.documents == {**DEFAULT_MIX, "dialogue": 30.0} and config.conversations == {}
    own = with_values(SpeedrunConfig(documents={"story": 1.0}), {"documents.news": 2.0}, "test")
    assert own.documents == {"story": 1.0, "news": 2.0}, "a mix that is given is kept"


def test_a_nested_setting_leaves_its_neighbours_as_the_speedrun_has_them() -> None:
    config = with_values(SpeedrunConfig(), parse_settings(["sft.optimizer.lr=1e-3", "sft.schedule.kind=constant"]), "x")
    assert config.sft.optimizer.kind == "adamw" and config.sft.optimizer.lr == 1e-3 and config.sft.rows == 8
    assert config.sft.schedule.kind == "constant" and config.pretrain == SpeedrunConfig().pretrain
