"""Texts that are gone on with, scored or turned into vectors; and the list of what is served."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest

from orrery.agents.embeddings import ModelEmbedder, embedder_for
from orrery.agents.server import Server
from orrery.errors import ContextFull
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.models.hf import load_model
from orrery.server.completions import read_prompt
from orrery.tokenizers.special import RESERVED
from tests.inference.assistant import Assistant
from tests.server.conftest import LONG
from tests.server.running import Running

TEXT = "Héllo 🌍, 你好!"


@pytest.fixture(scope="module")
def base(folders: Path) -> Engine:
    return Engine.load(folders / "base", tools=())


def complete(client: openai.OpenAI, prompt: Any, **more: Any) -> Any:
    return client.completions.create(model="base", prompt=prompt, **{"temperature": 0, **more})


def test_a_text_is_gone_on_with_as_the_engine_does_behind_the_beginning_of_a_document(
    client: openai.OpenAI, base: Engine
) -> None:
    ids = [base.tokenizer.eos_id, *base.tokenizer.encode(TEXT)]
    (expected,) = base.generate([ids], Sampling(max_tokens=16))
    answer = complete(client, TEXT)
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == (expected.text, expected.finish_reason)
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (len(ids), 16)
    assert complete(client, ids).choices[0].text == expected.text
    streamed = "".join(chunk.choices[0].text for chunk in complete(client, TEXT, stream=True))
    assert streamed == expected.text


def test_without_a_temperature_a_base_model_is_sampled(client: openai.OpenAI) -> None:
    texts = [client.completions.create(model="base", prompt="a", seed=seed).choices[0].text for seed in (1, 2)]
    assert texts[0] != texts[1]
    assert texts[0] == client.completions.create(model="base", prompt="a", seed=1, temperature=1).choices[0].text


@pytest.mark.parametrize("temperature", [5e-324, 1e-40, 1e-7, 1e-5])
def test_the_lowest_temperatures_are_greedy(client: openai.OpenAI, temperature: float) -> None:
    options = {"repetition_penalty": 0.01, "top_p": 5e-324}
    cold = complete(client, TEXT, temperature=temperature, extra_body=options)
    assert cold.choices[0].text == complete(client, TEXT, extra_body=options).choices[0].text


def test_several_prompts_with_several_choices_come_in_order(client: openai.OpenAI) -> None:
    options: dict[str, Any] = {"temperature": 1, "seed": 5, "max_tokens": 4}
    both = complete(client, ["ab", "cd"], n=2, **options).choices
    assert [choice.index for choice in both] == [0, 1, 2, 3]
    alone = [choice.text for prompt in ("ab", "cd") for choice in complete(client, prompt, n=2, **options).choices]
    assert [choice.text for choice in both] == alone


def test_echo_without_tokens_scores_a_text(client: openai.OpenAI, base: Engine) -> None:
    ids = base.tokenizer.encode(TEXT)
    (known,) = base.logprobs([[base.tokenizer.eos_id, *ids]])
    answer = complete(client, TEXT, echo=True, logprobs=2, max_tokens=0)
    (choice,), scores = answer.choices, answer.choices[0].logprobs
    assert (choice.text, answer.usage.completion_tokens) == (TEXT, 0)
    assert scores.token_logprobs == pytest.approx(known.tolist(), abs=1e-4)
    assert len(scores.tokens) == len(ids) == len(scores.top_logprobs)
    for token, logprob, top in zip(scores.tokens, scores.token_logprobs, scores.top_logprobs, strict=True):
        assert top[token] == logprob and len(top) in (2, 3) and max(top.values()) >= logprob
    for place, token in zip(scores.text_offset, scores.tokens, strict=True):
        assert token.startswith("bytes:\\x") or TEXT[place:].startswith(token)
    assert any(token.startswith("bytes:\\x") for token in scores.tokens), "no token ends inside a character"


def test_ids_are_scored_from_the_second_on_as_lm_eval_asks(client: openai.OpenAI, base: Engine) -> None:
    ids = [base.tokenizer.eos_id, *base.tokenizer.encode("one two")]
    (known,) = base.logprobs([ids])
    (choice,) = complete(client, [ids], echo=True, logprobs=1, max_tokens=1, seed=1234).choices
    scores = choice.logprobs
    assert scores.token_logprobs[0] is None and scores.top_logprobs[0] is None and scores.tokens[0] == "<|endoftext|>"
    assert scores.token_logprobs[1:-1] == pytest.approx(known.tolist(), abs=1e-4)
    assert len(scores.tokens) == len(ids) + 1 and choice.text.startswith("<|endoftext|>one two")


def test_a_stream_with_echo_and_scores_is_the_whole_completion(client: openai.OpenAI) -> None:
    options: dict[str, Any] = {"echo": True, "logprobs": 1, "max_tokens": 5}
    whole = complete(client, TEXT, **options).choices[0]
    chunks = [chunk.choices[0] for chunk in complete(client, TEXT, stream=True, **options)]
    assert "".join(chunk.text for chunk in chunks) == whole.text
    for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
        joined = [entry for chunk in chunks for entry in getattr(chunk.logprobs, name)]
        assert joined == getattr(whole.logprobs, name)


def test_a_stop_text_ends_a_completion_before_it(client: openai.OpenAI) -> None:
    text = complete(client, TEXT, max_tokens=30).choices[0].text
    stop = text[12:14]
    (cut,) = complete(client, TEXT, max_tokens=30, stop=stop).choices
    assert (cut.text, cut.finish_reason) == (text[: text.index(stop)], "stop")


def test_text_never_becomes_a_special_token(client: openai.OpenAI, assistant: Assistant) -> None:
    text, tokenizer = " ".join(RESERVED), assistant.tokenizer
    special = {tokenizer.id_of(name) for name in RESERVED}
    (document,) = read_prompt(text, tokenizer)
    assert [id for id in document.ids if id in special] == [tokenizer.eos_id] and document.hidden == 1
    (choice,) = complete(client, text, echo=True, logprobs=0, max_tokens=0, stop=[text]).choices
    assert choice.text == text and not set(choice.logprobs.tokens) & set(RESERVED)
    vectors = client.embeddings.create(model="base", input=[text, "x"]).data
    assert len(vectors) == 2


def test_a_model_whose_tokenizer_knows_no_turns_completes_and_embeds(client: openai.OpenAI, folders: Path) -> None:
    engine = Engine.load(folders / "gpt2", tools=())
    ids = [engine.tokenizer.eos_id, *engine.tokenizer.encode("<tool_call>")]
    (expected,) = engine.generate([ids], Sampling(max_tokens=16))
    answer = client.completions.create(model="gpt2", prompt="<tool_call>", temperature=0, echo=True, logprobs=1)
    assert answer.choices[0].text == "<tool_call>" + expected.text
    assert client.embeddings.create(model="gpt2", input="<tool_call>").usage.prompt_tokens == len(ids)
    with pytest.raises(openai.UnprocessableEntityError, match="base model"):
        client.chat.completions.create(model="gpt2", messages=[{"role": "user", "content": "Hi"}])


def test_embeddings_are_those_of_the_library_in_both_encodings(
    client: openai.OpenAI, folders: Path, assistant: Assistant
) -> None:
    texts = ["one", "", TEXT * 5, "one"]
    expected = ModelEmbedder(load_model(folders / "base"), assistant.tokenizer).embed(texts)
    packed = client.embeddings.create(model="base", input=texts)  # the client asks for base64
    plain = client.embeddings.create(model="base", input=texts, encoding_format="float")
    for answer in (packed, plain):
        assert [item.index for item in answer.data] == [0, 1, 2, 3]
        assert np.allclose([item.embedding for item in answer.data], expected, atol=1e-5)
    ids = [[assistant.tokenizer.eos_id, *assistant.tokenizer.encode(text)] for text in texts]
    assert packed.usage.prompt_tokens == sum(map(len, ids))
    of_ids = client.embeddings.create(model="base", input=ids, encoding_format="float").data
    assert np.allclose([item.embedding for item in of_ids], expected, atol=1e-5)
    (alone,) = client.embeddings.create(model="base", input=TEXT * 5).data
    assert np.allclose(alone.embedding, expected[2], atol=1e-5)


def test_fewer_dimensions_are_the_first_at_length_1(server: Running) -> None:
    def vector(**more: Any) -> np.ndarray:
        body = {"model": "base", "input": "one", "encoding_format": "base64", **more}
        (item,) = server.http.post("/v1/embeddings", json=body).json()["data"]
        return np.frombuffer(base64.b64decode(item["embedding"]), "<f4")

    whole, part = vector(), vector(dimensions=8)
    assert np.allclose(part, whole[:8] / np.linalg.norm(whole[:8]), atol=1e-6)
    assert np.linalg.norm(whole) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("path", "change", "code"),
    [
        ("completions", {"prompt": [5, 999_999]}, "invalid_value"),
        ("completions", {"prompt": []}, "invalid_value"),
        ("completions", {"prompt": [[1], ["a"]]}, "invalid_value"),
        ("completions", {"prompt": "\ud800"}, "invalid_value"),
        ("completions", {"prompt": "a " * LONG}, "context_length_exceeded"),
        ("completions", {"prompt": ["a"] * 257}, "too_many_answers"),
        ("completions", {"prompt": "a", "best_of": 2}, "invalid_value"),
        ("completions", {"prompt": "a", "suffix": "b"}, "invalid_value"),
        ("completions", {"prompt": "a", "stop": [""]}, "invalid_value"),
        ("completions", {"prompt": "a", "max_tokens": -1}, "invalid_value"),
        ("embeddings", {"input": ["a"] * 2049}, "too_many_texts"),
        ("embeddings", {"input": "a", "dimensions": 1000}, "invalid_value"),
        ("embeddings", {"input": "a", "encoding_format": "int8"}, "invalid_value"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_code(server: Running, path: str, change: Any, code: str) -> None:
    body = json.dumps({"model": "base", **change})  # in ASCII: half a surrogate pair can be written so
    response = server.http.post(f"/v1/{path}", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["error"]["code"]) == (422, code)


def test_orrerys_own_client_of_other_servers_understands_this_one(server: Running, folders: Path) -> None:
    own = Server(f"{server.url}/v1")
    assert own.models() == ["sft", "base", "gpt2"]
    hello = own.chat("sft", [{"role": "user", "content": "Hi"}], Sampling())
    assert hello["message"]["content"] == "Hello." and own.complete("sft", Sampling(), "Hi", ["lo"]) == "Hel"
    with pytest.raises(ContextFull):
        own.chat("sft", [{"role": "user", "content": "Hi " * 2000}], Sampling())
    remote, local = embedder_for(f"{server.url}/v1#base"), embedder_for(str(folders / "base"))
    assert np.allclose(remote.embed(["one", "two"]), local.embed(["one", "two"]), atol=1e-5)


def test_metrics_count_what_was_read_written_and_refused(server: Running, client: openai.OpenAI) -> None:
    names = (
        "orrery_prompt_tokens_total", "orrery_generated_tokens_total", "orrery_time_to_first_token_seconds_count",
        "orrery_time_per_token_seconds_count", 'orrery_requests_total{path="/v1/completions",status="422"}',
    )  # fmt: skip

    def numbers() -> list[float]:
        text = server.http.get("/metrics").text
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
        return [sum(float(value) for name, value in lines if name.startswith(wanted)) for wanted in names]

    before = numbers()
    complete(client, [1, 2, 3, 4, 5], n=2, max_tokens=6, logit_bias={"7": 100})
    with pytest.raises(openai.UnprocessableEntityError):
        complete(client, "a", n=0)
    assert [after - old for after, old in zip(numbers(), before, strict=True)] == [5, 12, 2, 10, 1]


def test_models_are_listed_by_name_with_what_they_hold(client: openai.OpenAI) -> None:
    listed = client.models.list().data
    assert [(model.id, model.owned_by, model.context_length) for model in listed] == [
        ("sft", "orrery", 1024), ("base", "orrery", LONG), ("gpt2", "orrery", 256),
    ]  # fmt: skip
    complete(client, "a", max_tokens=1)
    assert client.models.retrieve("base").loaded is True


@pytest.mark.parametrize("name", ["gpt-4", "", "../sft", "sft/", "/etc/passwd", "sft/../sft", "base\u0000"])
def test_any_other_model_is_not_found_whatever_its_name(client: openai.OpenAI, name: str) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model=name, messages=[{"role": "user", "content": "Hi"}])
    assert raised.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model=name, input="a")


def test_the_published_document_is_openapi_and_declares_every_error(server: Running) -> None:
    document = server.http.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/v1/models", "/v1/models/{name}", "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/health",
        "/metrics",
    }  # fmt: skip
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/embeddings"):
        responses = document["paths"][path]["post"]["responses"]
        assert set(responses) == {"200", "400", "401", "403", "404", "413", "422", "429", "503"}
        for status in set(responses) - {"200"}:
            schema = responses[status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}
