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

from orrery.errors import CheckpointError, ContextFull, TokenizerError
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.inference.stream import Done, Event, TextDelta
from orrery.inference.turns import Turn
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
        if self.assistant:
            return self.engine.fit_context(messages, max_tokens)
        last = [message for message in messages if message["role"] == "user"][-1:]
        length, most = len(self.prompt(last)), self.engine.context - 1
        if length > most:
            raise ContextFull(f"the text has {length} tokens; there is room for {most}: shorten it")
        return last

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The ids with which its reply to `messages` (as `fit` gives them) begins."""
        tokenizer = self.engine.tokenizer
        if self.assistant:
            return render(messages, tokenizer, add_generation_prompt=True).ids
        return [tokenizer.eos_id, *tokenizer.encode(messages[-1]["content"])]

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


def is_assistant(folder: Path, tokenizer: BPE) -> bool:
    """Whether a model folder holds an assistant: it has chat tokens, and `<|im_end|>` ends its generation.

    A folder of others without generation_config.json is taken by its tokens alone.
    """
    try:
        end = tokenizer.im_end_id
    except TokenizerError:
        return False
    path = folder / "generation_config.json"
    if not path.exists():
        return True
    try:
        eos = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id")
    except (ValueError, AttributeError) as error:
        raise CheckpointError(f"{path} is no JSON object: {error}") from error
    return end in (eos if isinstance(eos, list) else [eos])
