"""The engine in its own process: it may die, its clients may go away, its models may take turns."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from orrery.server.names import most_bytes, read_models
from tests.server.running import Running, alive, eventually


def post(server: Running, body: dict[str, Any]) -> bytes:
    text = json.dumps(body).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(text)}\r\n"
    return f"{head}Content-Type: application/json\r\n\r\n".encode() + text


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_frees_its_slots(server: Running, endless: dict[str, Any], stream: bool) -> None:
    connection = server.connect()
    connection.sendall(post(server, endless | {"stream": stream, "n": 3}))
    eventually(lambda: server.metric("orrery_requests_running") == 3, "three answers are written")
    connection.close()
    eventually(lambda: server.metric("orrery_requests_running") == 0, "nothing is written any more")
    generated = server.metric("orrery_generated_tokens_total")
    assert server.metric("orrery_generated_tokens_total") == generated


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_before_anything_is_written_is_forgotten(
    server: Running, endless: dict[str, Any], stream: bool
) -> None:
    (engine,) = server.engines()
    engine.suspend()
    try:
        with server.connect() as connection:
            connection.sendall(post(server, endless | {"stream": stream}))
            eventually(lambda: server.metric("orrery_requests_waiting") == 1, "the request waits")
        eventually(lambda: server.metric("orrery_requests_waiting") == 0, "it is forgotten")
    finally:
        engine.resume()
    eventually(lambda: server.metric("orrery_requests_running") == 0, "nothing is written")
    assert server.metric('orrery_requests_total{path="/v1/completions",status="500"}') == 0


def test_requests_side_by_side_get_what_they_get_alone(client: openai.OpenAI, server: Running) -> None:
    def ask(seed: int) -> Any:
        (choice,) = client.completions.create(
            model="base", prompt=f"Number {seed % 4}", seed=seed, max_tokens=40, logprobs=2, echo=bool(seed % 2)
        ).choices
        return choice.text, choice.finish_reason, choice.logprobs

    alone = [ask(seed) for seed in range(12)]
    together: dict[int, Any] = {}
    threads = [threading.Thread(target=lambda seed=seed: together.update({seed: ask(seed)})) for seed in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[seed] for seed in range(12)] == alone


@pytest.fixture(scope="module")
def cramped(folders: Path) -> Iterator[Running]:
    """A server whose memory holds one of its two models; its engine and in the end itself are killed."""
    models = read_models([folders / "sft", folders / "base"])
    limit = max(most_bytes(model.config, "float32") for model in models.values()) * 1.001 / 1e9
    running = Running("--model", folders / "sft", folders / "base", "--memory", f"{limit:.4f}")
    yield running
    running.stop()


def loaded(server: Running) -> list[str]:
    return [model["id"] for model in server.http.get("/v1/models").json()["data"] if model["loaded"]]


def hello(client: openai.OpenAI) -> str:
    answer = client.chat.completions.create(model="sft", messages=[{"role": "user", "content": "Hi"}])
    return str(answer.choices[0].message.content)


def test_models_take_turns_where_memory_holds_one(cramped: Running, endless: dict[str, Any]) -> None:
    with cramped.client() as client:
        assert (loaded(cramped), hello(client)) == (["sft"], "Hello.")
        first = client.completions.create(model="base", prompt="a", seed=1, max_tokens=5).choices[0].text
        assert loaded(cramped) == ["base"]
        # The base model is busy now, and gets no further requests until the assistant has had its turn.
        stream = client.completions.create(stream=True, **endless | {"max_tokens": 300})
        next(iter(stream))
        assert hello(client) == "Hello."
        assert len(list(stream)) > 50 and loaded(cramped) == ["sft"]
        assert client.completions.create(model="base", prompt="a", seed=1, max_tokens=5).choices[0].text == first


def test_when_the_engine_is_killed_its_requests_fail_and_the_server_goes_on(
    cramped: Running, endless: dict[str, Any]
) -> None:
    (engine,) = cramped.engines()
    with cramped.client() as client, cramped.connect() as waiting:
        waiting.sendall(post(cramped, endless))
        stream = client.completions.create(stream=True, **endless)
        assert next(iter(stream)).choices
        eventually(lambda: cramped.metric("orrery_requests_running") == 2, "both are written")
        engine.send_signal(signal.SIGKILL)
        with pytest.raises(openai.APIError, match="the engine has ended"):
            list(stream)
        assert waiting.recv(100).startswith(b"HTTP/1.1 503 ")
        health = cramped.http.get("/health")
        assert (health.status_code, health.json()) == (503, {"status": "restarting"})
        with pytest.raises(openai.InternalServerError) as raised:
            hello(client)
        assert raised.value.status_code == 503 and raised.value.response.headers["retry-after"] == "1"
        eventually(lambda: cramped.http.get("/health").status_code == 200, "another engine has started")
        assert hello(client) == "Hello."
    assert cramped.metric("orrery_engine_restarts_total") == 1
    assert len(cramped.engines()) == 1 and cramped.engines()[0].pid != engine.pid


def test_however_the_server_ends_its_engine_does_not_stay_behind(cramped: Running) -> None:
    (engine,) = cramped.engines()
    os.kill(cramped.process.pid, signal.SIGKILL)
    eventually(lambda: not alive(engine.pid), "the engine has ended")
