"""Heads that copy from the first step on: what they look at, and what they find, before any training."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from orrery.errors import ConfigError
from orrery.models.config import TransformerConfig
from orrery.models.hf import save_model
from orrery.models.trace import trace
from orrery.models.transformer import Transformer

CONFIG = TransformerConfig(
    vocab_size=1024, width=128, layers=4, heads=4, kv_heads=4, head_width=32, mlp_width=384, context=256,
    rope_base=1e6, embedding_std=0.7, final_norm_init=0.07, copying_heads=True,
)  # fmt: skip


def new(config: TransformerConfig = CONFIG) -> Transformer:
    return Transformer(config, torch.Generator().manual_seed(1))


def random_tokens(*shape: int, seed: int = 5) -> torch.Tensor:
    return torch.randint(1024, shape, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def test_heads_of_the_first_layer_look_one_two_and_three_tokens_back_and_at_the_recent_ones() -> None:
    seen = trace(new(), random_tokens(1, 200)).attention[0][0]  # H T T
    for head in range(3):
        by_distance = [seen[head].diagonal(-distance)[40:].mean().item() for distance in range(40)]
        assert by_distance.index(max(by_distance)) == head + 1 and max(by_distance) > 0.7
    recent = [seen[3].diagonal(-distance)[40:].mean().item() for distance in range(40)]
    assert sum(recent[:11]) > 0.7 and max(recent) < 0.2


@torch.no_grad()
def test_what_followed_the_last_three_tokens_before_is_found_and_gains(config: TransformerConfig = CONFIG) -> None:
    once = random_tokens(8, 100)
    twice = torch.cat([once, once], dim=1)
    found = trace(new(), twice[:1]).attention[1][0][0]  # T T of the first matching head
    assert found.diagonal(-99)[5:].mean() > 0.4
    without = trace(new(replace(CONFIG, copying_heads=False)), twice[:1]).attention[1][0][0]
    assert without.diagonal(-99)[5:].mean() < 0.03

    def rank(model: Transformer) -> float:
        logits = model(twice)[:, 103:-1]
        return (logits > logits.gather(2, twice[:, 104:, None])).sum(2).float().median().item()

    assert rank(new()) < 0.5 * rank(new(replace(CONFIG, copying_heads=False)))


@torch.no_grad()
def test_the_second_matching_head_finds_the_sentence_that_is_about_the_same() -> None:
    """Four sentences "key template value", alike but for key and value; after a key and the template, which value?"""
    model, right = new(), 0
    for seed in range(80):
        tokens = torch.randperm(1024, generator=torch.Generator().manual_seed(seed)).tolist()
        template, keys, values = tokens[:5], [tokens[10 + 3 * i : 13 + 3 * i] for i in range(4)], tokens[50:54]
        text = [token for key, value in zip(keys, values, strict=True) for token in (*key, *template, value)]
        asked = seed % 4
        ids = torch.tensor([[*text, *tokens[60:64], *keys[asked], *template]])
        weights = trace(model, ids).attention[1][0][1][-1]
        places = [9 * i + 8 for i in range(4)]
        right += max(places, key=lambda place: float(weights[place])) == places[asked]
    assert right > 0.7 * 80  # by chance 20


@torch.no_grad()
def test_the_common_entry_predicts_nothing_and_the_first_loss_stays_near_even() -> None:
    model, ids = new(), random_tokens(4, 128)
    assert model.token_embedding.weight[:, 0].unique().numel() == 1
    loss = F.cross_entropy(model(ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    assert 0.9 < loss.item() / torch.tensor(1024.0).log().item() < 1.1


@torch.no_grad()
def test_transformers_gives_the_same_logits(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    model, ids = new(), random_tokens(2, 60)
    save_model(model, tmp_path / "model")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    torch.testing.assert_close(theirs(ids).logits, model(ids), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("heads", [1, 2, 3])
def test_small_models_get_the_first_of_the_heads(heads: int) -> None:
    config = replace(CONFIG, width=32 * heads, heads=heads, kv_heads=heads)
    seen = trace(new(config), random_tokens(1, 120)).attention[0][0]
    for head in range(heads):
        assert seen[head].diagonal(-head - 1)[40:].mean() > 0.6


@pytest.mark.parametrize(
    "change", [{"layers": 1}, {"architecture": "llama"}, {"head_width": 8}, {"width": 64, "heads": 4}]
)
def test_shapes_that_cannot_have_them_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="copying_heads needs"):
        replace(CONFIG, **change)  # type: ignore[arg-type]
