"""What a policy writes when it is let go: completions of prompts, with all that training on them needs.

    rollouts = roll_out(engine, prompts, 8, Sampling(temperature=1.0, max_tokens=64, seed=0))
    rollouts.rows(), rollouts.texts        # P x G completions, prompt by prompt

Sampling is at temperature 1 and from the whole vocabulary: what is trained on must be the policy's own distribution,
or every gradient is that of another one. Prompts are conversations (the assistant answers, and may call tools, whose
answers are not trained on) or plain text for base models (the model goes on).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from orrery.errors import ConfigError, DataError
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.processes import rows_each, share_out
from orrery.stages.conversations import Conversation
from orrery.stages.rows import Rows, padded, token_logprobs
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import render
from orrery.training import parallel
from orrery.training.machine import Precision

Prompt = Conversation | str


@dataclass(frozen=True)
class Written:
    """One completion: its tokens after the prompt, which of them the policy wrote, and their log-probabilities."""

    prompt_ids: list[int]
    ids: list[int]
    trained: list[bool]
    logprobs: list[float]
    text: str
    finished: bool
    """Whether it ended by itself; otherwise it ran out of tokens."""
    calls: int = 0
    """How many tools it called."""


@dataclass(frozen=True)
class Rollouts:
    """Completions of P prompts, G each, in order."""

    written: Sequence[Sequence[Written]]

    @property
    def texts(self) -> list[list[str]]:
        """P x G texts."""
        return [[one.text for one in group] for group in self.written]

    def rows(self) -> Rows:
        """All P G completions as rows."""
        flat = [one for group in self.written for one in group]
        ids = padded([one.prompt_ids + one.ids for one in flat])
        trained = padded([[False] * len(one.prompt_ids) + one.trained for one in flat], torch.bool)
        lengths = torch.tensor([len(one.prompt_ids) + len(one.ids) for one in flat])
        return Rows(ids, trained, lengths)

    def logprobs(self) -> Tensor:
        """The engine's log-probability of each token [P G, T]; 0 where the policy wrote nothing."""
        rows = [[0.0] * len(one.prompt_ids) + one.logprobs for group in self.written for one in group]
        return padded(rows, torch.float32)

    def metrics(self) -> dict[str, float]:
        """Lengths and endings, under TRL's names, and an estimate of the entropy from the tokens themselves."""
        flat = [one for group in self.written for one in group]
        lengths = torch.tensor([sum(one.trained) for one in flat], dtype=torch.float32)
        finished = torch.tensor([one.finished for one in flat])
        logprobs = [logprob for one in flat for logprob, own in zip(one.logprobs, one.trained, strict=True) if own]
        found = {
            "completions/mean_length": lengths.mean().item(),
            "completions/min_length": lengths.min().item(),
            "completions/max_length": lengths.max().item(),
            "completions/clipped_ratio": 1 - finished.float().mean().item(),
            "entropy": -sum(logprobs) / len(logprobs),
        }
        if any(one.calls for one in flat):
            found["completions/mean_calls"] = sum(one.calls for one in flat) / len(flat)
        if finished.any():
            found["completions/mean_terminated_length"] = lengths[finished].mean().item()
        return found


def roll_out(engine: Engine, prompts: Sequence[Prompt], group: int, sampling: Sampling) -> Rollouts:
    """Sample ``group`` completions of each prompt; the same seed and weights give the same ones.

    Raises:
        ConfigError: another temperature than 1, top-k or top-p: what is sampled would not be the policy.
        DataError: some prompts are conversations and some plain text.
        InferenceError: a prompt is longer than the model's context.
    """
    if sampling.temperature != 1 or sampling.top_k or sampling.top_p < 1:
        raise ConfigError("a policy is trained on samples of its own distribution: temperature 1, no top-k, no top-p")
    repeated = [prompt for prompt in prompts for _ in range(group)]
    if len({isinstance(prompt, str) for prompt in prompts}) > 1:
        raise DataError("some prompts are conversations and some plain text: give one kind")
    size = rows_each(math.ceil(len(repeated) / parallel.ranks()), engine.device)
    parts = [(first, repeated[first : first + size]) for first in range(0, len(repeated), size)]
    write = partial(share_out, partial(_write, engine, sampling))
    written = [one for part in parallel.share_out(write, parts) for one in part]
    return Rollouts([written[i : i + group] for i in range(0, len(written), group)])


def _write(engine: Engine, sampling: Sampling, part: tuple[int, Sequence[Prompt]]) -> list[Written]:
    """A completion of each prompt of a part of a rollout, which begins with the number of the first of them."""
    first, prompts = part
    with torch.autocast(engine.device.type, enabled=False):  # in the precision of the weights, wherever this is called
        return _complete(engine, sampling, first, prompts)


def _complete(engine: Engine, sampling: Sampling, first: int, prompts: Sequence[Prompt]) -> list[Written]:
    texts = [prompt for prompt in prompts if isinstance(prompt, str)]
    if texts:
        ids = [prompt_ids(text, engine.tokenizer) for text in texts]
        return [
            Written(asked, done.ids, [True] * len(done.ids), done.logprobs, done.text, done.finish_reason == "stop")
            for asked, done in zip(ids, engine.generate(ids, sampling, first), strict=True)
        ]
    conversations, written = [prompt for prompt in prompts if not isinstance(prompt, str)], []
    for messages, turn in zip(conversations, engine.turns(conversations, sampling, first), strict=True):
        text = "\n".join(str(m["content"]) for m in turn.messages if m["role"] == "assistant" and m["content"])
        asked, finished = prompt_ids(messages, engine.tokenizer), turn.finish_reason == "stop"
        calls = sum(len(message.get("tool_calls", ())) for message in turn.messages)
        written.append(Written(asked, turn.ids, turn.mask, turn.logprobs, text, finished, calls))
    return written


def words_of(prompt: Prompt) -> str:
    """What a prompt asks: the plain text, or the last thing the user said."""
    if isinstance(prompt, str):
        return prompt
    return next(str(message["content"]) for message in reversed(prompt) if message["role"] == "user")


def prompt_ids(prompt: Prompt, tokenizer: BPE) -> list[int]:
    """The tokens that stand before the completion."""
    if isinstance(prompt, str):
        return [tokenizer.begin_id, *tokenizer.encode(prompt)]
    return render(prompt, tokenizer, add_generation_prompt=True).ids


@torch.no_grad()
def logprob_difference(
    engine: Engine, rows: Rows, logprobs: Tensor, precision: Precision = "float32", most: int = 16
) -> dict[str, float]:
    """The largest and the mean difference between the trainer's and the engine's log-probabilities, over some rows.

    Rounding alone where all is well, of the precision that is trained in (`orrery.stages.alarms.APART`); more means
    that what is trained is not what was sampled.
    """
    chosen = torch.linspace(0, len(rows.ids) - 1, min(most, len(rows.ids))).round().long()
    some = rows.take(chosen)
    with torch.autocast(engine.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        ours = token_logprobs(engine.model, some.ids.to(engine.device), some.trained.to(engine.device))
    theirs = logprobs[chosen][:, : some.ids.shape[1]][some.trained]
    apart = (ours.cpu() - theirs).abs()
    return {"logprob_difference": apart.max().item(), "logprob_difference/mean": apart.mean().item()}
