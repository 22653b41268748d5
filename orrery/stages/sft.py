"""Supervised fine-tuning (SFT): from a base model to an assistant, by example conversations.

A conversation is rendered to tokens x with a mask m that marks what the assistant itself writes (its text, its tool
calls, the <|im_end|> that closes its turn). The loss is the base model's, on those tokens alone:

    L(θ) = - 1/N · Σ over conversations, Σ t  m_t · log p_θ(x_t | x_0 … x_{t-1})        N = Σ m_t over the batch

(Ouyang et al. 2022, arXiv 2203.02155, section 3.5 calls it behaviour cloning of demonstrations.)

Everything else, system prompt, questions and tool results, is read and never predicted. Where there are documents of
pretraining, some of them are read again between the conversations, all their tokens predicted: tuning on other things
wears away what the model knew (replay; Scialom et al. 2022, arXiv 2205.12393). The optimizer is a fresh AdamW
with a rate well under that of pretraining. Conversations are packed into rows like documents, each blind to the others;
one that is longer than the context is cut at its end.

What is logged besides the loop's own metrics: ``held_out_loss`` and ``bits_per_byte``, both of the assistant's tokens.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from orrery.data.packing import IGNORE, Batch, PackedBatches, Sequences
from orrery.data.shards import TokenShards
from orrery.errors import CheckpointError
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.models.explain import flops_per_token
from orrery.models.hf import load_model, load_tokenizer, save_model
from orrery.models.transformer import Transformer
from orrery.stages.conversations import Conversation, questions, read_conversations, render_all
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.messages import Message
from orrery.tools.calculator import CALCULATOR
from orrery.tools.registry import Tool
from orrery.training.held_out import HeldOut, measure, token_lengths
from orrery.training.loop import TrainResult, train
from orrery.training.optim import OptimizerConfig
from orrery.training.runs import Run
from orrery.training.schedule import ScheduleConfig
from orrery.training.stage import TrainConfig

__all__ = ["SFTConfig", "SFTStage", "read_conversations", "sft"]

HELD_OUT_EVERY = 20  # every so many conversations one is held out, where the caller brings none
FEWEST = 100  # with fewer conversations than this all are trained on
REPLAY_SHARE = 0.35  # of the tokens that are documents of pretraining, where there are any
SAMPLE = Sampling(max_tokens=64)


@dataclass(frozen=True)
class SFTConfig:
    """How a base model is tuned. The conversations are an argument of `sft`."""

    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=300,
            optimizer=OptimizerConfig(kind="adamw", lr=5e-4, weight_decay=0.0),
            schedule=ScheduleConfig(warmup_steps=10, warmdown_share=0.5),
        )
    )
    context: int = 2048
    """Tokens a row, and of the longest conversation; at most the model's own context."""
    epochs: float = 0.0
    """Passes over the conversations; above 0 it decides how many steps there are."""
    seed: int = 0
    """Decides the order of the conversations."""
    evaluate_tokens: int = 20_000
    """Held-out tokens that evaluations during training look at; the last one looks at all."""


class SFTStage:
    """Next-token prediction on what the assistant says; see `orrery.training.stage.Stage` for what each part is for."""

    name = "sft"

    def __init__(
        self,
        config: SFTConfig,
        model: Transformer,
        tokenizer: BPE,
        conversations: Sequence[Conversation],
        held_out: Sequence[Conversation],
        documents: TokenShards | None,
        card: str,
        tools: Sequence[Tool] = (CALCULATOR,),
    ) -> None:
        self.config, self.model, self.tokenizer, self.card, self.tools = config, model, tokenizer, card, tools
        self.models: Mapping[str, nn.Module] = {"model": model}
        if tokenizer.vocab_size > model.config.vocab_size:
            raise CheckpointError(
                f"the tokenizer has {tokenizer.vocab_size} tokens and the model {model.config.vocab_size}: they do not "
                "belong together"
            )
        self.context = context = min(config.context, model.config.context)
        self.rendered = render_all(conversations, tokenizer, context)
        self.warnings: Sequence[str] = self.rendered.warnings(context)
        self.sequences = self.rendered.sequences
        if documents is not None:
            documents.check_tokenizer(tokenizer)
            self.sequences = with_replay(self.sequences, documents, REPLAY_SHARE, config.seed)
        self.flops_per_token = flops_per_token(model.config, context)
        self.first_loss = (0.0, math.log(model.config.vocab_size))  # the parent knows more than nothing
        self.asked = questions(held_out, tokenizer, most=3, tokens=context // 2)
        self.held_out = None
        if held_out:
            self.held_out = _held_out(render_all(held_out, tokenizer, context).sequences)
            self.some_held_out = self.held_out.part(config.evaluate_tokens, context)
            self.lengths = token_lengths(tokenizer)

    def batches(self, state: Mapping[str, Any] | None) -> Iterator[Batch]:
        """Packed conversations in a new random order each epoch."""
        self._batches = PackedBatches(
            self.sequences,
            context=self.context,
            rows=self.config.train.rows,
            seed=self.config.seed,
            pad_id=self.tokenizer.eos_id,
        )
        if state is not None:
            self._batches.load_state_dict(state["batches"])
        return self._batches

    def denominators(self, batch: Batch) -> dict[str, float]:
        """N, the assistant's tokens."""
        return {"tokens": batch.supervised}

    def loss(
        self, models: Mapping[str, nn.Module], batch: Batch, denominators: Mapping[str, float]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The formula above: nats of the assistant's tokens, over N. Only their logits are computed."""
        trained = (batch.targets.flatten() != IGNORE).nonzero()[:, 0]  # N
        hidden = self.model.hidden(batch.ids, segments=batch.segments).flatten(0, 1).index_select(0, trained)  # N D
        nats = self.model.nats(hidden, batch.targets.flatten()[trained])  # N
        return nats.sum() / denominators["tokens"], {}

    def evaluate(self, full: bool) -> dict[str, float]:
        """Loss on what the assistant says in held-out conversations."""
        if self.held_out is None:
            return {}
        return measure(self.model, self.held_out if full else self.some_held_out, self.lengths, self.context)

    def samples(self) -> list[dict[str, Any]]:
        """Answers to the first questions of some held-out conversations."""
        replies = Engine(self.model, self.tokenizer, self.tools).chat(self.asked, SAMPLE) if self.asked else []
        return [
            {"prompt": str(messages[-1]["content"]), "text": _as_text(reply), "chat": True}
            for messages, reply in zip(self.asked, replies, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """The data cursor; nothing else here is random."""
        return {"batches": self._batches.state_dict()}

    def save(self, folder: Path) -> None:
        """An assistant ends with its turn (<|im_end|>), or with a document as its parent did."""
        save_model(self.model, folder, tokenizer=self.tokenizer, eos_ids=self.tokenizer.stop_ids, card=self.card)

    def load(self, folder: Path) -> None:
        """Take over the weights of a checkpoint."""
        self.model.load_state_dict(load_model(folder).state_dict())


def sft(
    config: SFTConfig,
    run: Run,
    *,
    parent: Path,
    conversations: Sequence[Conversation],
    held_out: Sequence[Conversation] | None = None,
    documents: TokenShards | None = None,
    tools: Sequence[Tool] = (CALCULATOR,),
    resume: str | Path | None = None,
) -> TrainResult:
    """Tune the model in the folder ``parent`` on conversations -> runs/NAME/sft/, a Hugging Face folder.

    Args:
        held_out: conversations for evaluation and samples. None: every `HELD_OUT_EVERY`-th of ``conversations`` is held
            out where there are at least `FEWEST`.
        documents: of pretraining, some of which are read again (`REPLAY_SHARE` of all tokens).
        tools: that the model may call in the samples on the way.
        resume: as in `orrery.training.loop.train`.

    Raises:
        CheckpointError: ``parent`` is no model folder, or its tokenizer is another model's.
        TokenizerError: its tokenizer has no tokens for conversations.
        DataError: no conversation has an assistant's message within the model's context.
        And what `orrery.training.loop.train` raises.
    """
    if held_out is None:
        held_out = conversations[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY] if len(conversations) >= FEWEST else []
        if held_out:
            conversations = [one for index, one in enumerate(conversations) if (index + 1) % HELD_OUT_EVERY]
    card = f"An assistant that was tuned with Orrery (run {run.name}) on {len(conversations):,} conversations.\n"
    model, tokenizer = load_model(parent), load_tokenizer(parent)
    stage = SFTStage(config, model, tokenizer, conversations, held_out, documents, card, tools)
    if config.epochs > 0:
        a_step = config.train.rows * stage.context
        steps = max(1, math.ceil(config.epochs * stage.rendered.sequences.positions() / a_step))
        stage.config = config = replace(config, train=replace(config.train, steps=steps))
    return train(stage, config.train, run, resume=resume)


def with_replay(conversations: Sequences, documents: TokenShards, share: float, seed: int) -> Sequences:
    """The conversations and so many random documents, all tokens predicted, that these have ``share`` of all tokens.

    All documents, where there are too few.
    """
    lengths = documents.stops - documents.starts
    order = np.random.default_rng(seed).permutation(len(documents))
    enough = len(conversations.tokens) * share / (1 - share)
    chosen = order[: int(np.searchsorted(np.cumsum(lengths[order]), enough))]
    tokens = np.concatenate([conversations.tokens[:0], *(documents.document(index) for index in chosen.tolist())])
    stops = np.cumsum(lengths[chosen])
    return conversations.joined(Sequences(tokens, stops - lengths[chosen], stops))


def _held_out(sequences: Sequences) -> HeldOut:
    count = len(sequences.starts)
    unknown = np.full(count, np.nan)
    return HeldOut(sequences, np.zeros(count, dtype=np.int64), ("assistant",), np.zeros(count), unknown)


def _as_text(reply: Sequence[Message]) -> str:
    parts = []
    for message in reply:
        calls = [
            f"[{call['function']['name']} {call['function']['arguments']}]" for call in message.get("tool_calls", ())
        ]
        parts += [str(message.get("content") or ""), *calls]
    return " ".join(part for part in parts if part)
