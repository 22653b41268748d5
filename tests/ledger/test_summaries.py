"""From raw rows to the numbers of a verdict, by hand."""

import math

import pytest

from orrery.data.world.choice import Choice
from orrery.data.world.world import World
from orrery.ledger.bpe_tradeoff import summarise as of_vocabularies
from orrery.ledger.dpo_vs_ppo import at
from orrery.ledger.dpo_vs_ppo import summarise as of_policies
from orrery.ledger.emergence import summarise as of_sizes
from orrery.ledger.in_context_learning import MAPPINGS, SHOTS, is_right, prompt
from orrery.ledger.judge_vs_author import summarise as of_judges
from orrery.ledger.next_token import summarise as of_genres
from orrery.ledger.over_optimisation import smooth
from orrery.ledger.over_optimisation import summarise as of_optimisation
from orrery.ledger.r1_curve import QUESTIONS
from orrery.ledger.r1_curve import summarise as of_curve
from orrery.ledger.self_consistency import majority, pass_at
from orrery.ledger.tokens_to_think import accuracy


def test_the_majority_is_of_disjoint_groups_and_silence_does_not_vote() -> None:
    assert majority([7.0, 7.0, 3.0, None, None, 3.0], truth=7.0, size=3) == 0.5
    assert majority([None, None], truth=7.0, size=2) == 0.0
    assert majority([3.0, 7.0], truth=7.0, size=2) == 0.0, "a tie goes to the first"


@pytest.mark.parametrize(
    ("right", "n", "k", "chance"), [(1, 4, 2, 0.5), (0, 4, 2, 0.0), (4, 4, 1, 1.0), (2, 4, 2, 5 / 6)]
)
def test_pass_at_k(right: int, n: int, k: int, chance: float) -> None:
    assert pass_at(right, n, k) == pytest.approx(chance)


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_more_examples_leave_the_question_as_it_is(mapping: str) -> None:
    world = World()
    prompts = [prompt(world, Choice(7), mapping, shots) for shots in SHOTS]
    assert len({(text.split(", ")[-1], truth) for text, truth in prompts}) == 1
    assert [text.count(":") - 1 for text, _ in prompts] == list(SHOTS)
    longest, truth = prompts[-1]
    assert longest.endswith(prompts[1][0]), "the nearest examples are the same"
    if mapping == "label":
        assert {entry.split(": ")[1] for entry in longest.split(", ")[:-1]} >= {truth}


def test_an_answer_is_right_that_begins_with_the_whole_words() -> None:
    assert is_right("glim, tor: glim", "glim") and is_right("glim", "glim")
    assert not is_right("glimmer", "glim") and not is_right("a glim", "glim")


def test_the_r1_curve_counts_what_checks_mend_and_spoil() -> None:
    answers = [
        {"way": "direct", "right": "1" * 100 + "0" * 100, "first_right": "1" * 100 + "0" * 100, "lengths": [5] * 200},
        {"way": "worked", "right": "1" * 80 + "0" * 20, "first_right": "1" * 80 + "0" * 20, "lengths": [20] * 100},
        {"way": "checked", "right": "1" * 30 + "0" * 10 + "1" * 60, "first_right": "0" * 40 + "1" * 60,
         "lengths": [40] * 100},
    ]  # fmt: skip
    found = of_curve([{"phase": phase, **row} for phase in ("before", "after") for row in answers])
    assert QUESTIONS == 400
    assert found["right before"] == pytest.approx((100 + 80 + 90) / 400)
    assert found["length before"] == pytest.approx((200 * 5 + 100 * 20 + 100 * 40) / 400)
    assert found["direct before"] == 0.5 and found["direct right before"] == 0.5
    assert (found["wrong first passes after"], found["right first passes after"]) == (40, 60)
    assert found["mended after"] == 0.75 and found["spoiled after"] == 0.0


def test_the_judge_picks_what_it_likes_best() -> None:
    rows = [
        {"right": "1000", "judged": [0.9, 0.1, 0.2, 0.3], "likely": [-9.0, -1.0, -2.0, -3.0]},
        {"right": "0010", "judged": [0.9, 0.1, 0.2, 0.3], "likely": [-9.0, -9.0, -2.0, -3.0]},
    ]
    found = of_judges(rows)
    assert found["the author, once"] == 0.25 and found["any of 16"] == 1.0
    assert found["picked by the judge"] == 0.5 and found["the author's likeliest"] == 0.5
    assert found["pairs told apart by the judge"] == pytest.approx((3 + 1) / 6)


def test_gold_at_the_same_distance_lies_on_lines_between_policies() -> None:
    assert at([(0.0, 1.0), (2.0, 2.0)], 1.5) == 1.75
    assert at([(1.0, 1.0), (2.0, 2.0)], 0.5) == 1.0 and at([(1.0, 1.0), (2.0, 2.0)], 9.0) == 2.0
    rows = [
        {"who": who, "kl": kl, "seconds": seconds, "gold": gold}
        for who, kl, seconds, gold in (
            ("DPO", 1.0, 10.0, 1.0), ("DPO", 4.0, 30.0, 1.6), ("PPO", 1.0, 50.0, 1.2), ("PPO", 2.0, 90.0, 1.8),
        )
    ]  # fmt: skip
    found = of_policies(rows)
    assert found["the same nats"] == 2.0 and found["DPO at the same nats"] == pytest.approx(1.2)
    assert found["the same seconds"] == 30.0 and found["PPO at the same seconds"] == 1.2
    assert found["PPO, best"] == 1.8


def test_the_best_point_of_a_noisy_curve_is_that_of_its_means() -> None:
    assert smooth([0.0, 3.0, 0.0]) == [1.5, 1.0, 1.5]
    rows = [{"way": "proxy", "agreement": 0.5}]
    for way, gold in (("best of n", [1, 2]), ("PPO, no leash", [1, 2, 3, 1, 0]), ("PPO, beta 0.1", [1, 2])):
        rows += [{"way": way, "kl": float(i * i), "proxy": float(i), "gold": float(g)} for i, g in enumerate(gold)]
    found = of_optimisation(rows)
    assert found["PPO, no leash: gold at best"] == 2.0 and found["PPO, no leash: gold at last"] == 0.5
    assert found["PPO, no leash: sqrt(KL) there"] == 1.0 or found["PPO, no leash: sqrt(KL) there"] == 2.0
    assert found["PPO, no leash: proxy at last"] == 4.0


def test_the_largest_step_is_of_the_whole_rise() -> None:
    rows = [{"parameters": size, "whole": whole, "tokens": tokens} for size, whole, tokens in
            ((10, "0000", [0.5]), (20, "1000", [0.75]), (40, "1111", [1.0]))]  # fmt: skip
    found = of_sizes(rows)
    assert found["whole, largest step"] == 0.75 and found["tokens, largest step"] == 0.5


def test_the_way_to_the_floor_is_taken_at_the_last_evaluation() -> None:
    rows = [{"step": step, "genre": "news", "counting": 3.0, "floor": 1.0, "bits": bits} for step, bits in
            ((10, 2.5), (20, 1.2))]  # fmt: skip
    found = of_genres(rows)
    assert found["news, share of the way"] == pytest.approx(0.9)
    assert found["news, bits a byte above the floor"] == pytest.approx(0.2)


def test_the_best_vocabulary_has_the_fewest_bits() -> None:
    rows = [{"size": size, "bytes_per_token": 2.0, "bits": bits, "bytes_per_s": 5e4} for size, bits in
            ((512, 0.5), (1024, 0.4), (2048, 0.45))]  # fmt: skip
    assert of_vocabularies(rows)["best size"] == 1024


def test_ways_that_never_occurred_have_no_accuracy() -> None:
    rows = [
        {"who": "sums", "steps": 3, "way": "direct", "right": "1100"},
        {"who": "sums", "steps": 3, "way": "worked", "right": ""},
    ]
    assert accuracy(rows, 3, ("direct",)) == 0.5 and accuracy(rows, 3, ("worked",)) is None
    assert not math.isnan(accuracy(rows, 3, ("direct", "worked")) or math.nan)
