"""An agent whose model is behind a server: OpenAI's protocol over a real connection, with a scripted other side."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from orrery.agents import server as server_module
from orrery.agents.loop import run_agent
from orrery.agents.models import RemoteModel
from orrery.agents.server import KEY_VARIABLE, Server
from orrery.agents.steps import Action, FinalAnswer, Observation, Task, Thought
from orrery.data.world.atlas import Page
from orrery.errors import ConfigError, ContextFull, InferenceError
from orrery.evals.exams.agent import AtlasTools
from orrery.inference.sampling import Sampling
from orrery.tools.calculator import CALCULATOR

TRANSCRIPT = Path(__file__).with_name("transcript.json")


@contextmanager
def serving(*answers: tuple[int, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that gives these answers, (status, JSON or text) each, one after the other: its address, and what it was
    sent."""
    waiting, received = list(answers), list[dict[str, Any]]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            received.append({"path": self.path, "key": self.headers["Authorization"]})
            if length:
                received[-1]["body"] = json.loads(self.rfile.read(length))
            status, answer = waiting.pop(0)
            body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", received
        finally:
            server.shutdown()


def answer(text: str) -> dict[str, Any]:
    """An answer of a server that says this."""
    return {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": text}}]}


def failure(message: str) -> dict[str, Any]:
    """An error in OpenAI's form."""
    return {"error": {"message": message, "type": "invalid_request_error"}}


def ask(endpoint: str, task: str = "Hi") -> list[Any]:
    """The steps of an agent there."""
    return list(run_agent(RemoteModel(Server(endpoint), "qwen", Sampling()), task, [CALCULATOR]))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "PAUSE", 0)
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def test_replays_a_transcript_of_tool_calls() -> None:
    """Two calls in one message, one of them broken; the model mends it and answers."""
    exchanges = json.loads(TRANSCRIPT.read_text())
    with serving(*[(200, exchange["response"]) for exchange in exchanges]) as (endpoint, received):
        steps = ask(endpoint, "What is 323 times 458, and 12 times 7?")
    assert steps == [
        Task("What is 323 times 458, and 12 times 7?"),
        Thought("Two products. I should not work them out in my head."),
        Action("calculator", {"expression": "323*458"}),
        Observation("147934"),
        Action("calculator", '{"expression": '),
        Observation("error: calculator: the arguments must be a JSON object, not '{\"expression\": '"),
        Thought("The second call was broken; again."),
        Action("calculator", {"expression": "12*7"}),
        Observation("84"),
        FinalAnswer("147934 and 84."),
    ]
    for exchange, sent in zip(exchanges, received, strict=True):
        body = sent["body"] | {"tools": [tool["function"]["name"] for tool in sent["body"]["tools"]]}
        assert {key: body[key] for key in exchange["request"]} == exchange["request"]
        assert sent["path"] == "/v1/chat/completions"


def test_replays_what_a_server_of_others_said() -> None:
    """Recorded: `transformers serve` (5.23), with a model of `orrery speedrun --recipe agent` in it."""
    exchanges = json.loads((TRANSCRIPT.parent / "transcript_transformers.json").read_text())
    values = {"weight": "56", "maker": "Stestoo Works", "museum": "Zaver", "colour": "black", "year": "791"}
    tools = AtlasTools({"beraiser": Page("invention", "beraiser", values)}, []).tools()
    with serving(*[(200, exchange["response"]) for exchange in exchanges]) as (endpoint, received):
        model = RemoteModel(Server(endpoint), "agent", Sampling())
        steps = list(run_agent(model, "Which is the maker of the beraiser?", [t for t in tools if t.name == "search"]))
    assert [type(step) for step in steps] == [Task, Action, Observation, FinalAnswer]
    assert steps[1:] == [
        Action("search", {"query": "beraiser"}),
        Observation(Page("invention", "beraiser", values).found),
        FinalAnswer("The maker of the beraiser is Stestoo Works."),
    ]
    for exchange, sent in zip(exchanges, received, strict=True):
        assert sent["body"]["messages"] == exchange["request"]["messages"]


def test_sends_tools_as_openai_describes_them() -> None:
    with serving((200, answer("Hello."))) as (endpoint, received):
        ask(endpoint)
    [tool] = received[0]["body"]["tools"]
    assert tool["type"] == "function" and tool["function"]["parameters"]["required"] == ["expression"]


def test_a_forced_answer_forbids_calls() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "calculator", "arguments": '{"expression": "1"}'}}
    message = {"role": "assistant", "content": "", "tool_calls": [call]}
    calling = {"choices": [{"finish_reason": "tool_calls", "message": message}]}
    with serving((200, calling), (200, answer("One."))) as (endpoint, received):
        model = RemoteModel(Server(endpoint), "qwen", Sampling())
        steps = list(run_agent(model, "Go", [CALCULATOR], max_steps=1))
    assert steps[-1] == FinalAnswer("One.", "forced: the steps that it may make are used up")
    assert received[1]["body"]["tool_choice"] == "none"


def test_asks_for_the_models_name() -> None:
    with serving((200, {"object": "list", "data": [{"id": "llama"}, {"id": "other"}]})) as (endpoint, received):
        assert Server(endpoint + "/").models() == ["llama", "other"]
    assert received[0]["path"] == "/v1/models"


def test_sends_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "sk-123")
    with serving((200, answer("Hello."))) as (endpoint, received):
        ask(endpoint)
    assert received[0]["key"] == "Bearer sk-123"


def test_tries_again_when_a_server_is_busy() -> None:
    with serving((503, failure("loading model")), (429, failure("slow down")), (200, answer("Hello."))) as (
        endpoint,
        _,
    ):
        assert ask(endpoint)[-1] == FinalAnswer("Hello.")


@pytest.mark.parametrize(
    ("status", "said", "kind", "message"),
    [
        (500, failure("out of memory"), InferenceError, "500: out of memory"),
        (401, failure("no key"), InferenceError, r"set \$OPENAI_API_KEY \(no key\)"),
        (404, failure("no model qwen"), InferenceError, "refuses .404.: no model qwen"),
        (400, "<html>nginx</html>", InferenceError, "nginx"),
        (200, "hello", InferenceError, "no answer in OpenAI's form: hello"),
        (200, {"choices": []}, InferenceError, "no answer in OpenAI's form"),
        (200, {"choices": [{"message": None}]}, InferenceError, "no answer in OpenAI's form"),
        (200, {"choices": [{"message": {"tool_calls": [{"function": {}}]}}]}, InferenceError, "no answer in OpenAI"),
    ],
)
def test_says_what_is_wrong_in_the_servers_words(status: int, said: Any, kind: type[Exception], message: str) -> None:
    with serving(*[(status, said)] * 3) as (endpoint, _), pytest.raises(kind, match=message):
        ask(endpoint)


def test_a_full_context_ends_the_run_with_an_answer_that_says_so() -> None:
    said = failure("This model's maximum context length is 4096 tokens.")
    with serving((400, said)) as (endpoint, _):
        assert "maximum context length is 4096" in ask(endpoint)[-1].forced
    with serving((400, said)) as (endpoint, _), pytest.raises(ContextFull):
        Server(endpoint).chat("qwen", [], Sampling())


def test_a_server_that_is_not_there() -> None:
    with serving() as (endpoint, _):
        pass
    with pytest.raises(InferenceError, match="cannot be reached"):
        ask(endpoint)


@pytest.mark.parametrize("endpoint", ["here", "ftp://here/v1", "http://[::1"])
def test_an_endpoint_that_is_no_address(endpoint: str) -> None:
    with pytest.raises(ConfigError, match="no address such as"):
        ask(endpoint)


def test_goes_on_with_a_text_for_react() -> None:
    with serving((200, answer("Answer: 2"))) as (endpoint, received):
        assert Server(endpoint).complete("qwen", Sampling(), "Question: 1+1?", ["\nObservation:"]) == "Answer: 2"
    assert received[0]["body"]["stop"] == ["\nObservation:"]
