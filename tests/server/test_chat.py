"""Conversations through OpenAI's own client: what it gets is what the engine writes, in whole and in pieces."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from orrery.inference.sampling import Sampling
from orrery.server.chat import plan_of
from orrery.server.engine_process import EngineProcess
from orrery.server.names import read_models
from orrery.server.protocol import EngineSettings
from orrery.server.schema import ChatRequest
from orrery.server.service import Service
from orrery.tokenizers.chat import render
from orrery.tokenizers.special import RESERVED
from tests.inference.assistant import ANSWERS, BROKEN, Assistant, user
from tests.server.running import Running
from tests.server.talker import DESCRIBED, SUM


def ask(client: openai.OpenAI, question: str, **more: Any) -> Any:
    return client.chat.completions.create(model="sft", messages=[{"role": "user", "content": question}], **more)


def streamed(client: openai.OpenAI, question: str, **more: Any) -> list[Any]:
    return list(ask(client, question, stream=True, **more))


def text_of(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_what_is_12_times_7_is_84_for_any_client(client: openai.OpenAI) -> None:
    answer = ask(client, "What is 12 times 7?")
    assert answer.choices[0].message.content == "12 times 7 is 84."
    assert answer.choices[0].finish_reason == "stop" and not answer.choices[0].message.tool_calls


@pytest.mark.parametrize("question", ANSWERS)
def test_an_answer_is_what_the_engine_says_greedily(client: openai.OpenAI, assistant: Assistant, question: str) -> None:
    (turn,) = assistant.engine().turns([[user(question)]], Sampling(max_tokens=200))
    said = [message["content"] for message in turn.messages if message["role"] == "assistant" and message["content"]]
    assert ask(client, question).choices[0].message.content == "\n".join(said)


@pytest.mark.parametrize("question", [*ANSWERS, BROKEN])
def test_the_pieces_of_a_stream_are_the_whole_answer(client: openai.OpenAI, question: str) -> None:
    chunks = streamed(client, question)
    whole = ask(client, question).choices[0]
    assert text_of(chunks) == whole.message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks][-1] == whole.finish_reason
    assert len(chunks) > 3 and "\ufffd" not in text_of(chunks)


def test_a_stream_ends_in_done_and_counts_its_tokens_if_asked(server: Running) -> None:
    body = {"model": "sft", "messages": [user("Hi")], "stream": True, "stream_options": {"include_usage": True}}
    response = server.http.post("/v1/chat/completions", json=body)
    assert response.headers["content-type"].startswith("text/event-stream")
    *events, done, end = response.text.split("\n\n")
    assert (done, end) == ("data: [DONE]", "")
    last = json.loads(events[-1].removeprefix("data: "))
    whole = server.http.post("/v1/chat/completions", json=body | {"stream": False, "stream_options": None}).json()
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"] == 6


def test_usage_counts_the_tokens_that_were_read_written_and_known_before(
    client: openai.OpenAI, assistant: Assistant
) -> None:
    messages: Any = [{"role": "system", "content": "Nobody has said this before."}, user("Hi")]
    prompt = len(render(messages, assistant.tokenizer, add_generation_prompt=True).ids)
    first, second = (client.chat.completions.create(model="sft", messages=messages, max_tokens=3) for _ in range(2))
    assert (first.usage.prompt_tokens, first.usage.completion_tokens, first.usage.total_tokens) == (
        prompt,
        3,
        prompt + 3,
    )
    assert first.usage.prompt_tokens_details.cached_tokens < prompt // 2
    assert second.usage.prompt_tokens_details.cached_tokens == prompt - 1


def test_an_answer_that_is_cut_says_length(client: openai.OpenAI) -> None:
    for limit in ({"max_tokens": 2}, {"max_completion_tokens": 2}):
        (choice,) = ask(client, "Greet the world", **limit).choices
        assert choice.finish_reason == "length"
        assert ANSWERS["Greet the world"][0]["content"].startswith(choice.message.content.rstrip("\ufffd"))


@pytest.mark.parametrize("stream", [False, True])
def test_stop_texts_end_an_answer_before_them_wherever_tokens_end(client: openai.OpenAI, stream: bool) -> None:
    for stop, expected in (("lo 🌍", "Hél"), (["How", "好!"], "Héllo 🌍, 你"), (["nothing"], None)):
        if stream:
            chunks = streamed(client, "Greet the world", stop=stop)
            text, reason = text_of(chunks), chunks[-1].choices[0].finish_reason
        else:
            (choice,) = ask(client, "Greet the world", stop=stop).choices
            text, reason = choice.message.content, choice.finish_reason
        assert (text, reason) == (expected or ANSWERS["Greet the world"][0]["content"], "stop")


def test_a_seed_gives_the_same_answers_again_and_n_of_them_differ(client: openai.OpenAI) -> None:
    def texts(seed: int, n: int) -> list[str]:
        answers = ask(client, "Hi", temperature=2, seed=seed, n=n, max_tokens=12)
        assert [choice.index for choice in answers.choices] == list(range(n))
        return [choice.message.content for choice in answers.choices]

    assert texts(1, 4) == texts(1, 4) and texts(1, 4) != texts(2, 4)
    assert texts(1, 4)[:2] == texts(1, 2)
    assert len(set(texts(1, 4))) > 1


def test_n_streams_are_told_apart_by_their_index(client: openai.OpenAI) -> None:
    whole = ask(client, "Hi", temperature=2, seed=3, n=3, max_tokens=12)
    texts = ["", "", ""]
    for chunk in streamed(client, "Hi", temperature=2, seed=3, n=3, max_tokens=12):
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert texts == [choice.message.content for choice in whole.choices]


def test_without_a_temperature_an_assistant_says_what_is_likeliest(client: openai.OpenAI) -> None:
    assert {ask(client, "Hi").choices[0].message.content for _ in range(3)} == {"Hello."}


def test_bias_and_penalties_reach_the_engine(client: openai.OpenAI, assistant: Assistant) -> None:
    (token, *_) = assistant.tokenizer.encode("Hello.")
    assert not ask(client, "Hi", logit_bias={str(token): -100}).choices[0].message.content.startswith("Hello")
    likely = ask(client, "Hi", logit_bias={str(token): 100}, max_tokens=5).choices[0].message.content
    assert likely == assistant.tokenizer.token_bytes(token).decode() * 5
    punished = ask(client, "Hi", logit_bias={str(token): 10}, frequency_penalty=2, max_tokens=20)
    assert punished.choices[0].message.content.count("H") < 20
    assert ask(client, "Hi", extra_body={"top_k": 1, "repetition_penalty": 1.0, "min_p": 0.5}).choices


def test_logprobs_are_those_that_a_trainer_computes(client: openai.OpenAI, assistant: Assistant) -> None:
    text = ANSWERS["Greet the world"][0]["content"]
    prompt = render([user("Greet the world")], assistant.tokenizer, add_generation_prompt=True).ids
    ids = assistant.tokenizer.encode(text)
    (known,) = assistant.engine().logprobs([[*prompt, *ids]])
    options: dict[str, Any] = {"logprobs": True, "top_logprobs": 3, "temperature": 0.5, "seed": 0}
    (choice,) = ask(client, "Greet the world", **options).choices
    entries = choice.logprobs.content
    assert choice.message.content == text
    assert [entry.logprob for entry in entries] == pytest.approx(known[len(prompt) - 1 :].tolist(), abs=1e-4)
    assert b"".join(bytes(entry.bytes) for entry in entries) == text.encode()
    for entry in entries:
        tops = entry.top_logprobs
        assert len(tops) == 3 and [top.logprob for top in tops] == sorted((top.logprob for top in tops), reverse=True)
        assert (tops[0].token, tops[0].logprob, tops[0].shaped_logprob) == (
            entry.token,
            entry.logprob,
            entry.shaped_logprob,
        )
        assert entry.logprob < entry.shaped_logprob <= 0 or entry.logprob == pytest.approx(0, abs=1e-4)
    pieces = streamed(client, "Greet the world", **options)
    of_stream = [entry for chunk in pieces for entry in (chunk.choices[0].logprobs or _none).content]
    assert [(entry.token, entry.logprob) for entry in of_stream] == [(entry.token, entry.logprob) for entry in entries]


class _none:
    content: list[Any] = []


def forced(name: str) -> Any:
    return {"type": "function", "function": {"name": name}}


def calls_in(message: Any) -> list[tuple[str, Any]]:
    return [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or ()]


@pytest.mark.parametrize("choice", ["auto", "required", forced("calculator")])
def test_tools_of_the_client_are_called_by_the_client(client: openai.OpenAI, choice: Any) -> None:
    (answer,) = ask(client, "What is 12 times 7?", tools=[SUM], tool_choice=choice).choices
    assert (answer.finish_reason, answer.message.content) == ("tool_calls", None)
    assert calls_in(answer.message) == [("calculator", {"expression": "12*7"})]
    assert answer.message.tool_calls[0].type == "function" and answer.message.tool_calls[0].id.startswith("call_")


def test_a_described_tool_need_not_be_called(client: openai.OpenAI) -> None:
    (answer,) = ask(client, "Hi", tools=[SUM]).choices
    assert (answer.finish_reason, answer.message.content, answer.message.tool_calls) == ("stop", "Hello.", None)


def test_parallel_calls_are_several_or_where_that_is_not_wanted_one(client: openai.OpenAI) -> None:
    both = ask(client, "Two sums", tools=[SUM]).choices[0].message
    assert calls_in(both) == [("calculator", {"expression": "1+2"}), ("calculator", {"expression": "3+4"})]
    assert both.content == "Let me see." and len({call.id for call in both.tool_calls}) == 2
    (one,) = ask(client, "Two sums", tools=[SUM], parallel_tool_calls=False).choices
    assert calls_in(one.message) == [("calculator", {"expression": "1+2"})] and one.finish_reason == "tool_calls"


def test_a_malformed_call_is_text(client: openai.OpenAI) -> None:
    (token,) = (ask(client, "Hi", tools=[SUM], tool_choice=forced("calculator"), max_tokens=3).choices,)
    assert token[0].message.content.startswith('<tool_call>{"name": "calculator", "arguments":')
    assert token[0].finish_reason == "length" and not token[0].message.tool_calls


def test_a_call_and_its_result_go_back_to_the_model_as_it_wrote_them(client: openai.OpenAI) -> None:
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "calculator", "arguments": '{"expression": "12*7"}'},
    }
    messages: Any = [
        user("What is 12 times 7?"),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "84"}]},
    ]
    answer = client.chat.completions.create(model="sft", messages=messages)
    assert answer.choices[0].message.content == "12 times 7 is 84."


@pytest.mark.parametrize("question", DESCRIBED)
def test_a_stream_of_calls_is_the_whole_message(client: openai.OpenAI, question: str) -> None:
    chunks, whole = streamed(client, question, tools=[SUM]), ask(client, question, tools=[SUM]).choices[0]
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert [call.index for call in calls] == list(range(len(calls))) and all(call.id for call in calls)
    assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == calls_in(whole.message)
    assert text_of(chunks) == (whole.message.content or "")
    assert chunks[-1].choices[0].finish_reason == whole.finish_reason


def test_tool_choice_none_writes_text_and_an_unknown_choice_is_refused(client: openai.OpenAI) -> None:
    (choice,) = ask(client, "What is 12 times 7?", tools=[SUM], tool_choice="none", max_tokens=30).choices
    assert not choice.message.tool_calls and "<tool_call>" not in choice.message.content
    for wrong in ({"tools": [SUM], "tool_choice": forced("moon")}, {"tool_choice": "required"}):
        with pytest.raises(openai.UnprocessableEntityError, match="tool_choice"):
            ask(client, "Hi", **wrong)


def test_messages_may_have_parts_developers_and_fields_that_mean_nothing_here(client: openai.OpenAI) -> None:
    messages: Any = [
        {"role": "user", "content": [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}], "name": "x"}
    ]
    answer = client.chat.completions.create(model="sft", messages=messages, user="me", metadata={"a": "b"}, store=False)
    assert answer.choices[0].message.content == "Hello."
    system, developer = (
        client.chat.completions.create(model="sft", messages=[{"role": role, "content": "Hm."}, user("Hi")])
        for role in ("system", "developer")
    )
    assert system.usage == developer.usage.model_copy(
        update={"prompt_tokens_details": system.usage.prompt_tokens_details}
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "no images"),
        ({"messages": [{"role": "pirate", "content": "Arr"}]}, "pirate"),
        ({"messages": [{"role": "tool", "content": "84", "tool_call_id": "x"}]}, "no tool call before it"),
        ({"messages": [{"role": "user", "content": "x" * 8000}]}, "context"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": "0.5"}, "temperature"),
        ({"n": 17}, "n: "),
        ({"max_tokens": 10_000}, "max_tokens"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"logit_bias": {"999999": 1}}, "999999"),
        ({"stop": ["a"] * 17}, "stop"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"functions": [{}]}, "not served here"),
        ({"model": "base"}, "base model"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_openais_form(
    client: openai.OpenAI, change: dict[str, Any], says: str
) -> None:
    body: dict[str, Any] = {"model": "sft", "messages": [user("Hi")], **change}
    with pytest.raises(openai.UnprocessableEntityError) as raised:
        client.chat.completions.create(**{key: body.pop(key) for key in ("model", "messages")}, extra_body=body)
    error: Any = raised.value.body
    assert says in error["message"] and error["type"] == "invalid_request_error"
    assert set(error) == {"message", "type", "param", "code"}
    if says == "context":
        assert error["code"] == "context_length_exceeded"


@pytest.mark.parametrize("described", [False, True])
def test_text_in_any_field_of_a_conversation_never_becomes_a_special_token(folders: Path, described: bool) -> None:
    service = Service(read_models([folders / "sft"]), EngineProcess(EngineSettings({})))
    special = {service.models["sft"].tokenizer.id_of(text) for text in RESERVED}

    def specials(text: str) -> list[int]:
        call = {"id": text, "type": "function", "function": {"name": text, "arguments": json.dumps({text: text})}}
        tool = {"type": "function", "function": {"name": "f", "description": text, "parameters": {text: [text]}}}
        messages: list[Any] = [
            {"role": "system", "content": text, "name": text},
            {"role": "user", "content": [{"type": "text", "text": text}]},
            {"role": "assistant", "content": text, "reasoning_content": text, "tool_calls": [call]},
            {"role": "tool", "content": text, "tool_call_id": text},
            {"role": "user", "content": text, text: text},
        ]
        body = {"model": "sft", "messages": messages, "stop": [text], "user": text, text: text}
        asked = ChatRequest.model_validate(body | ({"tools": [tool]} if described else {}))
        # A context that holds it all: what is looked at is what the model would read.
        model = replace(service.models["sft"], context=100_000)
        return [id for id in plan_of(service, asked, model).prompt if id in special]

    assert specials(" ".join(RESERVED)) == specials("harmless") != []


def test_no_client_is_needed_but_json_is(server: Running) -> None:
    post = server.http.post
    for content, kind, status in (
        (b"{oops", "application/json", 400), (b"\xff", "application/json", 400), (b"[]", "application/json", 422),
        (b"{}", "text/plain", 422), (b"[" * 100_000, "application/json", 400),
    ):  # fmt: skip
        response: httpx2.Response = post("/v1/chat/completions", content=content, headers={"Content-Type": kind})
        assert response.status_code == status and set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert server.http.get("/v1/nowhere").json()["error"]["message"] == "there is no /v1/nowhere here"
    assert server.http.get("/v1/completions").status_code == 405
