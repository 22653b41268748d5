"""The floor is what the choices cost: each method adds -log2 of the probability of its outcome, no more, no less."""

import math
from collections import Counter

import pytest

from orrery.data.world.choice import Choice


def test_each_method_adds_the_code_length_of_its_outcome() -> None:
    choice = Choice(0)
    spent = []

    def cost() -> float:
        spent.append(choice.bits)
        return choice.bits - (spent[-2] if len(spent) > 1 else 0.0)

    choice.pick("abcd")
    assert cost() == 2
    choice.integer(5, 12)
    assert cost() == 3
    choice.shuffled("abc")
    assert cost() == pytest.approx(math.log2(6))
    choice.sample(range(10), 2)
    assert cost() == pytest.approx(math.log2(90))
    item = choice.weighted("ab", [3, 4])
    assert cost() == pytest.approx(-math.log2({"a": 0.75, "b": 0.25}[item]))
    hit = choice.chance(0.2)
    assert cost() == pytest.approx(-math.log2(0.2 if hit else 0.8))
    assert choice.bits == sum(b - a for a, b in zip([0.0, *spent[:-1]], spent, strict=True))


def test_the_mean_cost_is_the_entropy_of_what_comes_out() -> None:
    """Source coding: the average of the bits equals the empirical entropy of the outcomes (up to sampling)."""
    choice = Choice(1)
    n = 60_000
    outcomes = Counter(
        (choice.weighted("abc", [1.0, 3.0, 10.0]), choice.chance(0.3), choice.pick((1, 2, 3)), *choice.sample("xyz", 2))
        for _ in range(n)
    )
    entropy = -sum(count / n * math.log2(count / n) for count in outcomes.values())
    assert len(outcomes) == 3 * 2 * 3 * 6
    assert choice.bits / n == pytest.approx(entropy, abs=0.01)


def test_what_cannot_be_otherwise_costs_nothing() -> None:
    choice = Choice(2)
    assert (choice.pick(["only"]), choice.integer(4, 4), choice.shuffled("x")) == ("only", 4, ["x"])
    assert choice.sample("abc", 0) == []
    assert choice.bits == 0


def test_outcomes_follow_their_probabilities() -> None:
    choice = Choice(3)
    n = 30_000
    weighted = Counter(choice.weighted("abc", [5, 8, 10]) for _ in range(n))
    first = Counter(choice.shuffled("abcd")[0] for _ in range(n))
    numbers = Counter(choice.integer(-1, 2) for _ in range(n))
    hits = sum(choice.chance(0.1) for _ in range(n))
    for count, share in ((weighted["a"], 0.5), (weighted["b"], 0.3), (weighted["c"], 0.2), (hits, 0.1)):
        assert count / n == pytest.approx(share, abs=0.012)
    assert all(first[letter] / n == pytest.approx(0.25, abs=0.012) for letter in "abcd")
    assert sorted(numbers) == [-1, 0, 1, 2]
    assert all(count / n == pytest.approx(0.25, abs=0.012) for count in numbers.values())


def test_the_same_seed_gives_the_same_stream() -> None:
    def stream(seed: int) -> list[object]:
        choice = Choice(seed)
        return [
            choice.pick(range(9)),
            choice.chance(0.5),
            choice.shuffled("abcdef"),
            choice.integer(0, 99),
            choice.bits,
        ]

    assert stream(11) == stream(11)
    assert stream(11) != stream(12)
    assert Choice(11).integer(0, 10**9) == 452379553  # the Mersenne Twister's, on every machine and Python


def test_long_sequences_cost_their_logarithm_too() -> None:
    choice = Choice(4)
    choice.pick(range(10_000))
    assert choice.bits == pytest.approx(math.log2(10_000))


def test_more_than_there_is_cannot_be_sampled() -> None:
    with pytest.raises(ValueError, match="cannot take 4 of 3 items"):
        Choice(0).sample("abc", 4)
