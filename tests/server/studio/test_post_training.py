"""What the course's figures on post-training compute, and what they show of the ledger."""

import json
from pathlib import Path

import numpy as np
import pytest

import orrery
from orrery.errors import ConfigError
from orrery.ledger.self_consistency import majority
from orrery.server.static.measured.refresh import HERE, KEPT, cut
from orrery.server.studio.compute import Loaded
from orrery.server.studio.sims.advantages import AdvantagesRequest, advantages
from orrery.server.studio.sims.clipping import ClippingRequest, clipping
from orrery.server.studio.sims.dpo_loss import DPORequest, dpo_loss
from orrery.server.studio.sims.story_scores import StoriesRequest, Story, story_scores
from orrery.server.studio.sims.votes import SamplesRequest, VotesRequest, samples, vote, votes
from tests.inference.assistant import Assistant


@pytest.mark.parametrize("name", KEPT)
def test_what_the_course_shows_is_what_the_ledger_measured(name: str) -> None:
    assert (HERE / f"{name}.json").read_text(encoding="utf-8") == cut(name), "run static/measured/refresh.py"
    assert HERE.is_relative_to(Path(orrery.__file__).parent)  # it is installed with the package


def test_a_pair_of_equals_costs_log_two_and_pushes_by_half_of_beta() -> None:
    answer = dpo_loss(DPORequest(3.0, 3.0, beta=0.4))
    assert answer.value == pytest.approx(np.log(2))
    assert (answer.by_chosen, answer.by_rejected) == pytest.approx((-0.2, 0.2))
    assert answer.losses[answer.margins == 0] == pytest.approx(np.log(2))


def test_ipo_is_at_rest_at_its_margin() -> None:
    assert dpo_loss(DPORequest(100.0, 0.0, beta=0.1, loss="ipo", tokens=20)).by_chosen == pytest.approx(0)


def test_groups_without_spread_are_told_and_teach_nothing() -> None:
    answer = advantages(AdvantagesRequest([[1, 1, 1], [1, 0, 0]]))
    assert answer.dropped == [True, False]
    assert not answer.group[0].any() and answer.group[1].sum() == pytest.approx(0, abs=1e-6)


def test_a_token_that_went_far_enough_has_no_slope() -> None:
    answer = clipping(ClippingRequest(advantage=-1.0, low=0.2))
    assert not answer.slopes[answer.ratios < 0.79].any()
    assert (answer.slopes[answer.ratios > 0.81] > 0).all()


def test_the_vote_of_the_formula_is_that_of_many_draws() -> None:
    rng = np.random.default_rng(0)
    for right, wrong, size in ((0.6, 1, 3), (0.3, 9, 16), (0.4, 2, 8)):
        draws = np.where(rng.random((4000, size)) < right, 0, rng.integers(1, wrong + 1, (4000, size)))
        seen = np.mean([majority(list(map(float, row)), 0.0, size) for row in draws])
        assert vote(right, wrong, size) == pytest.approx(seen, abs=0.03)
    assert votes(VotesRequest(0.54, 4, [1])).chances == pytest.approx([0.54])


def test_answers_are_sampled_and_read(assistant: Assistant) -> None:
    loaded = Loaded(assistant.model, assistant.tokenizer)
    answer = samples(SamplesRequest("tiny/sft", "What is 12 times 7?", count=3), loaded)
    assert len(answer.texts) == len(answer.numbers) == 3
    assert json.dumps(answer.numbers)
    with pytest.raises(ConfigError, match="1 to 32"):
        samples(SamplesRequest("tiny/sft", "?", count=0), loaded)
    with pytest.raises(ConfigError, match="no reward model"):
        story_scores(StoriesRequest("tiny/sft", [Story("a", "b")]), loaded)


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(ConfigError, match="above 0"):
        dpo_loss(DPORequest(0, 0, beta=0))
    with pytest.raises(ConfigError, match="one size"):
        advantages(AdvantagesRequest([[1, 0], [1]]))
    with pytest.raises(ConfigError, match="at least 2"):
        advantages(AdvantagesRequest([[1.0]]))
    with pytest.raises(ConfigError, match="negative"):
        clipping(ClippingRequest(1.0, low=-1))
    with pytest.raises(ConfigError, match="a chance"):
        votes(VotesRequest(1.5, 1, [1]))
