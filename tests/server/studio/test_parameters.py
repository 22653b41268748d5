"""Parameters by their parts: counted on the models, equal to what they are known to have."""

import pytest

from orrery.errors import ConfigError
from orrery.server.studio.sims.parameters import ParametersRequest, count_parameters
from tests.server.studio.small import small


def test_microgpt_has_4192_parameters_and_every_model_the_sum_of_its_parts() -> None:
    read = small()
    answer = count_parameters(ParametersRequest(models=("a/base",)), [read])
    assert sum(one.parameters for one in answer.matrices) == 4192
    assert all(one.parameters == one.rows * one.columns for one in answer.matrices)
    assert [one.name for one in answer.models] == ["microGPT", "a/base", "GPT-2 124M", "GPT-2 1.5B"]
    assert [one.parameters for one in answer.models] == [4192, read.model.num_parameters(), 124_439_808, 1_557_611_200]
    for one in answer.models:
        assert sum(one.parts.values()) == one.parameters


def test_sizes_change_what_they_should() -> None:
    def total(**sizes: int) -> int:
        return count_parameters(ParametersRequest(**sizes), []).models[0].parameters  # type: ignore[arg-type]

    assert total(heads=8) == total() == 4192
    assert total(layers=2) - total() == 12 * 16 * 16
    assert total(context=32) - total() == 16 * 16
    assert total(tokens=28) - total() == 2 * 16


def test_shapes_that_cannot_be_are_named() -> None:
    with pytest.raises(ConfigError, match="cannot be shared by 4 heads"):
        count_parameters(ParametersRequest(width=10), [])
    with pytest.raises(ConfigError, match="too many to make"):
        count_parameters(ParametersRequest(width=400), [])
