"""Against TRL: from the same weights and the same completions, its trainers and we get the same losses and gradients.

Its trainers (https://github.com/huggingface/trl, written for 1.16) are real ones with real models: each is handed our
weights and our tokens and asked for the loss of one batch, so that padding, masks and denominators are compared too.
Where TRL means something else, a test or a comment says what.

Not compared: PPO, whose trainer TRL 1.16 no longer has (test_advantages.py and test_losses.py have its formulas).
"""

import itertools
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import trl_oracle
from copying_task import LETTERS, tokenizer
from torch import Tensor
from trl_oracle import (
    CONFIG,
    MAX_TOKENS,
    assert_same_gradients,
    common,
    disturb,
    dpo_trainer,
    gradients_as_hf,
    grpo_trainer,
    take_over,
)

from orrery.models.hf import load_model
from orrery.models.scalar import HEAD, ScalarModel, load_scalar_model, save_scalar_model
from orrery.models.transformer import Transformer
from orrery.stages import grpo, rows
from orrery.stages.advantages import Normalise, group_advantages
from orrery.stages.distill import distillation_sums
from orrery.stages.dpo import CHOSEN, REJECTED, DPOConfig, DPOStage
from orrery.stages.grpo import GRPOBatch, GRPOConfig, GRPOStage
from orrery.stages.policy_loss import Aggregation
from orrery.stages.preferences import Ranking
from orrery.stages.problems import Problem
from orrery.stages.reward import RewardConfig, RewardStage
from orrery.stages.rewards import Reward
from orrery.stages.rollouts import Rollouts, Written, prompt_ids
from orrery.stages.rows import spread, token_logprobs
from orrery.training.stage import TrainConfig

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning:transformers.*",  # of its own names, which TRL still uses
    "ignore::DeprecationWarning",  # of what TRL imports
    "ignore:You are importing from 'trl.experimental'",
    "ignore:You are using 'rollout_func'",
)

PROMPTS, GROUP = 3, 4
A_COUNT = Reward("a_count", lambda prompt, completion, truth: float(completion.count("a")), 1.0)


@pytest.fixture(scope="module")
def trl() -> SimpleNamespace:
    """TRL; nothing but this file pays for importing it."""
    return trl_oracle.load()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A random model's folder."""
    trl_oracle.save_random_model(tmp_path / "model")
    return tmp_path / "model"


def some_tokens() -> tuple[Tensor, Tensor]:
    """(ids [4 12], trained [4 12]), at random."""
    generator = torch.Generator().manual_seed(1)
    trained = torch.rand(4, 12, generator=generator) < 0.6
    trained[:, 0] = False
    return torch.randint(CONFIG.vocab_size, (4, 12), generator=generator), trained


# Log-probabilities and entropies


@pytest.mark.parametrize("logits", [1 << 22, 5 * CONFIG.vocab_size], ids=["at once", "in parts"])
def test_token_logprobs_are_selective_log_softmax(
    trl: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, logits: int
) -> None:
    monkeypatch.setattr(rows, "LOGITS", logits)
    model = Transformer(CONFIG)
    ids, trained = some_tokens()
    weights = torch.randn(int(trained.sum()), generator=torch.Generator().manual_seed(2))

    all_logits = model(ids)[:, :-1]
    expected = trl.selective_log_softmax(all_logits, ids[:, 1:])[trained[:, 1:]]
    found = token_logprobs(model, ids, trained)
    torch.testing.assert_close(found, expected)
    for ours, theirs in zip(
        torch.autograd.grad((weights * found).sum(), list(model.parameters())),
        torch.autograd.grad((weights * expected).sum(), list(model.parameters())),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


# GRPO


def grpo_stage(model: Transformer, **settings: Any) -> GRPOStage:
    config = GRPOConfig(**{"max_tokens": MAX_TOKENS, "mask_truncated": False, **settings})
    given = [Problem("a>", None)]
    return GRPOStage("grpo", config, model, tokenizer(), given, [], [A_COUNT], tools=(), card="")


def completions(model: Transformer) -> tuple[list[Problem], Rollouts]:
    """Completions of many lengths, some ended, some with a token that a tool wrote."""
    rng = random.Random(11)

    def letters(least: int, most: int) -> str:
        return "".join(rng.choices(LETTERS, k=rng.randint(least, most)))

    given = [Problem(letters(2, 6) + ">", None) for _ in range(PROMPTS)]
    written = []
    for problem in given:
        prompt, group = prompt_ids(problem.prompt, tokenizer()), []
        for number in range(GROUP):
            text = letters(2, MAX_TOKENS - 1)
            ids = tokenizer().encode(text) + [tokenizer().eos_id] * (number % 2)
            own = [number != 3 or place != 1 for place in range(len(ids))]
            group.append(Written(prompt, ids, own, [0.0] * len(ids), text, bool(number % 2)))
        written.append(group)
    all_rows = Rollouts(written).rows()
    with torch.no_grad():
        logprobs = spread(token_logprobs(model, all_rows.ids, all_rows.trained), all_rows.trained)
    each = iter(logprobs.tolist())
    return given, Rollouts([[replace(one, logprobs=next(each)[len(one.prompt_ids) :][: len(one.ids)]) for one in group]
                            for group in written])  # fmt: skip


def with_equal_rewards(rollouts: Rollouts) -> Rollouts:
    """The same with a second group of equals."""
    equal = Written(rollouts.written[1][0].prompt_ids, tokenizer().encode("ba"), [True] * 2, [-1.0] * 2, "ba", False)
    return Rollouts([rollouts.written[0], [equal] * GROUP, rollouts.written[2]])


def their_batch(trainer: Any, given: list[Problem]) -> dict[str, Any]:
    """Its rewards, advantages, old and reference log-probabilities of our completions."""
    return trainer._generate_and_score_completions([{"prompt": p.prompt} for p in given for _ in range(GROUP)])


@pytest.mark.parametrize("kl", [0.0, 0.05])
@pytest.mark.parametrize("aggregation", ["dapo", "grpo", "dr_grpo"])
def test_from_completions_to_gradients_grpo_is_trls(
    trl: SimpleNamespace, folder: Path, aggregation: Aggregation, kl: float
) -> None:
    policy = load_model(folder)
    stage = grpo_stage(policy, aggregation=aggregation, kl=kl)
    given, rollouts = completions(policy)
    batch = stage.score(given, rollouts)
    assert batch is not None and batch.rows == PROMPTS * GROUP  # no group of equal rewards
    trainer = grpo_trainer(trl, folder, rollouts, A_COUNT, loss_type=aggregation, beta=kl)
    inputs = their_batch(trainer, given)
    torch.testing.assert_close(batch.advantages, inputs["advantages"])
    torch.testing.assert_close(batch.old[batch.trained], inputs["old_per_token_logps"][theirs_trained(inputs)])
    if kl:
        reference = inputs["ref_per_token_logps"][theirs_trained(inputs)]
        torch.testing.assert_close(batch.reference[batch.trained], reference)

    disturb(policy)
    take_over(trainer.model, policy)
    loss, metrics = stage.loss(stage.models, batch, stage.denominators(batch))
    loss.backward()
    expected = trainer.compute_loss(trainer.model, inputs)
    expected.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
    assert_same_gradients(gradients_as_hf(policy), trainer.model)
    logged = trainer._metrics["train"]
    for name, value in metrics.items():
        assert value.item() == pytest.approx(logged[name][-1]), name
    assert 0.1 < metrics["clip_ratio/region_mean"] < 0.9, "the test is to see both sides of the clip"


def theirs_trained(inputs: Mapping[str, Tensor]) -> Tensor:
    """Its mask of the tokens that are trained on, of completions alone."""
    return (inputs["completion_mask"] * inputs["tool_mask"]).bool()


@pytest.mark.parametrize("kl", [0.0, 0.05])
@pytest.mark.parametrize("aggregation", ["dapo", "grpo", "dr_grpo"])
def test_with_any_ratio_the_loss_is_trls_in_float64(
    trl: SimpleNamespace, folder: Path, monkeypatch: pytest.MonkeyPatch, aggregation: Aggregation, kl: float
) -> None:
    generator = torch.Generator().manual_seed(2)

    def randn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    R, T = 12, MAX_TOKENS  # no prompt: all positions are completions'
    trained = torch.arange(T) < torch.randint(1, T + 1, (R, 1), generator=generator)
    old, new, reference, advantages = -1 + randn(R, T), -1 + randn(R, T), -1 + randn(R, T), randn(R)
    ids = torch.zeros(R, T, dtype=torch.long)

    ours = new.clone().requires_grad_()
    # The "states" are the log-probabilities themselves.
    monkeypatch.setattr(grpo, "token_states", lambda model, ids, trained: (ours[trained], ids[trained]))
    monkeypatch.setattr(grpo, "state_logprobs", lambda model, states, targets: states)
    stage = grpo_stage(load_model(folder), aggregation=aggregation, kl=kl)
    batch = GRPOBatch(ids, trained, trained.sum(1), old, advantages, reference, torch.zeros(len(ids), dtype=torch.bool))
    loss, metrics = stage.loss(stage.models, batch, stage.denominators(batch))
    (gradient,) = torch.autograd.grad(loss, ours)

    theirs = new.clone().requires_grad_()
    trainer = grpo_trainer(trl, folder, completions(stage.policy)[1], A_COUNT, loss_type=aggregation, beta=kl)
    monkeypatch.setattr(trainer, "_get_per_token_logps_and_entropies", lambda *_, **__: (theirs, old, None))
    inputs = {
        "prompt_ids": ids[:, :0], "prompt_mask": ids[:, :0], "completion_ids": ids, "completion_mask": trained.long(),
        "advantages": advantages, "old_per_token_logps": old, "ref_per_token_logps": reference,
        "num_items_in_batch": trained.sum(),
    }  # fmt: skip
    expected = trainer.compute_loss(trainer.model, inputs)
    (expected_gradient,) = torch.autograd.grad(expected, theirs)
    # Our weights of tokens are float32.
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-6, atol=1e-9)
    for name, value in metrics.items():
        assert value.item() == pytest.approx(trainer._metrics["train"][name][-1]), name


@pytest.mark.parametrize("normalise", ["group", "batch", "none"])
def test_advantages_and_what_is_logged_of_completions_are_trls(
    trl: SimpleNamespace, folder: Path, normalise: Normalise
) -> None:
    policy = load_model(folder)
    given, rollouts = completions(policy)
    rollouts = with_equal_rewards(rollouts)
    trainer = grpo_trainer(trl, folder, rollouts, A_COUNT, scale_rewards=normalise)
    inputs = their_batch(trainer, given)
    rewards = torch.tensor([[float(text.count("a")) for text in texts] for texts in rollouts.texts])
    torch.testing.assert_close(group_advantages(rewards, normalise).flatten(), inputs["advantages"])

    batch = grpo_stage(policy).score(given, rollouts)
    assert batch is not None
    logged = {name: values[-1] for name, values in trainer._metrics["train"].items() if values}
    shared = [name for name in batch.metrics if name in logged and name != "entropy"]  # ours is an estimate
    assert {"reward", "rewards/a_count/mean", "completions/mean_terminated_length"} < set(shared)
    if normalise == "batch":
        shared.remove("frac_reward_zero_std")  # there TRL looks at the standard deviation of the whole batch
    shared.remove("reward_std")  # ours is the mean of the groups' standard deviations, TRL's that of all rewards
    assert {name: batch.metrics[name] for name in shared} == pytest.approx({name: logged[name] for name in shared})


def test_groups_of_equal_rewards_count_in_trls_denominator_and_not_in_ours(trl: SimpleNamespace, folder: Path) -> None:
    policy = load_model(folder)
    given, rollouts = completions(policy)
    rollouts = with_equal_rewards(rollouts)
    stage = grpo_stage(policy)
    batch = stage.score(given, rollouts)
    assert batch is not None and batch.rows == 2 * GROUP
    trainer = grpo_trainer(trl, folder, rollouts, A_COUNT, loss_type="dapo", beta=0.0)
    inputs = their_batch(trainer, given)
    disturb(policy)
    take_over(trainer.model, policy)
    loss, _ = stage.loss(stage.models, batch, stage.denominators(batch))
    of_all_tokens = batch.supervised / rollouts.rows().supervised
    torch.testing.assert_close(loss * of_all_tokens, trainer.compute_loss(trainer.model, inputs), rtol=1e-5, atol=1e-6)


# Preferences


def rankings(count: int, number: int) -> list[Ranking]:
    rng = random.Random(3)

    def letters() -> str:
        return "".join(rng.choices(LETTERS, k=rng.randint(1, 9)))

    return [
        Ranking(
            [{"role": "user", "content": letters()}],
            [[{"role": "assistant", "content": letters()}] for _ in range(number)],
        )
        for _ in range(count)
    ]


def ids_of(row: Tensor, trained: Tensor, length: Tensor) -> tuple[list[int], list[int]]:
    """(prompt, completion) of a row [T] of one turn."""
    begins = int(trained.int().argmax())
    return row[:begins].tolist(), row[begins : int(length)].tolist()


@pytest.mark.parametrize(
    "loss, nll, theirs",
    [
        ("sigmoid", 0.0, {"loss_type": ["sigmoid"]}),
        ("ipo", 0.0, {"loss_type": ["ipo"]}),  # of mean log-ratios a token, in TRL as here
        ("sigmoid", 0.3, {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.3]}),
    ],
)
def test_dpo_is_trls(trl: SimpleNamespace, folder: Path, loss: Any, nll: float, theirs: dict[str, Any]) -> None:
    policy, pairs = load_model(folder), rankings(6, 2)
    config = DPOConfig(train=TrainConfig(rows=len(pairs)), loss=loss, beta=0.2, nll=nll)
    stage = DPOStage(config, policy, tokenizer(), pairs, [], "")
    batch = next(stage.batches(None))
    trainer = dpo_trainer(trl, folder, pairs, beta=0.2, **theirs)
    examples = []
    for row in range(batch.rows):
        prompt, chosen = ids_of(batch.ids[row, 0], batch.trained[row, 0], batch.lengths[row, 0])
        same, rejected = ids_of(batch.ids[row, 1], batch.trained[row, 1], batch.lengths[row, 1])
        assert same == prompt
        examples.append({"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected})
    # TRL trains on the line break that the template puts behind the end of a turn, too.
    end = tokenizer().encode("\n")
    ours = [(e["prompt_ids"], e["chosen_ids"] + end, e["rejected_ids"] + end) for e in examples]
    tokenized = trainer.train_dataset
    assert sorted(ours) == sorted((e["prompt_ids"], e["chosen_ids"], e["rejected_ids"]) for e in tokenized)

    inputs = trainer.data_collator(examples)
    trainer.model.train()
    reference = torch.stack(trainer.compute_ref_log_probs(trainer.model, inputs), 1)
    torch.testing.assert_close(batch.reference, reference, rtol=1e-5, atol=1e-5)
    inputs |= {"ref_chosen_logps": reference[:, CHOSEN], "ref_rejected_logps": reference[:, REJECTED]}

    disturb(policy)
    take_over(trainer.model, policy)
    found, metrics = stage.loss(stage.models, batch, stage.denominators(batch))
    found.backward()
    expected = trainer.compute_loss(trainer.model, inputs)
    expected.backward()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert_same_gradients(gradients_as_hf(policy), trainer.model)
    for name, value in metrics.items():
        assert value.item() == pytest.approx(trainer._metrics["train"][name][-1], rel=1e-4), name


@pytest.mark.parametrize("number", [2, 3])
def test_the_reward_model_is_trls_of_all_pairs(trl: SimpleNamespace, folder: Path, number: int) -> None:
    made = ScalarModel.from_parent(load_model(folder), torch.Generator().manual_seed(4))
    save_scalar_model(made, folder.parent / "reward", tokenizer=tokenizer())
    model = load_scalar_model(folder.parent / "reward")
    config = RewardConfig(train=TrainConfig(rows=5))
    stage = RewardStage(config, model, tokenizer(), rankings(5, number), [], "")
    batch = next(stage.batches(None))
    examples = []
    for row in range(batch.rows):
        whole = [batch.ids[row, k, : int(batch.lengths[row, k])].tolist() for k in range(number)]
        pairs = itertools.combinations(whole, 2)
        examples += [{"chosen_ids": better, "rejected_ids": worse} for better, worse in pairs]
    trainer = trl.RewardTrainer(
        trl.classifier(folder.parent / "reward"), trl.RewardConfig(**common(folder)),
        train_dataset=trl.dataset(examples), processing_class=trl.tokenizer(folder.parent / "reward"),
    )  # fmt: skip
    trainer.model.train()
    expected = trainer.compute_loss(trainer.model, trainer.data_collator(examples))
    expected.backward()
    loss, metrics = stage.loss(stage.models, batch, stage.denominators(batch))
    loss.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
    assert_same_gradients({**gradients_as_hf(model.body), HEAD: model.head.weight.grad}, trainer.model)
    for name in ("accuracy", "margin"):
        assert metrics[name].item() == pytest.approx(trainer._metrics["train"][name][-1], rel=1e-4, abs=1e-6), name


# Distillation


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_the_distilled_kl_is_trls_forward_kl(trl: SimpleNamespace, temperature: float) -> None:
    student, teacher = Transformer(CONFIG), Transformer(CONFIG, torch.Generator().manual_seed(9))
    ids, trained = some_tokens()
    labels = ids.masked_fill(~trained, -100)[:, 1:]
    _, kl, _ = distillation_sums(student, teacher, ids, trained, temperature)
    with torch.no_grad():
        soft = teacher(ids)[:, :-1]
    expected = trl.forward_kl(student(ids)[:, :-1], soft, labels, beta=0, temperature=temperature, reduction="sum")
    torch.testing.assert_close(kl / temperature**2, expected)  # TRL leaves out Hinton's T^2
    for ours, theirs in zip(
        torch.autograd.grad(kl / temperature**2, list(student.parameters())),
        torch.autograd.grad(expected, list(student.parameters())),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
