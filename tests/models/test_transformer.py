"""What any transformer must keep to, whatever its weights: causality, packing, the cache, initialisation.

That the numbers are the right ones is shown against transformers in test_hf.py.
"""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from orrery.errors import ConfigError, InferenceError
from orrery.models.transformer import KVCache, Transformer, TransformerConfig

V = 61
CONFIGS = {
    "qwen3": TransformerConfig(V, "qwen3", 24, 2, heads=4, kv_heads=2, head_width=6, mlp_width=40, context=48),
    "llama": TransformerConfig(
        V, "llama", 24, 2, heads=3, kv_heads=1, head_width=8, mlp_width=40, tied=False, context=48
    ),
    "gpt2": TransformerConfig(V, "gpt2", 24, 2, heads=2, kv_heads=2, head_width=12, mlp_width=40, context=48),
}
MODELS = {name: Transformer(config, torch.Generator().manual_seed(3)) for name, config in CONFIGS.items()}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def random_ids(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(0, V, shape, generator=torch.Generator().manual_seed(seed))


def close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-5, atol=1e-5)


@every_model
@torch.no_grad()
def test_no_token_sees_a_later_one(model: Transformer) -> None:
    ids = random_ids(1, 30)
    before = model(ids)
    for t in range(1, 30):
        changed = ids.clone()
        changed[0, t:] = (changed[0, t:] + 1) % V
        after = model(changed)
        assert torch.equal(after[0, :t], before[0, :t])
        assert not torch.equal(after[0, t], before[0, t])


@every_model
def test_gradients_flow_only_from_the_past(model: Transformer) -> None:
    """The derivative of the logits at t by the embeddings is 0 after t, and not 0 anywhere up to it."""
    stream: list[Tensor] = []

    def keep(_module: torch.nn.Module, _args: Any, output: Tensor) -> None:
        output.retain_grad()
        stream.append(output)

    handle = model.token_embedding.register_forward_hook(keep)
    model(random_ids(1, 12))[0, 7].logsumexp(-1).backward()
    handle.remove()
    assert stream[0].grad is not None
    reached = stream[0].grad[0].abs().sum(-1) > 0
    assert reached.tolist() == [True] * 8 + [False] * 4


@st.composite
def packings(draw: st.DrawFn) -> list[list[int]]:
    """A few rows, each filled exactly by documents of the drawn lengths and perhaps padding (a negative length)."""
    width = draw(st.integers(2, 20))
    rows = []
    for _ in range(draw(st.integers(1, 3))):
        left, lengths = width, []
        while left:
            lengths.append(draw(st.integers(1, left)))
            left -= lengths[-1]
        if draw(st.booleans()):
            lengths[-1] *= -1
        rows.append(lengths)
    return rows


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=25, deadline=None)
@given(rows=packings(), seed=st.integers(0, 1000))
@torch.no_grad()
def test_packed_documents_are_as_if_alone(name: str, dtype: torch.dtype, rows: list[list[int]], seed: int) -> None:
    """Losses and logits of documents packed into rows equal those of each document by itself."""
    model = Transformer(CONFIGS[name], torch.Generator().manual_seed(3)).to(dtype)
    ids = random_ids(len(rows), sum(map(abs, rows[0])), seed=seed)
    segments = torch.tensor(
        [[-1 if n < 0 else index for index, n in enumerate(row) for _ in range(abs(n))] for row in rows]
    )
    packed = model(ids, segments=segments)
    assert packed.isfinite().all()  # padding too: a NaN there would poison the gradients of all
    for row, lengths in enumerate(rows):
        start = 0
        for length in map(abs, lengths):
            document = slice(start, start + length)
            assert close(packed[row : row + 1, document], model(ids[row : row + 1, document]))
            start += length


@every_model
@torch.no_grad()
def test_no_token_sees_another_document(model: Transformer) -> None:
    """Changing one document leaves the logits of its neighbours as they were, to the last bit."""
    segments = torch.tensor([[0] * 5 + [1] * 9 + [2] * 6 + [-1] * 4])
    ids = random_ids(1, 24)
    before = model(ids, segments=segments)
    for segment in (0, 1, 2, -1):
        mine = segments == segment
        after = model(torch.where(mine, (ids + 1) % V, ids), segments=segments)
        assert torch.equal(after[~mine], before[~mine])
        assert not torch.equal(after[mine], before[mine])


@every_model
@torch.no_grad()
def test_rows_that_leave_the_batch_do_not_disturb_the_others(model: Transformer) -> None:
    ids = random_ids(4, 20)
    full = model(ids)
    cache = KVCache(model.config, batch=4, length=20)
    model(ids[:, :8], cache=cache)
    cache.select(torch.tensor([3, 1]))
    kept = ids[[3, 1]]
    assert close(model(kept[:, 8:12], cache=cache), full[[3, 1], 8:12])
    cache.select(torch.tensor([False, True]))
    assert close(model(ids[[1], 12:], cache=cache), full[[1], 12:])
    assert cache.lengths.tolist() == [20]


@every_model
@torch.no_grad()
def test_given_positions_write_each_row_at_its_own_place(model: Transformer) -> None:
    """One row goes on at position 3, the other goes back and rewrites position 5."""
    ids = random_ids(2, 10)
    cache = KVCache(model.config, batch=2, length=10)
    model(ids[:, :8], cache=cache)
    logits = model(ids[:, 8:9], positions=torch.tensor([[3], [5]]), cache=cache)
    assert cache.lengths.tolist() == [4, 6]
    for row, length in enumerate((3, 5)):
        alone = torch.cat((ids[row, :length], ids[row, 8:9]))[None]
        assert close(logits[row, 0], model(alone)[0, -1])


@every_model
@torch.no_grad()
def test_unembedding_selected_positions_gives_their_logits(model: Transformer) -> None:
    ids, chosen = random_ids(3, 10), torch.tensor([[1, 2], [0, 9], [2, 5]])
    hidden = model.hidden(ids)
    assert close(model.unembed(hidden[chosen[:, 0], chosen[:, 1]]), model(ids)[chosen[:, 0], chosen[:, 1]])


@every_model
def test_bfloat16_autocast_learns_as_float32_does(model: Transformer) -> None:
    """Loss and gradients under autocast differ from float32's by rounding only, packed or not."""
    ids, segments = random_ids(4, 33), torch.arange(32).div(9, rounding_mode="floor").expand(4, -1)

    def gradients(autocast: bool, packed: bool) -> tuple[float, Tensor]:
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            logits = model(ids[:, :-1], segments=segments if packed else None)
        loss = F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        return loss.item(), torch.cat([w.grad.flatten() for w in model.parameters() if w.grad is not None])

    for packed in (False, True):
        loss, exact = gradients(False, packed)
        rough_loss, rough = gradients(True, packed)
        assert rough_loss == pytest.approx(loss, rel=0.01)
        assert F.cosine_similarity(exact, rough, dim=0) > 0.999
        assert exact.numel() == model.num_parameters()  # every parameter has a gradient
    model.zero_grad()


def test_the_generator_decides_the_weights() -> None:
    config = CONFIGS["qwen3"]

    def weights(seed: int | None) -> Tensor:
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        return torch.cat([weight.flatten() for weight in Transformer(config, generator).parameters()])

    torch.manual_seed(1)
    first = weights(5)
    torch.manual_seed(2)
    assert torch.equal(first, weights(5))  # nothing is left to the global generator
    assert torch.equal(weights(None), weights(0))
    assert not torch.equal(first, weights(6))


@pytest.mark.parametrize("name", MODELS)
def test_initial_sizes_are_those_described(name: str) -> None:
    config = TransformerConfig(
        2000, name, 64, 3, heads=4, kv_heads=4, head_width=16, mlp_width=256,  # type: ignore[arg-type]
        tied=False, embedding_std=0.3, final_norm_init=0.1,
    )  # fmt: skip
    state = Transformer(config).state_dict()
    expected = {
        "token_embedding.weight": 0.3,
        "unembedding.weight": 0.3,
        "blocks.1.attention.qkv.weight": 64**-0.5,
        "blocks.1.attention.output.weight": (64 * 6) ** -0.5,
        "blocks.1.mlp.up.weight": 64**-0.5,
        "blocks.1.mlp.down.weight": (256 * 6) ** -0.5,
    }
    for key, std in expected.items():
        assert state[key].std().item() == pytest.approx(std, rel=0.05), key
    assert (state["final_norm.weight"] == 0.1).all()
    assert (state["blocks.0.mlp_norm.weight"] == 1).all()
    assert all((tensor == 0).all() for key, tensor in state.items() if key.endswith("bias"))


@every_model
@torch.no_grad()
def test_the_first_loss_is_near_the_logarithm_of_the_vocabulary(model: Transformer) -> None:
    ids = random_ids(8, 49)
    loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(V), abs=0.1)


@every_model
def test_one_batch_can_be_learned_by_heart(model: Transformer) -> None:
    model = Transformer(model.config)
    ids = random_ids(2, 17)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


@every_model
def test_sequences_that_do_not_fit_are_refused(model: Transformer) -> None:
    with pytest.raises(InferenceError, match="49 tokens exceed the model's context of 48"):
        model(random_ids(1, 49))
    with pytest.raises(InferenceError, match="cache of 49 tokens is longer than the model's context of 48"):
        KVCache(model.config, batch=1, length=49)
    cache = KVCache(model.config, batch=2, length=10)
    with torch.no_grad():
        model(random_ids(2, 10), cache=cache)
        with pytest.raises(InferenceError, match="11 tokens exceed the cache's 10"):
            model(random_ids(2, 1), cache=cache)
    with pytest.raises(ValueError, match="cannot be combined"):
        model(random_ids(2, 3), segments=torch.zeros(2, 3), cache=cache)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "mamba"}, "'mamba' is not one of qwen3, llama, gpt2"),
        ({"layers": 0}, "layers is 0"),
        ({"vocab_size": -5}, "vocab_size is -5"),
        ({"kv_heads": 3}, r"heads \(4\) must be a multiple of kv_heads \(3\)"),
        ({"head_width": 7}, "must be even"),
        ({"norm_eps": 0.0}, "norm_eps is 0.0"),
        ({"rope_base": float("nan")}, "rope_base is nan"),
        ({"architecture": "gpt2", "kv_heads": 2}, "no grouped heads"),
        ({"architecture": "gpt2", "head_width": 16}, "gpt2 needs heads x head_width = width, not 4 x 16 = 128"),
    ],
)
def test_sizes_that_do_not_fit_each_other_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TransformerConfig(**({"vocab_size": V} | changes))
