"""Who may ask, and how much at a time: checked before a request reaches anything else.

Host     must be a name of this machine (or one that was allowed): a page elsewhere may make its own name point here
Origin   where a browser sends one, must be this server's own (or one that was allowed)
key      "Authorization: Bearer …", where keys are set; compared in a time that tells nothing
body     read here, up to its limit, whether its length is said or not
"""

import hmac
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orrery.server.errors import RETRY, Problem
from orrery.server.limits import Limits
from orrery.server.metrics import Metrics

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
LINGER = 4  # times the limit that is read of a body before its client is told that it is too large
OPEN = frozenset({"/health"})  # answered without a key
CORS = {"Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": "Authorization, Content-Type"}


@dataclass(frozen=True)
class Access:
    """Who may ask. `hosts`: names of this server, besides the local ones; `addresses`: any IP address is one, too."""

    keys: Sequence[str] = field(default=(), repr=False)
    hosts: Sequence[str] = ()
    origins: Sequence[str] = ()
    addresses: bool = False


class Guard:
    """An ASGI application around another; `connections()` says how many there are."""

    def __init__(
        self, app: ASGIApp, access: Access, limits: Limits, metrics: Metrics, paths: Sequence[str],
        connections: Callable[[], int],
    ) -> None:  # fmt: skip
        self.app, self.access, self.limits, self.metrics = app, access, limits, metrics
        self.paths, self.connections = frozenset(paths), connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        path = scope["path"] if scope["path"] in self.paths else "other"
        origin = headers.get("origin")

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.metrics.requests.labels(path, message["status"]).inc()
                if origin is not None and origin in self.access.origins:
                    message["headers"] = [
                        *message.get("headers", ()),
                        (b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"Origin"),
                    ]  # fmt: skip
            await send(message)

        try:
            self.check_origin(headers)
            if scope["method"] == "OPTIONS" and origin is not None:
                await Response(status_code=204, headers=CORS)(scope, receive, answer)
                return
            self.check_key(scope, headers)
            if self.connections() > self.limits.connections:
                raise Problem(429, "too many connections: try again in a second", "too_many_connections", headers=RETRY)
            body = await self.read_body(headers, receive)
        except Problem as problem:
            response = problem.response
            if problem.status in (413, 429):
                response.headers["Connection"] = "close"
            await response(scope, receive, answer)
            return
        if body is None:  # the client went away before it had sent everything
            return
        await self.app(scope, replayed(body, receive), answer)

    def check_origin(self, headers: Headers) -> None:
        """Raise Problem 403 for another site's page, and for a name that is not this machine's."""
        host = headers.get("host", "")
        name = host_name(host)
        known = name in LOCAL or name in self.access.hosts or (self.access.addresses and is_address(name))
        if not known:
            message = f"the host {host!r} is none of this server's; --allow-host NAME makes it one"
            raise Problem(403, message, "unknown_host")
        origin = headers.get("origin")
        if origin is None or origin in self.access.origins:
            return
        if urlsplit(origin).netloc.lower() != host.lower():
            message = f"pages of {origin} may not ask this server; --allow-origin {origin} lets them"
            raise Problem(403, message, "unknown_origin")

    def check_key(self, scope: Scope, headers: Headers) -> None:
        """Raise Problem 401 unless the request has one of the keys, or needs none."""
        if not self.access.keys or scope["path"] in OPEN:
            return
        kind, _, key = headers.get("authorization", "").partition(" ")
        given = key.strip().encode("latin-1")  # the bytes that were sent
        found = [hmac.compare_digest(given, known.encode()) for known in self.access.keys]  # all of them, every time
        if kind.lower() != "bearer" or not any(found):
            raise Problem(
                401, "a valid key is needed: Authorization: Bearer KEY", "invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip

    async def read_body(self, headers: Headers, receive: Receive) -> bytes | None:
        """The whole body; None when the client is gone. Raises Problem 413 where it is too large.

        Of such a body the rest is read and dropped, unless it is very large: who is cut off while sending sees a
        connection that failed, and not why.
        """
        most, length = self.limits.body, headers.get("content-length", "")
        if length.isdigit() and int(length[:20]) > LINGER * most:
            raise self.too_large()
        body, size = b"", 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            size += len(message.get("body", b""))
            if size <= most:
                body += message.get("body", b"")
            if size > LINGER * most:
                raise self.too_large()
            if not message.get("more_body", False):
                if size > most:
                    raise self.too_large()
                return body

    def too_large(self) -> Problem:
        """A body beyond the limit."""
        return Problem(413, f"the body has more than {self.limits.body} bytes", "body_too_large")


def replayed(body: bytes, receive: Receive) -> Receive:
    """What the application receives: the body in one piece, then whatever else comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message


def host_name(host: str) -> str:
    """The name in a Host header, without its port.

    >>> host_name("[::1]:8000"), host_name("localhost:8000"), host_name("localhost")
    ('::1', 'localhost', 'localhost')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def is_address(name: str) -> bool:
    """Whether a host is an IP address: such a name cannot be made to point elsewhere."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
