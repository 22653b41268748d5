"""Post-training takes any model folder that can be loaded, and leaves one that transformers opens."""

from pathlib import Path
from typing import Any

import pytest
import torch
from copying_task import share_copied, tokenizer
from transformers import AutoModelForCausalLM

from orrery.models.hf import load_model, save_model
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.stages.dpo import DPOConfig, dpo
from orrery.stages.grpo import GRPOConfig, grpo
from orrery.stages.ppo import PPOConfig, ppo
from orrery.stages.preferences import Ranking
from orrery.stages.problems import Problem
from orrery.stages.reward import RewardConfig, reward
from orrery.stages.rewards import Reward
from orrery.training.loop import TrainResult
from orrery.training.runs import Run
from orrery.training.stage import TrainConfig

ASKED = [[{"role": "user", "content": letters}] for letters in ("ab", "ba", "cd", "dc", "aa", "bb")]
RANKINGS = [Ranking(asked, [[{"role": "assistant", "content": text}] for text in ("abc", "dd")]) for asked in ASKED]
PROBLEMS = [Problem(asked, "ab") for asked in ASKED]
TRAIN = TrainConfig(steps=1, rows=4, precision="float32", device="cpu", evaluate_every=0, sample_every=0)


def length(prompt: str, completion: str, truth: Any) -> float:
    """Nothing is known yet, but some completions are longer."""
    return float(len(completion)) + share_copied(prompt, completion, truth)


@pytest.mark.parametrize("architecture", ["qwen3", "llama", "gpt2"])
def test_every_stage_takes_a_folder_of_each_architecture(tmp_path: Path, architecture: Any) -> None:
    config = TransformerConfig(
        tokenizer().vocab_size, architecture, width=32, layers=1, heads=2, kv_heads=2, head_width=16, mlp_width=64,
        context=64, tied=True,
    )  # fmt: skip
    parent = tmp_path / "parent"
    model = Transformer(config, torch.Generator().manual_seed(0))
    save_model(model, parent, tokenizer=tokenizer(), eos_ids=[tokenizer().eos_id])
    with Run.open("all", recipe={}, root=tmp_path) as run:
        judge = reward(RewardConfig(TRAIN), run, parent=parent, rankings=RANKINGS)
        made: list[TrainResult] = [
            dpo(DPOConfig(TRAIN), run, parent=parent, rankings=RANKINGS),
            ppo(PPOConfig(TRAIN, prompts=4, max_tokens=8), run, parent=parent, reward_model=judge.folder,
                prompts=ASKED),
            grpo(GRPOConfig(TRAIN, prompts=2, group=4, max_tokens=8, mask_truncated=False), run, parent=parent,
                 problems=PROBLEMS, rewards=[Reward("length", length, 1.0)]),
        ]  # fmt: skip
    ids = torch.tensor([tokenizer().encode("abcd")])
    for result in made:
        trained = load_model(result.folder)
        assert any(not torch.equal(a, b) for a, b in zip(trained.parameters(), model.parameters(), strict=True))
        theirs = AutoModelForCausalLM.from_pretrained(result.folder, dtype=torch.float32)
        with torch.no_grad():
            torch.testing.assert_close(theirs(ids).logits, trained(ids), atol=1e-4, rtol=1e-4)
