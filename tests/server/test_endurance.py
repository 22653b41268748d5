"""A while in a crowd: no wrong answer, nobody is left waiting, nothing is left behind."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.inference.assistant import Assistant
from tests.server.endurance import Outcome, endure
from tests.server.known import BODY, Known, known_requests
from tests.server.running import Running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("endurance")


@pytest.fixture(scope="module")
def known(assistant: Assistant, folder: Path) -> list[Known]:
    return known_requests(assistant, folder)


@pytest.fixture(scope="module")
def crowded(known: list[Known], folder: Path) -> Iterator[Running]:
    """A server of its own, whose engine may be killed; its queue is short enough to be full now and then."""
    running = Running("--model", folder / "sft", folder / "dice", "--body", str(BODY), "--queue", "48")
    yield running
    assert running.stop() == 0
    assert not any("Traceback" in line for line in running.lines), "".join(running.lines)


@pytest.mark.parametrize("seconds", [18, pytest.param(30, marks=pytest.mark.slow)])
def test_a_crowd_gets_right_answers_or_proper_refusals_and_leaves_nothing_behind(
    crowded: Running, known: list[Known], seconds: int
) -> None:
    outcome = endure(crowded, known, seconds)
    assert outcome.wrong == []
    ended = outcome.answered + outcome.cancelled + outcome.broken + outcome.refused.total()
    assert outcome.asked == ended, "requests got lost"
    assert_everything_was_tried(outcome, seconds)
    _, warm, end = outcome.footprints
    assert end.engines == warm.engines == 1 and end.files == warm.files
    assert end.server <= 1.05 * warm.server and end.engine <= 1.05 * warm.engine


def assert_everything_was_tried(outcome: Outcome, seconds: int) -> None:
    """A crowd that does nothing finds nothing wrong."""
    assert outcome.answered > 7 * seconds and outcome.cancelled > 1.7 * seconds and outcome.kills == 3
    assert len(outcome.recovery) == outcome.kills
    statuses = {kind.split()[0] for kind in outcome.refused}
    assert statuses >= {"400", "403", "404", "405", "413", "422", "503"}


def test_the_crowd_notices_another_ones_answer(crowded: Running, known: list[Known]) -> None:
    first, second = [one for one in known if one.body.get("max_tokens") == 8 and len(one.answers) == 1][:2]
    swapped = [replace(first, answers=second.answers), replace(second, answers=first.answers)]
    outcome = endure(crowded, swapped, seconds=2, streams=8, kills=0)
    assert outcome.wrong and not outcome.answered
