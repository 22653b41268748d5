"""The runs: what each has come to, its numbers, its texts, its report.

GET /api/runs                        all of them (overview.py)
GET /api/runs/NAME                   one: its record, its report card, its models
GET /api/runs/NAME/metrics           its numbers in columns (history.py)
GET /api/runs/NAME/events            its events, of some kinds or all
GET /api/runs/NAME/report            report.html, which may do nothing but be read
"""

import asyncio
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, Response

from orrery.server.errors import Problem
from orrery.server.studio.history import Table, tables
from orrery.server.studio.overview import Overview, RunSummary
from orrery.server.studio.studio import Studio
from orrery.training.events import Event, read_events
from orrery.training.runs import NAME, read_record

POINTS = 2_000
REPORT_HEADERS = {  # it shows what models wrote: no script runs in it, and nothing is fetched for it
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class RunDetail:
    """One run. `record`: run.json; `report`, `compared`: as the speedrun wrote them, None before that.

    `exams`: the scores of each stage that was examined. `models`: its stages that are whole model folders.
    """

    summary: RunSummary
    record: dict[str, Any]
    report: dict[str, Any] | None
    compared: list[dict[str, Any]] | None
    exams: dict[str, list[dict[str, Any]]]
    models: list[str]


@dataclass(frozen=True)
class History:
    """The metrics of each stage up to the event `seq`; the stream goes on from there."""

    seq: int
    stages: dict[str, Table]


def router(studio: Studio, overview: Overview) -> APIRouter:
    """The addresses of the runs."""
    found = APIRouter()

    @found.get("/runs", summary="All runs, the newest first")
    async def runs() -> list[RunSummary]:
        return await asyncio.to_thread(overview.runs)

    @found.get("/runs/{name}", summary="One run")
    async def run(name: str) -> RunDetail:
        return await asyncio.to_thread(detail, run_folder(studio.root, name), overview)

    @found.get("/runs/{name}/metrics", summary="The numbers of a run, in columns")
    async def metrics(name: str, points: Annotated[int, Query(ge=1, le=20_000)] = POINTS) -> History:
        return await asyncio.to_thread(history, run_folder(studio.root, name), points)

    @found.get("/runs/{name}/events", summary="The events of a run that count, in order")
    async def events(name: str, after: int = -1, kinds: str = "metric,sample,status,alarm") -> list[Event]:
        kept = await asyncio.to_thread(read_events, run_folder(studio.root, name))
        return [event for event in kept if event["seq"] > after and event["kind"] in kinds.split(",")]

    @found.get("/runs/{name}/report", summary="The report of a run, a page of its own", response_class=Response)
    async def report(name: str) -> Response:
        path = run_folder(studio.root, name) / "report.html"
        if not path.is_file():
            raise Problem(404, f"{name} has no report: a speedrun writes it at its end", "report_not_found")
        return FileResponse(path, media_type="text/html", headers=REPORT_HEADERS)

    return found


def run_folder(root: Path, name: str) -> Path:
    """The folder of a run. Raises Problem 404 when there is none."""
    if not re.fullmatch(NAME, name) or not (root / name / "run.json").is_file():
        raise Problem(404, f"there is no run {name!r} in {root}", "run_not_found", "name")
    return root / name


def detail(folder: Path, overview: Overview) -> RunDetail:
    """What a run's files say. Raises RunError when they are damaged."""
    scores = sorted(folder.glob("exams_*.json"), key=lambda path: path.stat().st_mtime)
    models = sorted(folder.glob("*/config.json"), key=lambda path: path.stat().st_mtime)
    return RunDetail(
        summary=next(run for run in overview.runs() if run.name == folder.name),
        record=read_record(folder),
        report=read_json(folder / "report.json"),
        compared=read_json(folder / "compared.json"),
        exams={path.stem.removeprefix("exams_"): read_json(path) for path in scores},
        models=[path.parent.name for path in models],
    )


def history(folder: Path, points: int) -> History:
    """The metrics of a run, in columns. Raises RunError when its log is damaged."""
    events = read_events(folder)
    return History(events[-1]["seq"] if events else -1, tables(events, points))


def read_json(path: Path) -> Any:
    """What a file says; None where there is none. The files are written whole or not at all."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
