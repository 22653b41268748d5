"""What the ledger's pages are told: what was measured here, else what was published, else that nobody measured it."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from orrery.errors import DataError
from orrery.ledger.claim import claims
from orrery.ledger.experiment import Finding, derive, read_finding
from orrery.ledger.lab import LEDGER
from orrery.server.errors import Problem
from orrery.server.studio.ledger import PUBLISHED, claim_of, entry_of, finding_of, page_of, picture_of


def keep(finding: Finding, folder: Path) -> None:
    """As `orrery ledger` does."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{finding.name}.json").write_text(json.dumps(asdict(finding)), encoding="utf-8")
    (folder / f"{finding.name}.svg").write_text("<svg/>", encoding="utf-8")


def test_a_claim_that_nobody_measured_has_no_verdict_and_a_command(tmp_path: Path) -> None:
    page = page_of(claim_of("reversal"), tmp_path, tmp_path / "docs")
    assert (page.entry.verdict, page.entry.seeds, page.entry.where) == (None, 0, None)
    assert page.command == "orrery ledger reversal --seeds 1" and page.rule == claims()["reversal"].rule
    assert picture_of("reversal", tmp_path, tmp_path / "docs") is None


def test_what_was_measured_here_goes_before_what_was_published(tmp_path: Path) -> None:
    published = read_finding(PUBLISHED / "reversal.json")
    keep(published, tmp_path / "docs")
    assert page_of(claim_of("reversal"), tmp_path, tmp_path / "docs").entry.where == "published"
    rows = {"0": [{**row, "right": "1" * len(row["right"])} for row in published.rows["0"]]}  # backwards, all right
    here = derive(claims()["reversal"], rows, {"0": []}, 1.0, "a laptop")
    keep(here, tmp_path / LEDGER)
    page = page_of(claim_of("reversal"), tmp_path, tmp_path / "docs")
    assert (page.entry.verdict, page.entry.where, page.machine) == ("refuted", "here", "a laptop")
    assert page.measured == {"0": {"forward": 1.0, "backward": 1.0, "chance": 0.03}}
    assert picture_of("reversal", tmp_path, tmp_path / "docs") == tmp_path / LEDGER / "reversal.svg"
    keep(replace(here, seeds=[0], verdict="holds"), tmp_path / LEDGER)
    assert finding_of("reversal", tmp_path, tmp_path)[0] != here, "the file is read again when it was written again"


def test_a_damaged_finding_is_named(tmp_path: Path) -> None:
    (tmp_path / LEDGER).mkdir()
    (tmp_path / LEDGER / "identity.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"identity\.json is damaged"):
        finding_of("identity", tmp_path, tmp_path)


def test_every_claim_has_an_entry_and_an_unknown_one_is_refused() -> None:
    entries = [entry_of(claim, *finding_of(claim.name, Path("nowhere"), PUBLISHED)) for claim in claims().values()]
    assert [entry.name for entry in entries] == list(claims())
    with pytest.raises(Problem, match="no claim 'reversel'"):
        claim_of("reversel")
