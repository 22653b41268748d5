"""A server that speaks OpenAI's protocol, as a client sees it: llama.cpp, vLLM, Ollama, OpenAI, or our own.

    Server("http://127.0.0.1:8080/v1").chat("default", [{"role": "user", "content": "Hi"}], Sampling())

The key, where one is wanted, is $OPENAI_API_KEY.
"""

import os
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import httpx2

from orrery.errors import ConfigError, ContextFull, InferenceError
from orrery.inference.sampling import Sampling
from orrery.tokenizers.chat import Message

TRIES = 3  # of a request that a server could not take just then
PAUSE = 1.0  # seconds before the second; then doubled
KEY_VARIABLE = "OPENAI_API_KEY"
Answer = TypeVar("Answer")


class Server:
    """The server at `endpoint`, an address that ends in /v1.

    Every method raises
        ConfigError: the endpoint is no address.
        ContextFull: a conversation is too long for the model.
        InferenceError: the server cannot be reached in three tries, refuses (its words are in the message), or
            answers something else.
    """

    def __init__(self, endpoint: str, transport: httpx2.BaseTransport | None = None) -> None:
        self.endpoint = endpoint.rstrip("/")
        key = os.environ.get(KEY_VARIABLE)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = httpx2.Client(timeout=httpx2.Timeout(300, connect=10), headers=headers, transport=transport)

    def models(self) -> list[str]:
        """What the server calls its models; at least one."""
        return self._ask("GET", "models", None, _names)

    def chat(self, model: str, messages: Sequence[Message], sampling: Sampling, **more: Any) -> dict[str, Any]:
        """The first choice of an answer: {"message": …, "finish_reason": …}."""
        body = {"model": model, "messages": list(messages), "max_tokens": sampling.max_tokens}
        body |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "seed": sampling.seed}
        return self._ask("POST", "chat/completions", body | more, _choice)

    def complete(self, model: str, sampling: Sampling, text: str, stops: Sequence[str]) -> str:
        """How the model goes on with a text that it is sent as a user's message."""
        choice = self.chat(model, [{"role": "user", "content": text}], sampling, stop=list(stops))
        return choice["message"].get("content") or ""

    def continuations(self, model: str, texts: Sequence[str], sampling: Sampling, **more: Any) -> list[dict[str, Any]]:
        """How each text goes on, as /completions has it: {"text": …, "logprobs": …}; `more` may ask for `echo`."""

        def read(answer: Any) -> list[dict[str, Any]]:
            found = sorted(answer["choices"], key=lambda choice: choice["index"])
            if len(found) != len(texts) or not all(isinstance(choice["text"], str) for choice in found):
                raise ValueError("not one choice a text")
            return found

        body = {"model": model, "prompt": list(texts), "max_tokens": sampling.max_tokens}
        body |= {"temperature": sampling.temperature, "seed": sampling.seed}
        return self._ask("POST", "completions", body | more, read)

    def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """A vector for each text."""

        def read(answer: Any) -> list[list[float]]:
            found = [item["embedding"] for item in sorted(answer["data"], key=lambda item: item["index"])]
            if len(found) != len(texts) or not all(isinstance(vector, list) for vector in found):
                raise ValueError("not one vector a text")
            return found

        return self._ask("POST", "embeddings", {"model": model, "input": list(texts)}, read)

    def _ask(self, method: str, path: str, body: Any, read: Callable[[Any], Answer]) -> Answer:
        """Send a request and `read` the answer's JSON; a busy or unreachable server is tried again."""
        url = f"{self.endpoint}/{path}"
        response = self._send(method, url, body)
        if response.status_code in (401, 403):
            raise InferenceError(f"{url} wants a key: set ${KEY_VARIABLE} ({_words(response)})")
        if response.status_code >= 400:
            kind = ContextFull if "context" in _words(response) else InferenceError
            raise kind(f"{url} refuses ({response.status_code}): {_words(response)}")
        try:
            return read(response.json())
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise InferenceError(f"{url} gives no answer in OpenAI's form: {response.text[:200]}") from error

    def _send(self, method: str, url: str, body: Any) -> httpx2.Response:
        for number in range(1, TRIES + 1):
            try:
                response = self.client.request(method, url, json=body)
                if response.status_code != 429 and response.status_code < 500:
                    return response
                wrong = f"answers {response.status_code}: {_words(response)}"
            except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
                raise ConfigError(f"{self.endpoint} is no address such as http://127.0.0.1:8080/v1: {error}") from error
            except httpx2.TransportError as error:
                wrong = f"cannot be reached: {error}"
            if number < TRIES:
                time.sleep(PAUSE * 2 ** (number - 1))
        raise InferenceError(f"{url} {wrong}")


def _names(answer: Any) -> list[str]:
    """The names in a list of models, which is not empty."""
    return [answer["data"][0]["id"], *(model["id"] for model in answer["data"][1:])]


def _choice(answer: Any) -> dict[str, Any]:
    """The first choice, with a message whose calls have ids and names."""
    choice = dict(answer["choices"][0])
    for call in choice["message"].get("tool_calls") or []:
        if not isinstance(call["id"], str) or not isinstance(call["function"]["name"], str):
            raise ValueError("a call without id or name")
    return choice


def _words(response: httpx2.Response) -> str:
    """What a server says is wrong, in OpenAI's form or any other."""
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return response.text[:200].strip() or response.reason_phrase
