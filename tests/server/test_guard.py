"""Who may ask: the host's name, the page's origin, the key and the size, in every combination that matters."""

import asyncio
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from orrery.server.guard import Access, Guard
from orrery.server.limits import Limits
from orrery.server.metrics import Metrics

LIMITS = Limits(body=1000, connections=2)


def ask(
    access: Access, path: str = "/", method: str = "POST", content: Any = b"", connections: int = 1, **headers: str
) -> httpx2.Response:
    """Send a request through the guard to an application that says how long its body is."""

    async def length(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    routes = [Route(path, length, methods=["GET", "POST"]) for path in ("/", "/health")]
    guard = Guard(Starlette(routes=routes), access, LIMITS, Metrics(), ["/"], lambda: connections)

    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(guard)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
            sent = {name: value.encode("latin-1") for name, value in headers.items()}
            return await client.request(method, path, content=content, headers=sent)

    return asyncio.run(send())


@pytest.mark.parametrize(
    ("host", "here", "everywhere"),
    [
        ("localhost", 200, 200),
        ("localhost:8000", 200, 200),
        ("127.0.0.1:9999", 200, 200),
        ("[::1]:8000", 200, 200),
        ("box.example:8000", 200, 200),
        ("BOX.example", 200, 200),
        ("evil.example", 403, 403),
        ("localhost.evil.example", 403, 403),
        ("localhost@evil.example", 403, 403),
        ("127.0.0.1.evil.example", 403, 403),
        ("192.168.1.7:8000", 403, 200),
        ("[fe80::1]:8000", 403, 200),
        ("", 403, 403),
    ],
)
def test_the_host_must_be_a_name_of_this_machine(host: str, here: int, everywhere: int) -> None:
    for addresses, status in ((False, here), (True, everywhere)):
        response = ask(Access(hosts=["box.example"], addresses=addresses), Host=host)
        assert response.status_code == status
        if status == 403:
            assert response.json()["error"]["code"] == "unknown_host"


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:8000", 200),
        ("http://localhost", 403),
        ("http://localhost:9999", 403),
        ("http://127.0.0.1:8000", 403),
        ("https://chat.example", 200),
        ("http://chat.example", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("http://localhost:8000.evil.example", 403),
    ],
)
def test_a_page_may_ask_only_its_own_server_unless_it_is_allowed(origin: str, status: int) -> None:
    access = Access(origins=["https://chat.example"])
    response = ask(access, Origin=origin)
    assert response.status_code == status
    allowed = response.headers.get("access-control-allow-origin")
    assert allowed == (origin if origin == "https://chat.example" else None)
    preflight = ask(access, method="OPTIONS", Origin=origin, **{"Access-Control-Request-Method": "POST"})
    assert preflight.status_code == (204 if status == 200 else 403)


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer one", 200),
        ("bearer two", 200),
        ("Bearer  two ", 200),
        ("Bearer three", 401),
        ("Bearer on", 401),
        ("Bearer one two", 401),
        ("Bearer ", 401),
        ("Basic one", 401),
        ("one", 401),
        (None, 401),
    ],
)
def test_where_keys_are_set_one_of_them_is_needed(authorization: str | None, status: int) -> None:
    access = Access(keys=["one", "two"])
    response = ask(access, **({"Authorization": authorization} if authorization else {}))
    assert response.status_code == status
    if status == 401:
        assert response.json()["error"]["type"] == "authentication_error"
        assert response.headers["www-authenticate"] == "Bearer"
    assert ask(access, path="/health", method="GET").status_code == 200
    assert "one" not in repr(access)


def test_keys_may_have_any_characters() -> None:
    access = Access(keys=["schlüssel"])
    for encoding, status in (("utf-8", 200), ("latin-1", 401)):
        sent = "Bearer schlüssel".encode(encoding).decode("latin-1")
        assert ask(access, Authorization=sent).status_code == status


def test_a_body_is_measured_whether_or_not_its_length_is_said() -> None:
    async def pieces(count: int) -> Any:
        for _ in range(count):
            yield b"x" * 100

    for count, status in ((10, 200), (11, 413), (1000, 413)):
        for content in (b"x" * 100 * count, pieces(count)):
            response = ask(Access(), content=content)
            assert response.status_code == status
            if status == 413:
                assert response.json()["error"]["code"] == "body_too_large"
    assert ask(Access(), content=b"x" * 777).text == "777"


def test_too_many_connections_are_told_to_come_back() -> None:
    assert ask(Access(), connections=2).status_code == 200
    response = ask(Access(), connections=3)
    assert (response.status_code, response.headers["retry-after"]) == (429, "1")


def test_the_key_is_not_asked_of_a_page_that_may_not_ask_at_all() -> None:
    access = Access(keys=["one"], origins=["https://chat.example"])
    assert ask(access, Host="evil.example").status_code == 403
    assert ask(access, Origin="https://evil.example").status_code == 403
    refused = ask(access, Origin="https://chat.example")
    assert refused.status_code == 401 and refused.headers["access-control-allow-origin"] == "https://chat.example"
