"""A server's patience: with what is sent too slowly, and with what is not read."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from orrery.server.connection import SPARE, HTTPServer, protocol_with
from orrery.server.limits import Limits

LIMITS = Limits(request_seconds=0.3, unread_seconds=0.3, connections=1)
READ = 30.0  # seconds that a test waits for a server that does not do as it should

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def served(client: Callable[[Callable[[], Awaitable[Streams]]], Awaitable[Any]], body: bytes = b"done") -> None:
    """Run `client(connect)` against a server whose application answers with `body`, again and again if it is long."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000 if len(body) > 1000 else 0):
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": body})

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            config = uvicorn.Config(app, http=protocol_with(LIMITS), ws="none", lifespan="off", log_config=None)
            server = HTTPServer(config, end_answers=no_answers, drain_seconds=1.0)
            serving = asyncio.create_task(server._serve([listener]))
            try:
                await client(lambda: asyncio.open_connection(*listener.getsockname()))
            finally:
                server.should_exit = True
                await serving

    asyncio.run(run())


async def no_answers() -> None:
    """There are none that could be ended."""


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What comes until the server closes."""
    try:
        return await asyncio.wait_for(reader.read(), READ)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n12",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n12",
    ],
    ids=["nothing", "half a line", "half a head", "half a body", "half of a second request"],
)
def test_a_request_that_does_not_end_is_closed(sent: bytes) -> None:
    async def client(connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, writer = await connect()
        writer.write(sent)
        answered = await rest(reader)
        assert answered.count(b"done") == sent.count(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        writer.close()

    served(client)


def test_bytes_one_by_one_do_not_prolong_it() -> None:
    async def client(connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, writer = await connect()
        closed = asyncio.create_task(rest(reader))
        for byte in b"GET / HTTP/1.1\r\nX: " + b"x" * 5000:
            if closed.done():
                break
            writer.write(bytes([byte]))
            await asyncio.sleep(0.02)
        assert closed.done() and closed.result() == b""
        writer.close()

    served(client)


def test_requests_one_after_the_other_have_a_clock_each() -> None:
    async def client(connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, writer = await connect()
        for _ in range(3):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"done" in await asyncio.wait_for(reader.readuntil(b"done"), READ)
            await asyncio.sleep(0.2)
        writer.close()

    served(client)


def test_a_client_that_does_not_read_is_closed() -> None:
    async def client(connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, writer = await connect()
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(1.0)  # the stream's own buffer holds little: the rest stays with the server
        assert len(await rest(reader)) < 900 * 100_000
        writer.close()

    served(client, body=b"x" * 100_000)


def test_what_is_no_http_gets_an_error_in_openais_form() -> None:
    async def client(connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, writer = await connect()
        writer.write(b"Hello?\r\n\r\n")
        head, _, body = (await rest(reader)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ") and json.loads(body)["error"]["code"] == "invalid_http"
        writer.close()

    served(client)


def test_connections_far_above_the_limit_are_closed_at_once() -> None:
    async def client(connect: Callable[[], Awaitable[Streams]]) -> None:
        streams = [await connect() for _ in range(LIMITS.connections + SPARE + 5)]
        assert await rest(streams[-1][0]) == b""
        for _, writer in streams:
            writer.close()

    served(client)
