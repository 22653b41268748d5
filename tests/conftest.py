"""Shared fixtures, and what the run prints at its end. Tests mirror the rooms of the package."""

import os
from collections import defaultdict
from pathlib import Path

# Test workers share the cores: more threads than cores spin and collapse. Subprocesses inherit this.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from tests import once

torch.set_num_threads(1)

# They begin first; the Makefile keeps xdist from putting the modules with the most tests there instead.
LONGEST = ("server/test_endurance.py", "test_speedrun.py", "test_post_training.py", "test_agent_speedrun.py")


@pytest.fixture(scope="session", autouse=True)
def folder_of_all(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A folder for what is made once for all: every worker's own is in one that they share."""
    own = tmp_path_factory.getbasetemp()
    once.FOLDER = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real text for checks against the world outside; tests that use it skip without it."""
    folder = os.environ.get("ORRERY_REAL_DATA")
    if not folder:
        pytest.skip("ORRERY_REAL_DATA is not set")
    return Path(folder)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the seconds that each room's tests took."""
    seconds: dict[str, float] = defaultdict(float)
    tests: dict[str, int] = defaultdict(int)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                room = Path(report.nodeid.split("::")[0]).parent.name
                seconds[room] += report.duration
                tests[room] += report.when == "call"
    terminalreporter.section("seconds by room")
    for room in sorted(seconds, key=lambda room: -seconds[room]):
        terminalreporter.write_line(f"{room:12} {seconds[room]:7.1f} s  {tests[room]:4} tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest modules first, so that at the end no worker waits for the other; the rooms keep their order."""
    longest = [Path(__file__).parent / name for name in LONGEST]
    items.sort(key=lambda item: longest.index(item.path) if item.path in longest else len(longest))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where ORRERY_FORBID_SKIPS is set, a skipped test fails the run: what can be tested must be."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("ORRERY_FORBID_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        names = ", ".join(report.nodeid for report in reporter.stats["skipped"])
        reporter.write_line(f"skipped although ORRERY_FORBID_SKIPS is set: {names}", red=True)
        if exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
