"""What simulation 13 draws: real draws by the package's sampler, judged by a chi-square that is itself right."""

import numpy as np
import pytest
import torch

from orrery.errors import ConfigError, InferenceError
from orrery.inference.sampling import Sampling, filtered_probabilities
from orrery.server.studio.sims.draws import DrawsAnswer, DrawsRequest, chi_square, draws
from orrery.server.studio.sims.next_token import NextTokenRequest, next_token
from tests.server.studio.small import small

READ = small()


def drawn(**how: float) -> DrawsAnswer:
    """Draws after one text."""
    return draws(DrawsRequest("any", "Hello", **how), READ)  # type: ignore[arg-type]


def test_draws_have_the_probabilities_of_the_sampler_and_their_seed_decides_them() -> None:
    answer = drawn(temperature=1.3, top_k=9, top_p=0.95, min_p=0.01, draws=20_000, seed=4)
    logits = torch.from_numpy(next_token(NextTokenRequest("any", "Hello"), READ).logits)
    kept = filtered_probabilities(logits[None], Sampling(1.3, 9, 0.95, 0.01))[0].numpy()
    np.testing.assert_allclose(answer.expected, kept / kept.sum(), rtol=1e-5)
    assert answer.counts.sum() == 20_000
    assert not answer.counts[kept == 0].any()
    deviations = np.sqrt(20_000 * answer.expected * (1 - answer.expected)) + 1e-9
    assert (np.abs(answer.counts - 20_000 * answer.expected) < 5 * deviations + 1).all()
    again, other = (drawn(temperature=1.3, draws=200, seed=seed).counts for seed in (4, 5))
    assert (again == drawn(temperature=1.3, draws=200, seed=4).counts).all()
    assert (again != other).any()


def test_without_temperature_all_draws_are_the_likeliest_and_nothing_is_left_to_compare() -> None:
    answer = drawn(temperature=0, draws=50)
    assert answer.counts.max() == 50
    assert answer.freedom == 0
    assert np.isnan(answer.chance)


def test_chi_square_is_pearsons_and_puts_rare_tokens_together() -> None:
    distance, freedom = chi_square(torch.tensor([30.0, 50, 20]), torch.tensor([25.0, 50, 25]))
    assert (distance, freedom) == (pytest.approx(1 + 0 + 1), 2)
    # 3 + 2 + 1 expected are one group of 6, of which 9 were drawn
    grouped = chi_square(torch.tensor([91.0, 4, 4, 1]), torch.tensor([94.0, 3, 2, 1]))
    assert grouped == (pytest.approx(9 / 94 + 9 / 6), 1)


def test_luck_alone_is_as_far_off_in_the_promised_share_of_cases() -> None:
    chances = np.sort([drawn(temperature=1.5, draws=2000, seed=seed).chance for seed in range(60)])
    uniform = (np.arange(60) + 0.5) / 60
    assert np.abs(chances - uniform).max() < 0.21  # Kolmogorov and Smirnov: 1% of samples of 60 are farther off


def test_what_cannot_be_drawn_is_said() -> None:
    with pytest.raises(ConfigError, match="ask for 1 to 20,000"):
        drawn(draws=0)
    with pytest.raises(InferenceError, match="top_p is 0"):
        drawn(top_p=0)
