"""PPO: learns what the score likes, keeps to its reference where it is told to, resumes exactly."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from copying_task import policy, problems, tokenizer
from resuming import assert_resumed_is_whole
from torch import Tensor

from orrery.errors import CheckpointError, ConfigError, DataError
from orrery.models.hf import load_model, save_model
from orrery.models.scalar import ScalarModel, save_scalar_model
from orrery.stages.advantages import gae, whiten
from orrery.stages.ppo import PPOConfig, PPOStage, ppo, token_values
from orrery.stages.rows import spread, token_logprobs
from orrery.tokenizers.bpe import BPE
from orrery.training.events import read_events
from orrery.training.loop import train
from orrery.training.optim import OptimizerConfig
from orrery.training.runs import Run
from orrery.training.schedule import ScheduleConfig
from orrery.training.stage import TrainConfig

PROMPTS = [problem.prompt for problem in problems(200)]


def copied(ids: Tensor, lengths: Tensor) -> Tensor:
    """What the score of a perfect reward model would be: the share of letters in their place."""
    scores = []
    for row, length in zip(ids.tolist(), lengths.tolist(), strict=True):
        prompt, _, answer = tokenizer().decode(row[1:length], skip_special=True).partition(">")
        scores.append(sum(a == b for a, b in zip(prompt, answer, strict=False)) / 5 if len(answer) == 5 else 0.0)
    return torch.tensor(scores)


def config(steps: int = 4, **changes: Any) -> PPOConfig:
    training = TrainConfig(
        steps=steps, rows=64, precision="float32", device="cpu", evaluate_every=0, sample_every=0, checkpoint_seconds=0,
        optimizer=OptimizerConfig(kind="adamw", lr=2e-3, weight_decay=0.0), schedule=ScheduleConfig(warmup_steps=2),
    )  # fmt: skip
    settings = {"train": training, "prompts": 128, "max_tokens": 8, "kl": 0.0, "missing_eos_penalty": 0.0, "clip": 0.2}
    return PPOConfig(**{**settings, **changes})


def stage(settings: PPOConfig, score: Any = copied) -> PPOStage:
    actor = policy()
    critic = ScalarModel.from_parent(actor, torch.Generator().manual_seed(0))
    return PPOStage(settings, actor, critic, score, tokenizer(), PROMPTS, PROMPTS[:20])


def values_of(folder: Path, name: str) -> list[float]:
    return [event["values"][name] for event in read_events(folder) if name in event["values"]]


def test_copying_is_learnt_from_a_score(tmp_path: Path) -> None:
    settings = config(240)
    with Run.open("copy", recipe={}, root=tmp_path) as run:
        train(stage(settings), settings.train, run)
    scores = values_of(tmp_path / "copy", "objective/scores")
    assert sum(scores[:8]) / 8 < 0.75
    assert sum(scores[-16:]) / 16 > 0.95
    assert max(values_of(tmp_path / "copy", "val/explained_variance")) > 0.1, "the critic knows more than the mean"


def test_rewards_are_the_score_at_the_end_and_the_leash_everywhere() -> None:
    made = stage(config(kl=0.5, gamma=0.9, gae_lambda=0.8, missing_eos_penalty=0.25, minibatches=1, epochs=1))
    with torch.no_grad():  # the actor has moved away from its reference
        made.policy.final_norm.weight *= 1.2
    (batch,) = made.next_rollout()
    reference = spread(token_logprobs(made.reference, batch.ids, batch.trained), batch.trained).detach()
    values = spread(token_values(made.critic, batch.ids, batch.trained), batch.trained).detach()
    for row in range(batch.rows):
        places = batch.trained[row].nonzero()[:, 0].tolist()
        finished = batch.ids[row, places[-1]] == tokenizer().eos_id
        score = copied(batch.ids[row : row + 1], batch.lengths[row : row + 1])[0] - (0.0 if finished else 0.25)
        rewards = [-0.5 * (batch.old[row, t] - reference[row, t]) for t in places]
        rewards[-1] = rewards[-1] + score
        steps = torch.ones(1, len(places), dtype=torch.bool)
        _, returns = gae(torch.stack(rewards)[None], values[row, places][None], steps, 0.9, 0.8)
        torch.testing.assert_close(batch.returns[row, places], returns[0], rtol=1e-4, atol=1e-5)
    advantages = whiten(torch.where(batch.trained, batch.returns - values, 0.0), batch.trained)
    torch.testing.assert_close(batch.advantages, advantages, rtol=1e-3, atol=1e-4)
    assert batch.metrics["objective/kl"] > 0


def test_a_leash_holds(tmp_path: Path) -> None:
    distances = {}
    for name, kl in (("free", 0.0), ("held", 2.0)):
        settings = config(40, kl=kl)
        with Run.open(name, recipe={}, root=tmp_path) as run:
            train(stage(settings), settings.train, run)
        distances[name] = values_of(tmp_path / name, "objective/kl")[-1]
    assert distances["held"] < distances["free"] / 2


def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    """They sample and judge with the weights of now, and not those that they were forked with."""
    settings, threads = config(8, kl=0.5, prompts=64), torch.get_num_threads()
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            with Run.open(str(number), recipe={}, root=tmp_path) as run:
                train(stage(settings), settings.train, run)
    finally:
        torch.set_num_threads(threads)
    for name in ("loss", "objective/kl", "objective/scores", "val/explained_variance"):
        one, two = (values_of(tmp_path / str(number), name) for number in (1, 2))
        assert two == pytest.approx(one, rel=1e-3, abs=1e-4) and len(set(one)) > 1
    assert max(values_of(tmp_path / "2", "logprob_difference")) < 1e-4


def test_the_leash_follows_its_target() -> None:
    made = stage(config(kl=0.1, kl_target=1.0))
    made.next_rollout()
    assert made.kl_coefficient == pytest.approx(0.1 * (1 - 0.1 * 0.2)), "the actor is still where it began: looser"


def test_every_epoch_has_every_row_once() -> None:
    made = stage(config(prompts=16, minibatches=4, epochs=3, train=replace(config().train, rows=4)))
    parts = made.next_rollout()
    assert [part.rows for part in parts] == [4] * 12
    for epoch in range(3):
        rows = torch.cat([part.returns.sum(1) for part in parts[4 * epoch : 4 * epoch + 4]]).sort().values
        first = torch.cat([part.returns.sum(1) for part in parts[:4]]).sort().values
        torch.testing.assert_close(rows, first)


def test_k_microbatches_are_one_batch() -> None:
    made = stage(config(kl=0.1))
    batch = next(made.batches(None))
    totals = made.denominators(batch)

    def gradients(parts: list[Any]) -> torch.Tensor:
        for model in made.models.values():
            model.zero_grad()
        for part in parts:
            made.loss(made.models, part, totals)[0].backward()
        return torch.cat([w.grad.flatten() for model in made.models.values() for w in model.parameters()])

    torch.testing.assert_close(gradients([batch]), gradients(list(batch.split(5))), rtol=1e-4, atol=1e-6)


def test_a_resumed_run_is_an_uninterrupted_one_bit_for_bit(tmp_path: Path) -> None:
    settings = config(6, kl=0.1, kl_target=0.5)
    assert_resumed_is_whole(tmp_path, lambda: stage(settings), settings.train)


def test_from_folders_to_a_folder(tmp_path: Path) -> None:
    save_model(policy(), tmp_path / "base", tokenizer=tokenizer(), eos_ids=[tokenizer().eos_id])
    scorer = ScalarModel.from_parent(policy(), torch.Generator().manual_seed(2))
    save_scalar_model(scorer, tmp_path / "reward", tokenizer=tokenizer())
    settings = config(2, prompts=8, train=replace(config(2).train, rows=4))
    with Run.open("mine", recipe={}, root=tmp_path) as run:
        result = ppo(settings, run, parent=tmp_path / "base", reward_model=tmp_path / "reward", prompts=PROMPTS[:40],
                     gold=lambda prompt, text: float(len(text)))  # fmt: skip
    assert result.folder == tmp_path / "mine" / "ppo" and result.metrics["held_out/gold"] > 0
    assert load_model(result.folder).num_parameters() == policy().num_parameters()


def test_a_reward_model_with_another_tokenizer_is_refused(tmp_path: Path) -> None:
    save_model(policy(), tmp_path / "base", tokenizer=tokenizer(), eos_ids=[tokenizer().eos_id])
    other = BPE.train(["something else entirely, again and again and again"] * 5, 270)
    config_of = replace(policy().config, vocab_size=other.vocab_size)
    save_scalar_model(ScalarModel(config_of), tmp_path / "reward", tokenizer=other)
    with Run.open("mine", recipe={}, root=tmp_path) as run, pytest.raises(CheckpointError, match="another tokenizer"):
        ppo(config(), run, parent=tmp_path / "base", reward_model=tmp_path / "reward", prompts=PROMPTS[:40])


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="kl is -1"):
        config(kl=-1)
    with pytest.raises(ConfigError, match="cannot be cut into 3"):
        config(minibatches=3)
    with pytest.raises(DataError, match="prompt 1 has 42 tokens"):
        PPOStage(config(), policy(), ScalarModel(policy().config), copied, tokenizer(), ["a" * 40 + ">"])
