"""Who speaks in a chat: a model with its engine, whether it knows turns or only goes on with text.

    speaker = Speaker.load(Path("runs/speedrun/sft"))
    speaker.reply([{"role": "user", "content": "What is 12 times 7?"}], Sampling()).messages[-1]["content"]

An assistant is given the whole conversation. A base model, which was never tuned to answer, is given what was said last
as the beginning of a document.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orrery.errors import CheckpointError, ContextFull
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.inference.stream import Done, Event, TextDelta
from orrery.inference.turns import Turn, fit_context
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import Message, render


@dataclass(frozen=True)
class Speaker:
    """A model that speaks; `name` is its folder, as it was given."""

    engine: Engine
    name: str
    assistant: bool

    @classmethod
    def load(cls, folder: Path) -> "Speaker":
        """The model in a folder. Raises CheckpointError or TokenizerError when there is none."""
        engine = Engine.load(folder)
        return cls(engine, str(folder), is_assistant(folder, engine.tokenizer))

    def fit(self, messages: Sequence[Message], max_tokens: int) -> list[Message]:
        """What it is given of a conversation: the latest turns that leave room to answer; a base model, the last text.

        Raises InferenceError when even these are too long.
        """
        return fit(messages, self.engine.tokenizer, self.assistant, self.engine.context, max_tokens)

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The ids with which its reply to `messages` (as `fit` gives them) begins."""
        return prompt_ids(messages, self.engine.tokenizer, self.assistant)

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[Event]:
        """Reply to `messages` (as `fit` gives them) as `Engine.stream` does; a base model's text comes in one go."""
        if self.assistant:
            yield from self.engine.stream(messages, sampling)
            return
        written = self.engine.generate([self.prompt(messages)], sampling)[0]
        if written.text:
            yield TextDelta(written.text)
        said: Message = {"role": "assistant", "content": written.text}
        yield Done(Turn([said], written.finish_reason, written.ids, [True] * len(written.ids), written.logprobs))

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> Turn:
        """The reply to `messages`, when it is finished. Raises InferenceError when they are too long."""
        *_, done = self.stream(messages, sampling)
        assert isinstance(done, Done), "a stream ends by Done"
        return done.turn


def fit(messages: Sequence[Message], tokenizer: BPE, assistant: bool, context: int, max_tokens: int) -> list[Message]:
    """What a model of so long a context is given of a conversation; arguments and errors as of `Speaker.fit`."""
    if assistant:
        return fit_context(messages, tokenizer, context - min(max_tokens, context // 4))
    last = [message for message in messages if message["role"] == "user"][-1:]
    length, most = len(prompt_ids(last, tokenizer, assistant)), context - 1
    if length > most:
        raise ContextFull(f"the text has {length} tokens; there is room for {most}: shorten it")
    return last


def prompt_ids(messages: Sequence[Message], tokenizer: BPE, assistant: bool) -> list[int]:
    """The ids after which the reply to `messages` begins."""
    if assistant:
        return render(messages, tokenizer, add_generation_prompt=True).ids
    return [tokenizer.begin_id, *tokenizer.encode(messages[-1]["content"])]


def encode_reply(
    before: Sequence[Message], reply: Sequence[Message], tokenizer: BPE, assistant: bool, *, ended: bool
) -> tuple[list[int], list[bool]]:
    """A reply and what came before it in tokens, and which of them the model wrote.

    Its text is encoded again, which may give other tokens than those that were written. `ended`: the model itself ended
    it; one that was cut lacks the <|im_end|> that rendering adds.
    """
    prompt = prompt_ids(before, tokenizer, assistant)
    if not assistant:
        ids = tokenizer.encode(str(reply[-1]["content"]))
        return prompt + ids, [False] * len(prompt) + [True] * len(ids)
    rendered = render([*before, *reply], tokenizer)
    first = len(prompt) - 1  # the header's "\n" may be one token with what follows
    mask = [written and place >= first for place, written in enumerate(rendered.mask)]
    end = len(mask) - mask[::-1].index(True) - (not ended)
    return rendered.ids[:end], mask[:end]


def is_assistant(folder: Path, tokenizer: BPE) -> bool:
    """Whether a model folder holds an assistant: it knows turns, and `<|im_end|>`, or whatever closes one, stops it.

    A folder of others without generation_config.json is taken by its tokens alone.
    """
    end = tokenizer.end_of_turn_id
    if end < 0:
        return False
    path = folder / "generation_config.json"
    if not path.exists():
        return True
    try:
        eos = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id")
    except (ValueError, AttributeError) as error:
        raise CheckpointError(f"{path} is no JSON object: {error}") from error
    return end in (eos if isinstance(eos, list) else [eos])
