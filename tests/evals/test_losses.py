"""Bits per byte against a direct computation, one document and one token at a time."""

import math

import pytest
import torch

from orrery.data.documents import Document
from orrery.errors import DataError
from orrery.evals import losses
from orrery.evals.losses import bits_per_byte, document_bits
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.tokenizers.bpe import BPE

TEXTS = ["The cat sat.", "A dog, a cat and a bird met in the park on a day.", "é", "The end of it all. " * 12]


@pytest.fixture(scope="module")
def bpe() -> BPE:
    return BPE.train(TEXTS, 280)


@pytest.fixture(scope="module")
def model(bpe: BPE) -> Transformer:
    shape = TransformerConfig(
        bpe.vocab_size, width=32, layers=2, heads=2, kv_heads=2, head_width=16, mlp_width=64, context=48
    )
    return Transformer(shape, torch.Generator().manual_seed(3))


def bits_one_by_one(model: Transformer, bpe: BPE, text: str, context: int) -> float:
    """Each token from the window that it is in, with one forward pass a token."""
    tokens = [bpe.eos_id, *bpe.encode(text), bpe.eos_id]
    bits = 0.0
    for place in range(1, len(tokens)):
        window = (place - 1) // context * context
        with torch.no_grad():
            logits = model(torch.tensor([tokens[window:place]]))[0, -1].double()
        bits -= float(logits.log_softmax(-1)[tokens[place]]) / math.log(2)
    return bits


@pytest.mark.parametrize("context", [48, 17])
def test_bits_are_those_of_a_direct_computation(model: Transformer, bpe: BPE, context: int) -> None:
    assert len(bpe.encode(TEXTS[3])) > context  # so that windows are tested
    expected = [bits_one_by_one(model, bpe, text, context) for text in TEXTS]
    assert document_bits(model, bpe, TEXTS, context) == pytest.approx(expected, rel=1e-5)


def test_a_documents_bits_do_not_depend_on_its_batch(
    model: Transformer, bpe: BPE, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = document_bits(model, bpe, TEXTS, 48)
    monkeypatch.setattr(losses, "BATCH_TOKENS", 1)  # one window a batch
    assert document_bits(model, bpe, TEXTS[::-1], 48)[::-1] == pytest.approx(together, rel=1e-6)


def test_bits_per_byte_overall_by_genre_and_the_floor(model: Transformer, bpe: BPE) -> None:
    documents = [
        Document(TEXTS[0], "story", bits=10.0),
        Document(TEXTS[1], "news", bits=20.0),
        Document("", "news", bits=5.0),  # nothing to predict: left out
        Document(TEXTS[2], "story", bits=3.0),
    ]
    found = bits_per_byte(model, bpe, documents, 48)
    bits = document_bits(model, bpe, TEXTS[:3], 48)
    sizes = [len(text.encode()) for text in TEXTS[:3]]
    assert sizes[2] == 2  # bytes, not characters
    assert found.overall == pytest.approx(sum(bits) / sum(sizes))
    assert found.floor == pytest.approx(33 / sum(sizes))
    assert found.by_genre["story"]["bits_per_byte"] == pytest.approx((bits[0] + bits[2]) / (sizes[0] + sizes[2]))
    assert found.by_genre["news"]["floor_bits_per_byte"] == pytest.approx(20 / sizes[1])


def test_a_floor_is_known_only_if_it_is_known_for_all(model: Transformer, bpe: BPE) -> None:
    found = bits_per_byte(model, bpe, [Document(TEXTS[0], "a", bits=10.0), Document(TEXTS[1], "b")], 48)
    assert found.floor is None
    assert found.by_genre["a"]["floor_bits_per_byte"] is not None and found.by_genre["b"]["floor_bits_per_byte"] is None


def test_an_even_guesser_pays_log2_of_the_vocabulary_a_token(model: Transformer, bpe: BPE) -> None:
    even = Transformer(model.config, torch.Generator().manual_seed(0))
    torch.nn.init.zeros_(even.token_embedding.weight)
    tokens = len(bpe.encode(TEXTS[0])) + 1
    assert document_bits(even, bpe, TEXTS[:1], 48)[0] == pytest.approx(tokens * math.log2(bpe.vocab_size), rel=1e-6)


def test_the_model_is_left_in_the_mode_it_was_in(model: Transformer, bpe: BPE) -> None:
    for mode in (True, False):
        model.train(mode)
        document_bits(model, bpe, TEXTS[:1], 48)
        assert model.training == mode


def test_nothing_to_measure_on_is_an_error(model: Transformer, bpe: BPE) -> None:
    with pytest.raises(DataError, match="no held-out documents"):
        bits_per_byte(model, bpe, [Document("")], 48)
