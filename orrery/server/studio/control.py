"""Starting and steering trainings: the addresses of `jobs.py`.

GET  /api/jobs                            what was started, the newest first
POST /api/jobs                            start: {"command": "dpo", "values": {"model": "speedrun/sft"}}
GET  /api/jobs/ID/log                     the last lines that it printed
POST /api/runs/NAME/stop                  {"at_once": false}
POST /api/runs/NAME/resume
POST /api/runs/NAME/learning-rate         {"factor": 0.5}
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter

from orrery.server.studio.jobs import Job, Jobs


@dataclass(frozen=True)
class StartRequest:
    """What to start. `values`: those that are not the defaults; nested ones may be given in part."""

    command: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StopRequest:
    """How to stop. `at_once`: without finishing the step and writing a checkpoint."""

    at_once: bool = False


@dataclass(frozen=True)
class RateRequest:
    """What the scheduled learning rate is multiplied by from now on; 1 is as planned."""

    factor: float


@dataclass(frozen=True)
class Told:
    """The process has been told; its events say when it has obeyed."""

    run: str


def router(jobs: Jobs) -> APIRouter:
    """The addresses."""
    found = APIRouter()

    @found.get("/jobs", summary="What was started, the newest first")
    async def started() -> list[Job]:
        return await asyncio.to_thread(jobs.jobs)

    @found.post("/jobs", summary="Start a training")
    async def start(asked: StartRequest) -> Job:
        return await asyncio.to_thread(jobs.start, asked.command, asked.values)

    @found.get("/jobs/{job}/log", summary="The last lines that a job printed")
    async def log(job: str) -> list[str]:
        return await asyncio.to_thread(jobs.lines, job)

    @found.post("/runs/{name}/stop", summary="Stop what writes to a run")
    async def stop(name: str, asked: StopRequest) -> Told:
        await asyncio.to_thread(jobs.stop, name, asked.at_once)
        return Told(name)

    @found.post("/runs/{name}/resume", summary="Go on with a run that was stopped")
    async def resume(name: str) -> Job:
        return await asyncio.to_thread(jobs.resume, name)

    @found.post("/runs/{name}/learning-rate", summary="Change the learning rate of a run")
    async def learning_rate(name: str, asked: RateRequest) -> Told:
        await asyncio.to_thread(jobs.learning_rate, name, asked.factor)
        return Told(name)

    return found
