"""The ledger's pages: what people say about language models, and what came out.

GET /api/ledger                  all claims with their verdicts
GET /api/ledger/NAME             one: its rule, its numbers by seed, what models wrote
GET /api/ledger/NAME/picture     its picture, as SVG

A finding of this machine (`orrery ledger NAME` keeps it in the folder of the runs) goes before the published one, which
is there where the package runs from its repository: docs/ledger is not installed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response

import orrery
from orrery.ledger.claim import Claim, Verdict, claims
from orrery.ledger.experiment import Finding, read_finding
from orrery.ledger.lab import LEDGER
from orrery.server.errors import Problem

PUBLISHED = Path(orrery.__file__).parents[1] / "docs" / "ledger"
PICTURE_HEADERS = {  # a picture does nothing but be looked at
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
Where = Literal["here", "published"]


@dataclass(frozen=True)
class Entry:
    """A claim in the list. `verdict`, `where`: None where it was not measured. `minutes`: that a seed takes."""

    name: str
    says: str
    source: str
    verdict: Verdict | None
    seeds: int
    minutes: float
    where: Where | None


@dataclass(frozen=True)
class Page:
    """One claim. `measured`: seed -> its numbers; `samples`: seed -> what models wrote; `module`: the experiment."""

    entry: Entry
    refuted_by: str
    rule: str
    module: str
    command: str
    measured: Mapping[str, Mapping[str, float]]
    samples: Mapping[str, Sequence[Mapping[str, Any]]]
    wall_s: float | None
    machine: str


def router(root: Path, published: Path = PUBLISHED) -> APIRouter:
    """The addresses of the ledger. `root`: the folder of the runs."""
    found = APIRouter(prefix="/ledger")

    @found.get("", summary="All claims with their verdicts")
    async def listing() -> list[Entry]:
        return await asyncio.to_thread(
            lambda: [entry_of(claim, *finding_of(claim.name, root, published)) for claim in claims().values()]
        )

    @found.get("/{name}", summary="One claim")
    async def one(name: str) -> Page:
        return await asyncio.to_thread(page_of, claim_of(name), root, published)

    @found.get("/{name}/picture", summary="The picture of a claim", response_class=Response)
    async def picture(name: str) -> Response:
        path = picture_of(claim_of(name).name, root, published)
        if path is None:
            raise Problem(404, f"{name} was not measured here: orrery ledger {name}", "picture_not_found", "name")
        return FileResponse(path, media_type="image/svg+xml", headers=PICTURE_HEADERS)

    return found


def claim_of(name: str) -> Claim:
    """The claim of this name. Raises Problem 404 when there is none."""
    if name not in claims():
        raise Problem(404, f"the ledger has no claim {name!r}", "claim_not_found", "name")
    return claims()[name]


def finding_of(name: str, root: Path, published: Path) -> tuple[Finding | None, Where | None]:
    """What came out, and where that was measured. Raises DataError where the file is damaged."""
    for folder, where in places(root, published):
        path = folder / f"{name}.json"
        if path.is_file():
            return read(path, path.stat().st_mtime_ns), where
    return None, None


def picture_of(name: str, root: Path, published: Path) -> Path | None:
    """The picture of the finding that is shown."""
    paths = (folder / f"{name}.svg" for folder, _ in places(root, published))
    return next((path for path in paths if path.is_file()), None)


def places(root: Path, published: Path) -> tuple[tuple[Path, Where], ...]:
    """Where findings are kept; the first that has one is shown."""
    return (root / LEDGER, "here"), (published, "published")


@lru_cache(maxsize=128)
def read(path: Path, written: int) -> Finding:
    """A finding as its file was then."""
    return read_finding(path)


def entry_of(claim: Claim, finding: Finding | None, where: Where | None) -> Entry:
    """A claim in the list."""
    verdict, seeds = (finding.verdict, len(finding.seeds)) if finding else (None, 0)
    return Entry(claim.name, claim.says, claim.source, verdict, seeds, claim.minutes, where)


def page_of(claim: Claim, root: Path, published: Path) -> Page:
    """All there is to say of a claim. Raises DataError where its finding is damaged."""
    finding, where = finding_of(claim.name, root, published)
    return Page(
        entry=entry_of(claim, finding, where),
        refuted_by=claim.refuted_by,
        rule=claim.rule,
        module=claim.measure.__module__,
        command=f"orrery ledger {claim.name} --seeds {len(finding.seeds) if finding else 1}",
        measured=finding.measured if finding else {},
        samples=finding.samples if finding else {},
        wall_s=finding.wall_s if finding else None,
        machine=finding.machine if finding else "",
    )
