"""What a model of a run expects next after a text: the scores that simulations start from."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from orrery.errors import ConfigError
from orrery.server.studio.compute import Loaded


@dataclass(frozen=True)
class NextTokenRequest:
    """A text, and how many of the likeliest next tokens to name."""

    model: str
    text: str
    top: int = 12


@dataclass(frozen=True)
class NextTokenAnswer:
    """The likeliest first: ids, texts, scores, and log-probabilities in nats. `logits`: the scores of all tokens."""

    tokens: list[str]
    ids: list[int]
    texts: list[str]
    scores: list[float]
    logprobs: list[float]
    logits: NDArray[np.float32]  # V


@torch.inference_mode()
def next_token(asked: NextTokenRequest, read: Loaded) -> NextTokenAnswer:
    """Read a text, as a document's beginning. Raises ConfigError for a text longer than the model's context."""
    model, tokenizer = read.model, read.tokenizer
    ids = [tokenizer.begin_id, *tokenizer.encode(asked.text)]
    if len(ids) > model.config.context:
        raise ConfigError(f"the text has {len(ids)} tokens; the model reads {model.config.context}: shorten it")
    logits = model(torch.tensor([ids]))[0, -1].float()  # V
    top = logits.topk(min(asked.top, len(logits)))
    likely = top.indices.tolist()
    return NextTokenAnswer(
        tokens=[tokenizer.decode([id]) for id in ids],
        ids=likely,
        texts=[tokenizer.decode([id]) for id in likely],
        scores=top.values.tolist(),
        logprobs=logits.log_softmax(-1)[top.indices].tolist(),
        logits=logits.numpy(),
    )
