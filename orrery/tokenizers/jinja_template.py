"""Chat templates of models that were made elsewhere, rendered as transformers renders them.

    template = ChatTemplate(source, {"eos_token": "<|eot_id|>"}, reserved=["<|eot_id|>", …], stops=["<|eot_id|>"])
    text, written = template.render(messages)            # `written`: (start, end) of what the assistant wrote

A template is a program from somebody else: it runs in Jinja's sandbox. What people write is neutralised before it is
rendered, so that only the template itself writes reserved strings, and who speaks can be read off the text. What the
assistant wrote is what stands in the template's ``{% generation %}`` blocks; most templates have none, and then it is
what stands between the header of its turns and the first token that ends one. Header and end are found by rendering a
small conversation with and without the assistant's turn.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import jinja2
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

from orrery.errors import DataError, TokenizerError
from orrery.tokenizers.messages import Message

OPEN, CLOSE = "\ud800", "\ud801"  # mark a generation block; halves of surrogate pairs, which messages are freed of
_HALF = re.compile("[\ud800-\udfff]")
_PROBE = "A short answer."
Spans = list[tuple[int, int]]


class _Generation(Extension):
    """``{% generation %}`` … ``{% endgeneration %}``: its body between two marks."""

    tags = {"generation"}

    def parse(self, parser: jinja2.parser.Parser) -> jinja2.nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_marked"), [], [], body).set_lineno(line)

    def _marked(self, caller: Any) -> str:
        return f"{OPEN}{caller()}{CLOSE}"


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)


def _to_json(
    value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _environment() -> ImmutableSandboxedEnvironment:
    """Jinja as transformers sets it up (`transformers.utils.chat_template_utils`)."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json  # Jinja's own escapes HTML
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment


class ChatTemplate:
    """One chat template.

    Attributes:
        source: its Jinja text; ``with_tools`` is that for conversations with tools, where there is another.
    """

    def __init__(
        self, source: str, tokens: Mapping[str, str], *, reserved: Sequence[str], stops: Sequence[str] = (),
        with_tools: str | None = None,
    ) -> None:  # fmt: skip
        """Compile a template.

        Args:
            tokens: the variables bos_token, eos_token and their like.
            reserved: the strings of all special and added tokens.
            stops: of those that end generation; the one that the template ends a turn by is among them anyway.

        Raises:
            TokenizerError: it is not Jinja.
        """
        self.source, self.with_tools, self.tokens, self._stops = source, with_tools, dict(tokens), tuple(stops)
        self.reserved = re.compile("|".join(map(re.escape, sorted(reserved, key=len, reverse=True))) or r"(?!)")
        environment = _environment()
        try:
            self._plain = environment.from_string(source)
            self._tools = self._plain if with_tools is None else environment.from_string(with_tools)
        except jinja2.TemplateError as error:
            raise TokenizerError(f"the model's chat template cannot be read: {error}") from error

    def render(
        self, messages: Sequence[Message], *, tools: Sequence[dict[str, Any]] | None = None,
        add_generation_prompt: bool = False,
    ) -> tuple[str, Spans]:  # fmt: skip
        """The conversation as text, and where in it the assistant wrote.

        Raises:
            DataError: the template refuses the conversation.
            TokenizerError: it does not show where the assistant begins and ends, and the assistant spoke.
        """
        marked = self._text(messages, tools, add_generation_prompt)
        if OPEN in marked:
            return _unmarked(marked)
        spoke = any(message["role"] == "assistant" for message in messages)
        return marked, self._turns(marked) if spoke else []

    @cached_property
    def turn(self) -> tuple[str, str] | None:
        """What stands before every answer of the assistant, beginning with a reserved string, and the one behind it.

        None where the template does not show that.
        """
        asked: list[Message] = [{"role": "user", "content": "A short question."}]
        try:
            before, prompt = (self._text(asked, None, prompted) for prompted in (False, True))
            whole, _ = _unmarked(self._text([*asked, {"role": "assistant", "content": _PROBE}], None, False))
        except DataError:  # it wants conversations of another kind
            return None
        header = os.path.commonprefix([prompt, whole])[len(before) :]
        end = self.reserved.search(whole, whole.find(_PROBE)) if _PROBE in whole else None
        if not whole.startswith(before) or not self.reserved.match(header) or end is None:
            return None
        return header, end[0]

    def _turns(self, text: str) -> Spans:
        """From behind each header to the first string that ends a turn, that included."""
        if self.turn is None:
            raise TokenizerError(
                "the model's chat template does not show by reserved tokens where the assistant begins and ends: "
                "mark it by {% generation %} … {% endgeneration %} in chat_template.jinja"
            )
        before, behind = self.turn
        ends = re.compile("|".join(map(re.escape, {behind, *self._stops})))
        found: Spans = []
        for header in re.finditer(re.escape(before), text):
            end = ends.search(text, header.end())
            if end is not None:  # else it is the generation prompt
                found.append((header.end(), end.end()))
        return found

    def _text(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] | None, prompted: bool) -> str:
        template = self._tools if tools else self._plain
        try:
            return template.render(
                messages=self._plain_data(messages), tools=self._plain_data(tools) if tools else None, documents=None,
                add_generation_prompt=prompted, **self.tokens,
            )  # fmt: skip
        except jinja2.TemplateError as error:
            raise DataError(f"the model's chat template refuses this conversation: {error}") from error
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
            raise DataError(f"the model's chat template fails on this conversation: {error!r}") from error

    def _plain_data(self, value: Any) -> Any:
        """A copy in which no string holds a mark or a reserved one; U+200B behind its first character breaks it up."""
        if isinstance(value, str):
            value = _HALF.sub("\ufffd", value)
            return self.reserved.sub(lambda match: f"{match[0][0]}\u200b{match[0][1:]}", value)
        if isinstance(value, Mapping):
            return {self._plain_data(key): self._plain_data(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._plain_data(item) for item in value]
        return value


def _unmarked(marked: str) -> tuple[str, Spans]:
    """The text without the marks of generation blocks, and where these were."""
    text, start = "", 0
    spans: Spans = []
    for part in re.split(f"([{OPEN}{CLOSE}])", marked):
        if part == OPEN:
            start = len(text)
        elif part == CLOSE:
            spans.append((start, len(text)))
        else:
            text += part
    return text, spans
