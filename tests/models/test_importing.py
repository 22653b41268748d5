"""`orrery import`: other people's folders give what transformers gives, or are refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from orrery.errors import CheckpointError
from orrery.models.hf import load_model, load_tokenizer
from orrery.models.importing import compare, import_folder, with_rows
from orrery.models.lora import LoRA, save_adapter
from tests.imported import FAMILIES, imported
from tests.typed import typed


@torch.no_grad()
@pytest.mark.parametrize("family", FAMILIES)
def test_logits_equal_those_of_transformers(family: str) -> None:
    """Sharded or not, tied or not, grouped or not, scaled or not, bfloat16 or float32."""
    model = load_model(imported(family))
    theirs = AutoModelForCausalLM.from_pretrained(imported(family), dtype=torch.float32)
    ids = torch.randint(0, model.config.vocab_size, (2, 100), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model(ids), theirs(ids).logits, atol=1e-5, rtol=1e-5)


def test_importing_says_what_it_is_and_what_comes_next(tmp_path: Path) -> None:
    shutil.copytree(imported("llama"), tmp_path / "Llama-tiny")
    (tmp_path / "Llama-tiny" / "training_args.bin").write_text("a pickle")
    done = typed("import", "Llama-tiny", "--check", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "logits, ids and chat template equal transformers'" in done.stdout
    assert "models/Llama-tiny: an assistant" in done.stdout and "orrery chat --model models/Llama-tiny" in done.stdout
    made = {path.name for path in (tmp_path / "models" / "Llama-tiny").iterdir()}
    assert made == {path.name for path in imported("llama").iterdir()}
    again = typed("import", "Llama-tiny", cwd=tmp_path)
    assert again.returncode == 2 and "models/Llama-tiny exists: choose another --out" in again.stderr


def test_a_base_model_gets_tokens_for_turns(tmp_path: Path) -> None:
    import_folder(imported("gpt2"), tmp_path / "m", chat_tokens=True)
    model, tokenizer, base = load_model(tmp_path / "m"), load_tokenizer(tmp_path / "m"), load_model(imported("gpt2"))
    old = base.config.vocab_size
    assert model.config.vocab_size == tokenizer.vocab_size == old + 7
    ids = torch.arange(50)[None]
    torch.testing.assert_close(model(ids)[..., :old], base(ids))
    assert torch.allclose(model.token_embedding.weight[old:], base.token_embedding.weight.mean(0))
    assert compare(tmp_path / "m").template
    few = with_rows(base, old - 10, old - 3)  # a model with rows to spare
    mean = base.token_embedding.weight[: old - 10].mean(0)
    assert torch.allclose(few.token_embedding.weight[old - 10 : old - 3], mean)
    assert torch.equal(few.token_embedding.weight[old - 3 :], base.token_embedding.weight[old - 3 :])


def test_an_adapter_is_merged_into_its_base(tmp_path: Path) -> None:
    model = load_model(imported("llama"))
    adapters = LoRA(model, 2, alpha=4)
    with torch.no_grad():
        for adapter in adapters.each():
            adapter.b.normal_(std=0.1, generator=torch.Generator().manual_seed(0))
    adapters.merge()
    save_adapter(adapters, tmp_path / "adapter")
    done = typed("import", "adapter", "--base", str(imported("llama")), "--out", "merged", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    ids = torch.arange(30)[None]
    assert torch.equal(load_model(tmp_path / "merged")(ids), model(ids))
    assert load_tokenizer(tmp_path / "merged").vocabulary == load_tokenizer(imported("llama")).vocabulary
    alone = typed("import", "adapter", cwd=tmp_path)
    assert alone.returncode == 2 and "adapter is an adapter: give its model with --base" in alone.stderr


def test_what_cannot_be_imported_is_refused_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(name: str, *more: str) -> str:
        done = typed("import", name, *more, cwd=tmp_path)
        assert done.returncode == 2 and not (tmp_path / "models").exists()
        return done.stderr

    def changed(name: str, **values: object) -> None:
        folder = Path(shutil.copytree(imported("qwen3"), tmp_path / name))
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | values))

    changed("whole")
    assert "whole knows turns already: leave out --chat-tokens" in refused("whole", "--chat-tokens")
    changed("mixture", model_type="qwen3_moe")
    assert "model_type 'qwen3_moe' is not one of qwen3, llama, gpt2" in refused("mixture")
    changed("windows", use_sliding_window=True)
    assert "use_sliding_window is True, which this model cannot do" in refused("windows")
    changed("pickled")
    (tmp_path / "pickled" / "model.safetensors").rename(tmp_path / "pickled" / "pytorch_model.bin")
    assert "pickled weights only (pytorch_model.bin)" in refused("pickled")
    changed("cut")
    weights = (tmp_path / "cut" / "model.safetensors").read_bytes()
    (tmp_path / "cut" / "model.safetensors").write_bytes(weights[:-100])
    assert "is damaged" in refused("cut")
    changed("pieces")
    tokenizer = json.loads((tmp_path / "pieces" / "tokenizer.json").read_text())
    tokenizer["model"]["type"] = "Unigram"
    (tmp_path / "pieces" / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert "is a Unigram model" in refused("pieces")
    assert "nowhere is no folder, and no id of the form OWNER/NAME" in refused("nowhere")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "cannot fetch nobody/nothing" in refused("nobody/nothing")


def test_a_difference_from_transformers_is_an_error(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(imported("qwen3"), tmp_path / "m"))
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    tokenizer["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = r"(?s:.)"
    path.write_text(json.dumps(tokenizer))
    ours = load_tokenizer(folder)
    path.write_bytes((imported("qwen3") / "tokenizer.json").read_bytes())
    with pytest.MonkeyPatch.context() as patched, pytest.raises(CheckpointError, match="ids of a text differ"):
        patched.setattr("orrery.models.importing.load_tokenizer", lambda folder: ours)
        compare(folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("orrery.models.importing.load_tokenizer", lambda folder: ours)
        done = typed("import", str(folder), "--check", "--out", "kept", cwd=tmp_path)
    assert done.returncode == 2 and "ids of a text differ" in done.stderr and not (tmp_path / "kept").exists()
