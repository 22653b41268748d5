"""`orrery serve` as people start and stop it: what it refuses to begin, what it says, and how it ends."""

import json
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from orrery.commands.serve import ServeCommand, serve
from orrery.errors import CheckpointError, ConfigError, OrreryError
from tests.inference.assistant import user
from tests.server.running import PATIENCE, Running, eventually

KEY = {"Authorization": "Bearer second"}


@pytest.fixture(scope="module")
def strict(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server for other machines, with small limits and no tools of its own."""
    keys = tmp_path_factory.mktemp("keys") / "keys.txt"
    keys.write_text("first\n\n second \n")
    running = Running(
        "--model", folders / "sft", folders / "base", "--host", "0.0.0.0", "--api-key-file", keys, "--queue", "2",
        "--body", "5000", "--connections", "20", "--max-tokens", "900", "--tools", "none",
    )  # fmt: skip
    yield running
    running.stop()
    assert not any("Traceback" in line for line in running.lines), "".join(running.lines)


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        ({"host": "0.0.0.0"}, ConfigError, "--api-key-file"),
        ({"host": "192.0.2.1"}, ConfigError, "--api-key-file"),
        ({"host": "example.org"}, ConfigError, "--api-key-file"),
        ({"api_key_file": Path("nowhere")}, ConfigError, "no file nowhere"),
        ({"model": (Path("nowhere"),)}, CheckpointError, "no such folder"),
        ({"model": (Path("."),)}, CheckpointError, "config.json"),
        ({"model": ()}, ConfigError, "--model"),
        ({"tools": ("hammer",)}, ConfigError, "hammer"),
        ({"memory": 0.001}, ConfigError, "--memory"),
        ({"port": 70_000}, ConfigError, "70000"),
    ],
)
def test_what_cannot_be_served_is_refused_before_a_port_opens(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any],
    kind: type[OrreryError], says: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=says):
        serve(ServeCommand(**{"model": (folders / "sft",), "port": 0, **change}))


def test_a_file_without_keys_and_a_port_in_use_are_refused(folders: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("\n \n")
    with pytest.raises(ConfigError, match="no key in"):
        serve(ServeCommand((folders / "sft",), port=0, api_key_file=tmp_path / "keys"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port}: .*in use.*--port 0"):
            serve(ServeCommand((folders / "sft",), port=port))


def test_a_model_that_cannot_be_loaded_ends_the_server_with_the_reason(folders: Path, tmp_path: Path) -> None:
    shutil.copytree(folders / "sft", tmp_path / "sft")
    (tmp_path / "sft" / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="damaged"):
        serve(ServeCommand((tmp_path / "sft",), port=0, dtype="float32"))


def test_when_it_is_ready_it_says_where_and_what_to_try(server: Running) -> None:
    assert f"Orrery serves sft, base, gpt2 at {server.url}/v1" in server.lines[0]
    assert server.http.get("/health").json() == {"status": "ok"}


def test_other_machines_need_a_key_and_may_use_any_address(strict: Running) -> None:
    assert strict.http.get("/health").status_code == 200
    assert strict.http.get("/v1/models").status_code == strict.http.get("/metrics").status_code == 401
    with strict.client(api_key="wrong") as client, pytest.raises(openai.AuthenticationError):
        client.models.list()
    for key in ("first", "second"):
        with strict.client(api_key=key) as client:
            assert [model.id for model in client.models.list()] == ["sft", "base"]
    described = strict.http.get("/openapi.json", headers=KEY).json()
    assert described["components"]["securitySchemes"] == {"HTTPBearer": {"type": "http", "scheme": "bearer"}}
    assert (
        described["paths"]["/v1/models"]["get"]["security"] and "security" not in described["paths"]["/health"]["get"]
    )
    hosts = {"10.1.2.3": 200, "localhost": 200, "evil.example": 403}
    for host, status in hosts.items():
        assert strict.http.get("/v1/models", headers={**KEY, "Host": host}).status_code == status


def test_limits_have_their_statuses(strict: Running) -> None:
    def post(**body: Any) -> httpx2.Response:
        return strict.http.post("/v1/completions", json={"model": "sft", "prompt": "a", **body}, headers=KEY)

    assert post(prompt="a" * 6000).status_code == 413
    assert post(n=3).status_code == post(max_tokens=901).status_code == 422
    assert post(max_tokens=2).status_code == 200


def test_a_full_queue_says_come_back(strict: Running) -> None:
    (engine,) = strict.engines()
    engine.suspend()
    try:
        answers: list[int] = []
        body = {"model": "sft", "messages": [user("Hi")]}

        def ask() -> None:
            response = httpx2.post(f"{strict.url}/v1/chat/completions", json=body, headers=KEY, timeout=PATIENCE)
            answers.append(response.status_code)

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        eventually(lambda: strict.metric("orrery_requests_waiting", **KEY) == 2, "two requests wait")
        refused = strict.http.post("/v1/chat/completions", json=body, headers=KEY)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.json()["error"]["code"] == "queue_full"
    finally:
        engine.resume()
    for thread in threads:
        thread.join()
    assert answers == [200, 200]


def test_too_many_connections_are_refused_until_some_close(strict: Running) -> None:
    connections = [strict.connect() for _ in range(21)]
    eventually(lambda: strict.http.get("/v1/models", headers=KEY).status_code == 429, "it refuses")
    for connection in connections:
        connection.close()
    eventually(lambda: strict.http.get("/v1/models", headers=KEY).status_code == 200, "it answers again")


def test_without_tools_of_its_own_calls_are_text(strict: Running) -> None:
    with strict.client(api_key="first") as client:
        (choice,) = client.chat.completions.create(model="sft", messages=[user("What is 12 times 7?")]).choices  # type: ignore[list-item]
        assert choice.message.content.startswith('<tool_call>{"name": "calculator"') and not choice.message.tool_calls


def test_a_stop_lets_answers_end_and_takes_no_more(strict: Running, endless: dict[str, Any]) -> None:
    body = endless | {"max_tokens": 600, "stream": True}
    alone = strict.http.post("/v1/completions", json=body, headers=KEY).text
    with strict.http.stream("POST", "/v1/completions", json=body, headers=KEY) as response:
        lines = response.iter_lines()
        first = next(lines)
        strict.process.send_signal(signal.SIGTERM)

        def refuses() -> bool:
            try:
                strict.connect().close()
            except ConnectionRefusedError:
                return True
            return False

        eventually(refuses, "no connection is taken any more")
        rest = [line for line in [first, *lines] if line]
    assert rest[-1] == "data: [DONE]"

    def text(events: list[str]) -> str:
        return "".join(json.loads(event.removeprefix("data: "))["choices"][0]["text"] for event in events[:-1])

    assert text(rest) == text([line for line in alone.splitlines() if line])
    assert strict.process.wait(PATIENCE) == 0


@pytest.mark.parametrize("interrupts", [1, 2])
def test_who_is_not_waited_for_is_told(folders: Path, endless: dict[str, Any], interrupts: int) -> None:
    drain = {1: "0.5", 2: "600"}[interrupts]
    running = Running("--model", folders / "base", "--drain-seconds", drain)
    with running.http.stream("POST", "/v1/completions", json=endless | {"stream": True}) as response:
        lines = response.iter_lines()
        assert next(lines).startswith("data: ")
        running.process.send_signal(signal.SIGINT)
        if interrupts == 2:
            with pytest.raises(subprocess.TimeoutExpired):
                running.process.wait(1.0)
            running.process.send_signal(signal.SIGINT)
        rest = [line for line in lines if line]
        assert "the engine has ended" in rest[-1] and "[DONE]" not in rest[-1]
        assert running.process.wait(PATIENCE) == 0
    running.stop()
    assert not any("Traceback" in line for line in running.lines), "".join(running.lines)
