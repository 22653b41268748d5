"""The countdown game: every problem can be solved, tests are kept apart, and only what is exactly right passes."""

import doctest
import json
import time
from itertools import islice
from pathlib import Path

import pytest

from orrery.data import countdown
from orrery.data.countdown import LARGEST, TARGETS, Countdown, games
from tests.typed import typed

GAME = Countdown((3, 5, 4, 20), 28)


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(countdown).failed == 0


@pytest.mark.parametrize("numbers", [3, 4, 6])
def test_every_game_has_a_solution(numbers: int) -> None:
    made = list(islice(games(0, numbers), 300))
    assert all(game.solved_by(game.solution) for game in made)
    assert {len(game.numbers) for game in made} == set(range(3, numbers + 1))
    assert all(game.target in TARGETS and max(game.numbers) <= LARGEST for game in made)
    assert len({(*sorted(game.numbers), game.target) for game in made}) == 300


def test_all_four_operations_are_asked_for() -> None:
    solutions = "".join(game.solution for game in islice(games(0), 300))
    assert min(solutions.count(sign) for sign in "+-*/") > 20


def test_the_seed_decides_which_games() -> None:
    one, same, other = (list(islice(games(seed), 50)) for seed in (1, 1, 2))
    assert one == same and not set(one) & set(other)


def test_games_end_when_hardly_a_new_one_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(countdown, "LARGEST", 3)
    monkeypatch.setattr(countdown, "DRAWS", 300)
    made = list(games(0, 3))
    assert 0 < len(made) < 100
    assert len({(*sorted(game.numbers), game.target) for game in made}) == len(made)


def test_games_for_tests_are_never_among_the_others() -> None:
    key = {test: {(*sorted(g.numbers), g.target) for seed in range(3) for g in islice(games(seed, 3, test), 150)}
           for test in (False, True)}  # fmt: skip
    assert len(key[True]) > 400 and not key[True] & key[False]
    assert Countdown((1, 2, 3), 10).is_test == Countdown((3, 1, 2), 10).is_test


@pytest.mark.parametrize(
    "right", ["(5 - 3) * 4 + 20", "20+4*(5-3)", " 20 + 4 × (5 − 3)\n", "((20) + (4*((5-3))))", "-(-20 - 4 * (5 - 3))"]
)
def test_a_right_solution_passes_however_it_is_written(right: str) -> None:
    assert GAME.solved_by(right)


@pytest.mark.parametrize(
    "wrong",
    [
        "", "28", "20 + 5 + 3", "20 + 4 + 4", "20 + 5 + 3 + 4 - 4", "(5 - 3) * 4 * 20", "20 + 4 * 5 - 3 * 4",
        "(5 - 3) * 4 + 20 = 28", "5 - 3) * 4 + (20", "20 + 8 + 0 * 3 * 4 * 5", "abs(5 - 3) * 4 + 20", "4 5 3 20",
        "(5-3)*4+2_0", "0x14 + 4 * (5 - 3)", "(5-3)*4+20.0", "max(28, 3, 5, 4, 20)", "__import__('os')", "(5 -", "4()",
        "٢٠ + 4 * (5 - 3)", "20 + 4 ** (5 - 3) - 8", "3 // 5 + 4 + 20", "20 / (4 - 4)", "(" * 60, "20, 4, 5, 3",
    ],
)  # fmt: skip
def test_what_is_not_exactly_a_solution_does_not(wrong: str) -> None:
    assert not GAME.solved_by(wrong)


def test_fractions_are_exact() -> None:
    assert Countdown((3, 3, 8, 8), 24).solved_by("8/(3-8/3)")
    near = Countdown((24, 1, 99, 98, 97, 96, 95, 94), 24)
    assert not near.solved_by("24 + 1/99/98/97/96/95/94"), "24.0000000000013 is not 24"


def test_powers_and_whole_divisions_are_no_operations_of_the_game() -> None:
    assert not Countdown((2, 3, 1), 8).solved_by("2 ** 3 * 1") and not Countdown((7, 2, 9), 12).solved_by("7 // 2 + 9")
    for twice in ("* *", "××", "*×", "× *"):
        assert not Countdown((2, 3, 1), 8).solved_by(f"2 {twice} 3 * 1")
    for twice in ("÷÷", "/÷", "÷ /"):
        assert not Countdown((7, 2, 9), 12).solved_by(f"7 {twice} 2 + 9")


@pytest.mark.parametrize("hostile", ["9" * 10_000, "9**9**9**9", "(" * 99_999, "1+" * 50_000, "9" * 80 + "*9"])
def test_hostile_expressions_take_no_time(hostile: str) -> None:
    began = time.process_time()
    assert not Countdown((9, 9, 9), 18).solved_by(hostile)
    assert time.process_time() - began < 0.5


def test_a_truth_of_another_form_is_named() -> None:
    assert Countdown.of({"numbers": [3, 5], "target": 8}) == Countdown((3, 5), 8)
    for wrong in (8, None, "8", {"numbers": [3]}, {"numbers": ["x"], "target": 3}, {"numbers": 3, "target": 3}):
        with pytest.raises(ValueError, match="the truth must be"):
            Countdown.of(wrong)


def test_the_command_writes_problems_that_grpo_reads(tmp_path: Path) -> None:
    made = typed("data", "countdown", "--out", "c.jsonl", "--count", "20", "--base", cwd=tmp_path)
    assert made.returncode == 0 and "20 problems in c.jsonl" in made.stdout
    rows = [json.loads(line) for line in (tmp_path / "c.jsonl").read_text().splitlines()]
    assert len(rows) == 20
    for row in rows:
        game = Countdown.of(row["truth"])
        assert game.solved_by(row["solution"]) and row["prompt"] == game.beginning and game.question in row["prompt"]
    for flags, message in ((("--count", "0"), "--count is 0"), (("--numbers", "2"), "--numbers is 2")):
        refused = typed("data", "countdown", "--out", "d.jsonl", *flags, cwd=tmp_path)
        assert refused.returncode == 2 and message in refused.stderr and not (tmp_path / "d.jsonl").exists()
