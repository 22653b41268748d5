"""What simulation 11 shows: each token's surprise as the model has it, and texts that no run trains on."""

import math

import pytest
import torch

from orrery.data.world.generate import World, WorldConfig, documents
from orrery.errors import ConfigError
from orrery.inference.engine import Engine
from orrery.server.studio.sims.surprise import SurpriseRequest, UnreadRequest, surprise, unread
from tests.server.studio.small import small

READ = small()
TEXT = "Anna the\nhe ann"


def test_surprises_are_the_engines_log_probabilities_and_add_up_to_the_texts() -> None:
    answer = surprise(SurpriseRequest("any", TEXT, top=4), READ)
    ids = READ.tokenizer.encode(TEXT)
    assert [place.id for place in answer.places] == ids
    engine = Engine(READ.model, READ.tokenizer)
    expected = engine.logprobs([[READ.tokenizer.eos_id, *ids]])[0].tolist()
    assert [-place.surprise for place in answer.places] == pytest.approx(expected, abs=1e-5)
    assert answer.uniform == math.log(READ.model.config.vocab_size)
    assert answer.bytes == len(TEXT)


def test_ranks_and_likeliest_tokens_are_those_of_the_distribution() -> None:
    answer = surprise(SurpriseRequest("any", TEXT, top=4), READ)
    ids = torch.tensor([[READ.tokenizer.eos_id, *READ.tokenizer.encode(TEXT)]])
    probabilities = READ.model(ids)[0, :-1].softmax(-1)  # T V
    for place, row in zip(answer.places, probabilities, strict=True):
        order = row.argsort(descending=True).tolist()
        assert place.rank == order.index(place.id) + 1
        assert place.likeliest == order[:4]
        assert place.probabilities == pytest.approx(row[order[:4]].tolist(), rel=1e-5)


def test_a_word_is_a_blank_and_what_follows_up_to_the_next() -> None:
    places = surprise(SurpriseRequest("any", TEXT), READ).places
    words = ["".join(place.text for place in places if place.word == word) for word in range(places[-1].word + 1)]
    assert "".join(words) == TEXT
    assert [word.strip() for word in words if word.strip()] == ["Anna", "the", "he", "ann"]


def test_a_character_of_several_tokens_ends_with_the_last_of_them() -> None:
    places = surprise(SurpriseRequest("any", "é 👍"), READ).places
    assert [place.text for place in places] == ["", "é", " ", "", "", "", "👍"]


def test_texts_are_the_beginnings_of_validation_documents() -> None:
    made = list(documents(World(WorldConfig()), count=8, split="validation"))
    for number, document in enumerate(made):
        answer = unread(UnreadRequest(number))
        assert document.text.startswith(answer.text)
        assert answer.genre == document.genre
        assert 20 < len(answer.text) <= 240


def test_what_cannot_be_read_is_said() -> None:
    with pytest.raises(ConfigError, match="the model reads 1 to 64"):
        surprise(SurpriseRequest("any", ""), READ)
    with pytest.raises(ConfigError, match="they begin with 0"):
        unread(UnreadRequest(-1))
