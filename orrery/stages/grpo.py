"""GRPO: reinforcement learning from rewards that can be checked, each completion judged against its siblings.

For every prompt the policy writes a group of G completions; each is rewarded by plain functions, and its advantage is
what it got above the group's mean. No critic, no reward model:

    A_i = (r_i - mean(r)) / std(r)
    L = sum over tokens of  w_t (beta kl_k3(policy, reference) - min(rho_t A_i, clip(rho_t, 1 - low, 1 + high) A_i))

(DeepSeekMath, arXiv 2402.03300, equation 3; DeepSeek-R1, arXiv 2501.12948.) Defaults are today's: token-wise averaging
and clip-higher (DAPO, arXiv 2503.14476), no KL. ``grpo-zero`` is the same from a base model.

What is logged besides the loop's own metrics. The loss is near 0 by design (advantages have mean 0): look at these.

    reward, reward_std             mean before the cost of calls, and mean spread within groups after it
    rewards/NAME/mean, …/std       of each reward function, before weights
    frac_reward_zero_std           share of groups that were all equal: nothing to learn from, dropped
    groups_dropped                 groups with a reward that is no number
    entropy, kl                    estimates from the tokens written; kl against the reference, where beta > 0
    clip_ratio/low_mean, high_mean, region_mean    shares of tokens whose update was clipped
    replay_kl                      from the parent, on conversations of tuning that are read again (replay.py)
    completions/…                  mean, min, max length; mean_calls; clipped_ratio: share that ran out of tokens
    logprob_difference, …/mean     engine against trainer in the precision of training, largest and mean
    time/sampling, time/scoring    seconds
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
from orrery.stages.advantages import Normalise, group_advantages
from orrery.stages.alarms import PolicyAlarms
from orrery.stages.conversations import Conversation
from orrery.stages.evaluate import held_out_rewards, sample_answers
from orrery.stages.kl import kl_k3
from orrery.stages.order import RandomOrder, hold_out
from orrery.stages.policy_loss import Aggregation, clipped, token_weights
from orrery.stages.problems import Problem, check_lengths
from orrery.stages.replay import Replay
from orrery.stages.rewards import Reward, score_groups
from orrery.stages.rollouts import Rollouts, logprob_difference, roll_out
from orrery.stages.rows import Rows, frozen_logprobs, state_logprobs, token_states
from orrery.tokenizers.bpe import BPE
from orrery.tools.registry import Tool
from orrery.training.loop import TrainResult, train
from orrery.training.optim import OptimizerConfig
from orrery.training.pace import fit_steps
from orrery.training.runs import Run
from orrery.training.schedule import ScheduleConfig
from orrery.training.stage import TrainConfig

MOST_TRIES = 20  # rollouts in a row without anything to learn from


@dataclass(frozen=True)
class GRPOConfig:
    """How a policy learns from verifiable rewards."""

    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=100,
            optimizer=OptimizerConfig(kind="adamw", lr=3e-4, weight_decay=0.0, betas=(0.9, 0.99)),
            schedule=ScheduleConfig(warmup_steps=5, warmdown_share=0.2),
            sample_every=20,
            evaluate_every=20,
        )
    )
    """``rows`` follows from prompts, group and updates."""
    prompts: int = 16
    """Problems a rollout."""
    group: int = 8
    """Completions of each; at least 2."""
    max_tokens: int = 160
    """Most tokens of a completion."""
    updates: int = 1
    """Optimizer steps on each rollout; it is cut into so many batches."""
    normalise: Normalise = "group"
    """What centred rewards are divided by."""
    aggregation: Aggregation = "dapo"
    """How tokens are averaged."""
    clip_low: float = 0.2
    clip_high: float = 0.28
    kl: float = 0.0
    """Weight of the KL to the reference, which is the policy as it began."""
    refresh: int = 0
    """Rollouts after which the reference becomes the policy of then; 0: never."""
    replay: float = 1.0
    """gamma: weight of the KL on conversations of tuning that are read again, where there are some."""
    replay_rows: int = 16
    """How many of them come along with each update."""
    call_cost: float = 0.0
    """What each call of a tool takes off the reward."""
    mask_truncated: bool = True
    """Completions that ran out of tokens are not trained on: their reward says nothing about what they would be."""
    held_out: int = 200
    """Problems kept for evaluation, at most a fifth."""
    seed: int = 0
    """Decides the order of the problems and everything that is sampled."""

    def __post_init__(self) -> None:
        if self.group < 2:
            raise ConfigError(f"group is {self.group}: a completion needs at least one other to be compared with")
        for name in ("prompts", "max_tokens", "updates", "replay_rows"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if min(self.kl, self.clip_low, self.clip_high, self.refresh, self.replay, self.call_cost) < 0:
            raise ConfigError("kl, clip_low, clip_high, refresh, replay and call_cost cannot be negative")
        if (self.prompts * self.group) % self.updates:
            raise ConfigError(
                f"{self.prompts * self.group} completions cannot be cut into {self.updates} equal updates"
            )


@dataclass(frozen=True)
class GRPOBatch(Rows):
    """Completions with what GRPO knows of them."""

    old: Tensor  # [R T] log-probabilities when they were written
    advantages: Tensor  # [R]
    reference: Tensor  # [R T] the reference's log-probabilities; empty columns where beta is 0
    replayed: Tensor  # [R] no completion but a conversation of tuning


class GRPOStage:
    """See `orrery.training.stage.Stage` for what each part is for."""

    def __init__(
        self,
        name: str,
        config: GRPOConfig,
        policy: Transformer,
        tokenizer: BPE,
        problems: Sequence[Problem],
        held_out: Sequence[Problem],
        rewards: Sequence[Reward],
        tools: Sequence[Tool],
        card: str,
        conversations: Sequence[Conversation] = (),
    ) -> None:
        self.name, self.config, self.policy, self.tokenizer, self.card = name, config, policy, tokenizer, card
        self.models: Mapping[str, nn.Module] = {"policy": policy}
        self.reference = copy_of(policy) if config.kl else None
        self.engine = Engine(policy, tokenizer, tools)
        self.problems, self.held_out, self.rewards = problems, held_out, rewards
        check_lengths([p.prompt for p in [*problems, *held_out]], tokenizer, policy.config.context, config.max_tokens)
        self.order = RandomOrder(len(problems), config.seed)
        self.replay = None
        if config.replay and conversations:
            self.replay = Replay(conversations, copy_of(policy), tokenizer, config.replay_rows, config.seed)
        self.alarms = PolicyAlarms(config.train.precision)
        self.rollouts = 0
        self.pending: list[GRPOBatch] = []
        self.flops_per_token = flops_per_token(policy.config, policy.config.context)
        self.first_loss = (-1.0, 1.0)  # advantages have mean 0
        self.warnings: Sequence[str] = ()

    def batches(self, state: Mapping[str, Any] | None) -> Iterator[GRPOBatch]:
        """Roll out, score, give the completions in ``updates`` parts; then roll out anew with the policy of then."""
        if state is not None:
            self.rollouts = state["rollouts"]
            self.order.load_state_dict(state["order"])
            self.alarms.load_state_dict(state["alarms"])
            self.pending = [GRPOBatch(**tensors) for tensors in state["pending"]]
            if self.reference is not None:
                self.reference.load_state_dict(state["reference"])
            if self.replay is not None:
                self.replay.load_state_dict(state["replay"])
        if self.reference is not None:
            self.reference.to(self.engine.device)
        while True:
            if not self.pending:
                self.pending = self.next_rollout()
            yield self.pending.pop(0)

    def next_rollout(self) -> list[GRPOBatch]:
        """Completions with something to learn from, cut into updates.

        Raises:
            NothingToLearn: `MOST_TRIES` rollouts in a row had all groups equal.
            RunError: most groups had a reward that is no number.
        """
        for _ in range(MOST_TRIES):
            config = self.config
            if self.reference is not None and config.refresh and self.rollouts % config.refresh == 0:
                self.reference.load_state_dict(self.policy.state_dict())
            problems = [self.problems[i] for i in self.order.next(config.prompts)]
            began = time.perf_counter()
            seed = config.seed * 1_000_003 + self.rollouts
            sampling = Sampling(temperature=1.0, max_tokens=config.max_tokens, seed=seed)
            rollouts = roll_out(self.engine, [p.prompt for p in problems], config.group, sampling)
            sampled = time.perf_counter()
            self.rollouts += 1
            batch = self.score(problems, rollouts)
            if batch is not None:
                batch = replace(batch, metrics={**batch.metrics, "time/sampling": sampled - began,
                                                "time/scoring": time.perf_counter() - sampled})  # fmt: skip
                # Neighbours are siblings: each update gets some of every group.
                places = [torch.arange(first, batch.rows, config.updates) for first in range(config.updates)]
                parts = [batch.take(rows) for rows in places if len(rows)]
                parts = [parts[0], *(replace(part, alarms=()) for part in parts[1:])]
                return parts if self.replay is None else [self.replay.join(part) for part in parts]
        raise NothingToLearn(
            f"{MOST_TRIES} rollouts in a row had nothing to learn from: all completions of a prompt got the same "
            "reward, or ran out of tokens. The problems are too hard or too easy for this model (it should solve some "
            "of them, and not all), or max_tokens is too low"
        )

    def score(self, problems: Sequence[Problem], rollouts: Rollouts) -> GRPOBatch | None:
        """Rewards to advantages; rows that teach nothing are left out. None where no row is left."""
        config = self.config
        totals, metrics, problem = score_groups(self.rewards, problems, rollouts.texts)  # P G
        totals = totals - config.call_cost * torch.tensor([[one.calls for one in group] for group in rollouts.written])
        spreads = totals.std(1)
        useful = spreads > 1e-6  # P; not those with NaN
        metrics |= rollouts.metrics() | {
            "reward_std": spreads.nanmean().item(),
            "frac_reward_zero_std": (spreads <= 1e-6).float().mean().item(),
        }
        advantages = torch.zeros_like(totals)
        if useful.any():
            advantages[useful] = group_advantages(totals[useful], config.normalise)
        rows, old = rollouts.rows(), rollouts.logprobs()
        finished = torch.tensor([[one.finished for one in group] for group in rollouts.written])
        kept = useful[:, None].expand_as(finished) & (finished if config.mask_truncated else True)
        if not kept.any():
            return None
        metrics |= logprob_difference(self.engine, rows, old, config.train.precision)
        reference = torch.zeros(len(rows.ids), 0)
        if self.reference is not None:
            reference = frozen_logprobs(self.reference, rows)
            metrics["kl"] = kl_k3(old, reference)[rows.trained].mean().item()
        alarms = self.alarms.look(metrics, problem)
        batch = GRPOBatch(rows.ids, rows.trained, rows.lengths, old, advantages.flatten(), reference,
                          torch.zeros(rows.rows, dtype=torch.bool), metrics=metrics, alarms=alarms)  # fmt: skip
        return batch.take(kept.flatten().nonzero()[:, 0])

    def denominators(self, batch: GRPOBatch) -> dict[str, float]:
        """Of the whole batch: completions, their tokens, the longest that one may be; tokens of what is replayed."""
        written = ~batch.replayed
        return {
            "tokens": int(batch.trained[written].sum()),
            "rows": int(written.sum()),
            "max_tokens": self.config.max_tokens,
            "replay_tokens": max(1, int(batch.trained[batch.replayed].sum())),
        }

    def loss(
        self, models: Mapping[str, nn.Module], batch: GRPOBatch, denominators: Mapping[str, float]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The formula above."""
        config, trained = self.config, batch.trained
        states, targets = token_states(self.policy, batch.ids, trained)  # N D, N
        mine = ~batch.replayed[:, None].expand_as(trained)[trained]  # N, n of which it wrote itself
        logprobs = state_logprobs(self.policy, states[mine], targets[mine])  # n
        advantages = batch.advantages[:, None].expand_as(batch.old)[trained][mine]
        per_token, flags = clipped(logprobs, batch.old[trained][mine], advantages, config.clip_low, config.clip_high)
        if config.kl:
            per_token = per_token + config.kl * kl_k3(logprobs, batch.reference[trained][mine])
        loss = (per_token * token_weights(trained, config.aggregation, denominators)[mine]).sum()
        low, high = (flags[side].sum() / denominators["tokens"] for side in ("low", "high"))
        metrics = {"clip_ratio/low_mean": low, "clip_ratio/high_mean": high, "clip_ratio/region_mean": low + high}
        if self.replay is not None:
            tokens_again = denominators["replay_tokens"]
            apart = self.replay.divergence(self.policy, states[~mine], batch, batch.replayed, tokens_again)
            loss, metrics["replay_kl"] = loss + config.replay * apart, apart.detach()
        return loss, metrics

    def evaluate(self, full: bool) -> dict[str, float]:
        """Mean rewards on held-out problems, one completion each, at temperature 1."""
        return held_out_rewards(self.engine, self.held_out, self.rewards, self.config.max_tokens, full)

    def samples(self) -> list[dict[str, Any]]:
        """What the policy now answers to the same few problems."""
        return sample_answers(
            self.engine, [p.prompt for p in (self.held_out or self.problems)[:3]], self.config.max_tokens
        )

    def state_dict(self) -> dict[str, Any]:
        """How many rollouts were made, where in the problems, what of the last one is not yet trained on."""
        return {
            "rollouts": self.rollouts,
            "order": self.order.state_dict(),
            "alarms": self.alarms.state_dict(),
            "pending": [vars(batch) for batch in self.pending],
            "reference": None if self.reference is None else self.reference.state_dict(),
            "replay": None if self.replay is None else self.replay.state_dict(),
        }

    def save(self, folder: Path) -> None:
        """A model like its parent."""
        save_model(self.policy, folder, tokenizer=self.tokenizer, eos_ids=self.engine.stops, card=self.card)

    def load(self, folder: Path) -> None:
        """Take over the weights of a checkpoint."""
        self.policy.load_state_dict(load_model(folder).state_dict())


def grpo(
    config: GRPOConfig,
    run: Run,
    *,
    parent: Path,
    problems: Sequence[Problem],
    rewards: Sequence[Reward],
    tools: Sequence[Tool] = (),
    conversations: Sequence[Conversation] = (),
    name: str = "grpo",
    minutes: float = 0.0,
    resume: str | Path | None = None,
) -> TrainResult:
    """Train the model in ``parent`` on problems -> runs/NAME/grpo/, a Hugging Face folder.

    Args:
        tools: that the policy may call; what they answer is not trained on.
        conversations: of tuning, to be read again; see ``config.replay``.
        name: of the stage; ``grpo-zero`` starts from a base model.
        minutes: fit the steps to so many; 0: as configured.

    Raises:
        DataError: no problem, or one longer than the context.
        And what `orrery.training.loop.train` and `GRPOStage.next_rollout` raise.
    """
    held_out, kept = hold_out(problems, config.held_out)
    rows = config.prompts * config.group // config.updates
    config = replace(config, train=replace(config.train, rows=rows))
    card = f"Trained with Orrery by GRPO (run {run.name}) on {len(problems):,} problems.\n"
    tokenizer = load_tokenizer(parent)

    def build() -> GRPOStage:
        policy = load_model(parent)
        return GRPOStage(name, config, policy, tokenizer, kept, held_out, rewards, tools, card, conversations)

    steps = fit_steps(config.train, minutes, run, name, build)
    return train(build(), steps, run, resume=resume)


def copy_of(model: Transformer) -> Transformer:
    """A frozen copy, to be compared with."""
    copied = Transformer(model.config).to(model.token_embedding.weight.device)
    copied.load_state_dict(model.state_dict())
    return copied.requires_grad_(False)
