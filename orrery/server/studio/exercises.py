"""Exercises on the pages: begun and checked as `orrery exercise` does, in a process that may not take long.

GET  /api/exercises/3           its title and task, and where the reader's file is, if it was begun
POST /api/exercises/3/begin     write that file
POST /api/exercises/3/check     run it: whether it is solved, and what is wrong
"""

import asyncio
import json
import sys
from dataclasses import dataclass

from fastapi import APIRouter

from orrery.course.exercise import Exercise, Judgement, exercise_of
from orrery.errors import ConfigError
from orrery.server.errors import Problem
from orrery.server.studio.studio import Studio

SECONDS = 30.0  # that a check may take: a loop that never ends is told so


@dataclass(frozen=True)
class ExerciseAnswer:
    """An exercise. `path`: the reader's file, once it was begun."""

    chapter: int
    title: str
    task: str
    path: str | None


def router(studio: Studio) -> APIRouter:
    """The addresses."""
    routes = APIRouter(prefix="/exercises")
    folder = studio.root.resolve().parent / "exercises"

    def known(chapter: int) -> Exercise:
        try:
            return exercise_of(chapter)
        except ConfigError as error:
            raise Problem(404, str(error), "exercise_not_found") from error

    def shown(exercise: Exercise) -> ExerciseAnswer:
        path = folder / exercise.file
        return ExerciseAnswer(
            exercise.chapter, exercise.title, exercise.task.strip(), str(path) if path.exists() else None
        )

    @routes.get("/{chapter}", summary="An exercise of the course")
    async def show(chapter: int) -> ExerciseAnswer:
        return shown(known(chapter))

    @routes.post("/{chapter}/begin", summary="Write the file to start from")
    async def begin(chapter: int) -> ExerciseAnswer:
        exercise = known(chapter)
        exercise.begin(folder)
        return shown(exercise)

    @routes.post("/{chapter}/check", summary="Run the reader's file and check it")
    async def check(chapter: int) -> Judgement:
        known(chapter)
        command = [sys.executable, "-m", "orrery", "exercise", str(chapter), "--check", "--json"]
        process = await asyncio.create_subprocess_exec(
            *command, "--folder", str(folder), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            out, wrong = await asyncio.wait_for(process.communicate(), SECONDS)
        except TimeoutError:
            return Judgement(False, f"it did not end within {SECONDS:.0f} seconds: is there a loop that never stops?")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        lines = out.decode(errors="replace").splitlines()  # the reader's file may print, too: the last line is ours
        try:
            return Judgement(**json.loads(lines[-1]))
        except (IndexError, ValueError, TypeError):
            told = wrong.decode(errors="replace").strip()
            return Judgement(False, told.splitlines()[-1] if told else "the check ended without a word")

    return routes
