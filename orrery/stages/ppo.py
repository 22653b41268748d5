"""PPO: reinforcement learning against a reward model, with a critic and a leash to where it began.

Four models. The actor writes completions; the reward model scores each whole one; the reference, the actor as it began,
says how far the actor has gone; the critic guesses at every token what is still to come.

    r_t = - beta (log p(token) - log p_ref(token))  +  [last token] score
    A_t = GAE(r, V; gamma, lambda)
    L   = mean of  - min(rho_t A_t, clip(rho_t, 1 - c, 1 + c) A_t)
          + value_weight * 1/2 max((V - R)^2, (clip(V, V_old - v, V_old + v) - R)^2)

(Ouyang et al. 2022, arXiv 2203.02155, equation 2, instead of whose last term there is replay.py; GAE arXiv 1506.02438;
the clipped objective arXiv 1707.06347.)

Advantages are whitened over the rollout; each rollout is trained on for several epochs in random minibatches. A
completion that ran out of tokens loses ``missing_eos_penalty``. ``--ppo.kl 0`` takes the leash off: an experiment.

What is logged besides the loop's own metrics (names as in TRL)
    objective/scores, objective/rlhf_reward    mean score; and less what the leash costs
    objective/kl, objective/entropy, kl_coefficient    a completion's KL to the reference; entropy a token; beta
    policy/approxkl, policy/clipfrac, val/ratio        of the updates: how far they go
    loss/policy, loss/value, val/explained_variance    is the critic any good?
    replay_kl                                          from the parent, on conversations that are read again
    completions/…, logprob_difference, time/…          as in grpo.py
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from orrery.errors import CheckpointError, ConfigError
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.models.explain import flops_per_token
from orrery.models.hf import load_model, load_tokenizer, save_model
from orrery.models.scalar import ScalarModel, load_scalar_model, save_scalar_model
from orrery.models.transformer import Transformer
from orrery.processes import rows_each, share_out
from orrery.stages.advantages import gae, whiten
from orrery.stages.alarms import PolicyAlarms
from orrery.stages.conversations import Conversation
from orrery.stages.evaluate import sample_answers
from orrery.stages.grpo import copy_of
from orrery.stages.kl import kl_k1
from orrery.stages.order import RandomOrder, hold_out
from orrery.stages.policy_loss import clipped
from orrery.stages.problems import check_lengths
from orrery.stages.replay import Replay
from orrery.stages.rollouts import Prompt, logprob_difference, roll_out
from orrery.stages.rows import Rows, frozen_logprobs, joined, spread, state_logprobs, token_states
from orrery.tokenizers.bpe import BPE
from orrery.training.loop import TrainResult, train
from orrery.training.machine import choose_device
from orrery.training.optim import OptimizerConfig
from orrery.training.pace import fit_steps
from orrery.training.runs import Run
from orrery.training.schedule import ScheduleConfig
from orrery.training.stage import TrainConfig

CRITIC = "critic"  # its folder inside the model folder's trainer/


@dataclass(frozen=True)
class PPOConfig:
    """How a policy learns from a reward model."""

    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=200,
            optimizer=OptimizerConfig(kind="adamw", lr=2e-4, weight_decay=0.0, betas=(0.9, 0.99)),
            schedule=ScheduleConfig(warmup_steps=5, warmdown_share=0.2),
            sample_every=40,
            evaluate_every=40,
        )
    )
    """``rows`` follows from prompts and minibatches."""
    prompts: int = 64
    """Prompts a rollout; each gets one completion."""
    minibatches: int = 2
    """Parts into which a rollout is cut for the updates."""
    epochs: int = 2
    """Passes over each rollout."""
    max_tokens: int = 128
    """Most tokens of a completion."""
    kl: float = 0.1
    """beta: what a nat of distance from the reference costs; 0: nothing."""
    kl_target: float = 0.0
    """Where above 0, beta follows so that a completion's KL comes to this (Ziegler et al. 2019, arXiv 1909.08593)."""
    gamma: float = 1.0
    gae_lambda: float = 0.95
    clip: float = 0.2
    value_clip: float = 0.2
    value_weight: float = 0.5
    missing_eos_penalty: float = 1.0
    """Taken off the score of a completion that ran out of tokens."""
    replay: float = 1.0
    """gamma: weight of the KL on conversations of tuning that are read again, where there are some."""
    replay_rows: int = 8
    """How many of them come along with each minibatch."""
    held_out: int = 100
    """Prompts kept for evaluation, at most a fifth."""
    seed: int = 0
    """Decides the order of the prompts and everything that is sampled."""

    def __post_init__(self) -> None:
        for name in ("prompts", "minibatches", "epochs", "max_tokens", "replay_rows"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("kl", "kl_target", "clip", "value_clip", "value_weight", "missing_eos_penalty", "replay"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it cannot be negative")
        if self.prompts % self.minibatches:
            raise ConfigError(f"{self.prompts} prompts cannot be cut into {self.minibatches} equal minibatches")


@dataclass(frozen=True)
class PPOBatch(Rows):
    """Completions with what PPO knows of each token."""

    old: Tensor  # [R T] log-probabilities when they were written
    values: Tensor  # [R T] what the critic expected then
    advantages: Tensor  # [R T]
    returns: Tensor  # [R T]
    replayed: Tensor  # [R] no completion but a conversation of tuning


class PPOStage:
    """See `orrery.training.stage.Stage` for what each part is for."""

    name = "ppo"

    def __init__(
        self,
        config: PPOConfig,
        policy: Transformer,
        critic: ScalarModel,
        score: Callable[[Tensor, Tensor], Tensor],
        tokenizer: BPE,
        prompts: Sequence[Prompt],
        held_out: Sequence[Prompt] = (),
        gold: Callable[[Prompt, str], float] | None = None,
        card: str = "",
        conversations: Sequence[Conversation] = (),
    ) -> None:
        self.config, self.policy, self.critic, self.score = config, policy, critic, score
        self.tokenizer, self.gold, self.card = tokenizer, gold, card
        self.reference = copy_of(policy)
        self.models: Mapping[str, nn.Module] = {"policy": policy, "critic": critic}
        self.engine = Engine(policy, tokenizer, ())  # no tools: what is learnt is to answer by oneself
        self.prompts, self.held_out = prompts, held_out
        check_lengths([*prompts, *held_out], tokenizer, policy.config.context, config.max_tokens)
        self.order = RandomOrder(len(prompts), config.seed)
        self.replay = None
        if config.replay and conversations:
            self.replay = Replay(conversations, self.reference, tokenizer, config.replay_rows, config.seed)
        self.alarms = PolicyAlarms(config.train.precision)
        self.kl_coefficient, self.rollouts = config.kl, 0
        self.pending: list[PPOBatch] = []
        self.flops_per_token = 2 * flops_per_token(policy.config, policy.config.context)
        self.first_loss = (-1.0, 100.0)
        self.warnings: Sequence[str] = ()

    def batches(self, state: Mapping[str, Any] | None) -> Iterator[PPOBatch]:
        """Roll out, then every minibatch of every epoch; then roll out anew with the policy of then."""
        if state is not None:
            self.rollouts, self.kl_coefficient = state["rollouts"], state["kl_coefficient"]
            self.order.load_state_dict(state["order"])
            self.alarms.load_state_dict(state["alarms"])
            self.pending = [PPOBatch(**tensors) for tensors in state["pending"]]
            if self.replay is not None:
                self.replay.load_state_dict(state["replay"])
        self.reference.to(self.engine.device)
        while True:
            if not self.pending:
                self.pending = self.next_rollout()
            yield self.pending.pop(0)

    @torch.no_grad()
    def next_rollout(self) -> list[PPOBatch]:
        """Completions, their rewards and advantages, cut into the minibatches of all epochs."""
        config, began = self.config, time.perf_counter()
        prompts = [self.prompts[i] for i in self.order.next(config.prompts)]
        seed = config.seed * 1_000_003 + self.rollouts
        rollouts = roll_out(self.engine, prompts, 1, Sampling(temperature=1.0, max_tokens=config.max_tokens, seed=seed))
        self.rollouts += 1
        sampled = time.perf_counter()
        rows, old = rollouts.rows(), rollouts.logprobs()
        finished = torch.tensor([group[0].finished for group in rollouts.written])
        judged = share_out(self.judge, rows.split(rows_each(rows.rows, self.engine.device)))
        scores = torch.cat([part[0] for part in judged]) - config.missing_eos_penalty * ~finished  # R
        reference, values = (joined([part[i] for part in judged]) for i in (1, 2))  # R T
        distance = torch.where(rows.trained, kl_k1(old, reference), 0.0)  # R T
        rewards = -self.kl_coefficient * distance
        rewards[torch.arange(rows.rows), last_trained(rows.trained)] += scores
        advantages, returns = gae(rewards, values, rows.trained, config.gamma, config.gae_lambda)
        kl = distance.sum(1).mean().item()
        metrics = rollouts.metrics() | {
            "reward": scores.mean().item(),
            "kl": distance[rows.trained].mean().item(),
            "objective/scores": scores.mean().item(),
            "objective/rlhf_reward": rewards.sum(1).mean().item(),
            "objective/kl": kl,
            "objective/entropy": -old[rows.trained].mean().item(),
            "kl_coefficient": self.kl_coefficient,
            "val/explained_variance": explained_variance(values[rows.trained], returns[rows.trained]),
            "val/num_eos_tokens": float(finished.sum()),
            "time/sampling": sampled - began,
            "time/scoring": time.perf_counter() - sampled,
        }
        metrics |= logprob_difference(self.engine, rows, old, config.train.precision)
        if config.kl_target:
            self.kl_coefficient *= 1 + 0.1 * max(-0.2, min(0.2, kl / config.kl_target - 1))
        batch = PPOBatch(rows.ids, rows.trained, rows.lengths, old, values, whiten(advantages, rows.trained), returns,
                         torch.zeros(rows.rows, dtype=torch.bool), metrics=metrics)  # fmt: skip
        return self.minibatches(batch, seed, self.alarms.look(metrics))

    @torch.no_grad()
    def judge(self, rows: Rows) -> tuple[Tensor, Tensor, Tensor]:
        """Completions' scores [R], the reference's log-probabilities and the critic's values [R T]."""
        on_device = rows.to(self.engine.device)
        values = spread(token_values(self.critic, on_device.ids, on_device.trained), on_device.trained)
        return self.score(rows.ids, rows.lengths), frozen_logprobs(self.reference, rows), values.cpu()

    def minibatches(self, batch: PPOBatch, seed: int, alarms: Sequence[str]) -> list[PPOBatch]:
        """The rollout in random parts, once an epoch; the first part raises the alarms."""
        generator = torch.Generator().manual_seed(seed)
        size = self.config.prompts // self.config.minibatches
        parts = [
            batch.take(chosen)
            for _ in range(self.config.epochs)
            for chosen in torch.randperm(batch.rows, generator=generator).split(size)
        ]
        parts = [replace(parts[0], alarms=alarms), *parts[1:]]
        return parts if self.replay is None else [self.replay.join(part) for part in parts]

    def denominators(self, batch: PPOBatch) -> dict[str, float]:
        """Tokens of the minibatch's completions, and of what is replayed."""
        return {
            "tokens": int(batch.trained[~batch.replayed].sum()),
            "replay_tokens": max(1, int(batch.trained[batch.replayed].sum())),
        }

    def loss(
        self, models: Mapping[str, nn.Module], batch: PPOBatch, denominators: Mapping[str, float]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The formulas above."""
        config, trained, tokens = self.config, batch.trained, denominators["tokens"]
        states, targets = token_states(self.policy, batch.ids, trained)  # N D, N
        rows = ~batch.replayed  # R
        mine = rows[:, None].expand_as(trained)[trained]  # N, n of which it wrote itself
        logprobs = state_logprobs(self.policy, states[mine], targets[mine])  # n
        old, advantages, values, returns = (
            each[trained][mine] for each in (batch.old, batch.advantages, batch.values, batch.returns)
        )
        per_token, flags = clipped(logprobs, old, advantages, config.clip, config.clip)
        value_errors = value_losses(token_values(self.critic, batch.ids[rows], trained[rows]), values, returns,
                                    config.value_clip)  # fmt: skip
        policy, value = per_token.sum() / tokens, value_errors.sum() / tokens
        loss = policy + config.value_weight * value
        with torch.no_grad():
            metrics = {
                "loss/policy": policy.detach(),
                "loss/value": value.detach(),
                "policy/approxkl": (logprobs - old).square().sum() / 2 / tokens,
                "policy/clipfrac": (flags["low"] | flags["high"]).sum() / tokens,
                "val/ratio": (logprobs - old).exp().sum() / tokens,
            }
        if self.replay is not None:
            tokens_again = denominators["replay_tokens"]
            apart = self.replay.divergence(self.policy, states[~mine], batch, batch.replayed, tokens_again)
            loss, metrics["replay_kl"] = loss + config.replay * apart, apart.detach()
        return loss, metrics

    def evaluate(self, full: bool) -> dict[str, float]:
        """Scores of completions of held-out prompts at temperature 1; of the gold rubric too, where there is one."""
        if not self.held_out:
            return {}
        prompts = self.held_out if full else self.held_out[:50]
        rollouts = roll_out(self.engine, prompts, 1, Sampling(1.0, max_tokens=self.config.max_tokens, seed=-1))
        rows = rollouts.rows()
        metrics = {
            "held_out/score": self.score(rows.ids, rows.lengths).mean().item(),
            "held_out/mean_length": rollouts.metrics()["completions/mean_length"],
        }
        if self.gold:
            scores = [self.gold(prompt, texts[0]) for prompt, texts in zip(prompts, rollouts.texts, strict=True)]
            metrics["held_out/gold"] = sum(scores) / len(scores)
        return metrics

    def samples(self) -> list[dict[str, Any]]:
        """What the policy now answers to the same few prompts."""
        return sample_answers(self.engine, (self.held_out or self.prompts)[:3], self.config.max_tokens)

    def state_dict(self) -> dict[str, Any]:
        """How many rollouts were made, where in the prompts, beta, and the minibatches that are left."""
        return {
            "rollouts": self.rollouts,
            "kl_coefficient": self.kl_coefficient,
            "order": self.order.state_dict(),
            "alarms": self.alarms.state_dict(),
            "pending": [vars(batch) for batch in self.pending],
            "replay": None if self.replay is None else self.replay.state_dict(),
        }

    def save(self, folder: Path) -> None:
        """The actor, a model like its parent; the critic is only needed to go on."""
        save_model(self.policy, folder, tokenizer=self.tokenizer, eos_ids=self.engine.stops, card=self.card)
        save_scalar_model(self.critic, folder / "trainer" / CRITIC, tokenizer=self.tokenizer)

    def load(self, folder: Path) -> None:
        """Take over the weights of a checkpoint."""
        self.policy.load_state_dict(load_model(folder).state_dict())
        self.critic.load_state_dict(load_scalar_model(folder / "trainer" / CRITIC).state_dict())


def token_values(critic: ScalarModel, ids: Tensor, trained: Tensor) -> Tensor:
    """What the critic expects before each trained token is written -> [N]."""
    rows, columns = trained.nonzero(as_tuple=True)
    return critic(ids)[rows, columns - 1]


def value_losses(values: Tensor, old: Tensor, returns: Tensor, clip: float) -> Tensor:
    """Half the squared error of each token, of the value or of the value kept near the old one, whichever is worse."""
    near = torch.clamp(values, old - clip, old + clip)
    return torch.maximum((values - returns).square(), (near - returns).square()) / 2


def last_trained(trained: Tensor) -> Tensor:
    """Where each row's last trained token stands: [R T] bool -> [R]."""
    places = torch.arange(trained.shape[1], device=trained.device)
    return torch.where(trained, places, -1).max(1).values


def explained_variance(values: Tensor, returns: Tensor) -> float:
    """1 - var(returns - values) / var(returns): 1 is a critic that knows, 0 one that says the mean."""
    return (1 - (returns - values).var() / returns.var().clamp(min=1e-8)).item()


def ppo(
    config: PPOConfig,
    run: Run,
    *,
    parent: Path,
    reward_model: Path,
    prompts: Sequence[Prompt],
    gold: Callable[[Prompt, str], float] | None = None,
    conversations: Sequence[Conversation] = (),
    minutes: float = 0.0,
    resume: str | Path | None = None,
) -> TrainResult:
    """Train the model in ``parent`` against the reward model -> runs/NAME/ppo/, a Hugging Face folder.

    Args:
        gold: the true score of an answer, for evaluation only: the policy never sees it.
        conversations: of tuning, to be read again; see ``config.replay``.

    Raises:
        CheckpointError: a folder is no model, or the reward model has another tokenizer.
        DataError: no prompt, or one longer than the context.
        And what `orrery.training.loop.train` raises.
    """
    tokenizer = load_tokenizer(parent)
    if load_tokenizer(reward_model).vocabulary != tokenizer.vocabulary:
        raise CheckpointError(f"{reward_model} has another tokenizer than {parent}: it cannot read what that writes")
    held_out, kept = hold_out(prompts, config.held_out)
    config = replace(config, train=replace(config.train, rows=config.prompts // config.minibatches))
    card = f"Trained with Orrery by PPO (run {run.name}) against {reward_model}.\n"

    device = choose_device(config.train.device)
    judge = load_scalar_model(reward_model).to(device)

    def score(ids: Tensor, lengths: Tensor) -> Tensor:
        with torch.no_grad():
            return judge.score(ids.to(device), lengths.to(device)).cpu()

    def build() -> PPOStage:
        # The critic begins as the reward model: it knows what is liked, and learns to foresee it.
        policy, critic = load_model(parent), load_scalar_model(reward_model)
        return PPOStage(config, policy, critic, score, tokenizer, kept, held_out, gold, card, conversations)

    steps = fit_steps(config.train, minutes, run, PPOStage.name, build)
    return train(build(), steps, run, resume=resume)
