"""What the pages share on which models write: the models as the runs have them by now, the engine, the database.

    talk = Talk(studio, service)
    model = await talk.model("speedrun/sft")             # known to the engine from now on, with its newest weights
    with talk.database.session() as session: ...

Beside it: the settings that a page may send, and tokens as pages get them.
"""

import asyncio
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from orrery.database import Database, open_database
from orrery.inference.row import TokenScore
from orrery.inference.sampling import Sampling
from orrery.server.logprobs import LEAST
from orrery.server.names import ServedModel
from orrery.server.service import Service
from orrery.server.studio.models import StudioModel
from orrery.server.studio.studio import Studio
from orrery.tokenizers.bpe import BPE

MOST_TOP = 20
MOST_TEXT = 200_000  # characters of a message
STARTING, PAUSE = 60.0, 0.05  # seconds that the engine may take to start, and between two looks


class Talk:
    """A studio whose models speak. One for all pages."""

    def __init__(self, studio: Studio, service: Service) -> None:
        self.studio, self.service = studio, service

    @cached_property
    def database(self) -> Database:
        """The database of the runs, which is made where there is none."""
        return open_database(self.studio.root)

    async def look(self) -> list[StudioModel]:
        """All models as the runs have them now. The engine learns of those that write: the new, and new weights."""
        found = await asyncio.to_thread(self.studio.models)
        folders = {model.name: self.studio.root / model.name for model in found if model.kind != "reward"}
        await asyncio.to_thread(self.service.know, folders)
        return found

    async def models(self) -> dict[str, ServedModel]:
        """The models that can write, by name, as they are now."""
        await self.look()
        return self.service.models

    async def model(self, name: str) -> ServedModel:
        """The model of this name, as it is now. Raises Problem 404 when there is none.

        Whoever asks while the engine is still starting waits for it.
        """
        await self.models()
        model = self.service.model(name)
        for _ in range(int(STARTING / PAUSE)):
            if self.service.engine.ready:
                break
            await asyncio.sleep(PAUSE)
        return model

    def name_of(self, folder: str | None) -> str | None:
        """The studio's name of a model folder, as the database has it; a folder elsewhere keeps its path."""
        if folder is None:
            return None
        path, root = Path(folder).resolve(), self.studio.root.resolve()
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else folder


class Asked(BaseModel):
    """What a page sends; what is not declared is a mistake."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Settings(Asked):
    """How tokens are chosen, as `Sampling` has it."""

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    max_tokens: Annotated[int, Field(le=2**20)] = 256
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0

    @property
    def sampling(self) -> Sampling:
        """The same, checked. Raises InferenceError for what makes no sense."""
        return Sampling(**self.model_dump())


class Likely(BaseModel):
    """A token that could stand in a place. `logprob`: the model's own; `shaped`: after penalties and temperature."""

    id: int
    text: str
    logprob: float
    shaped: float


def likely(score: TokenScore, tokenizer: BPE) -> list[Likely]:
    """The likeliest tokens in a token's place, falling."""
    return [
        Likely(id=id, text=label(tokenizer, id), logprob=max(LEAST, raw), shaped=max(LEAST, shaped))
        for id, raw, shaped in score.top
    ]


def label(tokenizer: BPE, id: int) -> str:
    """What a token is called: its text, or its bytes where they are no whole characters, such as ⟨e4 bd⟩."""
    raw = tokenizer.token_bytes(id)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return f"⟨{raw.hex(' ')}⟩"


def finite(logprob: float | None) -> float | None:
    """A log-probability that JSON can hold."""
    return None if logprob is None else max(LEAST, logprob)


def text_of(messages: Sequence[dict[str, Any]]) -> str:
    """What the assistant says in the last of these messages."""
    said = [str(message.get("content") or "") for message in messages if message["role"] == "assistant"]
    return said[-1] if said else ""
