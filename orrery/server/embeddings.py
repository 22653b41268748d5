"""POST /v1/embeddings: texts as vectors of length 1, as agents/embeddings.py makes them of a model's hidden states."""

import base64

import numpy as np
from fastapi import Request
from fastapi.responses import JSONResponse, Response
from numpy.typing import NDArray

from orrery.agents.embeddings import unit
from orrery.server.answers import EmbeddingAnswer, EmbeddingItem, EmbeddingUsage
from orrery.server.completions import read_prompt
from orrery.server.errors import Problem
from orrery.server.schema import EmbeddingRequest
from orrery.server.service import Service, in_thread
from orrery.server.streams import while_connected


async def embed(service: Service, asked: EmbeddingRequest, request: Request) -> Response:
    """The vectors of texts. Raises Problem for too many texts, a text that is too long, too many dimensions."""
    model = service.model(asked.model)
    documents = await in_thread(lambda: read_prompt(asked.input, model.tokenizer))
    texts = [document.ids for document in documents]
    if len(texts) > service.limits.texts:
        message = f"{len(texts)} texts in one request: at most {service.limits.texts} are possible"
        raise Problem(422, message, "too_many_texts", "input")
    if (longest := max(map(len, texts))) > model.context:
        message = f"a text has {longest} tokens; in the model's context {model.context} fit: cut it"
        raise Problem(422, message, "context_length_exceeded", "input")
    if not all(texts):
        raise Problem(
            422, "a text is empty, and this model has no token that a document begins with", "invalid_value", "input"
        )
    service.admit(1)
    vectors = await while_connected(request, service.engine.embed(model.name, texts))
    if asked.dimensions is not None:
        if asked.dimensions > vectors.shape[1]:
            message = f"dimensions is {asked.dimensions}; the model's vectors have {vectors.shape[1]}"
            raise Problem(422, message, "invalid_value", "dimensions")
        vectors = unit(vectors[:, : asked.dimensions])
    tokens = sum(map(len, texts))
    service.metrics.prompt.labels(model.name).inc(tokens)
    as_text = asked.encoding_format == "base64"
    data = [
        EmbeddingItem(index=index, embedding=in_base64(vector) if as_text else vector.tolist())
        for index, vector in enumerate(vectors)
    ]
    usage = EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens)
    return JSONResponse(EmbeddingAnswer(data=data, model=model.name, usage=usage).model_dump())


def in_base64(vector: NDArray[np.float32]) -> str:
    """A vector's bytes, as OpenAI's client asks for them: half as long as numbers."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
