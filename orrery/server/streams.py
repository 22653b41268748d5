"""Answers in pieces: several at once, sent as server-sent events, and dropped when the client is gone.

data: {"id": …, "choices": …}

data: [DONE]
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import aclosing
from typing import TypeVar

from fastapi import Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.types import Send

from orrery.server.errors import CLIENT_GONE, Problem, problem_of

T = TypeVar("T")


async def side_by_side(streams: Sequence[AsyncGenerator[T, None]]) -> AsyncGenerator[tuple[int, T], None]:
    """What all of the streams bring, as it comes, with the number of the stream; the first error ends them all."""
    came: asyncio.Queue[tuple[int, T] | Exception | None] = asyncio.Queue()

    async def pump(number: int, stream: AsyncGenerator[T, None]) -> None:
        try:
            async with aclosing(stream):
                async for item in stream:
                    came.put_nowait((number, item))
            came.put_nowait(None)
        except Exception as error:  # raised again below, where somebody waits
            came.put_nowait(error)

    tasks = [asyncio.create_task(pump(number, stream)) for number, stream in enumerate(streams)]
    left = len(tasks)
    try:
        while left:
            item = await came.get()
            if isinstance(item, Exception):
                raise item
            if item is None:
                left -= 1
            else:
                yield item
    finally:  # without waiting for them: this may run in a task that is being cancelled
        for task in tasks:
            task.cancel()


async def while_connected(request: Request, work: Coroutine[None, None, T]) -> T:
    """The result of `work`, which is cancelled when the client goes away before it is there."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, watching = asyncio.create_task(work), asyncio.create_task(gone())
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Problem(CLIENT_GONE, "the client is gone")
        return working.result()
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.wait((working, watching))  # what it works with is then free to be closed


class EventStream(StreamingResponse):
    """Server-sent events; the generator is closed at once when the client goes away, wherever it stands."""

    media_type = "text/event-stream"

    async def stream_response(self, send: Send) -> None:
        """Send everything, then close."""
        assert isinstance(self.body_iterator, AsyncGenerator)
        async with aclosing(self.body_iterator):
            await super().stream_response(send)


async def event_stream(request: Request, chunks: AsyncGenerator[BaseModel, None]) -> EventStream:
    """A response of these events. The first is waited for, so that what fails at once has its own status."""
    try:
        first = await while_connected(request, _next(chunks))
    except BaseException:
        await chunks.aclose()
        raise
    return EventStream(_events(first, chunks), headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})


async def _next(chunks: AsyncIterator[T]) -> T:
    return await anext(chunks)


async def _events(first: BaseModel, chunks: AsyncGenerator[BaseModel, None]) -> AsyncGenerator[str, None]:
    async with aclosing(chunks):
        yield _event(first)
        try:
            async for chunk in chunks:
                yield _event(chunk)
        except Exception as error:  # the status has been sent: clients look for an error among the events
            yield f"data: {json.dumps(problem_of(error).body)}\n\n"
            return
        yield "data: [DONE]\n\n"


def _event(chunk: BaseModel) -> str:
    return f"data: {chunk.model_dump_json(exclude_unset=True)}\n\n"
