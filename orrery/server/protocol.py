"""What the server and the engine process say to each other over their pipe: ids in, ids and numbers out, no text.

    server → engine     Generate, Embed, Cancel, Models
    engine → server     Progress, Embedded, Refused, State

Requests have ids that the server never uses twice. Every request is answered until it is finished, refused or
cancelled; after that nothing more comes for its id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from orrery.inference.engine import Precision
from orrery.inference.scheduler import Request, Update

Reason = Literal["context", "invalid", "failed", "loading"]
"""Why a request is refused: it does not fit into the context, asks for what cannot be, the engine failed on it, or its
model cannot be loaded."""


@dataclass(frozen=True)
class EngineSettings:
    """What the engine process is started with.

    The models by name, the first of which is loaded at once (there may be none yet: `Models` brings them); "auto",
    "float32" or "bfloat16"; and how many bytes loaded models and their caches may take together (None: as many as there
    are).
    """

    models: dict[str, Path]
    dtype: Precision = "auto"
    memory: int | None = None


@dataclass(frozen=True)
class Generate:
    """Write on after a prompt."""

    model: str
    request: Request

    @property
    def id(self) -> int:
        """The request's id."""
        assert isinstance(self.request.id, int)
        return self.request.id


@dataclass(frozen=True)
class Embed:
    """A vector for each of these texts in ids."""

    id: int
    model: str
    texts: Sequence[Sequence[int]]


@dataclass(frozen=True)
class Cancel:
    """Nobody waits for this request any more."""

    id: int


@dataclass(frozen=True)
class Models:
    """From now on these are the models, by name.

    One that is loaded and whose weights on disk are others now is read anew before its next request; requests under way
    end with the weights that they began with.
    """

    models: dict[str, Path]


@dataclass(frozen=True)
class Progress:
    """What one step of a model has brought."""

    updates: Sequence[Update]


@dataclass(frozen=True)
class Embedded:
    """The vectors of an Embed request, each of length 1 [n, D]."""

    id: int
    vectors: NDArray[np.float32]


@dataclass(frozen=True)
class Refused:
    """A request that is not served (any more), and why."""

    id: int
    reason: Reason
    message: str


@dataclass(frozen=True)
class ModelState:
    """A loaded model: the tokens that a request may have, requests that run and wait, tokens in its cache and how many
    that can hold, and the bytes that it takes."""

    context: int
    running: int
    waiting: int
    held: int
    capacity: int
    bytes: int


@dataclass(frozen=True)
class State:
    """The models that are loaded now. `failed`: those that could not be loaded, and why."""

    loaded: dict[str, ModelState]
    failed: dict[str, str]


FromServer = Generate | Embed | Cancel | Models
FromEngine = Progress | Embedded | Refused | State
