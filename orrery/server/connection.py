"""uvicorn with the patience of `Limits`: it waits for requests and for readers, but not forever.

A connection that has not sent a whole request in time is closed, whether it sends slowly or nothing; so is one whose
client does not read. The requests of both are gone by then: what they are sent is cheap to keep, a slot is not.
"""

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from orrery.server.errors import Problem
from orrery.server.limits import Limits

TOLD = 0.2  # seconds for the last words to clients whose answers are cut short
SPARE = 64  # connections above the limit that are still told so; further ones are closed without a word


def protocol_with(limits: Limits) -> type[H11Protocol]:
    """The class of connections that keep to these limits."""

    class Connection(H11Protocol):
        """One connection, with a clock for what the client has to send and another for what it has to read."""

        sending: asyncio.TimerHandle | None = None
        reading: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            """Start the clock, or close at once where there are far too many."""
            super().connection_made(transport)
            if len(self.connections) > limits.connections + SPARE:
                transport.abort()
            else:
                self.sending = self.loop.call_later(limits.request_seconds, transport.abort)

        def data_received(self, data: bytes) -> None:
            """The clock runs from the first byte of a request to its last."""
            super().data_received(data)
            if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
                self.stop("sending")
            elif self.sending is None:
                self.sending = self.loop.call_later(limits.request_seconds, self.transport.abort)

        def on_response_complete(self) -> None:
            """Start the clock where part of the next request has come already."""
            super().on_response_complete()
            if self.sending is None and (self.conn.their_state is h11.SEND_BODY or self.conn.trailing_data[0]):
                self.sending = self.loop.call_later(limits.request_seconds, self.transport.abort)

        def send_400_response(self, msg: str) -> None:
            """What is no HTTP gets an answer in OpenAI's form, too."""
            body = json.dumps(Problem(400, msg, "invalid_http").body).encode()
            headers = [(b"Content-Type", b"application/json"), (b"Connection", b"close")]
            for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

        def pause_writing(self) -> None:
            """The buffer is full: the client has to read."""
            super().pause_writing()
            self.reading = self.loop.call_later(limits.unread_seconds, self.transport.abort)

        def resume_writing(self) -> None:
            """It has read."""
            super().resume_writing()
            self.stop("reading")

        def connection_lost(self, exc: Exception | None) -> None:
            """Stop the clocks."""
            self.stop("sending")
            self.stop("reading")
            super().connection_lost(exc)

        def stop(self, clock: str) -> None:
            """Stop a clock, if it runs."""
            if (running := getattr(self, clock)) is not None:
                running.cancel()
                setattr(self, clock, None)

    return Connection


class HTTPServer(uvicorn.Server):
    """Stops on SIGINT and SIGTERM: no new connections, and `drain_seconds` for the answers under way.

    After that, or another SIGINT, `end_answers` ends them with an error.
    """

    def __init__(
        self, config: uvicorn.Config, end_answers: Callable[[], Awaitable[None]], drain_seconds: float
    ) -> None:
        super().__init__(config)
        self.end_answers, self.drain_seconds = end_answers, drain_seconds

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, but whoever still waits in the end is told, and nothing is left."""
        patience = asyncio.create_task(self.lose_patience())
        await super().shutdown(sockets)
        patience.cancel()
        if self.force_exit:  # uvicorn then leaves out the last of these
            await self.end_answers()
            await asyncio.sleep(TOLD)
            for connection in list(self.server_state.connections):
                connection.transport.abort()
            await self.lifespan.shutdown()

    async def lose_patience(self) -> None:
        """Wait for as long as answers may take, then for nothing more."""
        await asyncio.sleep(self.drain_seconds)
        self.force_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but a stop that was asked for is no failure: the signal is not raised again."""
        handlers = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
