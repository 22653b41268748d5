"""Preferences: read from files, refused when they say nothing, learnt by a reward model and by DPO."""

import json
import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from copying_task import LETTERS, policy, tokenizer

from orrery.errors import DataError
from orrery.models.hf import load_model, save_model
from orrery.models.scalar import ScalarModel, load_scalar_model
from orrery.stages.dpo import CHOSEN, DPOConfig, DPOStage, Pairs, completion_logprobs, dpo
from orrery.stages.preferences import Ranking, read_rankings, to_rows
from orrery.stages.reward import RewardConfig, RewardStage, reward
from orrery.tokenizers.chat import render
from orrery.training.optim import OptimizerConfig
from orrery.training.runs import Run
from orrery.training.schedule import ScheduleConfig
from orrery.training.stage import TrainConfig

SHAPE = replace(policy().config, context=64)


def ranking(rng: random.Random, number: int = 2) -> Ranking:
    """Who has more a's is liked better."""
    counts = rng.sample(range(6), number)
    texts = ["".join(rng.sample("a" * count + "".join(rng.choices("bcd", k=5 - count)), 5)) for count in counts]
    best_first = sorted(range(number), key=lambda i: -counts[i])
    return Ranking(
        [{"role": "user", "content": rng.choice(LETTERS)}],
        [[{"role": "assistant", "content": texts[i]}] for i in best_first],
        [float(counts[i]) for i in best_first],
    )


def rankings(count: int, number: int = 2) -> list[Ranking]:
    rng = random.Random(4)
    return [ranking(rng, number) for _ in range(count)]


def training(steps: int, rows: int = 16, lr: float = 3e-3) -> TrainConfig:
    return TrainConfig(
        steps=steps, rows=rows, precision="float32", device="cpu", evaluate_every=0, sample_every=0,
        optimizer=OptimizerConfig(kind="adamw", lr=lr, weight_decay=0.0), schedule=ScheduleConfig(warmup_steps=2),
    )  # fmt: skip


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    from orrery.models.transformer import Transformer

    save_model(Transformer(SHAPE), tmp_path / "sft", tokenizer=tokenizer(), eos_ids=[tokenizer().eos_id])
    return tmp_path / "sft"


# Reading


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_pairs_and_rankings_are_read_plain_and_conversational(tmp_path: Path) -> None:
    asked = [{"role": "user", "content": "Hi"}]
    file = write(
        tmp_path / "p.jsonl",
        {"prompt": "Hi", "chosen": "Hello.", "rejected": "Go away."},
        {"prompt": asked, "chosen": [{"role": "assistant", "content": "Hello."}], "rejected": "Go away."},
        {"prompt": "Hi", "ranking": ["Hello.", "Yes?", "Go away."], "gold": [2, 1, 0]},
    )
    first, second, third = read_rankings([file])
    assert first == second and first.prompt == asked
    assert len(third.completions) == 3 and third.gold == [2, 1, 0]


def test_a_ranking_is_all_its_pairs_and_each_completion_is_held_once() -> None:
    pairs = Pairs(policy(), to_rows(rankings(1, 3) + rankings(1, 2), tokenizer(), 64))
    assert pairs.places.tolist() == [[0, 0, 1], [0, 0, 2], [0, 1, 2], [1, 0, 1]]
    two = pairs.take(torch.tensor([2, 3]))
    with torch.no_grad():
        expected = completion_logprobs(policy(), two)
    assert two.ids.shape[:2] == (2, 2) and torch.allclose(two.reference, expected, atol=1e-5)
    assert two.lengths[0].tolist() == pairs.rankings.lengths[0, 1:].tolist()


def test_parquet_is_read_too(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    rows = [{"prompt": "Hi", "chosen": "Hello.", "rejected": "Go."}]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "p.parquet")
    assert len(read_rankings([tmp_path / "p.parquet"])) == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "Hi", "chosen": "Yes.", "rejected": "Yes."}, "line 1: completions 1 and 2 are equal"),
        ({"prompt": "Hi", "chosen": "", "rejected": "Yes."}, "line 1: completion 1 is empty"),
        ({"prompt": "Hi", "chosen": "Yes.", "rejected": "  "}, "line 1: completion 2 is empty"),
        ({"prompt": "Hi", "chosen": "Yes."}, "neither chosen and rejected nor a ranking"),
        ({"prompt": "Hi", "ranking": ["Yes."]}, "a ranking of 1"),
        ({"chosen": "Yes.", "rejected": "No."}, "expected"),
        ({"prompt": [{"role": "nobody", "content": "x"}], "chosen": "Yes.", "rejected": "No."}, "role"),
    ],
)
def test_a_preference_that_says_nothing_is_refused(tmp_path: Path, row: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_rankings([write(tmp_path / "p.jsonl", row)])


def test_a_preference_longer_than_the_context_is_refused() -> None:
    with pytest.raises(DataError, match="preference 1 has"):
        to_rows(rankings(1), tokenizer(), 16)


def test_the_completions_are_trained_on_with_their_ends() -> None:
    one = rankings(1, 3)[0]
    rows = to_rows([one, rankings(2)[1]], tokenizer(), 64)
    assert rows.ids.shape[:2] == (2, 3) and rows.valid.tolist() == [[True] * 3, [True, True, False]]
    for k, completion in enumerate(one.completions):
        whole = render([*one.prompt, *completion], tokenizer())
        written = rows.ids[0, k][rows.trained[0, k]].tolist()
        assert written == [i for i, own in zip(whole.ids, whole.mask, strict=True) if own]
        assert written[-1] == tokenizer().im_end_id


# The reward model


def test_a_reward_model_learns_what_is_preferred(tmp_path: Path, parent: Path) -> None:
    with Run.open("mine", recipe={}, root=tmp_path) as run:
        result = reward(RewardConfig(train=training(150), held_out=100), run, parent=parent, rankings=rankings(600, 4))
    assert result.metrics["held_out/accuracy"] > 0.93
    assert result.metrics["held_out/gold_agreement"] > 0.85
    assert result.metrics["held_out/calibration_error"] < 0.1
    loaded = load_scalar_model(result.folder)
    rows = to_rows(rankings(3), tokenizer(), 64)
    scores = loaded.score(rows.ids.flatten(0, 1), rows.lengths.flatten()).view(3, 2)
    assert (scores[:, 0] > scores[:, 1]).all()


def test_k_microbatches_of_rankings_are_one_batch(parent: Path) -> None:
    model = ScalarModel.from_parent(load_model(parent), torch.Generator().manual_seed(0))
    stage = RewardStage(RewardConfig(train=training(1)), model, tokenizer(), rankings(16, 3), [], "")
    batch = next(stage.batches(None))
    totals = stage.denominators(batch)

    def gradients(parts: Any) -> torch.Tensor:
        model.zero_grad()
        for part in parts:
            stage.loss(stage.models, part, totals)[0].backward()
        return torch.cat([weight.grad.flatten() for weight in model.parameters()])

    torch.testing.assert_close(gradients([batch]), gradients(batch.split(5)), rtol=1e-4, atol=1e-6)


# DPO


def dpo_stage(parent: Path, **changes: Any) -> DPOStage:
    settings = DPOConfig(**{"train": training(40), "held_out": 40, **changes})
    return DPOStage(settings, load_model(parent), tokenizer(), rankings(160), rankings(200)[160:], "")


def test_dpo_prefers_what_people_prefer_and_its_loss_begins_at_ln_2(tmp_path: Path, parent: Path) -> None:
    stage = dpo_stage(parent)
    batch = next(stage.batches(None))
    loss, metrics = stage.loss(stage.models, batch, stage.denominators(batch))
    assert loss.item() == pytest.approx(math.log(2), abs=1e-5)
    assert metrics["rewards/margins"].item() == pytest.approx(0, abs=1e-5)
    with Run.open("mine", recipe={}, root=tmp_path) as run:
        result = dpo(DPOConfig(train=training(60), held_out=40), run, parent=parent, rankings=rankings(300))
    assert result.metrics["held_out/rewards/accuracies"] > 0.9
    assert result.metrics["held_out/rewards/margins"] > 0.1


def test_its_loss_is_the_formula_on_whole_completions(parent: Path) -> None:
    stage = dpo_stage(parent, nll=0.7, beta=0.3)
    batch = next(stage.batches(None))
    with torch.no_grad():
        stage.policy.final_norm.weight *= 1.3
    loss, metrics = stage.loss(stage.models, batch, stage.denominators(batch))
    expected, nll, tokens = 0.0, 0.0, 0
    for row in range(batch.rows):
        h = 0.0
        for side, sign in ((0, 1), (1, -1)):
            ids = batch.ids[row, side, : batch.lengths[row, side]]
            own = batch.trained[row, side, : len(ids)]
            logprobs = stage.policy(ids[None])[0].log_softmax(-1)[:-1].gather(1, ids[1:, None])[:, 0]
            logp = logprobs[own[1:]].sum().item()
            h += sign * (logp - batch.reference[row, side].item())
            if side == CHOSEN:
                nll, tokens = nll - logp, tokens + int(own.sum())
        expected += math.log1p(math.exp(-0.3 * h)) / batch.rows
    assert loss.item() == pytest.approx(expected + 0.7 * nll / tokens, rel=1e-4)
    torch.testing.assert_close(
        metrics["logps/chosen"], completion_logprobs(stage.policy, batch)[:, CHOSEN].mean().detach()
    )
