"""What the server answers, in OpenAI's words: published in /openapi.json, and what every answer is made of."""

from typing import Literal

from pydantic import BaseModel

FinishReason = Literal["stop", "length", "tool_calls"]


class CachedTokens(BaseModel):
    """Tokens of the prompt that needed no computing, because an earlier request began alike."""

    cached_tokens: int = 0


class Usage(BaseModel):
    """How many tokens were read and written; those of tools that the server ran itself are in neither."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: CachedTokens


class LikelyToken(BaseModel):
    """A token that could have stood here. `logprob` is the model's own, `shaped_logprob` what it was drawn by."""

    token: str
    bytes: list[int]
    logprob: float
    shaped_logprob: float | None


class TokenLogprob(LikelyToken):
    """A token that was written, with the likeliest at its place."""

    top_logprobs: list[LikelyToken]


class ChatLogprobs(BaseModel):
    """Of the tokens of a message."""

    content: list[TokenLogprob]


class FunctionCall(BaseModel):
    """What is called; the arguments are JSON in a string."""

    name: str
    arguments: str


class Call(BaseModel):
    """A call that the client is to answer."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class IndexedCall(Call):
    """A call in a stream."""

    index: int


class Said(BaseModel):
    """A whole message of the assistant."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    reasoning_content: str | None = None
    tool_calls: list[Call] | None = None
    refusal: None = None


class ChatChoice(BaseModel):
    """One of the answers."""

    index: int
    message: Said
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason


class ChatAnswer(BaseModel):
    """The answer to a conversation."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage


class SaidNow(BaseModel):
    """What a message has more than before."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[IndexedCall] | None = None


class ChatChunkChoice(BaseModel):
    """What is new of one of the answers."""

    index: int
    delta: SaidNow
    logprobs: ChatLogprobs | None = None
    finish_reason: FinishReason | None = None


class ChatChunk(BaseModel):
    """An event of a stream."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChatChunkChoice]
    usage: Usage | None = None


class CompletionLogprobs(BaseModel):
    """Of a completion's tokens, and where each begins in the text."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]


class CompletionChoice(BaseModel):
    """One of the completions, or what is new of it."""

    index: int
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: FinishReason | None


class CompletionAnswer(BaseModel):
    """How texts go on; also an event of a stream."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: Usage | None = None


class EmbeddingItem(BaseModel):
    """A text as a vector of length 1: numbers, or their bytes (float32, little endian) in base64."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(BaseModel):
    """How many tokens were read."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingAnswer(BaseModel):
    """Texts as vectors, in their order."""

    object: Literal["list"] = "list"
    data: list[EmbeddingItem]
    model: str
    usage: EmbeddingUsage


class ModelCard(BaseModel):
    """A model that is served. `context_length` is in tokens; `loaded`: whether it is in memory now."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "orrery"
    context_length: int
    loaded: bool


class ModelList(BaseModel):
    """All models that are served."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class Health(BaseModel):
    """Whether requests are served."""

    status: Literal["ok", "loading", "restarting"]
