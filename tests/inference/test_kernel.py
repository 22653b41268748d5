"""The compiled forward pass is PyTorch's, and a token's result is the same bit for bit in any company."""

import copy
import ctypes
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import orrery.inference.kernel as kernel_module
from orrery.errors import InferenceError
from orrery.inference.kernel import Kernel, NoKernel
from orrery.models.transformer import KVCache, RopeScaling, Transformer, TransformerConfig
from orrery.processes import share_out
from tests.inference.compiler import COMPILER

pytestmark = pytest.mark.skipif(not COMPILER, reason="there is no C++ compiler")
CONTEXT, VOCAB = 64, 41
IDS = torch.randint(0, VOCAB, (3, CONTEXT), generator=torch.Generator().manual_seed(0)).tolist()
SHAPES = {  # none but the last is a multiple of anything
    "qwen3": TransformerConfig(VOCAB, "qwen3", 36, 2, 4, 2, 6, 50, CONTEXT),
    "qwen3, wide heads": TransformerConfig(VOCAB, "qwen3", 33, 2, 6, 2, 82, 67, CONTEXT, tied=False),
    "llama": TransformerConfig(VOCAB, "llama", 35, 2, 3, 3, 10, 49, CONTEXT, rope_scaling=RopeScaling(8, 1, 4, 16)),
    "gpt2": TransformerConfig(VOCAB, "gpt2", 42, 2, 3, 3, 14, 99, CONTEXT),
    "gpt2, even": TransformerConfig(VOCAB + 7, "gpt2", 128, 2, 2, 2, 64, 256, CONTEXT, tied=False),
}  # fmt: skip


def new(config: TransformerConfig, dtype: torch.dtype = torch.float32) -> Transformer:
    """A model in which every weight matters: norms and biases are not at their first values."""
    config = replace(config, embedding_std=0.5)
    model, generator = Transformer(config, torch.Generator().manual_seed(1)), torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 1:
                weight += 0.2 * torch.randn(weight.shape, generator=generator)
    return model.to(dtype).requires_grad_(False)


def ready(model: Transformer, rows: int = 3) -> Kernel:
    """The kernel of the model and a new cache."""
    return Kernel(model, KVCache(model.config, rows, CONTEXT, dtype=model.token_embedding.weight.dtype))


def whole(kernel: Kernel, ids: list[int], slot: int = 0) -> Tensor:
    """Logits [T V] after every token of one row, in one call."""
    return kernel.forward(ids, [slot] * len(ids), range(len(ids)), range(len(ids)))


@pytest.fixture(params=SHAPES)
def config(request: pytest.FixtureRequest) -> TransformerConfig:
    return SHAPES[request.param]


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def model(request: pytest.FixtureRequest, config: TransformerConfig) -> Transformer:
    return new(config, request.param)


@pytest.fixture
def threads() -> Iterator[None]:
    """Two threads, as long as the test lasts."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for compiled libraries in which there are none, in a process that has loaded none."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kernel_module._loaded.cache_clear()
    yield tmp_path / "orrery"
    kernel_module._loaded.cache_clear()


# ---- the same as PyTorch


def test_float32_logits_are_those_of_pytorch(config: TransformerConfig) -> None:
    model = new(config)
    expected = model(torch.tensor(IDS[:1]))[0]  # T V
    torch.testing.assert_close(whole(ready(model), IDS[0]), expected, atol=2e-5, rtol=1e-5)


def test_bfloat16_logits_are_nearer_to_the_weights_in_float32_than_those_of_pytorch(config: TransformerConfig) -> None:
    model = new(config, torch.bfloat16)
    exact = copy.deepcopy(model).float()(torch.tensor(IDS[:1]))[0]  # T V
    ours = (whole(ready(model), IDS[0]) - exact).square().mean().sqrt()
    theirs = (model(torch.tensor(IDS[:1]))[0].float() - exact).square().mean().sqrt()
    assert ours < 0.9 * theirs
    assert ours < 0.01 * exact.square().mean().sqrt()


def test_keys_and_values_are_written_where_pytorch_writes_them(model: Transformer) -> None:
    dtype = model.token_embedding.weight.dtype
    ours, theirs = (KVCache(model.config, 3, CONTEXT, dtype=dtype) for _ in range(2))
    Kernel(model, ours).forward(IDS[0][:9], [1] * 9, range(9), [])
    view = copy.copy(theirs)
    view.keys, view.values, view.lengths = theirs.keys[:, 1:2], theirs.values[:, 1:2], theirs.lengths[1:2]
    model(torch.tensor([IDS[0][:9]]), cache=view)
    close = {"atol": 2e-5, "rtol": 1e-5} if dtype == torch.float32 else {"atol": 0.1, "rtol": 0.05}
    torch.testing.assert_close(ours.keys, theirs.keys, **close)
    torch.testing.assert_close(ours.values, theirs.values, **close)
    assert theirs.keys.abs().max() > 0.5


def test_a_cache_that_is_a_view_of_a_larger_one_is_written_in_its_place() -> None:
    model = new(SHAPES["qwen3"])
    cache = KVCache(model.config, 5, CONTEXT)
    view = copy.copy(cache)
    view.keys, view.values = cache.keys[:, 2:4], cache.values[:, 2:4]
    logits = whole(Kernel(model, view), IDS[0], slot=1)
    assert torch.equal(logits, whole(ready(model), IDS[0]))
    assert cache.keys[:, 3].abs().min() > 0 and not cache.keys[:, [0, 1, 2, 4]].any()


def test_weights_changed_in_place_are_seen() -> None:
    model = new(SHAPES["qwen3"])
    kernel = ready(model)
    before = whole(kernel, IDS[0])
    for weight in model.parameters():
        weight *= 0.9
    after = whole(kernel, IDS[0])
    assert (after - before).abs().max() > 0.1
    torch.testing.assert_close(after, model(torch.tensor(IDS[:1]))[0], atol=2e-5, rtol=1e-5)


def test_very_large_and_damaged_weights_give_what_they_should() -> None:
    model = new(replace(SHAPES["gpt2"], mlp_width=48))
    model.blocks[0].mlp.up.weight *= 1000  # type: ignore[union-attr, operator]
    torch.testing.assert_close(whole(ready(model), IDS[0]), model(torch.tensor(IDS[:1]))[0], atol=1e-3, rtol=1e-4)
    for dtype in (torch.float32, torch.bfloat16):
        damaged = new(SHAPES["qwen3"], dtype)
        damaged.blocks[1].mlp.up.weight[0, 0] = float("nan")  # type: ignore[union-attr, index]
        assert whole(ready(damaged), IDS[0]).isnan().all()


# ---- the same bit for bit


def test_a_prompt_gives_the_same_in_one_call_in_pieces_and_token_by_token(model: Transformer) -> None:
    expected = whole(ready(model), IDS[0])
    for cuts in ([0, 1, 2, 7, 40, CONTEXT], list(range(CONTEXT + 1))):
        kernel = ready(model)
        pieces = [
            kernel.forward(IDS[0][a:b], [2] * (b - a), range(a, b), range(b - a))
            for a, b in zip(cuts, cuts[1:], strict=False)
        ]
        assert torch.equal(torch.cat(pieces), expected)


def test_company_changes_nothing(model: Transformer) -> None:
    """One row decodes, one begins its prompt, one goes on with it, token by token among each other."""
    expected = [whole(ready(model), row) for row in IDS]
    kernel = ready(model)
    kernel.forward(IDS[0][:20] + IDS[2][:5], [0] * 20 + [2] * 5, [*range(20), *range(5)], [])
    ids, slots, positions = [IDS[0][20]], [0], [20]
    for place in range(30):  # of row 1 and row 2, alternating
        ids += [IDS[1][place], IDS[2][5 + place]]
        slots, positions = [*slots, 1, 2], [*positions, place, 5 + place]
    logits = kernel.forward(ids, slots, positions, range(len(ids)))
    assert torch.equal(logits[0], expected[0][20])
    assert torch.equal(logits[1::2], expected[1][:30])
    assert torch.equal(logits[2::2], expected[2][5:35])


def test_only_wanted_tokens_are_returned_also_of_a_call_longer_than_a_piece_of_it(model: Transformer) -> None:
    expected = torch.cat([whole(ready(model), row) for row in IDS])  # 192 tokens; 128 are computed at once
    wanted = [0, 63, 127, 128, 191]
    slots, positions = np.arange(3).repeat(CONTEXT), np.tile(np.arange(CONTEXT), 3)
    logits = ready(model).forward(np.array(IDS, dtype=np.int32).ravel(), slots, positions, wanted)
    assert torch.equal(logits, expected[wanted])


@pytest.mark.usefixtures("threads")
def test_two_threads_give_what_one_gives(model: Transformer) -> None:
    slots, positions = np.arange(3).repeat(CONTEXT), np.tile(np.arange(CONTEXT), 3)
    together = [ready(model).forward(np.ravel(IDS), slots, positions, range(192)) for _ in range(10)]
    torch.set_num_threads(1)
    alone = ready(model).forward(np.ravel(IDS), slots, positions, range(192))
    assert all(torch.equal(each, alone) for each in together)


@pytest.mark.usefixtures("threads")
def test_a_forked_process_computes_after_its_parent_used_threads() -> None:
    model = new(SHAPES["qwen3"])
    expected = whole(ready(model), IDS[0])

    def in_a_child(threads: int) -> list[list[float]]:
        torch.set_num_threads(threads)
        return whole(ready(model), IDS[0]).tolist()

    for threads in (1, 2):  # of two threads a child has to start its own
        parts = share_out(in_a_child, [threads, threads])
        assert parts == [expected.tolist()] * 2


# ---- what is refused


@pytest.mark.parametrize(
    ("ids", "slots", "positions", "wanted", "message"),
    [
        ([5, VOCAB], [0, 0], [0, 1], [1], f"token 1 .id {VOCAB}"),
        ([5, -1], [0, 0], [0, 1], [1], "token 1 .id -1"),
        ([2**32], [0], [0], [0], "token 0"),
        ([5], [3], [0], [0], "row 3"),
        ([5], [0], [CONTEXT], [0], f"position {CONTEXT}"),
        ([5], [0], [-1], [0], "position -1"),
        ([5, 6], [0, 0], [0, 1], [2], "wanted are .2."),
        ([5, 6], [0, 0], [0, 1], [1, 1], "must ascend"),
        ([5, 6], [0, 0], [0], [1], "not as many"),
    ],
)
def test_what_lies_outside_is_refused_and_nothing_is_written(
    ids: list[int], slots: list[int], positions: list[int], wanted: list[int], message: str
) -> None:
    model = new(SHAPES["qwen3"])
    cache = KVCache(model.config, 3, CONTEXT)
    with pytest.raises(InferenceError, match=message):
        Kernel(model, cache).forward(ids, slots, positions, wanted)
    assert not cache.keys.any() and not cache.values.any()


def test_no_tokens_are_no_error() -> None:
    assert ready(new(SHAPES["qwen3"])).forward([], [], [], []).shape == (0, VOCAB)


@pytest.mark.parametrize(("weights", "cached"), [(torch.float64, torch.float64), (torch.float32, torch.bfloat16)])
def test_other_and_mixed_dtypes_are_left_to_pytorch(weights: torch.dtype, cached: torch.dtype) -> None:
    model = new(SHAPES["qwen3"], weights)
    assert Kernel.of(model, KVCache(model.config, 1, 8, dtype=cached)) is None


def test_an_environment_variable_switches_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    model = new(SHAPES["qwen3"])
    cache = KVCache(model.config, 1, 8)
    assert Kernel.of(model, cache) is not None
    monkeypatch.setenv("ORRERY_KERNEL", "0")
    assert Kernel.of(model, cache) is None


# ---- compiling


def test_without_a_compiler_it_is_left_to_pytorch_and_the_reason_said(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(empty_cache))
    model = new(SHAPES["qwen3"])
    with pytest.warns(UserWarning, match="no C.. compiler was found: c.., g.., clang"):
        assert Kernel.of(model, KVCache(model.config, 1, 8)) is None


@pytest.mark.parametrize(("compiler", "message"), [("no-such-compiler", "was found: no-such"), ("false", "failed")])
def test_the_compiler_that_cxx_names_is_the_one_used(
    compiler: str, message: str, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", compiler)
    with pytest.warns(UserWarning, match=message), pytest.raises(NoKernel, match=message):
        kernel_module.library()
    assert not list(empty_cache.glob("*.so"))


def test_two_processes_may_compile_at_once_and_only_what_has_changed_is_compiled_again(
    empty_cache: Path, tmp_path: Path
) -> None:
    source, header = tmp_path / "small.cpp", tmp_path / "small_part.h"
    source.write_text('#include "small_part.h"\nextern "C" int answer() { return ANSWER; }\n')
    header.write_text("#define ANSWER 42\n")
    code = "import sys; from pathlib import Path; from orrery.inference.kernel import compiled; "
    command = [sys.executable, "-c", code + "print(compiled(Path(sys.argv[1])))", str(source)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    (path,) = {Path(run.communicate()[0].strip()) for run in runs}
    assert [run.returncode for run in runs] == [0, 0]
    assert ctypes.CDLL(str(path)).answer() == 42
    assert [path] == list(empty_cache.iterdir())  # and nothing half made beside it
    made = path.stat().st_mtime_ns
    assert kernel_module.compiled(source) == path and path.stat().st_mtime_ns == made
    header.write_text("#define ANSWER 43\n")
    assert ctypes.CDLL(str(kernel_module.compiled(source))).answer() == 43


@pytest.mark.skipif(
    platform.machine() != "x86_64" or sys.platform != "linux", reason="asks Linux about an x86 processor"
)
def test_bfloat16_is_taken_where_the_processor_multiplies_it() -> None:
    assert kernel_module.native_bfloat16() == ("avx512_bf16" in Path("/proc/cpuinfo").read_text())
