"""docs/ledger.md: every verdict in it follows from the raw rows beside it."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from orrery.evals.scaling_law import SHIPPED
from orrery.ledger.claim import claims
from orrery.ledger.experiment import derive, read_finding

REPOSITORY = Path(__file__).parents[2]
ONE_SEED = {"scaling_laws": [1]}  # so far
PUBLISHED = sorted((REPOSITORY / "docs" / "ledger").glob("*.json"))


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """benchmarks/ledger.py, which writes the page."""
    spec = importlib.util.spec_from_file_location("ledger_benchmark", REPOSITORY / "benchmarks" / "ledger.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_a_published_verdict_follows_from_its_rows(path: Path) -> None:
    kept = read_finding(path)
    again = derive(claims()[kept.name], kept.rows, kept.samples, kept.wall_s, kept.machine)
    assert again.verdict == kept.verdict
    for seed, measured in again.measured.items():
        assert dict(measured) == pytest.approx(dict(kept.measured[seed]), nan_ok=True)
    assert (again.claim, again.rule, again.source) == (kept.claim, kept.rule, kept.source), "measure anew: it changed"
    assert kept.seeds == ONE_SEED.get(kept.name, [0, 1, 2])
    assert path.stat().st_size < 500_000 and path.with_suffix(".svg").exists()


def test_the_page_is_what_the_findings_say(benchmark: ModuleType) -> None:
    written = (REPOSITORY / "docs" / "ledger.md").read_text(encoding="utf-8")
    assert benchmark.page([read_finding(path) for path in PUBLISHED]) == written


def test_the_law_that_ships_is_of_the_published_runs(benchmark: ModuleType) -> None:
    published = REPOSITORY / "docs" / "ledger" / "scaling_laws.json"
    assert benchmark.law_that_ships(published) == SHIPPED.read_text(encoding="utf-8")
