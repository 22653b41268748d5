"""GRPO: learns from rewards alone, drops what teaches nothing, resumes exactly, and says when something is wrong."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from copying_task import LETTERS, policy, problems, share_copied, tokenizer
from resuming import assert_resumed_is_whole

from orrery.errors import ConfigError, DataError, RunError
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.models.hf import load_model, save_model
from orrery.stages.grpo import GRPOConfig, GRPOStage, grpo
from orrery.stages.kl import kl_k3
from orrery.stages.problems import Problem
from orrery.stages.rewards import Reward
from orrery.stages.rollouts import roll_out
from orrery.stages.rows import token_logprobs
from orrery.training.events import read_events
from orrery.training.loop import train
from orrery.training.optim import OptimizerConfig
from orrery.training.runs import Run
from orrery.training.schedule import ScheduleConfig
from orrery.training.stage import TrainConfig

COPIED = Reward("copied", share_copied, 1.0)


def config(steps: int = 4, **changes: Any) -> GRPOConfig:
    training = TrainConfig(
        steps=steps, rows=128, precision="float32", device="cpu", evaluate_every=0, sample_every=0,
        checkpoint_seconds=0,
        optimizer=OptimizerConfig(kind="adamw", lr=2e-3, weight_decay=0.0), schedule=ScheduleConfig(warmup_steps=2),
    )  # fmt: skip
    return GRPOConfig(**{"train": training, "max_tokens": 8, "mask_truncated": False, **changes})


def stage(
    settings: GRPOConfig | None = None, rewards: list[Reward] | None = None, given: list[Problem] | None = None
) -> GRPOStage:
    return GRPOStage(
        "grpo", settings or config(), policy(), tokenizer(), given or problems(200), problems(40), rewards or [COPIED],
        tools=(), card="",
    )  # fmt: skip


def rewards_of(folder: Path) -> list[float]:
    return [event["values"]["reward"] for event in read_events(folder) if "reward" in event["values"]]


def test_copying_is_learnt_from_rewards_alone(tmp_path: Path) -> None:
    settings = config(160)
    with Run.open("copy", recipe={}, root=tmp_path) as run:
        result = train(stage(settings), settings.train, run)
    rewards = rewards_of(tmp_path / "copy")
    assert sum(rewards[:5]) / 5 < 0.75
    assert sum(rewards[-10:]) / 10 > 0.95
    assert result.metrics["held_out/copied"] > 0.93


def test_a_two_armed_bandit_pulls_the_better_arm(tmp_path: Path) -> None:
    settings = config(30, prompts=4, train=replace(config(30).train, rows=32))
    better = Reward("better", lambda prompt, completion, truth: float(completion == "b"), 1.0)
    given = [Problem("a>", None), Problem("b>", None)]
    arms = GRPOStage("grpo", settings, policy(1, "ab"), tokenizer(), given, [], [better], (), "")
    with Run.open("bandit", recipe={}, root=tmp_path) as run:
        train(arms, settings.train, run)
    pulled = roll_out(Engine(arms.policy, tokenizer()), ["a>"], 64, Sampling(1.0, max_tokens=4, seed=9))
    assert sum(text == "b" for text in pulled.texts[0]) / 64 > 0.95


def test_k_microbatches_are_one_batch() -> None:
    trained = stage()
    batch = next(trained.batches(None))
    totals = trained.denominators(batch)

    def gradients(parts: list[Any]) -> tuple[float, torch.Tensor]:
        trained.policy.zero_grad()
        losses = []
        for part in parts:
            loss, _ = trained.loss(trained.models, part, totals)
            loss.backward()
            losses.append(loss.item())
        return sum(losses), torch.cat([weight.grad.flatten() for weight in trained.policy.parameters()])

    for aggregation in ("dapo", "grpo", "dr_grpo"):
        trained.config = replace(trained.config, aggregation=aggregation)
        whole, parts = gradients([batch]), gradients(list(batch.split(7)))
        assert whole[0] == pytest.approx(parts[0], abs=1e-6)
        torch.testing.assert_close(whole[1], parts[1], rtol=1e-4, atol=1e-6)


def test_before_the_first_update_engine_and_trainer_agree() -> None:
    batch = next(stage().batches(None))
    assert batch.metrics["logprob_difference"] < 1e-4


def test_the_batch_is_what_was_written_and_its_advantage() -> None:
    trained = stage(config(prompts=3, group=4))
    chosen = trained.problems[:3]
    rollouts = roll_out(trained.engine, [p.prompt for p in chosen], 4, Sampling(1.0, max_tokens=8, seed=1))
    batch = trained.score(chosen, rollouts)
    assert batch is not None
    pairs = zip(chosen, rollouts.texts, strict=True)
    rewards = torch.tensor([[share_copied("", text, problem.truth) for text in texts] for problem, texts in pairs])
    expected = (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)
    kept = rewards.std(1) > 0
    torch.testing.assert_close(batch.advantages, expected[kept].flatten())
    assert batch.metrics["reward"] == pytest.approx(rewards.mean().item())
    texts = [text for texts, keep in zip(rollouts.texts, kept.tolist(), strict=True) if keep for text in texts]
    for row in range(batch.rows):
        written = batch.ids[row][batch.trained[row]].tolist()
        assert tokenizer().decode([i for i in written if i != tokenizer().eos_id]) == texts[row]


def test_groups_of_equal_rewards_are_counted_and_dropped() -> None:
    truths = {f"{LETTERS[0] * 5}>"}
    some = Reward(
        "some", lambda prompt, completion, truth: 1.0 if prompt in truths else share_copied("", completion, truth), 1.0
    )
    given = [Problem(f"{LETTERS[0] * 5}>", "x"), *problems(3)]
    trained = stage(config(prompts=4, group=8), [some], given)
    batch = next(trained.batches(None))
    assert batch.metrics["frac_reward_zero_std"] >= 0.25
    assert batch.rows <= 24


def test_where_nothing_can_be_learnt_the_run_ends_with_a_reason(tmp_path: Path) -> None:
    settings = config()
    always = Reward("always", lambda prompt, completion, truth: 1.0, 1.0)
    with Run.open("nothing", recipe={}, root=tmp_path) as run, pytest.raises(RunError, match="nothing to learn from"):
        train(stage(settings, [always]), settings.train, run)


def test_a_reward_that_raises_or_is_no_number_drops_its_group(tmp_path: Path) -> None:
    def sometimes(prompt: str, completion: str, truth: Any) -> float:
        return math.nan if truth[0] == LETTERS[0] else share_copied(prompt, completion, truth)

    def always(prompt: str, completion: str, truth: Any) -> float:
        raise ZeroDivisionError

    batch = next(stage(rewards=[Reward("sometimes", sometimes, 1.0)]).batches(None))
    assert 0 < batch.metrics["groups_dropped"] < 8 and math.isfinite(batch.metrics["reward"])
    with pytest.raises(RunError, match="no number"):
        next(stage(rewards=[Reward("always", always, 1.0)]).batches(None))


def test_rewards_are_added_up_with_their_weights() -> None:
    length = Reward("length", lambda prompt, completion, truth: float(len(completion)), 0.5)
    batch = next(stage(rewards=[COPIED, length]).batches(None))
    metrics = batch.metrics
    assert metrics["reward"] == pytest.approx(
        metrics["rewards/copied/mean"] + 0.5 * metrics["rewards/length/mean"], rel=1e-5
    )


def test_truncated_completions_are_not_trained_on() -> None:
    trained = stage(config(max_tokens=5, mask_truncated=True))
    rollouts = roll_out(
        trained.engine, [p.prompt for p in trained.problems[:16]], 8, Sampling(1.0, max_tokens=5, seed=0)
    )
    assert trained.score(trained.problems[:16], rollouts) is None, "none of them has room for its end"


def test_the_kl_to_the_reference_is_in_the_loss() -> None:
    trained = stage(config(kl=0.3))
    batch = next(trained.batches(None))
    assert batch.metrics["kl"] == pytest.approx(0, abs=1e-6), "the policy begins as the reference"
    with torch.no_grad():
        trained.policy.token_embedding.weight += 0.05 * torch.randn_like(trained.policy.token_embedding.weight)
    totals = trained.denominators(batch)
    with_kl, _ = trained.loss(trained.models, batch, totals)
    trained.config = replace(trained.config, kl=0.0)
    without, _ = trained.loss(trained.models, batch, totals)
    logprobs = token_logprobs(trained.policy, batch.ids, batch.trained)
    expected = 0.3 * kl_k3(logprobs, batch.reference[batch.trained]).mean()
    torch.testing.assert_close(with_kl - without, expected, rtol=1e-4, atol=1e-6)


def test_a_resumed_run_is_an_uninterrupted_one_bit_for_bit(tmp_path: Path) -> None:
    """It is stopped in the middle of a rollout."""
    settings = config(6, updates=2, kl=0.01, refresh=2)
    settings = replace(settings, train=replace(settings.train, rows=64, checkpoint_every=3, keep_checkpoints=9))
    assert_resumed_is_whole(tmp_path, lambda: stage(settings), settings.train)


def test_from_a_folder_to_a_folder(tmp_path: Path) -> None:
    save_model(policy(), tmp_path / "base", tokenizer=tokenizer(), eos_ids=[tokenizer().eos_id])
    settings = replace(config(2, prompts=4, group=4), train=replace(config(2).train, sample_every=1))
    with Run.open("mine", recipe={}, root=tmp_path) as run:
        result = grpo(
            settings, run, parent=tmp_path / "base", problems=problems(60), rewards=[COPIED], name="grpo-zero"
        )
    assert result.folder == tmp_path / "mine" / "grpo-zero"
    assert load_model(result.folder).num_parameters() == policy().num_parameters()
    events = read_events(tmp_path / "mine")
    logged = {name for event in events if event["kind"] == "metric" for name in event["values"]}
    assert {
        "reward", "reward_std", "rewards/copied/mean", "rewards/copied/std", "frac_reward_zero_std", "entropy",
        "clip_ratio/low_mean", "clip_ratio/high_mean", "clip_ratio/region_mean", "completions/mean_length",
        "completions/min_length", "completions/max_length", "completions/clipped_ratio", "logprob_difference",
        "time/sampling", "time/scoring", "held_out/copied",
    } <= logged  # fmt: skip
    samples = [event["values"] for event in events if event["kind"] == "sample"]
    assert len(samples) == 3 * 2 and len({sample["prompt"] for sample in samples}) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"group": 1}, "at least one other"), ({"prompts": 0}, "prompts is 0"), ({"kl": -1.0}, "cannot be negative"),
     ({"prompts": 3, "group": 3, "updates": 2}, "cannot be cut into 2")],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(**changes)


def test_a_problem_longer_than_the_context_is_refused() -> None:
    with pytest.raises(DataError, match="prompt 1 has 42 tokens"):
        stage(given=[Problem("a" * 40 + ">", "a")])
