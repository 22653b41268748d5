"""Replay: conversations of tuning come along with each update, hold the policy there, and change nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from copying_task import parent, policy, problems, share_copied, tokenizer

from orrery.errors import ConfigError, DataError
from orrery.models.scalar import ScalarModel
from orrery.models.transformer import Transformer
from orrery.stages import rows as module
from orrery.stages.grpo import GRPOConfig, GRPOStage
from orrery.stages.ppo import PPOConfig, PPOStage
from orrery.stages.replay import Replay
from orrery.stages.rewards import Reward
from orrery.tokenizers.chat import render
from orrery.training.loop import train
from orrery.training.runs import Run
from orrery.training.stage import TrainConfig

CONVERSATIONS = [
    [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    for asked, answer in (("a", "bb"), ("b", "cc"), ("c", "dd"), ("d", "aaaa"))
]
TRAIN = TrainConfig(steps=3, precision="float32", device="cpu", evaluate_every=0, sample_every=0)


def grpo_stage(weight: float) -> GRPOStage:
    config = GRPOConfig(TRAIN, prompts=8, group=4, max_tokens=8, mask_truncated=False, replay=weight, replay_rows=3)
    rewards = [Reward("copied", share_copied, 1.0)]
    return GRPOStage("grpo", config, policy(), tokenizer(), problems(40), [], rewards, (), "", CONVERSATIONS)


def ppo_stage(weight: float) -> PPOStage:
    config = PPOConfig(TRAIN, prompts=8, minibatches=2, epochs=1, max_tokens=8, replay=weight, replay_rows=3)
    critic = ScalarModel.from_parent(parent(), torch.Generator().manual_seed(0))
    prompts = [problem.prompt for problem in problems(40)]
    score = lambda ids, lengths: lengths.float()  # noqa: E731
    return PPOStage(config, policy(), critic, score, tokenizer(), prompts, conversations=CONVERSATIONS)


def test_every_conversation_comes_before_one_comes_again() -> None:
    batch = next(grpo_stage(0.0).batches(None))
    replay = Replay(CONVERSATIONS, policy(), tokenizer(), rows=4, seed=0)
    joined = replay.join(batch)
    assert joined.rows == batch.rows + 4 and joined.replayed.tolist() == [False] * batch.rows + [True] * 4
    seen = {tuple(row[:length].tolist()) for row, length in zip(joined.ids[-4:], joined.lengths[-4:], strict=True)}
    assert seen == {tuple(render(one, tokenizer()).ids) for one in CONVERSATIONS}
    width = batch.ids.shape[1]
    assert torch.equal(joined.ids[: batch.rows, :width], batch.ids) and not joined.advantages[-4:].any()


def moved(stage: GRPOStage | PPOStage) -> GRPOStage | PPOStage:
    """The policy is no longer its parent."""
    with torch.no_grad():
        stage.policy.final_norm.weight *= 1.3
    return stage


@pytest.mark.parametrize("make", [grpo_stage, ppo_stage])
def test_the_loss_is_the_policys_and_a_weight_times_the_divergence_from_the_parent(make: type) -> None:
    batches = [next(make(weight).batches(None)) for weight in (0.0, 0.5)]
    assert torch.equal(batches[0].ids, batches[1].ids[:-3, : batches[0].ids.shape[1]]), "the same completions"
    losses = []
    for weight, batch in zip((0.0, 0.5), batches, strict=True):
        stage = moved(make(weight))
        loss, metrics = stage.loss(stage.models, batch, stage.denominators(batch))
        losses.append(loss.item())
    ids, trained = batches[1].ids[-3:, :-1], batches[1].trained[-3:, 1:]
    theirs, ours = (model(ids).double().log_softmax(-1)[trained] for model in (policy(), stage.policy))
    expected = (theirs.exp() * (theirs - ours)).sum(-1).mean().item()
    assert metrics["replay_kl"].item() == pytest.approx(expected, rel=1e-4) and expected > 0.001
    assert losses[1] - losses[0] == pytest.approx(0.5 * expected, rel=1e-3)


@pytest.mark.parametrize("make", [grpo_stage, ppo_stage])
def test_where_nothing_has_moved_nothing_is_pulled(make: type) -> None:
    stage = make(0.5)
    batch = next(stage.batches(None))
    stage.loss(stage.models, batch, stage.denominators(batch))[0].backward()
    pulled = [weight.grad.clone() for weight in stage.policy.parameters()]
    stage.policy.zero_grad()
    alone = batch.take((~batch.replayed).nonzero()[:, 0])
    stage.loss(stage.models, alone, stage.denominators(batch))[0].backward()
    for weight, gradient in zip(stage.policy.parameters(), pulled, strict=True):
        torch.testing.assert_close(gradient, weight.grad, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("make", [grpo_stage, ppo_stage])
def test_k_microbatches_equal_one_batch(make: type) -> None:
    stage = moved(make(0.5))
    batch = next(stage.batches(None))
    totals = stage.denominators(batch)
    whole, _ = stage.loss(stage.models, batch, totals)
    parts = sum(stage.loss(stage.models, part, totals)[0] for part in batch.split(3))
    torch.testing.assert_close(parts, whole, atol=1e-6, rtol=1e-5)


def test_what_is_replayed_is_learnt_on_the_way_and_resuming_goes_on_with_the_next(tmp_path: Path) -> None:
    stage = grpo_stage(0.5)
    with Run.open("replay", recipe={}, root=tmp_path) as run:
        train(stage, TRAIN, run)
    state = stage.state_dict()
    assert state["replay"] == {"given": 9}
    other = grpo_stage(0.5)
    other.replay.load_state_dict(state["replay"])  # type: ignore[union-attr]
    mine, theirs = (one.replay.join(next(grpo_stage(0.0).batches(None))) for one in (stage, other))  # type: ignore[union-attr]
    assert torch.equal(mine.ids, theirs.ids)


def of_context(tokens: int) -> Transformer:
    return Transformer(replace(policy().config, context=tokens))


def test_a_large_vocabulary_is_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = moved(grpo_stage(0.5))
    batch = next(stage.batches(None))
    totals, gradients = stage.denominators(batch), []
    for logits in (module.LOGITS, 2 * stage.policy.config.vocab_size):
        monkeypatch.setattr(module, "LOGITS", logits)
        stage.policy.zero_grad()
        stage.loss(stage.models, batch, totals)[0].backward()
        gradients.append(torch.cat([weight.grad.flatten() for weight in stage.policy.parameters()]))
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-5, rtol=1e-4)


def test_conversations_that_do_not_fit_are_left_out_and_none_at_all_is_refused() -> None:
    lengths = [len(render(one, tokenizer()).ids) for one in CONVERSATIONS]
    assert len(Replay(CONVERSATIONS, of_context(max(lengths) - 1), tokenizer(), 1, 0).rendered) == 3
    with pytest.raises(DataError, match="none of the conversations"):
        Replay(CONVERSATIONS, of_context(4), tokenizer(), 1, 0)
    with pytest.raises(ConfigError, match="cannot be negative"):
        GRPOConfig(replay=-0.1)
