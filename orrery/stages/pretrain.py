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

What is logged besides the loop's own metrics: ``held_out_loss`` and bits per byte (`orrery.training.held_out`).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from orrery.data.packing import IGNORE, Batch, PackedBatches
from orrery.data.shards import TokenShards
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


class PretrainStage:
    """Next-token prediction on packed documents; see `orrery.training.stage.Stage` for what each part is for."""

    name = "base"
    warnings: Sequence[str] = ()

    def __init__(
        self,
        config: PretrainConfig,
        data: TokenShards,
        held_out: TokenShards | None,
        tokenizer: BPE,
        first: TokenShards | None,
        conversations: Sequence[Conversation],
        card: str,
    ) -> None:
        data.check_tokenizer(tokenizer)
        shape = config.shape.config(tokenizer.vocab_size)
        self.config, self.data, self.tokenizer, self.card = config, data, tokenizer, card
        self.model = Transformer(shape, torch.Generator().manual_seed(config.seed))
        self.models: Mapping[str, nn.Module] = {"model": self.model}
        self.flops_per_token = flops_per_token(shape, shape.context)
        even = math.log(shape.vocab_size)  # the loss of a model that finds all tokens equally likely
        self.first_loss = (0.9 * even, 1.2 * even)
        self.unseen = held_out or data  # where samples take their beginnings from
        self.sequences = data.sequences()
        if first is not None:
            first.check_tokenizer(tokenizer)
            self.sequences = self.sequences.after(first.sequences())
        if conversations:
            rendered = render_all(conversations, tokenizer, shape.context)
            self.sequences = self.sequences.joined(rendered.sequences)
            self.warnings = rendered.warnings(shape.context)
        self.held_out = None
        if held_out is not None:
            held_out.check_tokenizer(tokenizer)
            self.held_out = HeldOut.from_shards(held_out)
            self.some_held_out = self.held_out.part(config.evaluate_tokens, shape.context)
            self.lengths = token_lengths(tokenizer)

    def batches(self, state: Mapping[str, Any] | None) -> Iterator[Batch]:
        """Packed rows in a new random order each epoch."""
        self._batches = PackedBatches(
            self.sequences,
            context=self.config.shape.context,
            rows=self.config.train.rows,
            seed=self.config.seed,
            pad_id=self.tokenizer.eos_id,
        )
        if state is not None:
            self._batches.load_state_dict(state["batches"])
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
        hidden = self.model.hidden(batch.ids, segments=batch.segments).flatten(0, 1).index_select(0, trained)  # N D
        logits = self.model.unembed(hidden)  # N V
        nats = F.cross_entropy(logits.float(), batch.targets.flatten()[trained], reduction="sum")
        return nats / denominators["tokens"], {}

    def evaluate(self, full: bool) -> dict[str, float]:
        """Bits per byte of the held-out documents."""
        if self.held_out is None:
            return {}
        return measure(
            self.model, self.held_out if full else self.some_held_out, self.lengths, self.model.config.context
        )

    def samples(self) -> list[dict[str, Any]]:
        """What the model writes from nothing, and how it goes on after the first words of two documents."""
        beginnings = [self.unseen.document(index)[:9].tolist() for index in range(min(2, len(self.unseen)))]
        prompts = [[self.tokenizer.eos_id], *beginnings]
        completions = Engine(self.model, self.tokenizer).generate(prompts, SAMPLE)
        return [
            {"prompt": self.tokenizer.decode(prompt[1:]), "text": completion.text}
            for prompt, completion in zip(prompts, completions, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """The data cursor; nothing else here is random."""
        return {"batches": self._batches.state_dict()}

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
    data: TokenShards,
    held_out: TokenShards | None,
    tokenizer: BPE,
    first: TokenShards | None = None,
    conversations: Sequence[Conversation] = (),
    resume: str | Path | None = None,
) -> TrainResult:
    """Train a base model on tokenised documents -> runs/NAME/base/, a Hugging Face folder.

    Args:
        held_out: documents for bits per byte; without them nothing is measured.
        first: documents that come before all others.
        conversations: to be read between the documents; only what the assistant says in them is predicted.
        resume: as in `orrery.training.loop.train`.

    Raises:
        DataError: the shards were made with another tokenizer, or hold nothing to train on.
        ConfigError: the shape does not fit itself. And what `orrery.training.loop.train` raises.
    """
    card = f"A base model that was pretrained with Orrery (run {run.name}) on {data.info.bytes:,} bytes of text.\n"
    stage = PretrainStage(config, data, held_out, tokenizer, first, conversations, card)
    return train(stage, config.train, run, resume=resume)
