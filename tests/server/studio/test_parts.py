"""The parts of a forward pass: their numbers are the model's, and every one is the sum that is told of it."""

import pytest
import torch

from orrery.errors import ConfigError
from orrery.models.trace import Trace, trace
from orrery.models.transformer import Transformer
from orrery.server.studio.sims.parts import BLOCK, PER_HEAD, Place, factors, matrix, parts_of
from tests.models.test_trace import CONFIGS

T = 9
IDS = tuple(torch.randint(0, 61, (T,), generator=torch.Generator().manual_seed(1)).tolist())
TOKENS = tuple(str(id) for id in IDS)


@pytest.fixture(params=CONFIGS, ids=lambda config: config.architecture)
def seen(request: pytest.FixtureRequest) -> Trace:
    generator = torch.Generator().manual_seed(0)
    model = Transformer(request.param, generator)
    with torch.no_grad():  # so that every norm and bias matters
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    return trace(model, torch.tensor([IDS]))


@torch.no_grad()
def test_every_number_of_every_part_is_the_sum_of_the_products_told(seen: Trace) -> None:
    config = seen.model.config
    places = [Place(name) for name in parts_of(seen)]
    places += [Place(name, layer=1) for name in parts_of(seen) if name in BLOCK]
    places += [Place(name, layer=1, head=config.heads - 1) for name in PER_HEAD if name in parts_of(seen)]
    for place in places:
        numbers = matrix(seen, place)
        assert len(numbers) == T
        for row, column in ((0, 0), (T - 1, 3), (4, numbers.shape[1] - 1)):
            made = factors(seen, place, IDS, TOKENS, row, column)
            assert len(made.names) == len(made.left) == len(made.right)
            if place.part in ("scores", "weights") and column > row:
                assert place.part == "scores" or (not made.names and numbers[row, column] == 0)
            total = (made.left * made.right).sum()
            torch.testing.assert_close(total, numbers[row, column], rtol=1e-4, atol=1e-5, msg=lambda m: f"{place}: {m}")  # noqa: B023


@torch.no_grad()
def test_the_last_parts_are_the_models_answer(seen: Trace) -> None:
    logits = seen.model(torch.tensor([IDS]))[0]
    torch.testing.assert_close(matrix(seen, Place("logits")), logits, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(matrix(seen, Place("probabilities")), logits.softmax(-1), rtol=1e-5, atol=1e-5)
    last = Place("stream", layer=seen.model.config.layers - 1)
    assert torch.equal(matrix(seen, last), seen.residuals[-1][0])


def test_a_model_has_the_parts_of_its_architecture(seen: Trace) -> None:
    architecture, parts = seen.model.config.architecture, parts_of(seen)
    assert ("gate" in parts) == (architecture != "gpt2")
    assert ("query turned" in parts) == (architecture != "gpt2")
    with pytest.raises(ConfigError, match="no part 'soul'"):
        matrix(seen, Place("soul"))
