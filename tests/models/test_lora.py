"""LoRA: PEFT's own adapters on transformers' own models are the oracle, outputs and gradients."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from transformers import AutoModelForCausalLM

from orrery.errors import CheckpointError
from orrery.models.hf import load_model
from orrery.models.lora import PREFIX, LoRA, load_adapter, save_adapter
from orrery.models.transformer import Transformer
from tests.imported import imported

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # of PEFT about transformers


def adapted(family: str, rank: int = 4) -> tuple[Transformer, LoRA]:
    """A model with adapters that are not zero."""
    model = load_model(imported(family))
    adapters = LoRA(model, rank, alpha=8)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in adapters.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator) * 0.1)
    adapters.merge()
    return model, adapters


def tokens() -> Tensor:
    return torch.randint(0, 400, (2, 30), generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("family", ["qwen3", "llama", "gpt2"])
def test_outputs_and_gradients_are_those_of_peft(family: str, tmp_path: Path) -> None:
    model, adapters = adapted(family)
    save_adapter(adapters, tmp_path)
    base = AutoModelForCausalLM.from_pretrained(imported(family), dtype=torch.float32)
    theirs = PeftModel.from_pretrained(base, tmp_path, is_trainable=True)
    ours, given = model(tokens()), theirs(tokens()).logits
    torch.testing.assert_close(ours, given, atol=1e-5, rtol=1e-5)
    weights = torch.randn(ours.shape, generator=torch.Generator().manual_seed(3))
    for logits in (ours, given):
        (logits * weights).sum().backward()
    expected = {name: weight.grad for name, weight in theirs.named_parameters() if weight.requires_grad}
    for adapter in adapters.each():
        assert adapter.a.grad is not None and adapter.b.grad is not None
        gradients = zip(adapter.parts, adapter.a.grad.split(4), adapter.b.grad.split(adapter.rows), strict=True)
        for name, to_a, to_b in gradients:
            for letter, mine in (("A", to_a), ("B", to_b)):
                grad = expected.pop(f"{PREFIX}{name}.lora_{letter}.default.weight")
                assert grad is not None
                torch.testing.assert_close(mine, grad, atol=1e-5 * grad.abs().max().item(), rtol=1e-4)
    assert not expected  # PEFT trains nothing else, and neither do we
    assert not any(weight.requires_grad for weight in model.parameters())
    assert sum(weight.numel() for weight in adapters.parameters()) == sum(
        weight.numel() for weight in theirs.parameters() if weight.requires_grad
    )


def test_a_model_begins_as_it_was_and_the_same_seed_gives_the_same_adapters() -> None:
    model, plain = load_model(imported("llama")), load_model(imported("llama"))
    first, second = LoRA(model, 4, alpha=8), LoRA(load_model(imported("llama")), 4, alpha=8)
    first.merge()
    assert torch.equal(model(tokens()), plain(tokens()))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert all(adapter.a.abs().max() > 0 and not adapter.b.any() for adapter in first.each())


def test_what_is_saved_is_read_back_bit_by_bit(tmp_path: Path) -> None:
    model, adapters = adapted("qwen3")
    save_adapter(adapters, tmp_path)
    again = load_model(imported("qwen3"))
    read = load_adapter(again, tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(adapters.parameters(), read.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_an_adapter_that_peft_wrote_for_some_matrices_is_read(tmp_path: Path) -> None:
    base = AutoModelForCausalLM.from_pretrained(imported("llama"), dtype=torch.float32)
    theirs = get_peft_model(base, LoraConfig(r=3, lora_alpha=5, target_modules=["q_proj", "v_proj", "down_proj"]))
    with torch.no_grad():
        for name, weight in theirs.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1)
        expected = theirs(tokens()).logits
    theirs.save_pretrained(tmp_path)
    model = load_model(imported("llama"))
    load_adapter(model, tmp_path)
    torch.testing.assert_close(model(tokens()), expected, atol=1e-5, rtol=1e-5)


def test_bfloat16_gradients_are_those_of_float32_rounded() -> None:
    model, adapters = adapted("llama")
    exact, rough = [], []
    for kept, enabled in ((exact, False), (rough, True)):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss = model(tokens()).float().logsumexp(-1).mean()
        loss.backward()
        for weight in adapters.parameters():
            assert weight.grad is not None and weight.grad.dtype == torch.float32
            kept.append(weight.grad.flatten())
            weight.grad = None
    assert torch.cosine_similarity(torch.cat(exact), torch.cat(rough), dim=0) > 0.99


def test_adapters_that_cannot_be_applied_are_refused_by_name(tmp_path: Path) -> None:
    _, adapters = adapted("llama")
    good = tmp_path / "good"
    save_adapter(adapters, good)

    def refused(**changes: object) -> str:
        folder = Path(shutil.copytree(good, tmp_path / "bad", dirs_exist_ok=True))
        config = json.loads((good / "adapter_config.json").read_text())
        (folder / "adapter_config.json").write_text(json.dumps(config | changes))
        with pytest.raises(CheckpointError) as error:
            load_adapter(load_model(imported("llama")), folder)
        return str(error.value)

    assert "use_dora is True" in refused(use_dora=True)
    assert "peft_type is 'IA3'" in refused(peft_type="IA3")
    assert "is [4, 32], not [2, 32]" in refused(r=2)
    assert "r is None" in refused(r=None)
    (good / "adapter_model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="missing or damaged"):
        load_adapter(load_model(imported("llama")), good)
    with pytest.raises(CheckpointError, match="adapter_config.json is missing"):
        load_adapter(load_model(imported("llama")), tmp_path / "nowhere")
