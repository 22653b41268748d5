"""Work shared out among forked processes: the same results in the same order, and nothing left behind."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch

from orrery.errors import DataError, RunError
from orrery.processes import Workers, can_fork, one_thread, share_out
from tests.children import forked_child

# Not `can_fork()`: were that wrong, nothing here would say so.
pytestmark = pytest.mark.skipif(sys.platform != "linux" or torch.cuda.is_available(), reason="Linux without a GPU")


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_on_linux_without_a_gpu_work_can_be_shared_out() -> None:
    assert can_fork()


def test_results_come_in_order_from_processes_of_their_own_with_one_thread_each(two_threads: None) -> None:
    def work(part: int) -> tuple[int, int, int]:
        time.sleep(0.05 * (3 - part))
        return part, os.getpid(), torch.get_num_threads()

    found = share_out(work, [0, 1, 2])
    assert [part for part, _, _ in found] == [0, 1, 2]
    assert len({process for _, process, _ in found}) == 3 and found[0][1] == os.getpid()
    assert {threads for _, _, threads in found} == {1} and torch.get_num_threads() == 2


def test_what_a_worker_changes_stays_with_it() -> None:
    numbers = [0]

    def work(part: int) -> int:
        numbers[0] += part
        return numbers[0]

    assert share_out(work, [1, 10]) == [1, 10] and numbers == [1]


@pytest.mark.parametrize("where", [0, 1])
def test_an_error_comes_back_and_no_process_stays(where: int) -> None:
    def work(part: int) -> int:
        if part == where:
            raise DataError(f"part {part} is bad")
        time.sleep(0.2)
        return part

    with pytest.raises(DataError, match=f"part {where} is bad"):
        share_out(work, [0, 1, 2])
    assert not forked_child()


def test_a_worker_that_is_killed_is_said() -> None:
    def work(part: int) -> int:
        if part:
            os.kill(os.getpid(), signal.SIGKILL)
        return part

    with pytest.raises(RunError, match="ended"):
        share_out(work, [0, 1])


def test_any_other_error_of_a_worker_is_told_with_its_name() -> None:
    with pytest.raises(RunError, match="ZeroDivisionError"):
        share_out(lambda part: 1 // (part - 1), [0, 1])


def test_threads_are_put_back(two_threads: None) -> None:
    with pytest.raises(ValueError), one_thread():
        assert torch.get_num_threads() == 1
        raise ValueError
    assert torch.get_num_threads() == 2


# Workers that wait


class Thing:
    """Something that both sides have, and that cannot be sent: it holds a function without a name."""

    def __init__(self) -> None:
        self.double: Callable[[int], int] = lambda number: 2 * number
        self.numbers = torch.zeros(3).share_memory_()

    def add(self, part: int) -> tuple[int, float]:
        return self.double(part), float(self.numbers.sum())


def process_of(thing: Thing, part: int) -> int:
    return os.getpid()


def test_what_both_sides_know_is_sent_by_reference_and_shared_memory_is_seen() -> None:
    thing = Thing()
    with Workers(3, [thing]) as workers:
        assert workers.map(thing.add, [1, 2, 3]) == [(2, 0.0), (4, 0.0), (6, 0.0)]
        thing.numbers += 1
        assert workers.map(thing.add, [1, 2, 3]) == [(2, 3.0), (4, 3.0), (6, 3.0)]
    assert not forked_child()


def test_what_is_shared_out_goes_to_those_that_wait_until_they_are_closed() -> None:
    thing = Thing()
    work = partial(process_of, thing)
    with Workers(2, [thing]) as workers:
        Workers.waiting = workers
        first, second = share_out(work, [1, 2]), share_out(work, [1, 2])
        assert first == second and first[0] == os.getpid() != first[1]
        assert len(set(share_out(work, [1, 2, 3]))) == 3, "more than they are: processes of their own"
    assert Workers.waiting is None and share_out(work, [1, 2])[1] != first[1] and not forked_child()


def test_after_an_error_none_waits() -> None:
    workers = Workers.waiting = Workers(2, [])
    with pytest.raises(RunError, match="helper process failed.*\n.*(?s:.*)not a number"):
        share_out(float, ["1", "not a number"])
    assert Workers.waiting is None and not forked_child()
    assert share_out(float, ["1", "2"]) == [1.0, 2.0]
    workers.close()  # once more does no harm
