"""The lab's addresses together: runs, their events, and the trainings that are started from forms.

    app.include_router(lab.router(Studio(Path("runs")), COMMANDS), prefix="/api")

The commands are passed in, because they are made of what lies below this room.
"""

from collections.abc import Iterable

from fastapi import APIRouter

from orrery.server.studio import control, events, forms, runs
from orrery.server.studio.forms import Command, Forms
from orrery.server.studio.jobs import Jobs
from orrery.server.studio.overview import Overview
from orrery.server.studio.studio import Studio


def router(studio: Studio, commands: Iterable[Command]) -> APIRouter:
    """All of them. `commands`: those of the command line; forms are made for the ones that train."""
    found, overview, known = APIRouter(), Overview(studio.root), Forms(commands)
    for part in (
        runs.router(studio, overview),
        events.router(studio, overview),
        forms.router(known),
        control.router(Jobs(studio.root, known)),
    ):
        found.include_router(part)
    return found
