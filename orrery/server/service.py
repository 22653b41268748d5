"""What all addresses of the server need: its models, its engine, its limits."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import anyio

from orrery.inference.sampling import COLDEST, Sampling
from orrery.inference.scheduler import Update
from orrery.server.engine_process import EngineProcess
from orrery.server.errors import RETRY, Problem
from orrery.server.limits import Limits
from orrery.server.metrics import Metrics
from orrery.server.names import ServedModel, reread_models
from orrery.server.schema import SamplingFields
from orrery.tools.registry import Tool

T = TypeVar("T")


@dataclass
class Service:
    """A server without its addresses. `tools` are those that it runs itself, for requests that bring none."""

    models: dict[str, ServedModel]
    engine: EngineProcess
    tools: Sequence[Tool] = ()
    limits: Limits = field(default_factory=Limits)
    metrics: Metrics = field(default_factory=Metrics)

    def model(self, name: str) -> ServedModel:
        """The model that clients call so. Raises Problem 404."""
        if name not in self.models:
            known = ", ".join(self.models)
            raise Problem(404, f"there is no model {name!r} here; there is {known}", "model_not_found", "model")
        return self.models[name]

    def know(self, folders: Mapping[str, Path]) -> None:
        """From now on the models in these folders are served; what has changed on disk is read anew.

        Requests under way end with the model that they began with.
        """
        self.models = reread_models(self.models, folders)
        self.engine.know({name: model.folder for name, model in self.models.items()})

    def context(self, model: ServedModel) -> int:
        """Tokens that a request to this model may have: less than its own context where memory is short."""
        state = self.engine.state.loaded.get(model.name) if self.engine.state else None
        return state.context if state else model.context

    def admit(self, answers: int) -> None:
        """Raise Problem 422 for more answers than are ever served at once, 429 where too many wait already."""
        most = self.limits.queue
        if answers > most:
            raise Problem(422, f"{answers} answers in one request: at most {most} are possible", "too_many_answers")
        if self.engine.waiting + answers > most:
            message = f"{self.engine.waiting} answers wait already, and at most {most} may: try again in a second"
            raise Problem(429, message, "queue_full", headers=RETRY)

    def sampling(self, asked: SamplingFields, model: ServedModel, prompt: int, tokens: int | None) -> Sampling:
        """How to write on after `prompt` tokens: `tokens` at most (None: as many as there is room for).

        Raises Problem 422 where the prompt leaves no room, or more is asked for than a model can write.
        """
        context = self.context(model)
        if prompt >= context:
            message = f"the prompt has {prompt} tokens and the context {context}: none is left to answer; shorten it"
            raise Problem(422, message, "context_length_exceeded")
        most = min(self.limits.max_tokens or context, context)
        if tokens is not None and tokens > most:
            raise Problem(
                422, f"max_tokens is {tokens}; at most {most} are possible here", "invalid_value", "max_tokens"
            )
        stop = [asked.stop] if isinstance(asked.stop, str) else asked.stop or []
        given = {
            name: getattr(asked, name)
            for name in ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
            if getattr(asked, name) is not None
        }
        values = {**model.defaults, **given}
        return Sampling(
            temperature=values["temperature"] if values["temperature"] >= COLDEST else 0.0,
            top_k=max(0, int(values.get("top_k", 0))),  # -1 is what other servers call all
            top_p=values.get("top_p", 1.0),
            min_p=values.get("min_p", 0.0),
            repetition_penalty=values.get("repetition_penalty", 1.0),
            presence_penalty=asked.presence_penalty or 0.0,
            frequency_penalty=asked.frequency_penalty or 0.0,
            logit_bias=tuple((int(token), bias) for token, bias in (asked.logit_bias or {}).items()),
            max_tokens=min(most if tokens is None else tokens, context - prompt),
            stop=tuple(stop),
            seed=secrets.randbits(63) if asked.seed is None else asked.seed,
        )


class TokenCount:
    """The tokens of one answer, counted as they come: for its `usage`, and for the metrics."""

    def __init__(self, metrics: Metrics, model: str) -> None:
        self.metrics, self.model = metrics, model
        self.written, self.cached = 0, 0
        self.last = time.monotonic()

    def add(self, update: Update) -> None:
        """Take in what a step has brought."""
        now = time.monotonic()
        if not self.written:
            self.cached = update.cached
            self.metrics.cached.labels(self.model).inc(update.cached)
        waited = self.metrics.next_token if self.written else self.metrics.first_token
        waited.labels(self.model).observe(now - self.last)
        self.metrics.generated.labels(self.model).inc(len(update.tokens))
        self.written, self.last = self.written + len(update.tokens), now


async def in_thread(work: Callable[[], T]) -> T:
    """The result of work that takes a while, such as reading a long text, while the event loop goes on."""
    return await anyio.to_thread.run_sync(work)
