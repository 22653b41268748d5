"""Tasks put to a model behind a real server get the scores of its folder; what a server cannot do is said."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from orrery.agents.server import Server
from orrery.errors import ConfigError, InferenceError
from orrery.evals.tasks import Local, Paper, Remote, TaskResult, read_task, run_task, shipped
from orrery.inference.engine import Engine
from tests.server.running import Running

CHOICE = """
name: choose
version: 1
kind: multiple_choice
format: jsonl
prompt: "{{ question }}"
choices: choices
right: right
metrics: {acc: none, acc_norm: characters, by_tokens: tokens}
"""
WRITE = """
name: write
version: 1
kind: generation
format: jsonl
prompt: "{{ question }}"
answer: "{{ answer }}"
max_tokens: 64
stop: ["?"]
extract: {strict: {pattern: '^([^\\n]*)'}, flexible: {pattern: '(\\w+)', take: last}}
"""
GREETING = "Héllo 🌍, 你好!"
ROWS: list[dict[str, Any]] = [
    {"question": "Hi", "choices": ["Goodbye.", "Hello.", "Hello. You"], "right": 1, "answer": "Hello."},
    {"question": "Greet the world", "choices": ["Hello 🌍", GREETING, "84"], "right": 1, "answer": GREETING},
    {"question": "What is 12 times 7?", "choices": ["84", "They are 3"], "right": 0, "answer": "12 times 7 is 84."},
]


@pytest.fixture
def paper(tmp_path: Path) -> Callable[[str], Paper]:
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")

    def read(task: str) -> Paper:
        (tmp_path / "task.yaml").write_text(task, encoding="utf-8")
        return Paper.read(read_task(str(tmp_path / "task.yaml")), tmp_path / "rows.jsonl")

    return read


def numbers(result: TaskResult) -> list[tuple[str, float]]:
    return [(metric.name, metric.value) for metric in result.metrics]


def test_likelihoods_and_scores_are_those_of_the_folder(
    server: Running, folders: Path, paper: Callable[[str], Paper]
) -> None:
    """The server begins a document before a text, as --begin does."""
    remote = run_task(paper(CHOICE), Remote(Server(f"{server.url}/v1"), "sft"))
    local = run_task(paper(CHOICE), Local(Engine.load(folders / "sft"), begin=True))
    assert numbers(remote) == numbers(local)
    for found, expected in zip(remote.answers, local.answers, strict=True):
        assert found["nats"] == pytest.approx(expected["nats"], abs=1e-3) and found["tokens"] == expected["tokens"]


@pytest.mark.parametrize("chat", [True, False])
def test_what_is_written_is_what_the_folder_writes(
    server: Running, folders: Path, paper: Callable[[str], Paper], chat: bool
) -> None:
    remote = run_task(paper(WRITE), Remote(Server(f"{server.url}/v1"), "sft", chat=chat))
    local = run_task(paper(WRITE), Local(Engine.load(folders / "sft"), chat=chat, begin=True))
    assert [answer["written"] for answer in remote.answers] == [answer["written"] for answer in local.answers]
    assert numbers(remote) == numbers(local)
    if chat:
        assert numbers(local)[0] == ("strict", 1.0)


def test_documents_cost_the_same_when_their_ends_are_left_out(server: Running, folders: Path, tmp_path: Path) -> None:
    task = read_task("bits_per_byte")
    # The first character is several tokens: all of them are of the text.
    (tmp_path / "text.txt").write_text("🌍 héllo world, 你好! Ask the moon, step by step.", encoding="utf-8")
    remote, local = Remote(Server(f"{server.url}/v1"), "sft"), Local(Engine.load(folders / "sft"))
    with pytest.raises(ConfigError, match="a task file with ends: false"):
        run_task(Paper.read(task, tmp_path / "text.txt"), remote)
    (tmp_path / "task.yaml").write_text(shipped()["bits_per_byte"].read_text().replace("ends: true", "ends: false"))
    other = Paper.read(read_task(str(tmp_path / "task.yaml")), tmp_path / "text.txt")
    assert run_task(other, remote).metrics[0].value == pytest.approx(run_task(other, local).metrics[0].value, rel=1e-4)


def test_a_server_that_gives_no_log_probabilities_is_said_to(paper: Callable[[str], Paper]) -> None:
    def answering(status: int, body: Any) -> Remote:
        transport = httpx2.MockTransport(lambda request: httpx2.Response(status, json=body))
        return Remote(Server("http://127.0.0.1:1/v1", transport), "gpt")

    choices = [{"index": index, "text": "x", "logprobs": None} for index in range(3)]
    for candidate in (
        answering(404, {"error": {"message": "no such address"}}),
        answering(400, {"error": {"message": "echo is not supported"}}),
        answering(200, {"choices": choices}),
    ):
        with pytest.raises(InferenceError, match="need /v1/completions with echo and logprobs"):
            run_task(paper(CHOICE), candidate)
    with pytest.raises(ConfigError, match="leave --chat out"):
        run_task(paper(CHOICE), Remote(Server("http://127.0.0.1:1/v1"), "gpt", chat=True))
