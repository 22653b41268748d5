"""Optimizers and schedule: who is trained by what, at which rate."""

import doctest

import pytest
import torch
from toy_stage import ToyStage, toy_config

from orrery.errors import ConfigError
from orrery.training import checks, held_out, progress, schedule
from orrery.training.optim import OptimizerConfig, Optimizers, block_matrices
from orrery.training.schedule import ScheduleConfig, lr_share


@pytest.mark.parametrize("module", [checks, held_out, progress, schedule])
def test_examples_in_docstrings(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_muon_has_the_matrices_of_the_blocks_and_adamw_all_else() -> None:
    model = ToyStage(toy_config()).model
    chosen = {id(weight) for weight in block_matrices(model)}
    names = [name for name, weight in model.named_parameters() if id(weight) in chosen]
    assert names and all(name.startswith("blocks.") and "norm" not in name for name in names)
    assert {name.split(".", 2)[2] for name in names} >= {"attention.qkv.weight", "attention.output.weight"}
    others = [weight for weight in model.parameters() if id(weight) not in chosen]
    assert sum(w.numel() for w in others) + sum(w.numel() for w in block_matrices(model)) == model.num_parameters()


@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_one_step_is_that_of_pytorchs_own_optimizers(kind: str) -> None:
    def gradients(model: torch.nn.Module) -> None:
        generator = torch.Generator().manual_seed(3)
        for weight in model.parameters():
            weight.grad = torch.randn(weight.shape, generator=generator)

    ours, theirs = ToyStage(toy_config()).model, ToyStage(toy_config()).model
    config = OptimizerConfig(kind=kind, lr=0.01, muon_lr=0.05, weight_decay=0.2)  # type: ignore[arg-type]
    optimizers = Optimizers({"model": ours}, config)
    matrices = block_matrices(theirs)
    others = [w for w in theirs.parameters() if all(w is not m for m in matrices)]
    oracle: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(others, lr=0.005, betas=config.betas, weight_decay=0.0),
        torch.optim.Muon(matrices, lr=0.025, momentum=0.95, weight_decay=0.2)
        if kind == "muon"
        else torch.optim.AdamW(matrices, lr=0.005, betas=config.betas, weight_decay=0.2),
    ]
    for _ in range(3):
        for model in (ours, theirs):
            gradients(model)
        optimizers.step(0.5)
        for optimizer in oracle:
            optimizer.step()
    for mine, expected in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, expected)
        assert mine.grad is None


def test_parameters_that_two_models_share_are_stepped_once() -> None:
    trunk = ToyStage(toy_config()).model
    models = {"policy": trunk, "value": torch.nn.Sequential(trunk, torch.nn.Linear(48, 1))}
    optimizers = Optimizers(models, OptimizerConfig())
    assert len(optimizers.parameters) == len(list(trunk.parameters())) + 2


def test_frozen_parameters_stay_as_they_are() -> None:
    model = ToyStage(toy_config()).model
    model.blocks[0].requires_grad_(False)
    before = model.blocks[0].attention.qkv.weight.clone()
    optimizers = Optimizers({"model": model}, OptimizerConfig())
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight) if weight.requires_grad else None
    optimizers.step(1.0)
    assert torch.equal(before, model.blocks[0].attention.qkv.weight)


@pytest.mark.parametrize("key", ["lr", "muon_lr", "weight_decay", "clip"])
def test_negative_settings_are_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=f"optimizer {key} is -1"):
        OptimizerConfig(**{key: -1})


def test_constant_schedules_warm_up_and_stay() -> None:
    constant = ScheduleConfig(kind="constant", warmup_steps=4)
    assert [lr_share(step, 10, constant) for step in range(10)] == [0.25, 0.5, 0.75] + [1.0] * 7


def test_a_warm_down_ends_at_the_final_share_and_never_at_zero() -> None:
    wsd = ScheduleConfig(warmup_steps=0, warmdown_share=1.0, final_share=0.1)
    shares = [lr_share(step, 1000, wsd) for step in range(1000)]
    assert shares[0] == 1.0 and shares == sorted(shares, reverse=True) and 0.1 < shares[-1] < 0.101
    assert min(lr_share(step, 1000, ScheduleConfig()) for step in range(1000)) > 0


def test_schedules_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="warmdown_share is 1.5"):
        ScheduleConfig(warmdown_share=1.5)
