"""Replay: conversations of tuning come along with each update, at their own weight, and change nothing else."""

from pathlib import Path

import pytest
import torch
from copying_task import parent, policy, problems, share_copied, tokenizer

from orrery.errors import ConfigError, DataError
from orrery.models.scalar import ScalarModel
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
    return GRPOStage("grpo", config, policy(), tokenizer(), problems(40), [], rewards, False, "", CONVERSATIONS)


def ppo_stage(weight: float) -> PPOStage:
    config = PPOConfig(TRAIN, prompts=8, minibatches=2, epochs=1, max_tokens=8, replay=weight, replay_rows=3)
    critic = ScalarModel.from_parent(parent(), torch.Generator().manual_seed(0))
    prompts = [problem.prompt for problem in problems(40)]
    score = lambda ids, lengths: lengths.float()  # noqa: E731
    return PPOStage(config, policy(), critic, score, tokenizer(), prompts, conversations=CONVERSATIONS)


def test_every_conversation_comes_before_one_comes_again() -> None:
    batch = next(grpo_stage(0.0).batches(None))
    replay = Replay(CONVERSATIONS, tokenizer(), 32, rows=4, seed=0)
    joined = replay.join(batch)
    assert joined.rows == batch.rows + 4 and joined.replayed.tolist() == [False] * batch.rows + [True] * 4
    seen = {tuple(row[:length].tolist()) for row, length in zip(joined.ids[-4:], joined.lengths[-4:], strict=True)}
    assert seen == {tuple(render(one, tokenizer()).ids) for one in CONVERSATIONS}
    width = batch.ids.shape[1]
    assert torch.equal(joined.ids[: batch.rows, :width], batch.ids) and not joined.advantages[-4:].any()


@pytest.mark.parametrize("make", [grpo_stage, ppo_stage])
def test_the_loss_is_the_policys_and_a_weight_times_that_of_tuning(make: type) -> None:
    batches = [next(make(weight).batches(None)) for weight in (0.0, 0.5)]
    assert torch.equal(batches[0].ids, batches[1].ids[:-3, : batches[0].ids.shape[1]]), "the same completions"
    losses = []
    for weight, batch in zip((0.0, 0.5), batches, strict=True):
        stage = make(weight)
        loss, metrics = stage.loss(stage.models, batch, stage.denominators(batch))
        losses.append(loss.item())
    ids, trained = batches[1].ids[-3:], batches[1].trained[-3:]
    logprobs = policy()(ids[:, :-1]).log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
    expected = -logprobs[trained[:, 1:]].mean()
    torch.testing.assert_close(metrics["replay_loss"], expected.detach(), atol=1e-5, rtol=1e-5)
    assert losses[1] - losses[0] == pytest.approx(0.5 * expected.item(), abs=1e-4)


@pytest.mark.parametrize("make", [grpo_stage, ppo_stage])
def test_k_microbatches_equal_one_batch(make: type) -> None:
    stage = make(0.5)
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


def test_conversations_that_do_not_fit_are_left_out_and_none_at_all_is_refused() -> None:
    lengths = [len(render(one, tokenizer()).ids) for one in CONVERSATIONS]
    assert len(Replay(CONVERSATIONS, tokenizer(), max(lengths) - 1, 1, 0).rendered) == 3
    with pytest.raises(DataError, match="none of the conversations"):
        Replay(CONVERSATIONS, tokenizer(), 4, 1, 0)
    with pytest.raises(ConfigError, match="cannot be negative"):
        GRPOConfig(replay=-0.1)
