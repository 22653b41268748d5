"""Bits per byte: what a compressor built on the model would spend, checked against the model itself."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from orrery.data.documents import Document
from orrery.data.shards import TokenShards
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.tokenizers.bpe import BPE
from orrery.training.held_out import HeldOut, by_genre, measure, token_lengths

TEXTS = [
    ("a story of a fox", "story", 30.0),
    ("news: 12 dogs é", "news", None),
    ("another story, longer " * 9, "story", 50.0),
]


@pytest.fixture(scope="module")
def tokenizer() -> BPE:
    return BPE.train([text for text, _, _ in TEXTS] * 2, 280)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, tokenizer: BPE) -> TokenShards:
    documents = [Document(text, genre, bits=bits) for text, genre, bits in TEXTS]
    return TokenShards.write(tmp_path_factory.mktemp("held") / "out", documents, tokenizer)


@pytest.fixture(scope="module")
def model(tokenizer: BPE) -> Transformer:
    shape = TransformerConfig(
        tokenizer.vocab_size, width=32, layers=1, heads=2, kv_heads=2, head_width=16, mlp_width=32, context=256,
        embedding_std=0.5,
    )  # fmt: skip
    return Transformer(shape, torch.Generator().manual_seed(0))


def bits_of(model: Transformer, ids: list[int]) -> float:
    """Bits of a document between its boundaries, one forward pass of its own."""
    with torch.no_grad():
        logprobs = model(torch.tensor([ids[:-1]])).log_softmax(-1)[0]
    return -float(sum(logprobs[t, token] for t, token in enumerate(ids[1:]))) / math.log(2)


def test_bits_per_byte_are_the_models_own_in_all_and_by_genre(
    shards: TokenShards, model: Transformer, tokenizer: BPE
) -> None:
    metrics = measure(model, HeldOut.from_shards(shards), token_lengths(tokenizer), 256)
    bits = [bits_of(model, shards.document(index).tolist()) for index in range(3)]
    sizes = [len(text.encode()) for text, _, _ in TEXTS]
    assert metrics["bits_per_byte"] == pytest.approx(sum(bits) / sum(sizes), rel=1e-5)
    assert metrics["bits_per_byte/news"] == pytest.approx(bits[1] / sizes[1], rel=1e-5)
    assert metrics["bits_per_byte/story"] == pytest.approx((bits[0] + bits[2]) / (sizes[0] + sizes[2]), rel=1e-5)
    tokens = sum(len(shards.document(index)) - 1 for index in range(3))
    assert metrics["held_out_loss"] == pytest.approx(sum(bits) * math.log(2) / tokens, rel=1e-5)


def test_the_floor_is_known_only_where_all_documents_have_one(
    shards: TokenShards, model: Transformer, tokenizer: BPE
) -> None:
    metrics = measure(model, HeldOut.from_shards(shards), token_lengths(tokenizer), 256)
    sizes = [len(text.encode()) for text, _, _ in TEXTS]
    assert metrics["floor_bits_per_byte/story"] == pytest.approx(80.0 / (sizes[0] + sizes[2]))
    assert "floor_bits_per_byte" not in metrics and "floor_bits_per_byte/news" not in metrics
    assert by_genre(metrics)["news"]["floor_bits_per_byte"] is None
    assert set(by_genre(metrics)) == {"story", "news"}


def test_a_part_is_some_windows_that_count_in_proportion(
    shards: TokenShards, model: Transformer, tokenizer: BPE
) -> None:
    whole = HeldOut.from_shards(shards)
    part = whole.part(10, 8)
    assert 10 <= part.sequences.positions() < 18
    np.testing.assert_array_equal(part.sequences.starts, whole.part(10, 8).sequences.starts)
    assert math.isfinite(measure(model, part, token_lengths(tokenizer), 256)["bits_per_byte"])
    everything = whole.part(10**6, 8)
    assert everything.sequences.positions() == whole.sequences.positions()
    assert everything.bytes.sum() == pytest.approx(whole.bytes.sum())
    assert np.nansum(everything.bits) == pytest.approx(80.0)


def test_token_lengths_add_up_to_the_bytes_of_a_text(tokenizer: BPE) -> None:
    lengths = token_lengths(tokenizer)
    for text, _, _ in TEXTS:
        assert lengths[tokenizer.encode(text)].sum() == len(text.encode())
    assert lengths[tokenizer.eos_id] == 0 and lengths[tokenizer.id_of("<think>")] == 0


@pytest.mark.real_data
def test_token_lengths_of_gpt2s_vocabulary(real_data: Path) -> None:
    """Its ids are not its ranks."""
    gpt2 = BPE.from_gpt2(real_data / "gpt2_encoder.json", real_data / "gpt2_vocab.bpe")
    text = "Hello world, naïve café 2024!"
    assert token_lengths(gpt2)[gpt2.encode(text)].sum() == len(text.encode())
