"""Tokens are chosen with the probabilities asked for, and each request's randomness is its own."""

import math

import pytest
import torch

from orrery.errors import InferenceError
from orrery.inference.sampling import (
    NUCLEUS_FIRST,
    Sampling,
    draw,
    filtered_probabilities,
    sample,
    shifted,
    uniform_stream,
)

PROBABILITIES = torch.tensor([0.5, 0.25, 0.125, 0.0625, 0.0625])


def kept(probabilities: torch.Tensor, **settings: float) -> list[int]:
    """Which tokens remain after the filters."""
    sampling = Sampling(temperature=1.0, **settings)  # type: ignore[arg-type]
    return filtered_probabilities(probabilities.log()[None], sampling)[0].nonzero()[:, 0].tolist()


def test_temperature_zero_takes_the_likeliest_token() -> None:
    logits = torch.tensor([[0.0, 3.0, 1.0], [5.0, 3.0, 1.0]])
    ids, _ = sample(logits, Sampling())
    assert ids.tolist() == [1, 0]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_frequencies_are_the_softmax_at_the_temperature(temperature: float) -> None:
    n = 40_000
    logits = PROBABILITIES.log().expand(n, -1)
    ids, _ = sample(logits, Sampling(temperature=temperature), uniform_stream(0, 0, n))
    expected = (PROBABILITIES.log() / temperature).softmax(-1)
    error = 5 * (expected * (1 - expected) / n).sqrt()  # five standard deviations
    assert ((ids.bincount(minlength=5) / n - expected).abs() < error).all()


def test_filtered_frequencies_are_the_rest_in_proportion() -> None:
    n = 20_000
    ids, _ = sample(PROBABILITIES.log().expand(n, -1), Sampling(temperature=1.0, top_p=0.7), uniform_stream(1, 0, n))
    counts = ids.bincount(minlength=5)
    assert counts[2:].sum() == 0 and abs(counts[0] / n - 2 / 3) < 5 * math.sqrt(2 / 9 / n)


def test_top_k_keeps_the_k_likeliest_and_ties_with_the_last() -> None:
    assert kept(PROBABILITIES, top_k=2) == [0, 1]
    assert kept(PROBABILITIES, top_k=4) == [0, 1, 2, 3, 4]
    assert kept(PROBABILITIES, top_k=0) == kept(PROBABILITIES, top_k=99) == [0, 1, 2, 3, 4]


def test_top_p_keeps_the_token_that_crosses_the_boundary_and_at_least_one() -> None:
    assert kept(PROBABILITIES, top_p=0.5) == [0]
    assert kept(PROBABILITIES, top_p=0.51) == [0, 1]
    assert kept(PROBABILITIES, top_p=0.75) == [0, 1]
    assert kept(PROBABILITIES, top_p=0.76) == [0, 1, 2]
    assert kept(PROBABILITIES, top_p=1e-9) == [0]
    assert kept(PROBABILITIES, top_p=0.9) == [0, 1, 2, 3, 4]  # the last two are equally likely
    assert kept(PROBABILITIES, top_p=1.0) == [0, 1, 2, 3, 4]


def test_top_p_is_a_share_of_what_top_k_left() -> None:
    assert kept(PROBABILITIES, top_k=2, top_p=0.66) == [0]  # 0.5 of 0.75
    assert kept(PROBABILITIES, top_k=2, top_p=0.67) == [0, 1]


def test_a_nucleus_wider_than_the_first_look_is_found_by_sorting() -> None:
    logits = torch.randn(3, 4 * NUCLEUS_FIRST, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [[0.1], [1.0], [9.0]]
    )
    probabilities = filtered_probabilities(logits, Sampling(temperature=1.0, top_p=0.9))
    for row, raw in zip(probabilities, logits.softmax(-1), strict=True):
        falling = raw.sort(descending=True).values
        size = int((falling.cumsum(0) < 0.9).sum()) + 1
        assert (row > 0).sum() == size and math.isclose(row.max(), falling[0], rel_tol=1e-6)
    assert (probabilities[0] > 0).sum() > NUCLEUS_FIRST > (probabilities[2] > 0).sum()


def test_log_probabilities_are_the_raw_models() -> None:
    logits = torch.randn(64, 50, generator=torch.Generator().manual_seed(0))
    for sampling in (Sampling(), Sampling(temperature=0.3, top_k=5, top_p=0.8)):
        ids, logprobs = sample(logits.bfloat16(), sampling, uniform_stream(0, 0, 64), banned=[7])
        expected = logits.bfloat16().float().log_softmax(-1)[torch.arange(64), ids]
        assert logprobs.dtype == torch.float32 and torch.equal(logprobs, expected)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_banned_tokens_are_never_chosen(temperature: float) -> None:
    logits = torch.tensor([[9.0, 8.0, 1.0, 1.0]]).expand(500, -1)
    ids, _ = sample(logits, Sampling(temperature=temperature), uniform_stream(0, 0, 500), banned=[0, 1])
    assert set(ids.tolist()) <= {2, 3}


def test_a_draw_never_lands_on_probability_zero_even_at_the_ends() -> None:
    probabilities = torch.tensor([[0.0, 0.3, 0.0, 0.3, 0.1, 0.0]]).expand(3, -1)
    edges = torch.tensor([0.0, 0.5, 1 - 2**-24])  # the smallest and largest numbers that torch.rand gives
    assert draw(probabilities, edges).tolist() == [1, 3, 4]


def test_a_row_is_drawn_alike_in_any_company() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(16, 300, generator=generator)
    uniforms = torch.rand(16, generator=generator)
    sampling = Sampling(temperature=1.3, top_k=200, top_p=0.9)
    together, _ = sample(logits, sampling, uniforms)
    alone = [int(sample(logits[i : i + 1], sampling, uniforms[i : i + 1])[0]) for i in range(16)]
    assert together.tolist() == alone


def test_each_request_has_its_own_stream_and_a_longer_one_begins_alike() -> None:
    assert torch.equal(uniform_stream(3, 5, 10), uniform_stream(3, 5, 1000)[:10])
    streams = [uniform_stream(seed, request, 8) for seed in (-1, 0, 1, 2**40) for request in (0, 1, 2)]
    assert len({tuple(stream.tolist()) for stream in streams}) == len(streams)
    both = torch.stack([uniform_stream(0, i, 2000) for i in range(2)])
    assert abs(torch.corrcoef(both)[0, 1]) < 0.1


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": -0.1},
        {"temperature": 1e-9},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"max_tokens": 0},
    ],
)
def test_senseless_settings_are_refused_by_name(settings: dict[str, float]) -> None:
    with pytest.raises(InferenceError, match=next(iter(settings))):
        Sampling(**settings)  # type: ignore[arg-type]


def test_min_p_keeps_what_is_likely_enough_beside_the_likeliest() -> None:
    assert kept(PROBABILITIES, min_p=0.0) == [0, 1, 2, 3, 4]
    assert kept(PROBABILITIES, min_p=0.25) == [0, 1, 2] and kept(PROBABILITIES, min_p=0.26) == [0, 1]
    assert kept(PROBABILITIES, min_p=1.0) == [0]
    from transformers import MinPLogitsWarper

    logits = 3 * torch.randn(32, 200, generator=torch.Generator().manual_seed(0))
    theirs = MinPLogitsWarper(0.1)(None, logits.clone()) > -torch.inf  # type: ignore[arg-type]
    ours = filtered_probabilities(logits, Sampling(temperature=1.0, min_p=0.1)) > 0
    assert torch.equal(ours, theirs)


def test_penalties_and_biases_are_the_formulas() -> None:
    logits = torch.tensor([2.0, -2.0, 1.0, 0.5, -1.0])
    assert shifted(logits, Sampling(repetition_penalty=2.0), [0, 1], [4]).tolist() == [1.0, -4.0, 1.0, 0.5, -2.0]
    penalised = shifted(logits, Sampling(presence_penalty=1.0, frequency_penalty=0.25), [0], [2, 2, 3])
    assert penalised.tolist() == [2.0, -2.0, -0.5, -0.75, -1.0], "the prompt does not count"
    assert shifted(logits, Sampling(logit_bias=((4, 9.0), (0, -9.0))), [], []).tolist() == [-7.0, -2.0, 1.0, 0.5, 8.0]
    assert logits[0] == 2.0, "the model's own logits stay"
    with pytest.raises(InferenceError, match="logit_bias names token 5"):
        shifted(logits, Sampling(logit_bias=((5, 1.0),)), [], [])


def test_what_is_reported_is_the_models_own_probability_whatever_is_added() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0]])
    sampling = Sampling(logit_bias=((2, 9.0),))
    ids, logprobs = sample(logits, sampling, shifted=shifted(logits[0], sampling, [], [])[None])
    assert ids.tolist() == [2] and logprobs[0] == logits.log_softmax(-1)[0, 2]


@pytest.mark.parametrize(
    "settings",
    [{"min_p": 1.1}, {"min_p": -0.1}, {"repetition_penalty": 0.0}, {"presence_penalty": math.inf},
     {"frequency_penalty": math.nan}, {"logit_bias": ((1, math.nan),)}],
)  # fmt: skip
def test_penalties_that_make_no_sense_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(InferenceError):
        Sampling(**settings)  # type: ignore[arg-type]
