"""POST /v1/completions: how texts go on, or, with `echo` and no tokens, how likely they are."""

import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from orrery.errors import TokenizerError
from orrery.inference.row import TokenScore
from orrery.inference.sampling import Sampling, before
from orrery.inference.stream import TextStream
from orrery.server.answers import CompletionAnswer, CompletionChoice, FinishReason
from orrery.server.chat import usage_of
from orrery.server.logprobs import CompletionScores
from orrery.server.names import ServedModel
from orrery.server.schema import CompletionRequest, Prompt
from orrery.server.service import Service, TokenCount, in_thread
from orrery.server.streams import event_stream, side_by_side, while_connected
from orrery.tokenizers.bpe import BPE

MAX_TOKENS = 16  # where a request says nothing, as OpenAI has it


@dataclass(frozen=True)
class Document:
    """A prompt: its ids, how many of them the client does not see, and the text of the others."""

    ids: list[int]
    hidden: int
    text: str


@dataclass(frozen=True)
class More:
    """What is new of a completion. `first`: the id that stands before the scores and has none itself."""

    text: str = ""
    scores: tuple[TokenScore, ...] = ()
    first: int | None = None
    finish_reason: FinishReason | None = None


async def complete(service: Service, asked: CompletionRequest, request: Request) -> Response:
    """Go on with texts. Raises Problem for what cannot be."""
    model = service.model(asked.model)
    documents = await in_thread(lambda: read_prompt(asked.prompt, model.tokenizer))
    n, wanted = asked.n or 1, MAX_TOKENS if asked.max_tokens is None else asked.max_tokens
    completions = []
    for document in documents:
        sampling = service.sampling(asked, model, len(document.ids), max(1, wanted))
        completions += [Completion(service, asked, model, document, sampling, number) for number in range(n)]
    service.admit(len(completions))
    service.metrics.prompt.labels(model.name).inc(sum(len(document.ids) for document in documents))
    work = Completing(asked, model, documents, completions)
    if asked.stream:
        return await event_stream(request, work.chunks())
    return JSONResponse((await while_connected(request, work.whole())).model_dump())


def beginning(tokenizer: BPE) -> list[int]:
    """What a document begins with: the token between documents, where there is one."""
    try:
        return [tokenizer.begin_id]
    except TokenizerError:  # a vocabulary of others
        return []


def read_prompt(prompt: Prompt, tokenizer: BPE) -> list[Document]:
    """The prompts of a request: a text begins a document, ids are taken as they are.

    Raises TokenizerError for ids that are none.
    """
    if isinstance(prompt, str):
        prompt = [prompt]
    if isinstance(prompt[0], int):
        prompt = [prompt]
    start = beginning(tokenizer)
    documents = []
    for one in prompt:
        if isinstance(one, str):
            ids = tokenizer.encode(one)
            documents.append(Document([*start, *ids], len(start), tokenizer.decode(ids)))
        else:
            assert isinstance(one, list)
            documents.append(Document(one, 0, tokenizer.decode(one)))
    return documents


class Completion:
    """One completion of one prompt; `count` are its tokens, as far as it is."""

    def __init__(
        self, service: Service, asked: CompletionRequest, model: ServedModel, document: Document, sampling: Sampling,
        number: int,
    ) -> None:  # fmt: skip
        self.service, self.asked, self.model, self.document = service, asked, model, document
        self.sampling, self.number = sampling, number
        self.count = TokenCount(service.metrics, model.name)

    async def pieces(self) -> AsyncGenerator[More, None]:
        """The completion, piece by piece; the first is the prompt, if it is wanted."""
        asked, tokenizer, document = self.asked, self.model.tokenizer, self.document
        stream, ids, sent = TextStream(tokenizer, self.sampling.stop, calls=False), [], ""
        scores: list[TokenScore] = []
        top = asked.logprobs
        self.service.admit(1)  # again: others may have come while the prompt was read
        updates = self.service.engine.generate(
            self.model.name, document.ids, self.sampling, number=self.number, top=top,
            score_prompt=bool(asked.echo and top is not None),
        )  # fmt: skip
        async with aclosing(updates):
            async for update in updates:
                if not self.count.written and asked.echo:
                    yield More(document.text, update.prompt, None if document.hidden else document.ids[0])
                if asked.max_tokens == 0:
                    yield More(finish_reason="length")
                    return
                self.count.add(update)
                for score in update.tokens:
                    scores.append(score)
                    if update.stopped:  # a token like any other to who counts them (lm_eval does), but no text
                        continue
                    ids.append(score.id)
                    if text := stream.push(score.id):
                        sent += text
                        yield More(text, tuple(scores))
                        scores = []
        rest = before(tokenizer.decode(ids), update.stop)[len(sent) :]
        yield More(rest, tuple(scores), finish_reason="stop" if update.stopped or update.stop else "length")


class Completing:
    """A request and its completions, in the two forms that they are sent in."""

    def __init__(
        self, asked: CompletionRequest, model: ServedModel, documents: Sequence[Document],
        completions: Sequence[Completion],
    ) -> None:  # fmt: skip
        self.asked, self.documents, self.completions = asked, documents, completions
        self.head: dict[str, Any] = {
            "id": f"cmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": model.name,
        }  # fmt: skip
        top = asked.logprobs
        self.scores = [CompletionScores(model.tokenizer, top) if top is not None else None for _ in completions]

    async def whole(self) -> CompletionAnswer:
        """All completions, when they are complete."""
        pieces: list[list[More]] = [[] for _ in self.completions]
        async for index, piece in side_by_side([completion.pieces() for completion in self.completions]):
            pieces[index].append(piece)
        choices = []
        for index, mine in enumerate(pieces):
            first = next((piece.first for piece in mine if piece.first is not None), None)
            scores = tuple(score for piece in mine for score in piece.scores)
            text = "".join(piece.text for piece in mine)
            choices.append(self.choice(index, More(text, scores, first, mine[-1].finish_reason)))
        return CompletionAnswer(**self.head, choices=choices, usage=self.usage())

    async def chunks(self) -> AsyncGenerator[CompletionAnswer, None]:
        """All completions, in pieces."""
        pieces = side_by_side([completion.pieces() for completion in self.completions])
        try:
            async for index, piece in pieces:
                choices = [self.choice(index, piece)]
                yield CompletionAnswer(object="text_completion", **self.head, choices=choices)
            if self.asked.stream_options and self.asked.stream_options.include_usage:
                yield CompletionAnswer(object="text_completion", **self.head, choices=[], usage=self.usage())
        finally:
            await pieces.aclose()

    def choice(self, index: int, piece: More) -> CompletionChoice:
        """What is said of one completion."""
        scores = self.scores[index]
        logprobs = scores.of(piece.scores, piece.first) if scores is not None else None
        return CompletionChoice(index=index, text=piece.text, logprobs=logprobs, finish_reason=piece.finish_reason)

    def usage(self) -> Any:
        """The tokens so far; what the client does not see of a prompt is counted, too: the model reads it."""
        prompt = sum(len(document.ids) for document in self.documents)
        return usage_of(
            prompt, sum(completion.count.written for completion in self.completions), self.completions[0].count.cached
        )
