"""The one dial: from the minutes you have to a plan, fitted to the machine once and written into the run.

The machine is measured for some seconds (large matrix products, then real training steps of the model that fits and,
where the scaling law may choose, of its neighbours in size), and the minutes are shared out:

    minutes = start + corpus and tokenizer + conversations + pretraining + exams + tuning + exams + report

Everything in the plan is a number of steps, documents or bytes and never a time, so the same plan is the same run, bit
for bit, however fast the machine is when it is repeated.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from rich.table import Table

from orrery.errors import ConfigError
from orrery.evals.scaling_law import Expected, MeasuredLaw
from orrery.models.config import TransformerConfig
from orrery.models.explain import flops_per_token
from orrery.models.transformer import Transformer
from orrery.stages.pretrain import ModelShape
from orrery.training.machine import choose_device, measure_matmul_rate
from orrery.training.speed import measure_training
from orrery.training.stage import TrainConfig

# Width and layers, by size; a head is 32 wide, the MLP three times the width.
LADDER = ((64, 3), (96, 3), (128, 4), (192, 5), (256, 6), (384, 8), (512, 10), (768, 12))
TOKENS_PER_PARAMETER = 6  # fewer tokens than this leave a model half-trained: then a smaller one is better
SMALL_MODEL_SHARE = 0.35  # of the matmul rate that a small model reaches in training, before it is measured
MEASURE_SECONDS = 2.5  # for each size that is measured
TRAINED_SHARE = 0.6  # of the minutes, that pretraining will have, before it is planned

# Seconds on the reference machine (two cores, the 128 x 4 model at 20,000 tokens/s), from the log of speedruns.
REFERENCE_TOKENS_PER_S = 20_000.0
FIXED_SECONDS = 8.0  # start, report, loading and saving
CORPUS_MB_PER_S = 2.4  # documents written, tokenizer trained and applied, all in all
CONVERSATIONS_PER_S = 4_000.0  # written and turned into tokens
EXAM_SECONDS = 20.0  # both examinations and the held-out losses
FIRST_STEPS, FIRST_SHARE = 300, 0.12  # of pretraining on pages to copy from, and at most so much of it
TUNING_SHARE = 0.08  # of the training time
LEAST = 20, 10  # steps of pretraining and of tuning
OVERHEAD = 1.3  # of training on top of the measured steps: batches, logs, evaluations, checkpoints, a warm machine


@dataclass(frozen=True)
class Talk:
    """What the conversations of a speedrun are like.

    Attributes:
        tokens: mean length; only the plan's number of conversations depends on it.
        mixed: share of the tokens of pretraining that are conversations.
        replay: share of the tokens of tuning that are documents of pretraining.
    """

    tokens: float
    mixed: float
    replay: float


@dataclass(frozen=True)
class Reading:
    """What pretraining reads: bytes of documents, bytes of pages to copy from that come first, conversations."""

    corpus_bytes: int
    first_bytes: int
    mixed_conversations: int


@dataclass(frozen=True)
class Plan:
    """What a speedrun will do.

    Attributes:
        minutes: what was asked for.
        vocab_size: tokens, special ones included.
        width, layers: of the model; the rest of the shape follows.
        pretrain_steps, sft_steps: optimizer steps.
        corpus_bytes: text that is made for pretraining; about one epoch.
        first_bytes: pages to copy from, which come first.
        mixed_conversations: how many are made for pretraining, to be read between the documents.
        conversations: how many are made for tuning; about one epoch.
        tokens_per_s: measured with this model on this machine.
        matmul_rate: floating-point operations a second of large products, measured.
        seconds: what each part is expected to take.
        expected: bits per byte after pretraining, as the scaling law has it; None where it says nothing.
    """

    minutes: float
    vocab_size: int
    width: int
    layers: int
    pretrain_steps: int
    sft_steps: int
    corpus_bytes: int
    first_bytes: int
    mixed_conversations: int
    conversations: int
    tokens_per_s: float
    matmul_rate: float
    seconds: Mapping[str, float]
    expected: Expected | None = None


def shape_of(width: int, layers: int, context: int) -> ModelShape:
    """The Qwen3 shape of a size on the ladder.

    Large embeddings with a small last norm (which keeps the first loss at ln V) let small models learn facts several
    times sooner; the folder is the same to every reader.
    """
    heads = width // 32
    return ModelShape(
        width=width, layers=layers, heads=heads, kv_heads=heads, head_width=32,
        mlp_width=3 * width, context=context, embedding_std=0.7, final_norm_init=0.8 / width**0.5,
        copying_heads=layers > 1, rope_base=1e6,
    )  # fmt: skip


def fit(
    minutes: float,
    *,
    vocab_size: int,
    context: int,
    pretrain: TrainConfig,
    sft: TrainConfig,
    talk: Talk,
    elapsed: float,
    size: tuple[int, int] | None = None,
    steps: tuple[int, int] = (0, 0),
    exams: bool = True,
    reserved: float = 0.0,
    law: MeasuredLaw | None = None,
    speed: "Speed | None" = None,
) -> Plan:
    """Measure the machine and share out the minutes.

    Args:
        talk: what the conversations are like.
        elapsed: seconds that have already gone.
        size: (width, layers), to set the choice of model aside.
        steps: of pretraining and of tuning, where they are not 0: they set the minutes aside.
        exams: whether there will be exams (there are none without the world).
        reserved: share of the minutes that is kept for what comes after tuning.
        law: of this very recipe; it helps to choose the size, and says what to expect.
        speed: what was measured before on this machine, with these settings of training; by default nothing.

    Raises:
        ConfigError: the minutes are not a positive number, or too few for anything on this machine; or so few steps.
    """
    if not 0 < minutes < float("inf"):
        raise ConfigError(f"--minutes is {minutes:g}; it must be above 0, for instance --minutes 10")
    for name, asked, least in (("--pretrain-steps", steps[0], LEAST[0]), ("--sft-steps", steps[1], LEAST[1])):
        if 0 < asked < least:
            raise ConfigError(f"{name} is {asked}; it takes at least {least}")
    rate = measure_matmul_rate(pretrain.precision, str(choose_device(pretrain.device)))
    kept = 60 * minutes * reserved
    began, speed = time.perf_counter(), speed or Speed(vocab_size, context, pretrain)
    width, layers = size or choose_size(minutes - kept / 60, rate, vocab_size, context)
    if law is not None and not size:
        width, layers = best_size((width, layers), minutes - kept / 60, law, speed)
    tokens_per_s = speed.of((width, layers))
    elapsed += time.perf_counter() - began
    slower = REFERENCE_TOKENS_PER_S / tokens_per_s
    exam_seconds = EXAM_SECONDS * min(slower, 3.0) if exams else 4.0
    bytes_per_token = world_bytes_per_token(vocab_size)
    # Two unknowns, tokens and seconds of training, and the text grows with the tokens: solve for the seconds.
    left = 60 * minutes - kept - elapsed - FIXED_SECONDS - exam_seconds
    corpus_share = (1 - TUNING_SHARE) * (1 - talk.mixed) * tokens_per_s * bytes_per_token / (CORPUS_MB_PER_S * 1e6)
    talk_tokens = (1 - TUNING_SHARE) * talk.mixed + TUNING_SHARE * (1 - talk.replay)
    talk_share = talk_tokens * tokens_per_s / (talk.tokens * CONVERSATIONS_PER_S)
    training = left / (OVERHEAD + corpus_share + talk_share)
    pretrain_steps = steps[0] or int((1 - TUNING_SHARE) * training * tokens_per_s / (pretrain.rows * context))
    sft_steps = steps[1] or int(TUNING_SHARE * training * tokens_per_s / (sft.rows * context))
    if pretrain_steps < LEAST[0] or sft_steps < LEAST[1]:
        needed = (60 * minutes - kept - left + 20) / 60 / (1 - reserved)
        raise ConfigError(f"--minutes {minutes:g} is too short on this machine; give it at least {needed:.1f}")
    text = reading(pretrain_steps, pretrain.rows * context, talk, vocab_size)
    tokens = pretrain_steps * pretrain.rows * context
    return Plan(
        minutes=minutes, vocab_size=vocab_size, width=width, layers=layers,
        pretrain_steps=pretrain_steps, sft_steps=sft_steps,
        corpus_bytes=text.corpus_bytes, first_bytes=text.first_bytes, mixed_conversations=text.mixed_conversations,
        conversations=max(1000, int((1 - talk.replay) * sft_steps * sft.rows * context / talk.tokens)),
        tokens_per_s=round(tokens_per_s, 1), matmul_rate=rate,
        seconds={
            "start and measure": round(elapsed, 1),
            "corpus and tokenizer": round(corpus_share * training, 1),
            "conversations": round(talk_share * training, 1),
            "pretrain": round((1 - TUNING_SHARE) * OVERHEAD * training, 1),
            "tune": round(TUNING_SHARE * OVERHEAD * training, 1),
            "exams": round(exam_seconds, 1),
            **({"post-training": round(kept, 1)} if kept else {}),
            "report": FIXED_SECONDS,
        },
        expected=expect(law, speed.config((width, layers)), tokens) if law else None,
    )  # fmt: skip


def expect(law: MeasuredLaw, config: TransformerConfig, tokens: int) -> Expected | None:
    """What the law says of so many tokens; None where it was not measured."""
    parameters = count_parameters(config)
    if not law.covers(parameters) or not law.reaches(tokens, tokens * flops_per_token(config, config.context)):
        return None
    return law.expect([(parameters, tokens)])[0]


def reading(steps: int, tokens_a_step: int, talk: Talk, vocab_size: int) -> Reading:
    """What so many steps of pretraining read, each document about once."""
    tokens, per_token = steps * tokens_a_step, world_bytes_per_token(vocab_size)
    first = min(FIRST_STEPS, FIRST_SHARE * steps) * tokens_a_step
    mixed = talk.mixed * (tokens - first)
    return Reading(int((tokens - first - mixed) * per_token), int(first * per_token), int(mixed / talk.tokens))


def world_bytes_per_token(vocab_size: int) -> float:
    """Of the world's documents; 1.85 with 512 tokens."""
    return 2.65 + 0.8 * math.log2(vocab_size / 1024)


def choose_size(minutes: float, matmul_rate: float, vocab_size: int, context: int) -> tuple[int, int]:
    """The largest (width, layers) of the ladder that these minutes train on enough tokens."""
    chosen = LADDER[0]
    for width, layers in LADDER:
        config = shape_of(width, layers, context).config(vocab_size)
        tokens = TRAINED_SHARE * 60 * minutes * SMALL_MODEL_SHARE * matmul_rate / flops_per_token(config, context)
        if tokens >= TOKENS_PER_PARAMETER * count_parameters(config):
            chosen = (width, layers)
    return chosen


def count_parameters(config: TransformerConfig) -> int:
    """Of a model of this configuration, which is not built for it."""
    with torch.device("meta"):
        return Transformer(config).num_parameters()


class Speed:
    """Tokens a second of the ladder's sizes on this machine, each measured when it is first asked for."""

    def __init__(self, vocab_size: int, context: int, train: TrainConfig) -> None:
        self.vocab_size, self.context, self.train = vocab_size, context, train
        self.known: dict[tuple[int, int], float] = {}

    def config(self, size: tuple[int, int]) -> TransformerConfig:
        """The configuration of a size."""
        return shape_of(*size, self.context).config(self.vocab_size)

    def of(self, size: tuple[int, int]) -> float:
        """Of this size."""
        if size not in self.known:
            self.known[size] = measure_training(self.config(size), self.train, MEASURE_SECONDS)
        return self.known[size]


def best_size(rule: tuple[int, int], minutes: float, law: MeasuredLaw, speed: Speed) -> tuple[int, int]:
    """Of the rule's size and its neighbours on the ladder the one from which the law expects the least loss.

    The rule's where the law was not measured: for smaller or larger models, fewer tokens, or far more operations.
    """
    place = LADDER.index(rule)
    expected = {}
    for size in LADDER[max(0, place - 1) : place + 2]:
        config = speed.config(size)
        if law.covers(count_parameters(config)):
            tokens = TRAINED_SHARE * 60 * minutes * speed.of(size)
            if law.reaches(tokens, tokens * flops_per_token(config, speed.context)):
                expected[size] = law.at(count_parameters(config), tokens)
    return min(expected, key=lambda size: expected[size]) if rule in expected else rule


def plan_table(plan: Plan) -> Table:
    """The plan for the terminal."""
    table = Table("part", "seconds", "what", box=None, padding=(0, 2), title="The plan", title_justify="left")
    what = {
        "corpus and tokenizer": f"{plan.corpus_bytes / 1e6:.1f} MB of text, {plan.vocab_size:,} tokens",
        "pretrain": f"{plan.layers} layers × {plan.width}, {plan.pretrain_steps:,} steps{expectation(plan.expected)}",
        "conversations": f"{plan.mixed_conversations:,} between documents, {plan.conversations:,} for tuning",
        "tune": f"{plan.sft_steps:,} steps",
        "post-training": "what comes after tuning, and its exams",
        "start and measure": f"{plan.tokens_per_s:,.0f} tokens/s, matmul {plan.matmul_rate / 1e9:,.0f} GFLOP/s",
    }
    for part, seconds in plan.seconds.items():
        table.add_row(part, f"{seconds:.0f}", what.get(part, ""))
    return table


def expectation(expected: Expected | None) -> str:
    """What comes after the steps in the table."""
    if expected is None:
        return ""
    return f", to {expected.bits_per_byte:.3f} bits a byte ({expected.low:.3f} to {expected.high:.3f})"
