"""Advantages: GAE against a table worked by hand, groups against their formula, whitening."""

import pytest
import torch

from orrery.errors import ConfigError
from orrery.stages.advantages import gae, group_advantages, whiten


def test_gae_is_the_table_worked_by_hand() -> None:
    # gamma 0.9, lambda 0.5. Three steps, rewards 1 0 2, values 0.5 1 1.5, nothing after the last.
    #   delta_2 = 2 - 1.5            = 0.5      A_2 = 0.5
    #   delta_1 = 0 + 0.9 * 1.5 - 1  = 0.35     A_1 = 0.35 + 0.45 * 0.5    = 0.575
    #   delta_0 = 1 + 0.9 * 1 - 0.5  = 1.4      A_0 = 1.4  + 0.45 * 0.575  = 1.65875
    trained = torch.tensor([[False, True, True, True, False]])
    rewards = torch.tensor([[9.0, 1.0, 0.0, 2.0, 9.0]])
    values = torch.tensor([[9.0, 0.5, 1.0, 1.5, 9.0]])
    advantages, returns = gae(rewards * trained, values * trained, trained, 0.9, 0.5)
    torch.testing.assert_close(advantages, torch.tensor([[0.0, 1.65875, 0.575, 0.5, 0.0]]))
    torch.testing.assert_close(returns, torch.tensor([[0.0, 2.15875, 1.575, 2.0, 0.0]]))


def test_what_a_tool_answered_is_no_step() -> None:
    with_tool = torch.tensor([[True, False, False, True]])
    rewards, values = torch.tensor([[1.0, 0.0, 0.0, 2.0]]), torch.tensor([[0.5, 0.0, 0.0, 1.5]])
    found, _ = gae(rewards, values, with_tool, 0.9, 0.5)
    plain, _ = gae(rewards[:, [0, 3]], values[:, [0, 3]], torch.ones(1, 2, dtype=torch.bool), 0.9, 0.5)
    torch.testing.assert_close(found[:, [0, 3]], plain)
    assert found[0, 1] == found[0, 2] == 0


def test_with_lambda_1_the_return_is_the_discounted_sum_of_rewards() -> None:
    torch.manual_seed(0)
    rewards, values, trained = torch.randn(4, 6), torch.randn(4, 6), torch.ones(4, 6, dtype=torch.bool)
    _, returns = gae(rewards, values, trained, 0.8, 1.0)
    expected = sum(rewards[:, t] * 0.8**t for t in range(6))
    torch.testing.assert_close(returns[:, 0], expected)


def test_groups_are_compared_with_themselves() -> None:
    rewards = torch.tensor([[1.0, 0.0, 0.0, 1.0], [5.0, 5.0, 5.0, 9.0]])
    found = group_advantages(rewards)
    torch.testing.assert_close(found[0], torch.tensor([0.5, -0.5, -0.5, 0.5]) / (3**-0.5 + 1e-4))
    torch.testing.assert_close(found.mean(1), torch.zeros(2))
    torch.testing.assert_close(group_advantages(rewards, "none")[1], torch.tensor([-1.0, -1.0, -1.0, 3.0]))
    batch = group_advantages(rewards, "batch")
    torch.testing.assert_close(batch * (rewards.std() + 1e-4), group_advantages(rewards, "none"))


def test_equal_rewards_are_no_advantage() -> None:
    assert group_advantages(torch.ones(2, 4)).abs().max() == 0


def test_a_group_of_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 2"):
        group_advantages(torch.ones(3, 1))


def test_whitening_looks_at_trained_tokens_only() -> None:
    values, trained = torch.tensor([[1.0, 2.0, 3.0, 100.0]]), torch.tensor([[True, True, True, False]])
    found = whiten(values, trained)
    torch.testing.assert_close(found, torch.tensor([[-1.2247449, 0.0, 1.2247449, 0.0]]))
