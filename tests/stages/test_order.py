"""The order of the data: whole epochs, each in an order of its own, a pure function of the seed and a counter."""

import json

import pytest

from orrery.errors import DataError
from orrery.stages.order import RandomOrder


def test_every_epoch_is_a_permutation_of_its_own() -> None:
    order = RandomOrder(30, seed=1)
    epochs = [order.next(30) for _ in range(20)]
    assert all(sorted(epoch) == list(range(30)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 20
    firsts = {epoch[0] for epoch in epochs}
    assert len(firsts) > 8, "not the same ones first"


@pytest.mark.parametrize("sizes", [[1] * 100, [7] * 14 + [2], [100], [29, 1, 30, 31, 9], [0, 64, 0, 36]])
def test_it_does_not_matter_how_many_are_taken_at_a_time(sizes: list[int]) -> None:
    order = RandomOrder(30, seed=5)
    parts = [order.next(size) for size in sizes]
    assert [len(part) for part in parts] == sizes
    assert [index for part in parts for index in part] == RandomOrder(30, seed=5).next(100)


def test_more_may_be_taken_than_there_are() -> None:
    assert RandomOrder(1, seed=0).next(5) == [0] * 5
    many = RandomOrder(3, seed=0).next(8)
    assert sorted(many[:3]) == sorted(many[3:6]) == [0, 1, 2]


def test_seeds_differ_and_repeat() -> None:
    orders = [RandomOrder(50, seed).next(120) for seed in (0, 0, 1, -1)]
    assert orders[0] == orders[1]
    assert len({tuple(order) for order in orders}) == 3


def test_an_epoch_of_one_seed_is_no_epoch_of_the_next() -> None:
    """Where seeds and epochs were added up, the second epoch of seed 0 would be the first of seed 1."""
    epochs = set()
    for seed in range(5):
        order = RandomOrder(20, seed)
        epochs |= {tuple(order.next(20)) for _ in range(5)}
    assert len(epochs) == 25


@pytest.mark.parametrize("given", [0, 1, 29, 30, 31, 75])
def test_it_goes_on_from_its_state(given: int) -> None:
    order = RandomOrder(30, seed=2)
    order.next(given)
    state = json.loads(json.dumps(order.state_dict()))
    again = RandomOrder(30, seed=2)
    again.next(17)  # whatever was given before
    again.load_state_dict(state)
    assert again.next(40) == order.next(40)
    assert again.state_dict() == order.state_dict() == {"given": given + 40}


def test_without_anything_there_is_no_order() -> None:
    with pytest.raises(DataError, match="nothing to train on"):
        RandomOrder(0, seed=0)
