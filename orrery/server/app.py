"""The addresses of the server, all in OpenAI's words.

    GET  /v1/models  /v1/models/NAME      what is served
    POST /v1/chat/completions             answer a conversation (chat.py)
    POST /v1/completions                  go on with a text (completions.py)
    POST /v1/embeddings                   texts as vectors (embeddings.py)
    GET  /health  /metrics  /openapi.json

`make_app(service, access)` is an ASGI application; `orrery serve` runs it. With a `studio` it has that, too
(studio/app.py): `orrery studio`.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Security
from fastapi.responses import Response
from fastapi.security import HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp

from orrery import __version__
from orrery.server.answers import (
    ChatAnswer,
    ChatChunk,
    CompletionAnswer,
    EmbeddingAnswer,
    Health,
    ModelCard,
    ModelList,
)
from orrery.server.chat import chat
from orrery.server.completions import complete
from orrery.server.embeddings import embed
from orrery.server.errors import ErrorAnswer, answer_errors
from orrery.server.guard import Access, Guard
from orrery.server.names import ServedModel
from orrery.server.schema import ChatRequest, CompletionRequest, EmbeddingRequest
from orrery.server.service import Service
from orrery.server.studio.studio import Studio

ERRORS = {
    400: "No JSON", 401: "No key, or a wrong one", 403: "An unknown host or origin", 404: "No such model",
    413: "Too large a body", 422: "A field is wrong, or beyond the limits", 429: "Too many requests",
    503: "The engine is starting, or failed",
}  # fmt: skip


def make_app(
    service: Service, access: Access, connections: Callable[[], int] = lambda: 0, studio: Studio | None = None
) -> ASGIApp:
    """The whole application; `connections()` says how many are open."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.engine.start()
        if studio is not None:
            studio.pool.start()
        yield
        await service.engine.stop()
        if studio is not None:
            studio.close()

    app = FastAPI(
        title="Orrery", version=__version__, summary="Models behind OpenAI's protocol.", lifespan=lifespan,
        docs_url=None, redoc_url=None, responses={code: answer_of(text) for code, text in ERRORS.items()},
    )  # fmt: skip
    answer_errors(app)
    # The guard asks for the key; here it is only said, in /openapi.json, that one is needed.
    router = APIRouter(dependencies=[Security(HTTPBearer(auto_error=False))] if access.keys else [])
    add_models(router, service)
    add_writing(router, service)
    add_metrics(router, service)
    app.include_router(router)
    add_health(app, service)
    if studio is not None:
        from orrery.server.studio.app import add_studio  # with all that it computes with, which a server does not need

        add_studio(app, studio, service)
    return Guard(app, access, service.limits, service.metrics, list(app.openapi()["paths"]), connections)


def add_models(app: APIRouter, service: Service) -> None:
    """What is served."""

    def card(model: ServedModel) -> ModelCard:
        loaded = service.engine.state is not None and model.name in service.engine.state.loaded
        context = service.context(model)
        return ModelCard(id=model.name, created=model.created, context_length=context, loaded=loaded)

    @app.get("/v1/models", summary="All models")
    async def list_models() -> ModelList:
        return ModelList(data=[card(model) for model in service.models.values()])

    @app.get("/v1/models/{name:path}", summary="One model")
    async def show_model(name: str) -> ModelCard:
        return card(service.model(name))


def add_writing(app: APIRouter, service: Service) -> None:
    """What the engine is for."""

    @app.post(
        "/v1/chat/completions", summary="Answer a conversation", response_model=ChatAnswer, responses=events(ChatChunk)
    )
    async def chat_completions(asked: ChatRequest, request: Request) -> Response:
        return await chat(service, asked, request)

    @app.post(
        "/v1/completions",
        summary="Go on with a text",
        response_model=CompletionAnswer,
        responses=events(CompletionAnswer),
    )
    async def completions(asked: CompletionRequest, request: Request) -> Response:
        return await complete(service, asked, request)

    @app.post("/v1/embeddings", summary="Texts as vectors", response_model=EmbeddingAnswer)
    async def embeddings(asked: EmbeddingRequest, request: Request) -> Response:
        return await embed(service, asked, request)


def add_health(app: FastAPI, service: Service) -> None:
    """How the server is."""

    @app.get("/health", summary="Whether requests are served", responses={503: {"model": Health}})
    async def health(response: Response) -> Health:
        if service.engine.ready:
            return Health(status="ok")
        response.status_code = 503
        return Health(status="restarting" if service.engine.restarts else "loading")


def add_metrics(app: APIRouter, service: Service) -> None:
    """What it has done."""

    @app.get(
        "/metrics",
        summary="Numbers for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics() -> Response:
        return Response(service.metrics.text(service.engine), media_type=CONTENT_TYPE_LATEST)


def answer_of(description: str) -> dict[str, Any]:
    """An error, as /openapi.json describes it."""
    return {"model": ErrorAnswer, "description": description}


def events(chunk: type) -> dict[int | str, dict[str, Any]]:
    """An answer that may also come as server-sent events, each a `chunk`."""
    description = f"The answer; with `stream`, events of {chunk.__name__}"
    event = {"type": "object", "properties": {"data": {"type": "string"}}, "required": ["data"]}
    return {200: {"content": {"text/event-stream": {"schema": event}}, "description": description}}
