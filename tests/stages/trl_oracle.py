"""TRL as an oracle: its trainers with our weights, and gradients to be compared with theirs."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from copying_task import tokenizer
from torch import Tensor, nn

from orrery.models.hf import save_model, to_hf
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.stages.dpo import CHOSEN, REJECTED
from orrery.stages.preferences import Ranking
from orrery.stages.rewards import Reward
from orrery.stages.rollouts import Rollouts

CONFIG = TransformerConfig(
    tokenizer().vocab_size, width=32, layers=2, heads=4, kv_heads=2, head_width=8, mlp_width=48, context=64,
    embedding_std=0.3,
)  # fmt: skip
MAX_TOKENS = 8  # of a completion


def load() -> SimpleNamespace:
    """What is needed of TRL; importing it takes seconds."""
    import datasets
    import transformers
    import trl
    from trl.experimental.gkd import GKDTrainer
    from trl.trainer import utils

    return SimpleNamespace(
        **{name: getattr(trl, name) for name in ("GRPOTrainer", "DPOTrainer", "RewardTrainer")},
        **{name: getattr(trl, name) for name in ("GRPOConfig", "DPOConfig", "RewardConfig")},
        dataset=datasets.Dataset.from_list,
        tokenizer=transformers.AutoTokenizer.from_pretrained,
        classifier=transformers.AutoModelForSequenceClassification.from_pretrained,
        forward_kl=GKDTrainer.generalized_jsd_loss,
        selective_log_softmax=utils.selective_log_softmax,
    )


def save_random_model(folder: Path) -> None:
    """A Qwen3 with grouped queries and a tied unembedding."""
    model = Transformer(CONFIG, torch.Generator().manual_seed(0))
    save_model(model, folder, tokenizer=tokenizer(), eos_ids=[tokenizer().eos_id])


def common(folder: Path, **settings: Any) -> dict[str, Any]:
    """Settings of all of its trainers."""
    return {"output_dir": str(folder.parent / "out"), "use_cpu": True, "bf16": False, "report_to": "none", **settings}


def disturb(model: nn.Module, scale: float = 0.03) -> None:
    """Move the weights, as training would have: the policy is no longer its reference."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for weight in model.parameters():
            weight += scale * torch.randn(weight.shape, generator=generator)


def take_over(theirs: nn.Module, ours: Transformer) -> None:
    """Give their model our weights."""
    keys = theirs.load_state_dict(to_hf(ours), strict=False)
    assert keys.missing_keys == ["lm_head.weight"] and not keys.unexpected_keys  # it is tied to the embeddings


def gradients_as_hf(model: Transformer) -> dict[str, Tensor]:
    """Our gradients under Hugging Face's names."""
    holder = Transformer(model.config)
    for place, weight in zip(holder.parameters(), model.parameters(), strict=True):
        assert weight.grad is not None
        place.data = weight.grad
    return to_hf(holder)


def assert_same_gradients(ours: Mapping[str, Tensor], theirs: nn.Module) -> None:
    """Of every parameter, to float32's rounding."""
    expected = {name: weight.grad for name, weight in theirs.named_parameters()}
    assert ours.keys() == expected.keys()
    for name, gradient in ours.items():
        largest = expected[name].abs().max().item()
        assert largest > 0, name
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5 * largest)


def grpo_trainer(trl: SimpleNamespace, folder: Path, rollouts: Rollouts, reward: Reward, **settings: Any) -> Any:
    """Its trainer, which is given our completions; ``reward`` sees nothing but the completion."""
    flat = [one for group in rollouts.written for one in group]

    def given(prompts: list[str], trainer: Any) -> dict[str, Any]:
        return {
            "prompt_ids": [one.prompt_ids for one in flat],
            "completion_ids": [one.ids for one in flat],
            "logprobs": None,
            "env_mask": [[int(own) for own in one.trained] for one in flat],
        }

    def rewards(completions: list[str], **columns: Any) -> list[float]:
        return [reward("", completion, None) for completion in completions]

    rewards.__name__ = reward.name

    settings = {
        "num_iterations": 2,  # otherwise the old log-probabilities are taken to be the new ones
        "epsilon": 0.2,
        "epsilon_high": 0.28,
        "use_bias_correction_kl": False,  # TRL's default multiplies k3 by rho (DeepSeek-V3.2, arXiv 2512.02556)
        **settings,
    }
    args = trl.GRPOConfig(
        **common(folder, per_device_train_batch_size=len(flat), num_generations=len(rollouts.written[0])),
        max_completion_length=MAX_TOKENS, **settings,
    )  # fmt: skip
    trainer = trl.GRPOTrainer(
        str(folder), rewards, args, trl.dataset([{"prompt": "a>"}] * len(flat)),
        processing_class=trl.tokenizer(folder), rollout_func=given,
    )  # fmt: skip
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1  # which its loop would set
    return trainer


def dpo_trainer(trl: SimpleNamespace, folder: Path, pairs: list[Ranking], **settings: Any) -> Any:
    """Its trainer on these pairs."""
    given = [{"prompt": r.prompt, "chosen": r.completions[CHOSEN], "rejected": r.completions[REJECTED]} for r in pairs]
    args = trl.DPOConfig(**common(folder, precompute_ref_log_probs=True, **settings))
    return trl.DPOTrainer(str(folder), None, args, None, trl.dataset(given), processing_class=trl.tokenizer(folder))
