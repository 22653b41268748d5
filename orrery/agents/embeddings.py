"""Texts as vectors of length 1, so that the product of two is the cosine between them. One small interface, three ways:

a model folder           the mean of its hidden states: `orrery index docs --embedder runs/embedder/embedder`
                         (`orrery embedder` makes such a folder of any model: `orrery/stages/contrastive.py`)
an OpenAI-like server    POST /v1/embeddings: `--embedder http://127.0.0.1:8080/v1#MODEL` (by default its first)
sentence-transformers    where it is installed: `--embedder sentence-transformers/all-MiniLM-L6-v2`
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from orrery.agents.server import Server
from orrery.errors import ConfigError
from orrery.models.hf import load_model, load_tokenizer
from orrery.models.transformer import Transformer
from orrery.tokenizers.bpe import BPE

BATCH = 32  # texts at a time
LIBRARY = "sentence-transformers/"


class Embedder(Protocol):
    """Makes vectors. Those of different makers cannot be compared."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector of length 1 a text -> [n, D]."""


def embedder_for(what: str) -> Embedder:
    """The embedder that a word on the command line names.

    Raises:
        CheckpointError: a folder that is no model.
        ConfigError: sentence-transformers is not installed.
        InferenceError: the server cannot be reached.
    """
    if what.startswith(("http://", "https://")):
        return ServerEmbedder(what)
    if what.startswith(LIBRARY):
        return LibraryEmbedder(what)
    return ModelEmbedder(load_model(Path(what)), load_tokenizer(Path(what)))


class ModelEmbedder:
    """The mean of a language model's last hidden states over a text's tokens; a text is cut at the model's context."""

    def __init__(self, model: Transformer, tokenizer: BPE) -> None:
        self.model, self.tokenizer = model, tokenizer

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Run the model over the texts, those of like length together."""
        ids = [[self.tokenizer.begin_id, *self.tokenizer.encode(text)][: self.model.config.context] for text in texts]
        order = sorted(range(len(texts)), key=lambda i: len(ids[i]))
        found = np.zeros((len(texts), self.model.config.width), np.float32)
        for first in range(0, len(order), BATCH):
            chosen = order[first : first + BATCH]
            longest = max(len(ids[i]) for i in chosen)
            padded = torch.tensor([ids[i] + [0] * (longest - len(ids[i])) for i in chosen])  # B T
            found[chosen] = mean_states(self.model, padded, torch.tensor([len(ids[i]) for i in chosen])).numpy()
        return unit(found)


class ServerEmbedder:
    """Vectors from a model behind a server: "http://HOST:PORT/v1#MODEL", or its first without #MODEL."""

    def __init__(self, address: str) -> None:
        endpoint, _, model = address.partition("#")
        self.server = Server(endpoint)
        self.model = model or self.server.models()[0]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Ask for all, a batch at a time."""
        found: list[list[float]] = []
        for first in range(0, len(texts), BATCH):
            found += self.server.embed(self.model, texts[first : first + BATCH])
        return unit(np.array(found, np.float32))


class LibraryEmbedder:
    """A model of the sentence-transformers library, which must be installed."""

    def __init__(self, name: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ConfigError(f"{name} wants a library: pip install sentence-transformers") from error
        self.model = SentenceTransformer(name)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Let the library do it."""
        return unit(np.asarray(self.model.encode(list(texts)), np.float32))


def mean_states(model: Transformer, ids: Tensor, lengths: Tensor) -> Tensor:
    """The mean of the last hidden states over each row's tokens: ids [B T], padded at the end, lengths [B] -> [B D]."""
    here = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]  # B T; no token sees the padding behind it
    return (model.hidden(ids).float() * here[..., None]).sum(1) / lengths[:, None]


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each vector at length 1; a zero stays zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)
