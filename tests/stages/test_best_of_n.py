"""Best of n: the loss is that of demonstrations, the best are kept and learnt, and a resumed run is the same."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from copying_task import policy, problems, share_copied, tokenizer
from resuming import assert_resumed_is_whole

from orrery.errors import ConfigError, NothingToLearn
from orrery.inference.sampling import Sampling
from orrery.models.hf import load_model, save_model
from orrery.stages.best_of_n import BestOfNConfig, BestOfNStage, best_of_n
from orrery.stages.problems import Problem
from orrery.stages.rewards import Reward
from orrery.stages.rollouts import roll_out
from orrery.training.events import read_events
from orrery.training.loop import train
from orrery.training.optim import OptimizerConfig
from orrery.training.runs import Run
from orrery.training.schedule import ScheduleConfig
from orrery.training.stage import TrainConfig

COPIED = Reward("copied", share_copied, 1.0)


def config(steps: int = 4, **changes: Any) -> BestOfNConfig:
    training = TrainConfig(
        steps=steps, rows=32, precision="float32", device="cpu", evaluate_every=0, sample_every=0, checkpoint_seconds=0,
        optimizer=OptimizerConfig(kind="adamw", lr=4e-3, weight_decay=0.0), schedule=ScheduleConfig(warmup_steps=2),
    )  # fmt: skip
    return BestOfNConfig(**{"train": training, "problems": 32, "max_tokens": 8, "threshold": 0.8, **changes})


def stage(
    settings: BestOfNConfig | None = None, rewards: list[Reward] | None = None, given: list[Problem] | None = None
) -> BestOfNStage:
    return BestOfNStage(
        settings or config(), policy(), tokenizer(), given or problems(200), problems(100), rewards or [COPIED], ""
    )


def gradients(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([weight.grad.flatten() for weight in model.parameters() if weight.grad is not None])


def test_what_is_kept_is_the_best_of_each_group_where_it_is_good_enough() -> None:
    made = stage(config(n=5))
    batch = made.next_rollout()
    chosen = [made.problems[i] for i in stage().order.next(32)]
    rollouts = roll_out(made.engine, [p.prompt for p in chosen], 5, Sampling(1.0, max_tokens=8, seed=0))
    expected, best_of = [], []
    for problem, texts in zip(chosen, rollouts.texts, strict=True):
        scores = [share_copied("", text, problem.truth) for text in texts]
        best_of.append(max(scores))
        if max(scores) >= 0.8:
            expected.append(f"{problem.prompt}{texts[scores.index(max(scores))]}")
    ids = [row[:length].tolist() for row, length in zip(batch.ids, batch.lengths, strict=True)]
    assert [tokenizer().decode(row, skip_special=True) for row in ids] == expected
    assert 0 < len(expected) < 32
    assert batch.metrics["kept"] == len(expected) / 32
    assert batch.metrics["reward_best"] == pytest.approx(sum(best_of) / 32)
    assert batch.metrics["reward_best"] > batch.metrics["reward"] > 0


def test_the_loss_is_the_mean_of_minus_log_p_over_kept_tokens() -> None:
    """Against the whole softmax in float64, row by row; its gradient too."""
    made = stage()
    batch = made.next_rollout()
    loss, _ = made.loss(made.models, batch, made.denominators(batch))
    loss.backward()
    model, nats, tokens = policy().double(), torch.zeros((), dtype=torch.float64), 0
    for ids, own, length in zip(batch.ids, batch.trained, batch.lengths.tolist(), strict=True):
        logits = model(ids[None, :length])[0]
        for place in range(1, length):
            if own[place]:
                nats = nats - (logits[place - 1, ids[place]] - logits[place - 1].exp().sum().log())
                tokens += 1
    (nats / tokens).backward()
    assert loss.item() == pytest.approx((nats / tokens).item(), rel=1e-5)
    torch.testing.assert_close(gradients(made.policy).double(), gradients(model), rtol=1e-4, atol=1e-6)
    assert tokens == batch.supervised and gradients(model).norm() > 0.1


def test_k_microbatches_are_one_batch() -> None:
    made = stage(config(threshold=0.4))
    batch = made.next_rollout()
    assert len(batch.split(5)) > 3
    totals = made.denominators(batch)

    def run(parts: list[Any]) -> tuple[float, torch.Tensor]:
        made.policy.zero_grad()
        losses = [made.loss(made.models, part, totals)[0] for part in parts]
        sum(losses).backward()  # type: ignore[union-attr]
        return sum(loss.item() for loss in losses), gradients(made.policy)

    whole, parts = run([batch]), run(list(batch.split(5)))
    assert whole[0] == pytest.approx(parts[0], abs=1e-6)
    torch.testing.assert_close(whole[1], parts[1], rtol=1e-4, atol=1e-6)


def test_copying_is_learnt_from_the_best_of_ones_own_copies(tmp_path: Path) -> None:
    settings = config(60)
    made = stage(settings)
    before = made.evaluate(full=True)["held_out/copied"]
    with Run.open("copy", recipe={}, root=tmp_path) as run:
        result = train(made, settings.train, run)
    assert before < 0.4 and result.metrics["held_out/copied"] > 0.75
    kept = [event["values"]["kept"] for event in read_events(tmp_path / "copy") if "kept" in event["values"]]
    assert len(kept) == 60 and kept[0] < 0.2 and sum(kept[-10:]) / 10 > 0.9


def test_the_threshold_may_be_the_sum_of_the_weights() -> None:
    """0.3 + 1.3 is a little less than 1.6 in float32."""
    both = [Reward("some", lambda *given: 1.0, 0.3), Reward("more", lambda *given: 1.0, 1.3)]
    assert stage(config(threshold=1.6), both).next_rollout().rows == 32


def test_where_no_completion_is_good_enough_the_run_ends_with_a_reason(tmp_path: Path) -> None:
    settings = config(threshold=1.5)
    with (
        Run.open("nothing", recipe={}, root=tmp_path) as run,
        pytest.raises(NothingToLearn, match=r"20 rollouts in a row had no completion with a reward of 1\.5"),
    ):
        train(stage(settings), settings.train, run)


def test_a_resumed_run_is_an_uninterrupted_one_bit_for_bit(tmp_path: Path) -> None:
    settings = config(6)
    assert_resumed_is_whole(tmp_path, lambda: stage(settings), settings.train)


def test_from_a_folder_to_a_folder(tmp_path: Path) -> None:
    save_model(policy(), tmp_path / "base", tokenizer=tokenizer(), eos_ids=[tokenizer().eos_id])
    settings = config(2, problems=8, train=replace(config(2).train, sample_every=1))
    with Run.open("mine", recipe={}, root=tmp_path) as run:
        result = best_of_n(settings, run, parent=tmp_path / "base", problems=problems(60), rewards=[COPIED])
    assert result.folder == tmp_path / "mine" / "best-of-n"
    assert load_model(result.folder).num_parameters() == policy().num_parameters()
    events = read_events(tmp_path / "mine")
    logged = {name for event in events if event["kind"] == "metric" for name in event["values"]}
    assert {
        "reward", "reward_best", "kept", "rewards/copied/mean", "groups_dropped", "entropy", "completions/mean_length",
        "time/sampling", "held_out/copied",
    } <= logged  # fmt: skip
    assert sum(event["kind"] == "sample" for event in events) == 3 * 2


def test_the_model_solves_by_itself() -> None:
    """As in GRPO, unless it is told otherwise: with a calculator at hand it would learn to call it."""
    assert not stage().engine.tools


@pytest.mark.parametrize("name", ["problems", "n", "max_tokens"])
def test_settings_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is 0; it must be at least 1"):
        config(**{name: 0})
