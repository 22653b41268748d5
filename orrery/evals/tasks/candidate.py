"""Who sits a task: a model here, or one behind a server.

    candidate = Local(Engine.load(Path("runs/speedrun/base")))
    candidate.scores([Prompted("The capital of France is", (" Paris", " Rome"))], progress)       # how likely each is
    candidate.write(["Question: …"], ("\\n",), 64, progress)                                      # what it writes
    candidate.nats(["A document."], True, progress)                                               # of whole documents

A prompt is the beginning of a text, or with `chat` what a user says. `begin` puts what documents begin with before it,
as `orrery serve` does with texts; without it prompts are read as lm_eval and llm.c have them: only models whose
documents begin with a token of its own (Llama 3) get that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from orrery.evals.run import Progress
from orrery.evals.tasks.likelihood import Pair, fit, log_likelihoods
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling

AT_ONCE = 64  # questions that are written at in one call; progress is told after each


@dataclass(frozen=True)
class Prompted:
    """A prompt, and texts that may come after it."""

    prompt: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """How likely a text is: its log-probability in nats, and of how many tokens it is the sum."""

    nats: float
    tokens: int


class Candidate(Protocol):
    """A model that sits a task. Each method takes all questions, and tells how far it is.

    Attributes:
        chat: prompts are what a user says.
        cut: prompts that had to be cut on the left, so far.
        known: what results say of it: its folder or address, settings that change scores.
    """

    chat: bool
    cut: int
    known: dict[str, object]

    def scores(self, asked: Sequence[Prompted], on_progress: Progress) -> list[list[Score]]:
        """How likely each text is after its prompt."""

    def write(self, prompts: Sequence[str], stop: Sequence[str], max_tokens: int, on_progress: Progress) -> list[str]:
        """How each prompt goes on, greedily, up to the first of the stops."""

    def nats(self, documents: Sequence[str], ends: bool, on_progress: Progress) -> list[float]:
        """What each document costs, its end included or not."""


class Local:
    """A model in the engine, in the precision and on the device where it is."""

    def __init__(
        self, engine: Engine, *, chat: bool = False, begin: bool = False, known: Mapping[str, object] | None = None
    ) -> None:
        imported = engine.tokenizer.imported
        own = imported is not None and imported.begins not in (None, imported.ends)  # Llama 3's <|begin_of_text|>
        self.engine, self.chat, self.begin, self.cut = engine, chat, begin or own, 0
        self.known: dict[str, object] = {**(known or {}), "chat": chat, "begin": self.begin}
        if chat:
            self.known["tools"] = [tool.name for tool in engine.tools]

    def scores(self, asked: Sequence[Prompted], on_progress: Progress) -> list[list[Score]]:
        """As `Candidate` says; a text's tokens are those that the prompt's end leaves of both together."""
        pairs: list[Pair] = []
        for one in asked:
            whole = [self._pair(one.prompt, text) for text in one.texts]
            pairs += [fit(*pair, self.engine.context) for pair in whole]
            self.cut += any(len(pair[0]) < len(read[0]) for pair, read in zip(pairs[-len(whole) :], whole, strict=True))
        found = iter(log_likelihoods(self.engine.model, pairs, on_progress))
        return [[_score(next(found)) for _ in one.texts] for one in asked]

    def write(self, prompts: Sequence[str], stop: Sequence[str], max_tokens: int, on_progress: Progress) -> list[str]:
        """As `Candidate` says. At least half of the context is left to the prompt: `known` says where that is less."""
        room = min(max_tokens, self.engine.context // 2)
        if room < max_tokens:
            self.known["max_tokens"] = room
        sampling = Sampling(max_tokens=room, stop=tuple(stop))
        written: list[str] = []
        for start in range(0, len(prompts), AT_ONCE):
            some = prompts[start : start + AT_ONCE]
            if self.chat:
                turns = self.engine.turns([[{"role": "user", "content": prompt}] for prompt in some], sampling)
                written += [str(turn.messages[-1]["content"] or "") for turn in turns]
            else:
                ids = [self._ids(prompt) for prompt in some]
                self.cut += sum(len(one) > self.engine.context - room for one in ids)
                completions = self.engine.generate([one[room - self.engine.context :] for one in ids], sampling)
                written += [completion.text for completion in completions]
            on_progress(len(written), len(prompts))
        return written

    def nats(self, documents: Sequence[str], ends: bool, on_progress: Progress) -> list[float]:
        """As `Candidate` says: in windows of the context, as `orrery.training.held_out` cuts them."""
        tokenizer, context = self.engine.tokenizer, self.engine.context
        pairs: list[Pair] = []
        owners: list[int] = []  # which document each window is of
        for number, ids in enumerate(tokenizer.encode_batch(documents)):
            ids = [tokenizer.begin_id, *ids, *([tokenizer.eos_id] if ends else [])]
            for start in range(0, len(ids) - 1, context):
                pairs.append((ids[start : start + 1], ids[start + 1 : start + 1 + context]))
                owners.append(number)
        totals = [0.0] * len(documents)
        for owner, score in zip(owners, log_likelihoods(self.engine.model, pairs, on_progress), strict=True):
            totals[owner] -= _score(score).nats
        return totals

    def _ids(self, prompt: str) -> list[int]:
        """A text's beginning in tokens; an empty one is what documents begin with."""
        ids = self.engine.tokenizer.encode(prompt)
        return [self.engine.tokenizer.begin_id, *ids] if self.begin or not ids else ids

    def _pair(self, prompt: str, text: str) -> Pair:
        if self.chat:
            return self.engine.prompt([{"role": "user", "content": prompt}]), self.engine.tokenizer.encode(text)
        # A token may hold the end of the prompt and the text's beginning. As lm_eval has it: spaces at the prompt's end
        # belong to the text, and the text's tokens are those of both together behind as many as the prompt alone has.
        bare = prompt.rstrip()
        text = prompt[len(bare) :] + text
        before = self._ids(bare)
        alone = len(self.engine.tokenizer.encode(bare))
        return before, self.engine.tokenizer.encode(bare + text)[alone:]


def _score(logprobs: Tensor) -> Score:
    return Score(float(logprobs.sum(dtype=torch.float64)), len(logprobs))
