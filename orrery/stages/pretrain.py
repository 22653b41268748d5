"""Pretraining: from random weights to a base model that continues text.

A document x₁ … xₙ between two boundary tokens is predicted left to right, and the loss is what a compressor that knows
the model would spend on it:

    L(θ) = - 1/N · Σ over documents, Σ t = 1 … n+1  log p_θ(x_t | x_0 … x_{t-1})        x_0 = x_{n+1} = <|endoftext|>

with N the number of predicted tokens in the batch. (Bengio et al. 2003; Radford et al. 2018.)

A batch is rows of whole documents packed side by side (`orrery.data.packing`); no token sees another document. The
order is random, but that some documents may come before all others: what the rest of the learning waits for, such as
pages to copy from. Conversations may stand between the documents, as in the laptop recipe: a small model that meets
questions only after it has learnt its facts hardly learns to answer with them (mixed training; Allen-Zhu and Li 2023,
arXiv 2309.14316, section 4). In them only what the assistant says is predicted.

What is logged besides the loop's own metrics: ``held_out_loss`` and bits per byte (`orrery.training.held_out`), and
the scores of tasks, such as ``hellaswag_llmc/acc_norm`` (`orrery.evals.tasks`).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from orrery.data.mixture import Corpus, Mixture
from orrery.data.packing import IGNORE, Batch, PackedBatches
from orrery.data.shards import TokenShards
from orrery.evals.tasks import TasksConfig, sit
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.models.config import Architecture, TransformerConfig
from orrery.models.explain import flops_per_token
from orrery.models.hf import load_model, save_model
from orrery.models.transformer import Transformer
from orrery.stages.conversations import Conversation, render_all
from orrery.tokenizers.bpe import BPE
from orrery.training.held_out import HeldOut, measure, token_lengths
from orrery.training.loop import TrainResult, train
from orrery.training.runs import Run
from orrery.training.stage import TrainConfig

SAMPLE = Sampling(temperature=0.8, top_p=0.95, max_tokens=48)


@dataclass(frozen=True)
class ModelShape:
    """The shape of a new model: a `TransformerConfig` but for the vocabulary, which the tokenizer brings."""

    architecture: Architecture = "qwen3"
    width: int = 128
    layers: int = 4
    heads: int = 4
    kv_heads: int = 4
    head_width: int = 32
    mlp_width: int = 384
    context: int = 256
    rope_base: float = 10000.0
    tied: bool = True
    embedding_std: float = 0.02
    final_norm_init: float = 1.0
    copying_heads: bool = False

    def config(self, vocab_size: int) -> TransformerConfig:
        """The configuration of a model of this shape. Raises `ConfigError` when the sizes do not fit each other."""
        return TransformerConfig(vocab_size, **vars(self))


@dataclass(frozen=True)
class PretrainConfig:
    """How a base model is made. The text and its tokenizer are arguments of `pretrain`."""

    shape: ModelShape = field(default_factory=ModelShape)
    train: TrainConfig = field(default_factory=TrainConfig)
    seed: int = 0
    """Decides the first weights and the order of the documents."""
    evaluate_tokens: int = 30_000
    """Held-out tokens that evaluations during training look at; the last one looks at all."""
    tasks: TasksConfig = field(default_factory=TasksConfig)
    across_documents: bool = False
    """Whether a token also sees the documents that stand before its own in the row, as in GPT-2's training. A GPU's
    fused attention wants no other mask than the causal one."""


class PretrainStage:
    """Next-token prediction on packed documents; see `orrery.training.stage.Stage` for what each part is for."""

    name = "base"
    warnings: Sequence[str] = ()

    def __init__(
        self,
        config: PretrainConfig,
        data: TokenShards | Sequence[Corpus],
        held_out: TokenShards | None,
        tokenizer: BPE,
        first: TokenShards | None,
        conversations: Sequence[Conversation],
        card: str,
    ) -> None:
        corpora = (Corpus("text", data, held_out=held_out),) if isinstance(data, TokenShards) else tuple(data)
        self.mixture = () if isinstance(data, TokenShards) else corpora
        for shards in (shards for corpus in corpora for shards in (corpus.shards, corpus.held_out) if shards):
            shards.check_tokenizer(tokenizer)
        shape = config.shape.config(tokenizer.vocab_size)
        self.config, self.tokenizer, self.card = config, tokenizer, card
        self.model = Transformer(shape, torch.Generator().manual_seed(config.seed))
        self.models: Mapping[str, nn.Module] = {"model": self.model}
        self.flops_per_token = flops_per_token(shape, shape.context)
        even = math.log(shape.vocab_size)  # the loss of a model that finds all tokens equally likely
        self.first_loss = (0.9 * even, 1.2 * even)
        # Where samples take their beginnings from.
        self.unseen = [corpus.held_out or corpus.shards for corpus in corpora]
        self.sequences = corpora[0].shards.sequences()  # of a mixture, each corpus has its own
        if first is not None:
            first.check_tokenizer(tokenizer)
            self.sequences = self.sequences.after(first.sequences())
        if conversations:
            rendered = render_all(conversations, tokenizer, shape.context)
            self.sequences = self.sequences.joined(rendered.sequences)
            self.warnings = rendered.warnings(shape.context)
        self.held_out = _held_out([corpus for corpus in corpora if corpus.held_out])
        self.papers, self.evaluations = config.tasks.papers(), 0
        if self.held_out is not None:
            self.some_held_out = self.held_out.part(config.evaluate_tokens, shape.context)
            self.lengths = token_lengths(tokenizer)

    def batches(self, state: Mapping[str, Any] | None) -> Iterator[Batch]:
        """Packed rows in a new random order each epoch; of a mixture, by weight."""
        sizes = {"context": self.config.shape.context, "rows": self.config.train.rows}
        order = {"seed": self.config.seed, "pad_id": self.tokenizer.eos_id}
        self._batches: PackedBatches | Mixture
        if self.mixture:
            self._batches = Mixture(self.mixture, **sizes, **order)
        else:
            self._batches = PackedBatches(self.sequences, **sizes, **order)
        if state is not None:
            self._batches.load_state_dict(state["batches"])
            self.evaluations = state.get("evaluations", 0)  # checkpoints from before there were tasks lack it
        return self._batches

    def denominators(self, batch: Batch) -> dict[str, float]:
        """N, the predicted tokens."""
        return {"tokens": batch.supervised}

    def loss(
        self, models: Mapping[str, nn.Module], batch: Batch, denominators: Mapping[str, float]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The formula above: nats of the predicted tokens, over N."""
        trained = (batch.targets.flatten() != IGNORE).nonzero()[:, 0]  # N; everything but padding
        # By index and not by mask: the gradient of a mask's selection takes a tenth of the step.
        segments = None if self.config.across_documents else batch.segments
        hidden = self.model.hidden(batch.ids, segments=segments).flatten(0, 1).index_select(0, trained)  # N D
        nats = self.model.nats(hidden, batch.targets.flatten()[trained])  # N
        return nats.sum() / denominators["tokens"], {}

    def evaluate(self, full: bool) -> dict[str, float]:
        """Bits per byte of the held-out documents, and the tasks when it is their turn."""
        metrics = {}
        if self.held_out is not None:
            data = self.held_out if full else self.some_held_out
            metrics = measure(self.model, data, self.lengths, self.model.config.context)
        self.evaluations += 1
        if full or self.evaluations % self.config.tasks.every == 0:
            metrics |= sit(self.papers, Engine(self.model, self.tokenizer))
        return metrics

    def samples(self) -> list[dict[str, Any]]:
        """What the model writes from nothing, and how it goes on after the first words of two documents (of each
        corpus)."""
        beginnings = [text.document(index)[:9].tolist() for text in self.unseen for index in range(min(2, len(text)))]
        prompts = [[self.tokenizer.begin_id], *beginnings]
        completions = Engine(self.model, self.tokenizer).generate(prompts, SAMPLE)
        return [
            {"prompt": self.tokenizer.decode(prompt[1:]), "text": completion.text}
            for prompt, completion in zip(prompts, completions, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """The data cursor (nothing else here is random), and which evaluation was the last."""
        return {"batches": self._batches.state_dict(), "evaluations": self.evaluations}

    def save(self, folder: Path) -> None:
        """A base model ends with its document: the only end token is <|endoftext|>."""
        save_model(self.model, folder, tokenizer=self.tokenizer, eos_ids=[self.tokenizer.eos_id], card=self.card)

    def load(self, folder: Path) -> None:
        """Take over the weights of a checkpoint."""
        self.model.load_state_dict(load_model(folder).state_dict())


def pretrain(
    config: PretrainConfig,
    run: Run,
    *,
    data: TokenShards | Sequence[Corpus],
    held_out: TokenShards | None = None,
    tokenizer: BPE,
    first: TokenShards | None = None,
    conversations: Sequence[Conversation] = (),
    resume: str | Path | None = None,
) -> TrainResult:
    """Train a base model on tokenised documents -> runs/NAME/base/, a Hugging Face folder.

    Args:
        data: one corpus, or several that are drawn from by weight (`orrery.data.mixture`), which bring what is held out
            of each. Then ``held_out``, ``first`` and ``conversations`` have no place.
        held_out: documents for bits per byte; without them nothing is measured.
        first: documents that come before all others.
        conversations: to be read between the documents; only what the assistant says in them is predicted.
        resume: as in `orrery.training.loop.train`.

    Raises:
        DataError: the shards were made with another tokenizer, or hold nothing to train on.
        ConfigError: the shape does not fit itself. And what `orrery.training.loop.train` raises.
    """
    size = sum(shards.info.bytes for shards in ([data] if isinstance(data, TokenShards) else (c.shards for c in data)))
    card = f"A base model that was pretrained with Orrery (run {run.name}) on {size:,} bytes of text.\n"
    stage = PretrainStage(config, data, held_out, tokenizer, first, conversations, card)
    return train(stage, config.train, run, resume=resume)


def _held_out(corpora: Sequence[Corpus]) -> HeldOut | None:
    """What is held out of all corpora: by genre where there is one, else by corpus."""
    parts = [HeldOut.from_shards(corpus.held_out) for corpus in corpora if corpus.held_out]
    if len(parts) < 2:
        return parts[0] if parts else None
    sequences = parts[0].sequences
    for part in parts[1:]:
        sequences = sequences.joined(part.sequences)
    return HeldOut(
        sequences,
        np.repeat(np.arange(len(parts)), [len(part.bytes) for part in parts]),
        [corpus.name for corpus in corpora],
        np.concatenate([part.bytes for part in parts]),
        np.concatenate([part.bits for part in parts]),
    )
