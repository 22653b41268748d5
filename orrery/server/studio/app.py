"""The addresses of the studio, beside the server's own.

GET  /  /static/…            the pages (pages.py)
GET  /api/models             the models of all runs
GET  /api/vocabularies       what text can be cut with
GET  /api/source?name=…      the package's own source, for code blocks (source.py)
GET  /api/micro              the runs of microGPT (micro.py)
POST /api/compute/NAME       one computation (compute.py, computations.py)
     /api/exercises/…        the course's exercises (exercises.py)
     /api/runs|events|forms|jobs…            the lab (lab.py)
     /api/ledger/…           what people say about language models, measured (ledger.py)
     /api/scaling            pretrained runs as points of scaling laws (scaling.py)
     /api/chats|lanes|agents|rankings|arena|labels|machine/…  models that write (talk.py)
"""

import asyncio
from typing import Annotated, Any, get_type_hints

from fastapi import APIRouter, Body, FastAPI, Query, Request
from fastapi.responses import Response

from orrery.server.service import Service
from orrery.server.streams import while_connected
from orrery.server.studio import (
    agents,
    arena,
    chats,
    exercises,
    lab,
    labels,
    lanes,
    ledger,
    machine,
    micro,
    rankings,
    scaling,
)
from orrery.server.studio.computations import COMPUTATIONS
from orrery.server.studio.compute import Call, Computation
from orrery.server.studio.models import StudioModel
from orrery.server.studio.pages import add_pages
from orrery.server.studio.source import Source, source_of
from orrery.server.studio.studio import Studio
from orrery.server.studio.talk import Talk
from orrery.server.studio.vocabularies import add_vocabularies, place_of


def add_studio(app: FastAPI, studio: Studio, service: Service) -> None:
    """Mount everything."""
    router, talk = APIRouter(prefix="/api"), Talk(studio, service)
    add_models(router, talk)
    add_vocabularies(router, studio.root)
    for name, computation in COMPUTATIONS.items():
        add_computation(router, studio, name, computation)
    router.include_router(exercises.router(studio))
    router.include_router(lab.router(studio, studio.commands))
    router.include_router(ledger.router(studio.root))
    router.include_router(scaling.router(studio.root))
    router.include_router(micro.router(studio.root))
    for part in (chats, lanes, agents, rankings, arena, labels, machine):
        router.include_router(part.router(talk))
    app.include_router(router)
    add_pages(app)


def add_models(router: APIRouter, talk: Talk) -> None:
    """What there is to look at. Who asks for the models lets the engine, and so /v1/models, know of new ones, too."""

    @router.get("/models", summary="The models of all runs")
    async def models() -> list[StudioModel]:
        return await talk.look()

    @router.get("/source", summary="A piece of the package's source")
    async def source(
        name: Annotated[str, Query(description="Dotted, such as orrery.scratch.microgpt.softmax")],
    ) -> Source:
        return source_of(name)


def add_computation(router: APIRouter, studio: Studio, name: str, computation: Computation) -> None:
    """One computation: its request is the first argument of its function."""
    kind: Any = next(iter(get_type_hints(computation.function).values()))

    async def compute(request: Request, asked: Annotated[kind, Body()]) -> Response:
        wanted = [asked.model] if hasattr(asked, "model") else getattr(asked, "models", ())
        named = [await asyncio.to_thread(studio.model, one) for one in wanted]
        vocabulary = getattr(asked, "vocabulary", None)
        place = vocabulary and await asyncio.to_thread(place_of, studio.root, vocabulary)
        small = getattr(asked, "micro", None)
        folder = small and await asyncio.to_thread(micro.micro_folder, studio.root, small)
        call = Call(name, asked, [(model, studio.root / model.name) for model in named], place, folder)
        packed = await while_connected(request, studio.pool.call(call))
        return Response(packed.body, media_type=packed.media_type)

    about = (computation.function.__doc__ or name).splitlines()[0]
    router.post(f"/compute/{name}", summary=about, name=name)(compute)
