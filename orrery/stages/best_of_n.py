"""Best of n: the model learns from the best of its own solutions, and then solves anew with what it learnt.

For every problem n completions are sampled; of those with the highest reward, if it is high enough, one is kept and
learnt like a demonstration:

    L = - mean over kept tokens of  log p(token)

One round with many samples is rejection sampling fine-tuning (Yuan et al. 2023, arXiv 2308.01825); going on with the
policy of then is expert iteration (Anthony et al. 2017, arXiv 1705.08439; STaR, arXiv 2203.14465). Unlike GRPO it never
pushes a wrong solution down.

What is logged besides the loop's own metrics: ``reward`` (mean of all samples), ``reward_best`` (mean of each group's
best), ``kept`` (share of problems with a solution to learn from), and rewards, lengths and times as in grpo.py.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from orrery.errors import ConfigError, NothingToLearn
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
from orrery.stages.rows import Rows, token_logprobs
from orrery.tokenizers.bpe import BPE
from orrery.training.loop import TrainResult, train
from orrery.training.optim import OptimizerConfig
from orrery.training.pace import fit_steps
from orrery.training.runs import Run
from orrery.training.schedule import ScheduleConfig
from orrery.training.stage import TrainConfig


@dataclass(frozen=True)
class BestOfNConfig:
    """How a model learns from its own best."""

    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=100,
            optimizer=OptimizerConfig(kind="adamw", lr=2e-4, weight_decay=0.0),
            schedule=ScheduleConfig(warmup_steps=5, warmdown_share=0.2),
            sample_every=20,
            evaluate_every=20,
        )
    )
    """``rows`` follows from problems."""
    problems: int = 64
    """Problems a step."""
    n: int = 4
    """Completions of each."""
    threshold: float = 1.0
    """The least reward, in all, that a completion is learnt with."""
    max_tokens: int = 96
    """Most tokens of a completion."""
    held_out: int = 200
    """Problems kept for evaluation, at most a fifth."""
    seed: int = 0
    """Decides the order of the problems and everything that is sampled."""

    def __post_init__(self) -> None:
        for name in ("problems", "n", "max_tokens"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")


class BestOfNStage:
    """See `orrery.training.stage.Stage` for what each part is for."""

    name = "best-of-n"

    def __init__(
        self, config: BestOfNConfig, policy: Transformer, tokenizer: BPE, problems: Sequence[Problem],
        held_out: Sequence[Problem], rewards: Sequence[Reward], card: str,
    ) -> None:  # fmt: skip
        self.config, self.policy, self.tokenizer, self.card = config, policy, tokenizer, card
        self.models: Mapping[str, nn.Module] = {"policy": policy}
        self.engine = Engine(policy, tokenizer, ())  # no tools: what is learnt is to solve by oneself
        self.problems, self.held_out, self.rewards = problems, held_out, rewards
        check_lengths([p.prompt for p in [*problems, *held_out]], tokenizer, policy.config.context, config.max_tokens)
        self.order = RandomOrder(len(problems), config.seed)
        self.alarms = PolicyAlarms(config.train.precision)
        self.rollouts = 0
        self.flops_per_token = flops_per_token(policy.config, policy.config.context)
        self.first_loss = (0.0, 10.0)
        self.warnings: Sequence[str] = ()

    def batches(self, state: Mapping[str, Any] | None) -> Iterator[Rows]:
        """Sample with the policy of now, keep the best."""
        if state is not None:
            self.rollouts = state["rollouts"]
            self.order.load_state_dict(state["order"])
            self.alarms.load_state_dict(state["alarms"])
        while True:
            yield self.next_rollout()

    def next_rollout(self) -> Rows:
        """The best completions of some problems.

        Raises:
            NothingToLearn: `MOST_TRIES` rollouts in a row had none that reached the threshold.
        """
        config = self.config
        for _ in range(MOST_TRIES):
            problems = [self.problems[i] for i in self.order.next(config.problems)]
            began = time.perf_counter()
            seed = config.seed * 1_000_003 + self.rollouts
            sampling = Sampling(temperature=1.0, max_tokens=config.max_tokens, seed=seed)
            rollouts = roll_out(self.engine, [p.prompt for p in problems], config.n, sampling)
            self.rollouts += 1
            totals, metrics, problem = score_groups(self.rewards, problems, rollouts.texts)  # P N
            best = totals.nan_to_num(-torch.inf).max(1)
            good = best.values > config.threshold - 1e-6  # P; sums of weights are rounded
            metrics |= rollouts.metrics() | {
                "reward_best": best.values[best.values.isfinite()].mean().item(),
                "kept": good.float().mean().item(),
                "time/sampling": time.perf_counter() - began,
            }
            if good.any():
                alarms = self.alarms.look(metrics, problem)
                chosen = (torch.arange(len(problems)) * config.n + best.indices)[good]
                return replace(rollouts.rows().take(chosen), metrics=metrics, alarms=alarms)
        raise NothingToLearn(
            f"{MOST_TRIES} rollouts in a row had no completion with a reward of {config.threshold:g}: the problems are "
            "too hard for this model, or the threshold is too high"
        )

    def denominators(self, batch: Rows) -> dict[str, float]:
        """Kept tokens."""
        return {"tokens": batch.supervised}

    def loss(
        self, models: Mapping[str, nn.Module], batch: Rows, denominators: Mapping[str, float]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The formula above."""
        logprobs = token_logprobs(self.policy, batch.ids, batch.trained)
        return -logprobs.sum() / denominators["tokens"], {}

    def evaluate(self, full: bool) -> dict[str, float]:
        """Mean rewards on held-out problems, one completion each, at temperature 1."""
        return held_out_rewards(self.engine, self.held_out, self.rewards, self.config.max_tokens, full)

    def samples(self) -> list[dict[str, Any]]:
        """What the policy now answers to the same few problems."""
        return sample_answers(
            self.engine, [p.prompt for p in (self.held_out or self.problems)[:3]], self.config.max_tokens
        )

    def state_dict(self) -> dict[str, Any]:
        """How many rollouts were made, and where in the problems."""
        return {"rollouts": self.rollouts, "order": self.order.state_dict(), "alarms": self.alarms.state_dict()}

    def save(self, folder: Path) -> None:
        """A model like its parent."""
        save_model(self.policy, folder, tokenizer=self.tokenizer, eos_ids=self.engine.stops, card=self.card)

    def load(self, folder: Path) -> None:
        """Take over the weights of a checkpoint."""
        self.policy.load_state_dict(load_model(folder).state_dict())


def best_of_n(
    config: BestOfNConfig,
    run: Run,
    *,
    parent: Path,
    problems: Sequence[Problem],
    rewards: Sequence[Reward],
    minutes: float = 0.0,
    resume: str | Path | None = None,
) -> TrainResult:
    """Train the model in ``parent`` on the best of its own solutions -> runs/NAME/best-of-n/.

    Raises:
        DataError: no problem, or one longer than the context.
        And what `orrery.training.loop.train` and `BestOfNStage.next_rollout` raise.
    """
    held_out, kept = hold_out(problems, config.held_out)
    config = replace(config, train=replace(config.train, rows=config.problems))
    card = f"Trained with Orrery on the best of its own solutions (run {run.name}).\n"
    tokenizer = load_tokenizer(parent)

    def build() -> BestOfNStage:
        policy = load_model(parent)
        return BestOfNStage(config, policy, tokenizer, kept, held_out, rewards, card)

    steps = fit_steps(config.train, minutes, run, BestOfNStage.name, build)
    return train(build(), steps, run, resume=resume)
