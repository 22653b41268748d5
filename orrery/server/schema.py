"""What clients may ask, in OpenAI's words: what FastAPI checks requests with, and publishes in /openapi.json.

Types are strict, as JSON has them. Fields that are not declared are ignored, because clients send many that mean
nothing here (`user`, `metadata`, `store`, …); those of OpenAI's that would change the answer and are not served are
declared, and refused by name. What goes beyond OpenAI has vLLM's names: `top_k`, `min_p`, `repetition_penalty`.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
)

MOST_STOPS = 16
MOST_CHOICES = 16
MOST_TOP = 20
MOST_BIASES = 1024
SEED = 2**63


def _characters(text: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError("it holds half of a surrogate pair, which is no character") from error
    return text


def _only_text(value: Any) -> Any:
    if value != "text":
        raise ValueError("only parts of type text can be read: the models here see no images and hear no sound")
    return value


def _refuse(value: Any) -> Any:
    if value is not None:
        raise ValueError("this is not served here; leave it out")
    return value


def _few(values: Any) -> Any:
    if isinstance(values, dict) and len(values) > MOST_BIASES:  # before each of them is looked at
        raise ValueError(f"at most {MOST_BIASES} tokens can be biased")
    return values


def _form(value: Any) -> str | None:
    """Which form a field has that may have several: told by its first item, so that only one of them is tried."""
    if isinstance(value, str):
        return "text"
    if not isinstance(value, list):
        return None
    return {int: "ids", list: "lists"}.get(type(value[0]), "list") if value else "list"


class Strict(BaseModel):
    """Of the types that JSON has, without conversion; other fields are allowed and not looked at."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


# Lists end at their first error: a body could hold a million of them.
Text = Annotated[str, AfterValidator(_characters)]
Texts = Annotated[list[Text], Field(fail_fast=True, min_length=1)]
Ids = Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(fail_fast=True, min_length=1)]
NotServed = Annotated[None, BeforeValidator(_refuse)]
Bias = Annotated[
    dict[Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}$")], Annotated[float, Field(ge=-100, le=100)]],
    BeforeValidator(_few),
    Field(max_length=MOST_BIASES),
]
StopText = Annotated[Text, StringConstraints(min_length=1, max_length=1000)]
Stop = Annotated[
    Annotated[StopText, Tag("text")]
    | Annotated[list[StopText], Field(fail_fast=True, max_length=MOST_STOPS), Tag("list")],
    Discriminator(_form, custom_error_type="stop", custom_error_message="it must be a text, or a list of texts"),
]
Prompt = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[Texts, Tag("list")]
    | Annotated[Ids, Tag("ids")]
    | Annotated[list[Ids], Field(fail_fast=True, min_length=1), Tag("lists")],
    Discriminator(
        _form, custom_error_type="prompt", custom_error_message="it must be a text, ids, or a list of one of these"
    ),
]
ToolName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")]


class TextPart(Strict):
    """A piece of a message."""

    type: Annotated[Literal["text"], BeforeValidator(_only_text)]
    text: Text


Content = Annotated[
    Annotated[Text, Tag("text")] | Annotated[list[TextPart], Field(fail_fast=True), Tag("list")],
    Discriminator(_form, custom_error_type="content", custom_error_message="it must be a text, or a list of parts"),
]


class CalledFunction(Strict):
    """A call's function; its arguments are JSON in a string."""

    name: Annotated[Text, StringConstraints(min_length=1)]
    arguments: Text


class ToolCall(Strict):
    """A call in a message of the assistant."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class SystemMessage(Strict):
    """What the assistant is to be; newer clients say developer."""

    role: Literal["system", "developer"]
    content: Content


class UserMessage(Strict):
    """What the person says."""

    role: Literal["user"]
    content: Content


class AssistantMessage(Strict):
    """What the assistant has said, or called."""

    role: Literal["assistant"]
    content: Content | None = None
    reasoning_content: Text | None = None
    tool_calls: Annotated[list[ToolCall], Field(fail_fast=True)] | None = None


class ToolMessage(Strict):
    """What a tool has answered."""

    role: Literal["tool"]
    content: Content
    tool_call_id: str


ChatMessage = Annotated[SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")]


class Function(Strict):
    """A function that the model may call; `parameters` is a JSON schema."""

    name: ToolName
    description: Text | None = None
    parameters: dict[str, Any] | None = None


class ToolDefinition(Strict):
    """A tool of the client's."""

    type: Literal["function"]
    function: Function


class FunctionName(Strict):
    """The name of a function."""

    name: ToolName


class ToolChoice(Strict):
    """The function that must be called."""

    type: Literal["function"]
    function: FunctionName


class StreamOptions(Strict):
    """`include_usage`: the last chunk counts the tokens."""

    include_usage: bool | None = None


class ResponseFormat(Strict):
    """Only text: a model's answers are not forced into a form."""

    type: Literal["text"]


class SamplingFields(Strict):
    """How to choose tokens: what both ways of writing on have in common. See `orrery.inference.sampling.Sampling`."""

    model: Text
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=-1, lt=2**31)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    repetition_penalty: Annotated[float, Field(ge=0.01, le=10)] | None = None
    logit_bias: Bias | None = None
    seed: Annotated[int, Field(ge=-SEED, lt=SEED)] | None = None
    stop: Stop | None = None
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None


class ChatRequest(SamplingFields):
    """A conversation that the model is to answer."""

    messages: Annotated[list[ChatMessage], Field(fail_fast=True, min_length=1)]
    max_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MOST_TOP)] | None = None
    tools: Annotated[list[ToolDefinition], Field(fail_fast=True)] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    functions: NotServed = None
    function_call: NotServed = None
    audio: NotServed = None


class CompletionRequest(SamplingFields):
    """Text, or ids, that the model is to go on with; a text begins a document, ids are taken as they are."""

    prompt: Prompt
    max_tokens: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    echo: bool | None = None
    logprobs: Annotated[int, Field(ge=0, le=MOST_TOP)] | None = None
    suffix: NotServed = None
    best_of: NotServed = None


class EmbeddingRequest(Strict):
    """Texts, or their ids, that are wanted as vectors."""

    model: Text
    input: Prompt
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1, lt=2**31)] | None = None
