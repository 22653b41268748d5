"""Losses and estimators against independent formulas in float64, values and gradients."""

import math

import pytest
import torch

from orrery.stages.dpo import dpo_losses
from orrery.stages.kl import kl_k1, kl_k2, kl_k3
from orrery.stages.policy_loss import clipped, token_weights
from orrery.stages.ppo import explained_variance, last_trained, value_losses
from orrery.stages.reward import calibration_error, pair_losses, rank_correlation


def randn(*shape: int, grad: bool = False) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=grad)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(5)


# KL


def test_kl_estimators_estimate_the_kl() -> None:
    policy, reference = randn(7).log_softmax(0), randn(7).log_softmax(0)
    true = (policy.exp() * (policy - reference)).sum()
    for estimator in (kl_k1, kl_k3):  # their exact expectation under the policy
        torch.testing.assert_close((policy.exp() * estimator(policy, reference)).sum(), true)
    assert (kl_k2(policy, reference) >= 0).all() and (kl_k3(policy, reference) >= 0).all()
    assert kl_k1(policy, reference).min() < 0


def test_k3_has_the_gradient_of_its_formula_and_does_not_overflow() -> None:
    logprobs, reference = randn(5, grad=True), randn(5)
    (gradient,) = torch.autograd.grad(kl_k3(logprobs, reference).sum(), logprobs)
    torch.testing.assert_close(gradient, 1 - (reference - logprobs.detach()).exp())
    assert torch.isfinite(kl_k3(torch.tensor([-500.0]), torch.tensor([0.0]))).all()


# The clipped objective


def test_the_clipped_objective_is_ppos_equation_7() -> None:
    logprobs, old, advantages = randn(400, grad=True), randn(400), randn(400)
    loss, flags = clipped(logprobs, old, advantages, 0.2, 0.3)
    for i in range(400):
        rho, a = math.exp(logprobs[i].item() - old[i].item()), advantages[i].item()
        assert loss[i].item() == pytest.approx(-min(rho * a, min(max(rho, 0.8), 1.3) * a))
        assert flags["low"][i].item() == (rho < 0.8 and a < 0)
        assert flags["high"][i].item() == (rho > 1.3 and a > 0)
    (gradient,) = torch.autograd.grad(loss.sum(), logprobs)
    assert (gradient[flags["low"] | flags["high"]] == 0).all(), "what is clipped is not pushed on"


def test_at_the_first_update_its_gradient_is_reinforce() -> None:
    logprobs, advantages = randn(50, grad=True), randn(50)
    loss, _ = clipped(logprobs, logprobs.detach(), advantages, 0.2, 0.2)
    (gradient,) = torch.autograd.grad(loss.sum(), logprobs)
    torch.testing.assert_close(gradient, -advantages)


def test_aggregations_weigh_tokens_as_their_papers_do() -> None:
    trained = torch.tensor([[True, True, True, True], [False, True, False, False]])
    per_token = randn(5)
    totals = {"tokens": 5, "rows": 2, "max_tokens": 8}
    sums = per_token[:4].sum(), per_token[4:].sum()
    expected = {
        "dapo": (sums[0] + sums[1]) / 5,
        "grpo": (sums[0] / 4 + sums[1] / 1) / 2,
        "dr_grpo": (sums[0] + sums[1]) / (2 * 8),
    }
    for aggregation, value in expected.items():
        found = (per_token * token_weights(trained, aggregation, totals)).sum()
        torch.testing.assert_close(found, value, check_dtype=False, rtol=1e-6, atol=1e-6)


# The critic


def test_the_value_loss_takes_the_worse_of_two_errors() -> None:
    values, old, returns = torch.tensor([2.0, 0.5, 1.0]), torch.tensor([0.0, 0.4, 1.0]), torch.tensor([3.0, 0.5, 0.0])
    expected = torch.tensor([max((2 - 3) ** 2, (0.2 - 3) ** 2), 0.0, 1.0]) / 2
    torch.testing.assert_close(value_losses(values, old, returns, 0.2), expected)


def test_last_trained_and_explained_variance() -> None:
    trained = torch.tensor([[False, True, True, False], [True, False, False, True]])
    assert last_trained(trained).tolist() == [2, 3]
    returns = torch.tensor([1.0, 2.0, 3.0])
    assert explained_variance(returns, returns) == 1
    assert explained_variance(torch.full((3,), 2.0), returns) == 0


# DPO


@pytest.mark.parametrize("beta", [0.05, 0.1, 1.0])
def test_dpo_is_equation_7_with_its_gradient(beta: float) -> None:
    logps, reference, lengths = randn(20, 2, grad=True), randn(20, 2), torch.ones(20, 2)
    losses = dpo_losses(logps, reference, lengths, "sigmoid", beta)
    h = (logps[:, 0] - reference[:, 0] - logps[:, 1] + reference[:, 1]).detach()
    torch.testing.assert_close(losses.detach(), -torch.log(1 / (1 + torch.exp(-beta * h))))
    (gradient,) = torch.autograd.grad(losses.sum(), logps)
    slope = -beta / (1 + torch.exp(beta * h))  # equation 8's weight: how wrong the implied reward is
    torch.testing.assert_close(gradient, torch.stack([slope, -slope], 1))


def test_as_beta_goes_to_0_every_pair_pulls_alike() -> None:
    logps, reference = randn(20, 2, grad=True), randn(20, 2)
    beta = 1e-6
    (gradient,) = torch.autograd.grad(dpo_losses(logps, reference, torch.ones(20, 2), "sigmoid", beta).sum(), logps)
    torch.testing.assert_close(
        gradient / beta, torch.tensor([-0.5, 0.5], dtype=torch.float64).expand(20, 2), rtol=1e-4, atol=0
    )


def test_ipo_regresses_the_mean_log_ratio_on_half_of_one_over_beta() -> None:
    logps, reference = randn(20, 2), randn(20, 2)
    lengths = torch.randint(1, 9, (20, 2))
    h = (logps - reference) / lengths
    expected = (h[:, 0] - h[:, 1] - 1 / 0.2) ** 2
    torch.testing.assert_close(dpo_losses(logps, reference, lengths, "ipo", 0.1), expected)


# The reward model


def test_a_ranking_is_all_its_pairs() -> None:
    scores = randn(3, 4, grad=True)
    valid = torch.tensor([[True] * 4, [True, True, True, False], [True, True, False, False]])
    losses, differences, pairs = pair_losses(scores, valid)
    assert pairs.sum(1).tolist() == [6, 3, 1]
    expected = sum(
        -math.log(1 / (1 + math.exp(scores[0, j].item() - scores[0, i].item())))
        for i in range(4)
        for j in range(i + 1, 4)
    )
    assert losses[0].sum().item() == pytest.approx(expected)
    weights = pairs / pairs.sum(1, keepdim=True) / 3
    (gradient,) = torch.autograd.grad((losses * weights).sum(), scores)
    assert gradient[1, 3] == gradient[2, 2] == gradient[2, 3] == 0, "padding is not trained on"


def test_calibration_is_right_for_a_coin_and_wrong_for_a_boaster() -> None:
    coin = torch.tensor([1e-3, -1e-3] * 500)
    boaster = torch.tensor([6.0, -6.0] * 500)
    assert calibration_error(coin) < 0.01
    assert calibration_error(boaster) == pytest.approx(0.4975, abs=0.001)


def test_rank_correlation_is_spearmans() -> None:
    scipy_example = torch.tensor([1.0, 2, 3, 4, 5]), torch.tensor([5.0, 6, 7, 8, 7])
    assert rank_correlation(*scipy_example) == pytest.approx(0.82078268166812329)
    a = randn(30)
    assert rank_correlation(a, a.exp()) == pytest.approx(1.0)
    assert rank_correlation(a, -a) == pytest.approx(-1.0)
