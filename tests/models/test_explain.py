"""Counting parameters and arithmetic: published numbers and PyTorch's own FLOP counter are the oracles."""

from io import StringIO

import pytest
import torch
from rich.console import Console
from torch.utils.flop_counter import FlopCounterMode

from orrery.models.explain import KNOWN, cache_bytes_per_token, explain, flops_per_token, render
from orrery.models.transformer import KVCache, Transformer, TransformerConfig

SMALL = [
    TransformerConfig(97, "qwen3", width=48, layers=3, heads=4, kv_heads=2, head_width=10, mlp_width=70),
    TransformerConfig(97, "llama", width=48, layers=2, heads=4, kv_heads=1, head_width=12, mlp_width=70, tied=False),
    TransformerConfig(97, "gpt2", width=48, layers=2, heads=4, kv_heads=4, head_width=12, mlp_width=70),
]
small = pytest.mark.parametrize("config", SMALL, ids=lambda config: config.architecture)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("GPT-2 124M", 124_439_808),
        ("GPT-2 1.5B", 1_557_611_200),
        ("Llama 3 8B", 8_030_261_248),
        ("Llama 3.1 405B", 405_853_388_800),
    ],
)
def test_known_models_have_their_published_parameters(name: str, published: int) -> None:
    assert explain(KNOWN[name]).parameters == published


def test_gpt3_has_about_its_published_parameters() -> None:
    assert explain(KNOWN["GPT-3 175B"]).parameters == pytest.approx(175e9, rel=0.005)


@small
def test_parts_add_up_to_the_model(config: TransformerConfig) -> None:
    assert explain(config).parameters == Transformer(config).num_parameters()


@small
def test_flops_are_those_that_pytorch_counts(config: TransformerConfig) -> None:
    """Forward and backward, over a whole sequence: every token is charged for all of the context, masked or not."""
    model, ids = Transformer(config).bfloat16(), torch.zeros(2, 40, dtype=torch.long)
    with FlopCounterMode(display=False) as counter:
        logits = model(ids)
    assert counter.get_total_flops() == explain(config, context=40).flops * ids.numel()
    with FlopCounterMode(display=False) as counter:
        model(ids).sum().backward()
    assert counter.get_total_flops() == flops_per_token(config, context=40) * ids.numel()
    assert logits.shape == (2, 40, 97)


def test_training_flops_follow_the_textbook_formula() -> None:
    """6 N + 12 L H C T, with GPT-2's N = 12 L D^2 + V D weights in matrices."""
    matrices = 12 * 12 * 768**2 + 50257 * 768
    assert flops_per_token(KNOWN["GPT-2 124M"], 1024) == 6 * matrices + 12 * 12 * 768 * 1024


@small
def test_cache_bytes_are_those_of_the_cache(config: TransformerConfig) -> None:
    cache = KVCache(config, batch=3, length=50, dtype=torch.bfloat16)
    assert cache.keys.nbytes + cache.values.nbytes == 3 * 50 * cache_bytes_per_token(config)
    assert explain(config).cache_bytes == cache_bytes_per_token(config)


@small
def test_rendering_shows_every_part_and_model(config: TransformerConfig) -> None:
    console = Console(width=160, record=True, file=StringIO())
    console.print(render(explain(config)))
    text = console.export_text()
    for part in explain(config).parts:
        assert part.name in text and f"{part.flops:,}" in text
    for name in ["this model", *KNOWN]:
        first, rest = name.split(" ", 1)  # the table's head breaks names into two lines
        assert first in text and rest in text
