"""Tracing recomputes the pass plainly: it must give the model's own logits, and edits must do what they say."""

import pytest
import torch
from torch import Tensor

from orrery.errors import ConfigError, InferenceError
from orrery.models.trace import HeadOff, WeightScaled, trace
from orrery.models.transformer import KVCache, RopeScaling, Transformer, TransformerConfig

CONFIGS = [
    TransformerConfig(61, "qwen3", 24, 3, heads=4, kv_heads=2, head_width=6, mlp_width=40, context=48),
    TransformerConfig(
        61, "llama", 24, 2, heads=3, kv_heads=1, head_width=8, mlp_width=40, context=48, tied=False,
        rope_scaling=RopeScaling(4.0, 1.0, 4.0, 16),
    ),
    TransformerConfig(61, "gpt2", 24, 2, heads=2, kv_heads=2, head_width=12, mlp_width=40, context=48),
]  # fmt: skip


@pytest.fixture(params=CONFIGS, ids=lambda config: config.architecture)
def model(request: pytest.FixtureRequest) -> Transformer:
    generator = torch.Generator().manual_seed(0)
    model = Transformer(request.param, generator)
    with torch.no_grad():  # so that every norm and bias matters
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    return model


@pytest.fixture
def ids() -> Tensor:
    return torch.randint(0, 61, (2, 30), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_logits_equal_those_of_the_fast_path(model: Transformer, ids: Tensor) -> None:
    torch.testing.assert_close(trace(model, ids).logits, model(ids), rtol=1e-5, atol=1e-5)
    cache = KVCache(model.config, batch=2, length=30)
    torch.testing.assert_close(trace(model, ids).logits, model(ids, cache=cache), rtol=1e-5, atol=1e-5)


def test_attention_weights_are_probabilities_over_the_past(model: Transformer, ids: Tensor) -> None:
    seen = trace(model, ids)
    assert len(seen.attention) == model.config.layers
    for weights in seen.attention:
        assert weights.shape == (2, model.config.heads, 30, 30)
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, model.config.heads, 30))
        assert (weights.triu(1) == 0).all() and (weights >= 0).all()


@torch.no_grad()
def test_what_a_block_did_adds_up(model: Transformer, ids: Tensor) -> None:
    """Each tensor is the sum, or the product, that its name says of those before it."""
    H, C, config = model.config.heads, model.config.head_width, model.config
    seen = trace(model, ids)
    for block, did, before, after in zip(model.blocks, seen.blocks, seen.residuals, seen.residuals[1:], strict=False):
        assert torch.equal(did.attention_input, block.attention_norm(before))
        q, k, v = did.projected
        assert torch.equal(torch.cat((q, k, v), 1).transpose(1, 2).flatten(2), block.attention.qkv(did.attention_input))
        assert did.queries.shape == did.keys.shape == did.values.shape == (2, H, 30, C)
        assert torch.equal(did.values[:, H - 1], v[:, -1])  # query heads in order share key/value heads in order
        for t, s in ((29, 3), (4, 17)):  # the past, and the future that only the mask hides
            score = (did.queries[0, 1, t] * did.keys[0, 1, s]).sum() / C**0.5
            torch.testing.assert_close(did.scores[0, 1, t, s], score)
        mixed = sum(did.weights[1, 0, 29, s] * did.values[1, 0, s] for s in range(30))
        torch.testing.assert_close(did.mixed[1, 29, :C], mixed)
        assert torch.equal(did.attention_output, block.attention.output(did.mixed))
        assert torch.equal(did.middle, before + did.attention_output)
        assert (did.gate is None) == (config.architecture == "gpt2")
        assert torch.equal(did.up, block.mlp.up(did.mlp_input))
        torch.testing.assert_close(did.mlp_output, block.mlp(block.mlp_norm(did.middle)))
        assert torch.equal(did.middle + did.mlp_output, after)


@torch.no_grad()
def test_rotary_queries_and_keys_keep_their_length_and_meet_by_distance_alone() -> None:
    """The scores of the same two tokens, moved on together, are the same: what RoPE is for."""
    model = Transformer(CONFIGS[1])
    same = torch.full((1, 30), 7)
    (did, _) = trace(model, same).blocks
    torch.testing.assert_close(did.queries.norm(dim=-1), did.projected[0].norm(dim=-1))
    for distance in (1, 8):
        along = did.scores[0, 0].diagonal(-distance)
        torch.testing.assert_close(along, along[:1].expand_as(along))


@torch.no_grad()
def test_the_lens_at_each_depth_is_a_model_of_that_many_blocks(model: Transformer, ids: Tensor) -> None:
    seen = trace(model, ids)
    lenses = [seen.lens(depth) for depth in range(model.config.layers + 1)]
    assert torch.equal(lenses[-1], seen.logits)
    while model.blocks:
        torch.testing.assert_close(lenses.pop(), model(ids), rtol=1e-5, atol=1e-5)
        del model.blocks[-1]


@torch.no_grad()
def test_a_head_switched_off_adds_nothing(model: Transformer, ids: Tensor) -> None:
    """With all heads of a layer off, what that layer's attention adds is its bias alone."""
    before = model(ids)
    edited = trace(model, ids, [HeadOff(1, head) for head in range(model.config.heads)])
    bias = model.blocks[1].attention.output.bias
    x = edited.residuals[1] if bias is None else edited.residuals[1] + bias
    torch.testing.assert_close(edited.residuals[2], x + model.blocks[1].mlp(model.blocks[1].mlp_norm(x)))
    one = trace(model, ids, [HeadOff(1, 0)])
    assert torch.equal(one.residuals[1], trace(model, ids).residuals[1])  # earlier layers do not notice
    assert not torch.allclose(one.logits, before)
    assert torch.equal(model(ids), before)  # the model itself is as it was


@torch.no_grad()
def test_scaled_weights_change_what_they_should(model: Transformer, ids: Tensor) -> None:
    stream = trace(model, ids, [WeightScaled("token_embedding.weight", 2.0, rows=(5,))])
    plain = trace(model, ids)
    changed = (stream.residuals[0] != plain.residuals[0]).any(-1)
    assert torch.equal(changed, ids == 5)
    half = trace(model, ids, [WeightScaled("final_norm.weight", 0.5)])
    shift = model.unembed(half.model.final_norm.bias) / 2 if model.config.architecture == "gpt2" else 0
    torch.testing.assert_close(half.logits - shift, plain.logits / 2, rtol=1e-5, atol=1e-5)


def test_edits_of_what_is_not_there_are_refused(model: Transformer, ids: Tensor) -> None:
    with pytest.raises(ConfigError, match="no head 9 in layer 0"):
        trace(model, ids, [HeadOff(0, 9)])
    with pytest.raises(ConfigError, match="did you mean 'final_norm.weight'"):
        trace(model, ids, [WeightScaled("final_norm.wieght", 2.0)])
    with pytest.raises(ConfigError, match="rows 0 to 60"):
        trace(model, ids, [WeightScaled("token_embedding.weight", 2.0, rows=(61,))])
    with pytest.raises(InferenceError, match="49 tokens exceed"):
        trace(model, torch.zeros(1, 49, dtype=torch.long))
