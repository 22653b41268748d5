"""How likely a model finds tokens that are there already: those of a saved message, or of another model's answer.

    tokens = await score(service, model, ids, mask, top=5)     # one Token for each that the mask says was written

One pass through the model, as for a prompt (teacher forcing).
"""

from collections.abc import Sequence
from contextlib import aclosing

from pydantic import BaseModel

from orrery.errors import ConfigError, InferenceError
from orrery.inference.chat_session import opening
from orrery.inference.chat_tree import read_tree
from orrery.inference.sampling import Sampling
from orrery.inference.speaker import encode_reply, fit
from orrery.server.names import ServedModel
from orrery.server.service import Service, in_thread
from orrery.server.studio.talk import Talk
from orrery.server.studio.writing import Token, TokenReader


class Scored(BaseModel):
    """Tokens as a model finds them; a last one for which its context has no place is left out."""

    model: str
    tokens: list[Token]


async def score(
    service: Service, model: ServedModel, ids: Sequence[int], mask: Sequence[bool], top: int, temperature: float = 0.0
) -> list[Token]:
    """The tokens of `ids` that were written, as `mask` says, each given all those before it.

    Raises InferenceError for tokens that the model does not have, ContextFull for more than its context has places.
    """
    tokenizer = model.tokenizer
    if not all(0 <= id < tokenizer.vocab_size for id in ids):
        raise InferenceError(
            f"not all of these tokens are of {model.name}: its ids are 0 to {tokenizer.vocab_size - 1}"
        )
    if len(ids) == service.context(model):  # the engine wants room to write one more
        ids = ids[:-1]
    sampling = Sampling(temperature, max_tokens=1)
    updates = service.engine.generate(model.name, ids, sampling, top=top, score_prompt=True)
    async with aclosing(updates):
        first = await anext(updates)
    reader = TokenReader(tokenizer)
    return [
        reader.read(one, reader.is_end(one.id)) for one, written in zip(first.prompt, mask[1:], strict=False) if written
    ]


async def score_message(talk: Talk, number: int, message: int, top: int) -> Scored:
    """The tokens of an assistant's message in a chat, by the model that wrote it.

    Its text is encoded again, which may give other tokens than those that were written.

    Raises ConfigError for a message that is no answer, Problem 404 where its model is gone.
    """
    tree = await in_thread(lambda: read_tree(talk.database, number))
    row = tree.message(message)
    question, reply = tree.reply(row)
    name = talk.name_of(row.model)
    if row.message["role"] != "assistant" or name is None:
        raise ConfigError(f"message {message} of chat {number} was written by no model")
    model, sampling = await talk.model(name), row.sampling or {}
    before = [one.message for one in (*tree.path(question.id), *reply[:-1])]

    def read() -> tuple[list[int], list[bool]]:
        given = fit(
            [*opening(row.system), *before], model.tokenizer, model.assistant, talk.service.context(model),
            sampling.get("max_tokens", 0),
        )  # fmt: skip
        ended = row.finish_reason in (None, "stop")
        return encode_reply(given, [row.message], model.tokenizer, model.assistant, ended=ended)

    ids, mask = await in_thread(read)
    tokens = await score(talk.service, model, ids, mask, top, sampling.get("temperature", 0.0)) if any(mask) else []
    return Scored(model=name, tokens=tokens)
