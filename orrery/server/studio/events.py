"""GET /api/events: everything that a tab watches, in one stream of server-sent events.

    /api/events?watch=runs,run:speedrun&after=run:speedrun:812

    id: speedrun:815
    data: {"topic": "run:speedrun", "events": [{"seq": 813, …}, …]}        what a run has logged since
    data: {"topic": "run:speedrun", "reset": true, "events": […]}          its log is another one: drop what you have
    data: {"topic": "run:speedrun", "problem": "…"}                        its log cannot be read; no more comes
    data: {"topic": "runs", "runs": [{"name": "speedrun", …}], "gone": [], "whole": true}
                                                                           the list; later what has changed in it

The `id` says how far each run was read. A browser that connects again sends the last one by itself (`Last-Event-ID`):
every event comes exactly once, in order, whatever was cut off or started again, for the place is one in the run's own
file. Nothing is queued for a reader: what it has not taken yet is read from the file when it does.

The events are those of the log as it stands, `orrery.training.events` says how readers treat what was done again. Other
topics are watched by connecting again.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import quote, unquote

from fastapi import APIRouter, Header

from orrery.errors import RunError
from orrery.server.errors import Problem
from orrery.server.streams import EventStream
from orrery.server.studio.overview import Overview, RunSummary
from orrery.server.studio.runs import run_folder
from orrery.server.studio.studio import Studio
from orrery.server.studio.tail import Tail

LOOK = 0.12  # seconds between two looks at a log: at most eight messages a second on each topic
LOOK_AT_RUNS = 1.0
BEAT = 15.0  # seconds of silence, after which something is sent, so that a dead connection is noticed
MOST_TOPICS = 32


def router(studio: Studio, overview: Overview) -> APIRouter:
    """The address of the stream."""
    found = APIRouter()

    @found.get("/events", summary="What a tab watches, as server-sent events", response_class=EventStream)
    async def events(watch: str = "runs", after: str = "", last_event_id: str = Header("")) -> EventStream:
        topics = list(dict.fromkeys(watch.split(",")))
        if len(topics) > MOST_TOPICS:
            raise Problem(422, f"{len(topics)} topics in one stream: at most {MOST_TOPICS} are possible", param="watch")
        places = places_of(after.replace("run:", "")) | places_of(last_event_id)
        tails = {}
        for topic in topics:
            kind, _, name = topic.partition(":")
            if kind == "run":
                tails[name] = Tail(run_folder(studio.root, name), places.get(name, -1))
            elif topic != "runs":
                raise Problem(422, f"watch: {topic!r} is no topic; there are runs and run:NAME", param="watch")
        stream = messages(tails, overview if "runs" in topics else None)
        return EventStream(stream, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})

    return found


def places_of(text: str) -> dict[str, int]:
    """Name -> number of the last event seen, from "NAME:SEQ,…". Raises Problem 422 for what is none.

    >>> places_of("speedrun:812,m%C3%BCnchen:3")
    {'speedrun': 812, 'münchen': 3}
    """
    places = {}
    for entry in filter(None, text.split(",")):
        name, _, seq = entry.rpartition(":")
        if not seq.removeprefix("-").isdecimal():
            raise Problem(422, f"after: {entry!r} does not end with the number of an event", param="after")
        places[unquote(name)] = int(seq)
    return places


async def messages(tails: Mapping[str, Tail], overview: Overview | None) -> AsyncGenerator[str, None]:
    """The stream's text, without end; `tails` are the runs that are watched."""
    places = {name: tail.seq for name, tail in tails.items()}
    watched, sent, looked, spoke = dict(tails), None, -LOOK_AT_RUNS, time.monotonic()
    yield "retry: 1000\n\n"
    while True:
        for name, tail in list(watched.items()):
            try:
                events = tail.poll()
            except RunError as error:
                del watched[name]
                yield as_text({"topic": f"run:{name}", "problem": str(error)}, places)
                continue
            if events or tail.restarted:
                places[name], spoke = tail.seq, time.monotonic()
                reset = {"reset": True} if tail.restarted else {}
                yield as_text({"topic": f"run:{name}", **reset, "events": events}, places)
        if overview is not None and time.monotonic() - looked >= LOOK_AT_RUNS:
            runs = {run.name: run for run in await asyncio.to_thread(overview.runs)}
            looked = time.monotonic()
            if runs != sent:
                spoke = looked
                yield as_text({**changes(sent or {}, runs), "whole": sent is None}, places)
            sent = runs
        if time.monotonic() - spoke >= BEAT:
            spoke = time.monotonic()
            yield ": still here\n\n"
        await asyncio.sleep(LOOK)


def changes(before: Mapping[str, RunSummary], now: Mapping[str, RunSummary]) -> dict[str, Any]:
    """The message about runs that are new, have gone on, or are gone."""
    new = [asdict(run) for name, run in now.items() if before.get(name) != run]
    return {"topic": "runs", "runs": new, "gone": sorted(before.keys() - now.keys())}


def as_text(message: Mapping[str, Any], places: Mapping[str, int]) -> str:
    """A message as the stream has it, with how far each run has been read."""
    place = ",".join(f"{quote(name)}:{seq}" for name, seq in places.items())
    return f"id: {place}\ndata: {json.dumps(message, ensure_ascii=False)}\n\n"
