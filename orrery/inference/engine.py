"""The engine: a model, its tokenizer and its tools, answering many requests at once.

    engine = Engine.load(Path("runs/speedrun/sft"))
    engine.generate([engine.tokenizer.encode("Once upon a time")], Sampling(max_tokens=50))[0].text
    engine.chat([[{"role": "user", "content": "What is 12 times 7?"}]], Sampling())[0][-1]["content"]
    for event in engine.stream(messages, Sampling()): ...

Requests wait in line, shortest first, and enter the batch (batch.py) as rows become free; a reply that calls a tool
gets the answer inside the batch and goes on from its cache (turns.py). The log-probabilities that are returned are
those that a trainer computes for the same ids. For requests that come and go one by one, as a server's do, see
scheduler.py.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from orrery.errors import ContextFull, InferenceError
from orrery.inference import kernel
from orrery.inference.batch import Batch
from orrery.inference.forward import PREFILL_TOKENS
from orrery.inference.row import Row, Written
from orrery.inference.sampling import Sampling, before
from orrery.inference.stream import Done, Event, TextDelta, TextStream, ToolCallEvent, ToolResultEvent
from orrery.inference.turns import MAX_CALLS, RESULT_TOKENS, Reply, Turn, fit_context
from orrery.models.hf import load_model, load_tokenizer
from orrery.models.transformer import Transformer
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import Message, render
from orrery.tools.calculator import CALCULATOR
from orrery.tools.registry import Tool

__all__ = ["Completion", "Engine", "Sampling", "Turn"]

TOOL_TOKENS = MAX_CALLS * (RESULT_TOKENS + 32)  # what tools' answers and the headers around them may take in a reply
Precision = Literal["auto", "float32", "bfloat16"]
CACHE_BYTES = 2**30  # of keys and values in one batch: larger models get fewer rows


@dataclass(frozen=True)
class Completion:
    """What was written after a prompt.

    `ids` and `logprobs` include the stop token, or those of a stop text, if there is one (finish_reason "stop"); `text`
    does not.
    """

    ids: list[int]
    logprobs: list[float]
    text: str
    finish_reason: Literal["stop", "length"]


class Engine:
    """Generates with one model; at most `max_rows` requests are in its batch at a time.

    Tokens that end a document or a turn always stop a request. Never written are `<|pad|>`, `<|im_start|>` (only
    `render` begins a message), what a tokenizer made elsewhere has in their place, and ids that it does not have.

    Raises InferenceError when the tokenizer has more tokens than the model.
    """

    def __init__(
        self, model: Transformer, tokenizer: BPE, tools: Sequence[Tool] = (CALCULATOR,), max_rows: int = 128
    ) -> None:
        vocab = model.config.vocab_size
        if tokenizer.vocab_size > vocab:
            raise InferenceError(
                f"the tokenizer has {tokenizer.vocab_size} tokens and the model {vocab}: they do not belong together"
            )
        self.model, self.tokenizer, self.tools, self.max_rows = model, tokenizer, tuple(tools), max_rows
        self.context = model.config.context
        self.stops = tokenizer.stop_ids
        never = [*tokenizer.never_written, *range(tokenizer.vocab_size, vocab)]
        self.banned = torch.tensor(never, dtype=torch.long)

    @property
    def device(self) -> torch.device:
        """Where the model is now: training moves it."""
        return self.model.token_embedding.weight.device

    @classmethod
    def load(cls, folder: Path, tools: Sequence[Tool] = (CALCULATOR,), dtype: Precision = "float32") -> "Engine":
        """The engine of a model folder. Raises CheckpointError or TokenizerError when it is none.

        `dtype` is that of weights and cache: "auto" takes bfloat16 where this machine computes with it, which is twice
        as fast and a little less exact.
        """
        if dtype == "auto":
            dtype = "bfloat16" if kernel.native_bfloat16() else "float32"
        return cls(load_model(folder).to(getattr(torch, dtype)), load_tokenizer(folder), tools)

    def generate(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling | Sequence[Sampling], first: int = 0
    ) -> list[Completion]:
        """Complete each prompt of ids until a stop token, `max_tokens` or the end of the context.

        `sampling` is one for all, or one for each; what a request gets does not depend on the others' but for rounding.
        `first` is the number of the first request, where these are part of a larger call: its stream of random numbers
        goes by it.

        Raises InferenceError for a prompt that is empty, too long, or has ids that the model does not know.
        """
        completions: dict[int, Completion] = {}

        def finish(request: int, written: Written, room: int) -> list[int]:
            text = self.tokenizer.decode(written.ids[: -1 if written.stopped else None], skip_special=True)
            reason: Literal["stop", "length"] = "stop" if written.stopped or written.stop else "length"
            completions[request] = Completion(written.ids, written.logprobs, before(text, written.stop), reason)
            return []

        self._run(prompts, sampling, finish, extra=0, first=first)
        return [completions[i] for i in range(len(prompts))]

    def chat(self, conversations: Sequence[Sequence[Message]], sampling: Sampling) -> list[list[Message]]:
        """The messages that answer each conversation: assistant, and where it called tools also tool … assistant.

        Raises InferenceError for a conversation longer than the context; `fit_context` shortens one.
        """
        return [turn.messages for turn in self.turns(conversations, sampling)]

    def turns(
        self, conversations: Sequence[Sequence[Message]], sampling: Sampling | Sequence[Sampling], first: int = 0
    ) -> list[Turn]:
        """As `chat`, with ids, log-probabilities and the reason why each reply ended; arguments as of `generate`."""
        replies = [Reply(self.tokenizer, self.tools) for _ in conversations]
        prompts = [self.prompt(messages) for messages in conversations]
        self._run(prompts, sampling, lambda i, written, room: replies[i].wrote(written, room), TOOL_TOKENS, first)
        return [reply.turn for reply in replies]

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[Event]:
        """Answer one conversation as `chat` does, yielding pieces of text and tool calls as they come, then Done.

        A malformed call is shown as text, before the tool's error.
        """
        prompt = self.prompt(messages)
        batch = self.batch([prompt], [sampling], TOOL_TOKENS)
        row, reply = Row(0, prompt, sampling), Reply(self.tokenizer, self.tools)
        text = TextStream(self.tokenizer, sampling.stop)
        batch.add(row)
        while batch.rows:
            if not batch.step():
                continue
            shown = "" if row.stopped else text.push(row.ids[-1])
            if shown:
                yield TextDelta(shown)
            if not row.done:
                continue
            seen = len(reply.messages)
            feed = reply.wrote(row.written, batch.room(row))
            message, results = reply.messages[seen], reply.messages[seen + 1 :]
            calls = message.get("tool_calls", [])
            rest = ("" if calls else text.held) + text.finish()
            if rest:
                yield TextDelta(rest)
            for call in calls:
                yield ToolCallEvent(**call["function"])
            for result in results:
                yield ToolResultEvent(result["content"])
            text = TextStream(self.tokenizer, sampling.stop)
            batch.go_on(row, feed)
        yield Done(reply.turn)

    def fit_context(self, messages: Sequence[Message], max_tokens: int) -> list[Message]:
        """Drop the oldest turns until `max_tokens` (or a quarter of the context, if that is less) are left to answer.

        System messages and the last turn always stay. Raises InferenceError when these alone are too long.
        """
        return fit_context(messages, self.tokenizer, self.context - min(max_tokens, self.context // 4))

    @torch.no_grad()
    def logprobs(self, ids: Sequence[Sequence[int]]) -> list[Tensor]:
        """Log-probability of every token but the first, given those before it -> one [length - 1] float32 a sequence.

        One forward pass without a cache, as a trainer computes it. Raises InferenceError as `generate` does.
        """
        self._check(ids, self.context)
        results: dict[int, Tensor] = {}
        order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
        while order:
            longest = len(ids[order[0]])
            size = max(1, PREFILL_TOKENS // longest)
            chunk, order = order[:size], order[size:]
            padded = torch.tensor([[*ids[i], *[0] * (longest - len(ids[i]))] for i in chunk], device=self.device)
            hidden = self.model.hidden(padded)  # B T D; padding comes last, where no token sees it
            for row, i in enumerate(chunk):  # one by one: logits of a whole chunk may not fit into memory
                logits = self.model.unembed(hidden[row, : len(ids[i]) - 1])  # T V
                targets = padded[row, 1 : len(ids[i]), None]
                results[i] = logits.float().log_softmax(-1).gather(1, targets)[:, 0]
        return [results[i] for i in range(len(ids))]

    def _run(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling | Sequence[Sampling],
        wrote: Callable[[int, Written, int], list[int]],
        extra: int,
        first: int,
    ) -> None:
        """Generate for all prompts. When a request has stopped, `wrote(request, written, room)` says what to feed it.

        It is done when that is nothing; `room` is how many tokens may be fed.
        """
        if not prompts:
            return
        each = [sampling] * len(prompts) if isinstance(sampling, Sampling) else list(sampling)
        if len(each) != len(prompts):
            raise InferenceError(f"{len(each)} samplings for {len(prompts)} prompts: give one for all, or one for each")
        batch = self.batch(prompts, each, extra)
        # The shortest, last in the list, go first: rows of like length then share steps, and step together.
        order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
        waiting = [Row(first + i, list(prompts[i]), each[i]) for i in order]
        while waiting or batch.rows:
            while waiting and batch.free:
                batch.add(waiting.pop())
            for row in batch.step():
                if row.done:
                    batch.go_on(row, wrote(row.request - first, row.written, batch.room(row)))

    def batch(self, prompts: Sequence[Sequence[int]], samplings: Sequence[Sampling], extra: int) -> Batch:
        """An empty batch for these prompts, with room for what is written and for `extra` tokens of tools' answers."""
        self._check(prompts, self.context - 1)
        for sampling in samplings:
            self._check_tokens(sampling)
        most = max(sampling.max_tokens for sampling in samplings)
        length = min(self.context, max(map(len, prompts)) + most + extra)
        slots = max(1, min(len(prompts), self.max_rows, CACHE_BYTES // self.row_bytes(length)))
        return self.new_batch(slots, length)

    def new_batch(self, slots: int, length: int, chunk: int = PREFILL_TOKENS) -> Batch:
        """An empty batch of so many rows of so many tokens; a step computes `chunk` tokens of prompts at most."""
        return Batch(
            self.model, slots=slots, length=length, stops=self.stops, banned=self.banned.to(self.device),
            token_bytes=self.tokenizer.token_bytes, chunk=chunk,
        )  # fmt: skip

    def row_bytes(self, length: int) -> int:
        """What keys and values of `length` tokens take."""
        config, size = self.model.config, self.model.token_embedding.weight.element_size()
        return 2 * config.layers * config.kv_heads * config.head_width * length * size

    def check(self, prompt: Sequence[int], sampling: Sampling) -> None:
        """Raises InferenceError, ContextFull for a prompt that is too long, where a request cannot be served."""
        self._check([prompt], self.context - 1)
        self._check_tokens(sampling)

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The ids of a conversation, with the header of the answer."""
        return render(messages, self.tokenizer, add_generation_prompt=True).ids

    def _check_tokens(self, sampling: Sampling) -> None:
        """Refuse stops and biases of tokens that the model does not have."""
        vocab = self.model.config.vocab_size
        named = [("stop id", stop) for stop in sampling.stop_ids]
        named += [("logit_bias", token) for token, _ in sampling.logit_bias]
        for what, token in named:
            if not 0 <= token < vocab:
                raise InferenceError(f"{what} {token} is no token of the model; its ids are 0 to {vocab - 1}")

    def _check(self, prompts: Sequence[Sequence[int]], most: int) -> None:
        """Refuse prompts that the model cannot take, naming which and why."""
        vocab = self.model.config.vocab_size
        for i, prompt in enumerate(prompts):
            where = f"prompt {i + 1} of {len(prompts)}" if len(prompts) > 1 else "the prompt"
            if not len(prompt):
                raise InferenceError(f"{where} is empty; begin a document with the token <|endoftext|>")
            if len(prompt) > most:
                raise ContextFull(
                    f"{where} has {len(prompt)} tokens; in the model's context of {self.context} at most {most} fit: "
                    "shorten it"
                )
            if min(prompt) < 0 or max(prompt) >= vocab:
                raise InferenceError(f"{where} has ids outside the model's vocabulary of {vocab} tokens")
