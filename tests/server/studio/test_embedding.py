"""What simulation 2 shows of a model: rows of its embedding, their dot product, and what lies near."""

import numpy as np
import pytest

from orrery.errors import ConfigError
from orrery.server.studio.sims.embedding import EmbeddingRequest, embedding
from tests.server.studio.small import small

READ = small()
TABLE = READ.model.token_embedding.weight.detach().numpy()
UNITS = TABLE / np.linalg.norm(TABLE, axis=1, keepdims=True)


def test_products_add_up_to_the_dot_product_of_the_models_own_rows() -> None:
    answer = embedding(EmbeddingRequest("any", " the", "zebra"), READ)
    (the,), (z, *_) = READ.tokenizer.encode(" the"), READ.tokenizer.encode("zebra")
    assert (answer.first.id, answer.second.id, answer.second.text) == (the, z, "z")
    assert answer.second.pieces == ["z", "e", "b", "r", "a"]
    np.testing.assert_array_equal(answer.products, TABLE[the] * TABLE[z])
    assert answer.dot == pytest.approx(answer.products.sum(), rel=1e-5)
    assert answer.cosine == pytest.approx(UNITS[the] @ UNITS[z], abs=1e-6)


def test_neighbours_are_the_tokens_of_the_largest_cosines() -> None:
    answer = embedding(EmbeddingRequest("any", "nn", "a", top=5), READ)
    cosines = UNITS @ UNITS[answer.first.id]
    expected = [id for id in np.argsort(-cosines).tolist() if id != answer.first.id][:5]
    assert [near.id for near in answer.neighbours] == expected
    assert [near.cosine for near in answer.neighbours] == pytest.approx(cosines[expected].tolist(), abs=1e-6)


def test_the_typical_cosine_is_that_of_all_pairs() -> None:
    cosines = UNITS @ UNITS.T
    pairs = cosines[~np.eye(len(cosines), dtype=bool)]
    answer = embedding(EmbeddingRequest("any", "a", "b"), READ)
    assert answer.typical == pytest.approx(np.sqrt((pairs**2).mean()), rel=1e-4)
    assert answer.typical == pytest.approx(
        1 / np.sqrt(32), rel=0.1
    )  # of random directions: one over the root of the width


def test_an_empty_text_has_no_row() -> None:
    with pytest.raises(ConfigError, match="no token in an empty text"):
        embedding(EmbeddingRequest("any", "", "a"), READ)
