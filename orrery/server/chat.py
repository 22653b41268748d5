"""POST /v1/chat/completions: a conversation, answered in whole or in pieces."""

import json
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from orrery.server.answers import (
    CachedTokens,
    ChatAnswer,
    ChatChoice,
    ChatChunk,
    ChatChunkChoice,
    IndexedCall,
    Said,
    SaidNow,
    Usage,
)
from orrery.server.errors import Problem
from orrery.server.logprobs import chat_logprobs
from orrery.server.names import ServedModel
from orrery.server.replies import Piece
from orrery.server.replying import Answer, Plan
from orrery.server.schema import AssistantMessage, ChatMessage, ChatRequest, Content, ToolChoice
from orrery.server.service import Service, in_thread
from orrery.server.streams import event_stream, side_by_side, while_connected
from orrery.tokenizers.chat import Message, render, validate_messages
from orrery.tokenizers.special import END_TOOL_CALL, TOOL_CALL

NEVER = -1e9  # a bias that no logit makes up for


async def chat(service: Service, asked: ChatRequest, request: Request) -> Response:
    """Answer a conversation. Raises Problem for what cannot be answered."""
    model = service.model(asked.model)
    if not model.assistant:
        message = f"{model.name} is a base model, which knows no turns: use /v1/completions"
        raise Problem(422, message, "not_an_assistant", "model")
    plan = await in_thread(lambda: plan_of(service, asked, model))
    service.admit(asked.n or 1)
    service.metrics.prompt.labels(model.name).inc(len(plan.prompt))
    exchange = Exchange(asked, plan, [Answer(service, plan, number) for number in range(asked.n or 1)])
    if asked.stream:
        return await event_stream(request, exchange.chunks())
    return JSONResponse((await while_connected(request, exchange.whole())).model_dump())


def plan_of(service: Service, asked: ChatRequest, model: ServedModel) -> Plan:
    """What is asked of the model: everything that takes time where texts are long. Raises Problem and DataError."""
    tokenizer = model.tokenizer
    try:
        messages = [plain_message(message) for message in asked.messages]
        validate_messages(messages, "the conversation")
        tools = [tool.model_dump(exclude_none=True) for tool in asked.tools or ()]
        prompt = render(messages, tokenizer, add_generation_prompt=True, tools=tools or None).ids
    except RecursionError as error:
        raise Problem(422, "a tool's parameters are nested too deeply", "invalid_value", "tools") from error
    forced = forced_beginning(asked, model)
    asked_tokens = asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens
    sampling = service.sampling(asked, model, len(prompt) + len(forced), asked_tokens)
    call, end = tokenizer.known_id(TOOL_CALL), tokenizer.known_id(END_TOOL_CALL)  # both, or none
    if asked.tool_choice == "none" and call >= 0:
        bias = tuple((token, bias) for token, bias in sampling.logit_bias if token != call)
        sampling = replace(sampling, logit_bias=(*bias, (call, NEVER)))
    if asked.tools and asked.parallel_tool_calls is False and call >= 0:
        sampling = replace(sampling, stop_ids=(end,))
    top = (asked.top_logprobs or 0) if asked.logprobs else None
    return Plan(model, prompt, forced, sampling, top, calls=bool(asked.tools))


def plain_message(message: ChatMessage) -> Message:
    """A message as `render` takes it. Raises Problem for calls whose arguments are no JSON object."""
    plain: Message = {"role": "system" if message.role == "developer" else message.role}
    plain["content"] = plain_text(message.content)
    if isinstance(message, AssistantMessage):
        if message.reasoning_content:
            plain["reasoning_content"] = message.reasoning_content
        if message.tool_calls:
            functions = [(call.function.name, read_arguments(call.function.arguments)) for call in message.tool_calls]
            plain["tool_calls"] = [
                {"type": "function", "function": {"name": name, "arguments": arguments}}
                for name, arguments in functions
            ]
    return plain


def plain_text(content: Content | None) -> str | None:
    """A content's text; parts follow each other."""
    return "".join(part.text for part in content) if isinstance(content, list) else content


def read_arguments(text: str) -> dict[str, Any]:
    """A call's arguments. Raises Problem unless they are a JSON object."""
    try:
        arguments = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise Problem(422, f"a call's arguments are no JSON: {error}", "invalid_value", "messages") from error
    if not isinstance(arguments, dict):
        raise Problem(422, "a call's arguments must be a JSON object", "invalid_value", "messages")
    return arguments


def forced_beginning(asked: ChatRequest, model: ServedModel) -> list[int]:
    """The ids that the answer begins with, where a call is required.

    Raises Problem where that cannot be.
    """
    choice, names = asked.tool_choice, [tool.function.name for tool in asked.tools or ()]
    if choice in (None, "auto", "none"):
        return []
    if not names:
        raise Problem(422, "tool_choice asks for a call, but there are no tools", "invalid_value", "tool_choice")
    name = choice.function.name if isinstance(choice, ToolChoice) else names[0]
    if name not in names:
        raise Problem(422, f"tool_choice names {name!r}, which is none of the tools", "invalid_value", "tool_choice")
    if model.tokenizer.known_id(TOOL_CALL) < 0:
        raise Problem(422, f"{model.name} has no token for calls, so none can be required of it", param="tool_choice")
    call = [model.tokenizer.id_of(TOOL_CALL)]
    if choice == "required" and len(names) > 1:
        return call
    # Up to the colon: there words end, so these are the ids that a call of the model's own begins with.
    return [*call, *model.tokenizer.encode(f'{{"name": {json.dumps(name)}, "arguments":')]


class Exchange:
    """A request and its answers, in the two forms that they are sent in."""

    def __init__(self, asked: ChatRequest, plan: Plan, answers: Sequence[Answer]) -> None:
        self.asked, self.plan, self.answers = asked, plan, answers
        self.head: dict[str, Any] = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": plan.model.name,
        }

    def scores(self, piece: Piece) -> Any:
        """The log-probabilities of a piece, if they are wanted."""
        return chat_logprobs(piece.scores, self.plan.model.tokenizer) if self.plan.top is not None else None

    async def whole(self) -> ChatAnswer:
        """All answers, when they are complete."""
        texts, thoughts = [""] * len(self.answers), [""] * len(self.answers)
        scores: list[list[Any]] = [[] for _ in self.answers]
        last: dict[int, Piece] = {}
        async for index, piece in side_by_side([answer.pieces() for answer in self.answers]):
            texts[index] += piece.text
            thoughts[index] += piece.reasoning
            scores[index] += piece.scores
            last[index] = piece
        choices = []
        for index, end in sorted(last.items()):
            message = Said(
                content=texts[index] if texts[index] or not end.calls else None,
                reasoning_content=thoughts[index] or None,
                tool_calls=list(end.calls) or None,
            )
            assert end.finish_reason is not None
            of_all = self.scores(Piece(scores=tuple(scores[index])))
            choices.append(ChatChoice(index=index, message=message, logprobs=of_all, finish_reason=end.finish_reason))
        return ChatAnswer(**self.head, choices=choices, usage=self.usage())

    async def chunks(self) -> AsyncGenerator[ChatChunk, None]:
        """All answers, in pieces."""
        begun: set[int] = set()
        counts = bool(self.asked.stream_options and self.asked.stream_options.include_usage)
        pieces = side_by_side([answer.pieces() for answer in self.answers])
        try:
            async for index, piece in pieces:
                if index not in begun:
                    begun.add(index)
                    yield self.chunk(index, SaidNow(role="assistant", content=""), None, None)
                delta = self.delta(piece)
                if delta.model_fields_set or piece.scores:
                    yield self.chunk(index, delta, self.scores(piece), None)
                if piece.finish_reason is not None:
                    yield self.chunk(index, SaidNow(), None, piece.finish_reason)
            if counts:
                yield ChatChunk(object="chat.completion.chunk", **self.head, choices=[], usage=self.usage())
        finally:
            await pieces.aclose()

    def delta(self, piece: Piece) -> SaidNow:
        """What a piece adds to the message."""
        new: dict[str, Any] = {}
        if piece.text:
            new["content"] = piece.text
        if piece.reasoning:
            new["reasoning_content"] = piece.reasoning
        if piece.calls:
            new["tool_calls"] = [
                IndexedCall(index=index, id=call.id, type="function", function=call.function)
                for index, call in enumerate(piece.calls)
            ]
        return SaidNow(**new)

    def chunk(self, index: int, delta: SaidNow, logprobs: Any, finish_reason: Any) -> ChatChunk:
        """One event about one answer."""
        choice = ChatChunkChoice(index=index, delta=delta, logprobs=logprobs, finish_reason=finish_reason)
        return ChatChunk(object="chat.completion.chunk", **self.head, choices=[choice])

    def usage(self) -> Usage:
        """The tokens so far."""
        counts = [answer.count for answer in self.answers]
        written = sum(len(self.plan.forced) + count.written for count in counts)
        return usage_of(len(self.plan.prompt), written, counts[0].cached)


def usage_of(prompt: int, completion: int, cached: int) -> Usage:
    """Counted tokens in OpenAI's form."""
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        prompt_tokens_details=CachedTokens(cached_tokens=cached),
    )
