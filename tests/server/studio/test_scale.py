"""What simulation 14 sets side by side, and what models write for it: counted sizes, cited figures, real text."""

import math

import pytest

from orrery.errors import ConfigError
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.models.explain import flops_per_token
from orrery.scratch.microgpt import MicroGPT
from orrery.server.studio.sims.scale import ScaleRequest, Size, scale
from orrery.server.studio.sims.writing import WritingRequest, repetition, writing
from tests.server.studio.small import small

READ = small()
SIZES: dict[str, Size] = {size.name: size for size in scale(ScaleRequest(["run/base"]), [READ]).sizes}


def test_models_are_counted_on_their_weights_and_stand_by_size() -> None:
    here = SIZES["run/base"]
    assert (here.kind, here.parameters) == ("here", READ.model.num_parameters())
    assert 3 * here.flops == flops_per_token(READ.model.config, READ.model.config.context)
    assert SIZES["microGPT"].parameters == len(MicroGPT(["ab", "cd"]).adam.values) + (27 - 5) * 32 == 4192
    sizes = [size.parameters for size in SIZES.values()]
    assert sizes == sorted(sizes)


def test_what_others_tell_of_their_training_is_near_what_their_architecture_takes() -> None:
    for name in ("GPT-3 175B", "Llama 3.1 405B"):
        size = SIZES[name]
        assert size.tokens and size.training
        assert math.isclose(3 * size.flops * size.tokens, size.training, rel_tol=0.1)
        assert "arXiv" in size.source
    assert SIZES["GPT-2 1.5B"].tokens is None, "its makers do not tell it"


def test_what_is_written_is_the_engines() -> None:
    for temperature in (0.0, 1.2):
        answer = writing(WritingRequest("any", "the", 20, temperature, seed=5), READ)
        prompt = [READ.tokenizer.eos_id, *READ.tokenizer.encode("the")]
        (made,) = Engine(READ.model, READ.tokenizer).generate([prompt], Sampling(temperature, max_tokens=20, seed=5))
        assert (answer.ids, answer.text, answer.logprobs) == (made.ids, made.text, made.logprobs)
        assert answer.ended == (made.finish_reason == "stop")


def test_repetition_is_the_share_of_runs_that_stood_there_before() -> None:
    assert repetition([1, 2, 3, 4, 5, 6]) == 0
    assert repetition([7] * 10) == pytest.approx(6 / 7)
    assert repetition([1, 2, 3]) == 0, "too short for a run"


def test_a_page_does_not_wait_for_more_than_a_few_tokens() -> None:
    with pytest.raises(ConfigError, match="ask for 1 to 128"):
        writing(WritingRequest("any", "the", 1000), READ)
