"""Distillation: a smaller model learns from what a larger one writes, and from what else it would have written.

The teacher solves problems; its right solutions (the traces) are learnt token by token, both as demonstrations and with
the teacher's whole distribution as the target:

    L = mean over trained tokens of  (1 - a) (- log p_student(token))  +  a T^2 KL(p_teacher^(T) || p_student^(T))

where p^(T) is the distribution at temperature T (Hinton et al. 2015, arXiv 1503.02531, section 2; traces of a reasoner:
DeepSeek-R1, arXiv 2501.12948, section 2.4). With ``logits`` 0 only the traces are learnt.

What is logged besides the loop's own metrics: ``traces`` and ``logits``, the two terms; ``agreement``, the share of
tokens whose likeliest next one is the same for both; ``kept``, the share of the teacher's solutions that were right;
and of those solutions rewards, lengths, entropy and times as in grpo.py.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from orrery.errors import CheckpointError, ConfigError, NothingToLearn
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.models.explain import flops_per_token
from orrery.models.hf import load_model, load_tokenizer, save_model
from orrery.models.transformer import Transformer
from orrery.stages.alarms import PolicyAlarms
from orrery.stages.evaluate import held_out_rewards, sample_answers
from orrery.stages.grpo import MOST_TRIES
from orrery.stages.order import RandomOrder, hold_out
from orrery.stages.problems import Problem, check_lengths
from orrery.stages.rewards import Reward, score_groups
from orrery.stages.rollouts import roll_out
from orrery.stages.rows import LOGITS, Rows
from orrery.tokenizers.bpe import BPE
from orrery.training.loop import TrainResult, train
from orrery.training.optim import OptimizerConfig
from orrery.training.pace import fit_steps
from orrery.training.runs import Run
from orrery.training.schedule import ScheduleConfig
from orrery.training.stage import TrainConfig


@dataclass(frozen=True)
class DistillConfig:
    """How a student learns from its teacher."""

    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=200,
            optimizer=OptimizerConfig(kind="adamw", lr=1e-3, weight_decay=0.0),
            schedule=ScheduleConfig(warmup_steps=10, warmdown_share=0.4),
            sample_every=50,
            evaluate_every=50,
        )
    )
    """``rows`` follows from problems."""
    problems: int = 64
    """Problems that the teacher solves for each step."""
    logits: float = 0.5
    """Weight of the teacher's distribution; the rest is that of its traces."""
    temperature: float = 2.0
    """Softens both distributions, so that what is unlikely is learnt too."""
    threshold: float = 1.0
    """The least reward that a trace is learnt with."""
    max_tokens: int = 96
    """Most tokens of a solution."""
    held_out: int = 200
    """Problems kept for evaluation, at most a fifth."""
    seed: int = 0
    """Decides the order of the problems and what the teacher writes."""

    def __post_init__(self) -> None:
        if not 0 <= self.logits <= 1:
            raise ConfigError(f"logits is {self.logits}; it must lie between 0 and 1")
        if not self.temperature > 0:
            raise ConfigError(f"temperature is {self.temperature}; it must be above 0")
        for name in ("problems", "max_tokens"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")


def distillation_sums(
    student: Transformer, teacher: Transformer, ids: Tensor, trained: Tensor, temperature: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Over the trained tokens: the sum of -log p_student, of T^2 KL, and how often both would say the same."""
    rows, columns = trained.nonzero(as_tuple=True)  # N
    ours = student.hidden(ids)[rows, columns - 1]  # N D
    with torch.no_grad():
        theirs = teacher.hidden(ids)[rows, columns - 1]
    targets = ids[rows, columns]
    size = max(1, LOGITS // student.config.vocab_size)

    def part(ours: Tensor, theirs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, soft = student.unembed(ours).float(), teacher.unembed(theirs).float()  # n V
        nats = F.cross_entropy(logits, targets, reduction="sum")
        target = (soft / temperature).log_softmax(-1)
        kl = F.kl_div((logits / temperature).log_softmax(-1), target, reduction="sum", log_target=True)
        return nats, kl * temperature**2, (logits.argmax(-1) == soft.argmax(-1)).sum()

    parts = [
        checkpoint(part, *some, use_reentrant=False)
        for some in zip(ours.split(size), theirs.split(size), targets.split(size), strict=True)
    ]
    nats, kl, same = (torch.stack(sums).sum() for sums in zip(*parts, strict=True))
    return nats, kl, same


class DistillStage:
    """See `orrery.training.stage.Stage` for what each part is for."""

    name = "distill"

    def __init__(
        self, config: DistillConfig, student: Transformer, teacher: Transformer, tokenizer: BPE,
        problems: Sequence[Problem], held_out: Sequence[Problem], rewards: Sequence[Reward], card: str,
    ) -> None:  # fmt: skip
        sizes = student.config.vocab_size, teacher.config.vocab_size
        if sizes[0] != sizes[1]:  # the same tokens, but the vocabulary of one is padded
            raise CheckpointError(
                f"the student has {sizes[0]} logits and the teacher {sizes[1]}: their distributions cannot be compared"
            )
        self.config, self.student, self.teacher = config, student, teacher.requires_grad_(False)
        self.tokenizer, self.card = tokenizer, card
        self.models: Mapping[str, nn.Module] = {"student": student, "teacher": teacher}
        self.engine, self.teaching = Engine(student, tokenizer, ()), Engine(teacher, tokenizer, ())  # no tools
        self.problems, self.held_out, self.rewards = problems, held_out, rewards
        context = min(student.config.context, teacher.config.context)
        check_lengths([p.prompt for p in [*problems, *held_out]], tokenizer, context, config.max_tokens)
        self.order = RandomOrder(len(problems), config.seed)
        self.alarms = PolicyAlarms(config.train.precision)
        self.rollouts = 0
        self.flops_per_token = flops_per_token(student.config, context) + flops_per_token(teacher.config, context) / 3
        self.first_loss = (0.0, 100.0)
        self.warnings: Sequence[str] = ()

    def batches(self, state: Mapping[str, Any] | None) -> Iterator[Rows]:
        """Right solutions of the teacher."""
        if state is not None:
            self.rollouts = state["rollouts"]
            self.order.load_state_dict(state["order"])
            self.alarms.load_state_dict(state["alarms"])
        while True:
            yield self.next_traces()

    def next_traces(self) -> Rows:
        """What the teacher wrote and got right.

        Raises:
            NothingToLearn: it got nothing right `MOST_TRIES` times in a row.
        """
        config = self.config
        for _ in range(MOST_TRIES):
            problems = [self.problems[i] for i in self.order.next(config.problems)]
            began = time.perf_counter()
            seed = config.seed * 1_000_003 + self.rollouts
            sampling = Sampling(temperature=1.0, max_tokens=config.max_tokens, seed=seed)
            rollouts = roll_out(self.teaching, [p.prompt for p in problems], 1, sampling)
            self.rollouts += 1
            totals, metrics, problem = score_groups(self.rewards, problems, rollouts.texts)  # P 1
            rows = rollouts.rows()
            good = totals[:, 0].nan_to_num(-torch.inf) > config.threshold - 1e-6  # sums of weights are rounded
            good &= rows.lengths <= self.student.config.context  # the teacher's may be longer
            metrics |= rollouts.metrics() | {
                "kept": good.float().mean().item(),
                "time/sampling": time.perf_counter() - began,
            }
            if good.any():
                alarms = self.alarms.look(metrics, problem)
                return replace(rows.take(good.nonzero()[:, 0]), metrics=metrics, alarms=alarms)
        raise NothingToLearn(
            f"the teacher solved none of {MOST_TRIES * config.problems} problems: it has nothing to teach"
        )

    def denominators(self, batch: Rows) -> dict[str, float]:
        """The traces' tokens."""
        return {"tokens": batch.supervised}

    def loss(
        self, models: Mapping[str, nn.Module], batch: Rows, denominators: Mapping[str, float]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The formula above."""
        config, tokens = self.config, denominators["tokens"]
        sums = distillation_sums(self.student, self.teacher, batch.ids, batch.trained, config.temperature)
        nats, kl, same = (each / tokens for each in sums)
        metrics = {"traces": nats.detach(), "logits": kl.detach(), "agreement": same}
        return (1 - config.logits) * nats + config.logits * kl, metrics

    def evaluate(self, full: bool) -> dict[str, float]:
        """Mean rewards of the student on held-out problems, one completion each, at temperature 1."""
        return held_out_rewards(self.engine, self.held_out, self.rewards, self.config.max_tokens, full)

    def samples(self) -> list[dict[str, Any]]:
        """What the student now answers to the same few problems."""
        asked = [problem.prompt for problem in (self.held_out or self.problems)[:3]]
        return sample_answers(self.engine, asked, self.config.max_tokens)

    def state_dict(self) -> dict[str, Any]:
        """How many rollouts were made, and where in the problems."""
        return {"rollouts": self.rollouts, "order": self.order.state_dict(), "alarms": self.alarms.state_dict()}

    def save(self, folder: Path) -> None:
        """The student."""
        save_model(self.student, folder, tokenizer=self.tokenizer, eos_ids=self.engine.stops, card=self.card)

    def load(self, folder: Path) -> None:
        """Take over the weights of a checkpoint."""
        self.student.load_state_dict(load_model(folder).state_dict())


def distill(
    config: DistillConfig,
    run: Run,
    *,
    teacher: Path,
    student: Path | None,
    problems: Sequence[Problem],
    rewards: Sequence[Reward],
    minutes: float = 0.0,
    resume: str | Path | None = None,
) -> TrainResult:
    """Train a student on what the teacher gets right -> runs/NAME/distill/.

    Args:
        student: the model folder to start from; None: a fresh model of half the teacher's width and layers.

    Raises:
        CheckpointError: a folder is no model, or the student has another tokenizer or number of logits.
        DataError: no problem, or one longer than the context.
        And what `orrery.training.loop.train` and `DistillStage.next_traces` raise.
    """
    tokenizer = load_tokenizer(teacher)
    if student is not None and load_tokenizer(student).vocabulary != tokenizer.vocabulary:
        raise CheckpointError(f"{student} has another tokenizer than {teacher}: their distributions cannot be compared")
    held_out, kept = hold_out(problems, config.held_out)
    config = replace(config, train=replace(config.train, rows=config.problems))
    card = f"Distilled with Orrery (run {run.name}) from {teacher}.\n"

    def build() -> DistillStage:
        large = load_model(teacher)
        small = load_model(student) if student is not None else half_of(large, config.seed)
        return DistillStage(config, small, large, tokenizer, kept, held_out, rewards, card)

    config = replace(config, train=fit_steps(config.train, minutes, run, DistillStage.name, build))
    return train(build(), config.train, run, resume=resume)


def half_of(model: Transformer, seed: int) -> Transformer:
    """A fresh model of half the width (in heads) and half the layers, with heads that copy where its shape allows."""
    config = model.config
    heads = max(1, config.heads // 2)
    kv_heads = next(number for number in range(max(1, config.kv_heads // 2), 0, -1) if heads % number == 0)
    width = config.width * heads // config.heads
    smaller = replace(
        config, width=width, layers=max(1, config.layers // 2), heads=heads, kv_heads=kv_heads,
        mlp_width=config.mlp_width * heads // config.heads, copying_heads=False,
    )  # fmt: skip
    with suppress(ConfigError):
        smaller = replace(smaller, copying_heads=True)
    return Transformer(smaller, torch.Generator().manual_seed(seed))
