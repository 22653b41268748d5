"""Work shared out among forked processes: the same results in the same order, and nothing left behind."""

import os
import signal
import time
from collections.abc import Iterator

import pytest
import torch

from orrery.errors import DataError, RunError
from orrery.processes import can_fork, one_thread, share_out

pytestmark = pytest.mark.skipif(not can_fork(), reason="forking is for Linux without a GPU")


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


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
    with pytest.raises(ChildProcessError):  # there is none to wait for
        os.waitpid(-1, os.WNOHANG)


def test_a_worker_that_is_killed_is_said() -> None:
    def work(part: int) -> int:
        if part:
            os.kill(os.getpid(), signal.SIGKILL)
        return part

    with pytest.raises(RunError, match="has ended"):
        share_out(work, [0, 1])


def test_any_other_error_of_a_worker_is_told_with_its_name() -> None:
    with pytest.raises(RunError, match="ZeroDivisionError"):
        share_out(lambda part: 1 // (part - 1), [0, 1])


def test_threads_are_put_back(two_threads: None) -> None:
    with pytest.raises(ValueError), one_thread():
        assert torch.get_num_threads() == 1
        raise ValueError
    assert torch.get_num_threads() == 2
