"""One training step of our Qwen3 beside transformers' own: the same sizes, weights, data, loss and optimizer.

    OMP_NUM_THREADS=1 python benchmarks/model.py --threads 1 --rounds 5

The two take turns (A B A B …), so that a busy machine slows both; each round gives one ratio of their medians.
Whole rows of random ids, no packing: transformers has no other fast path on a CPU.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
import tyro
from torch import Tensor, nn
from transformers import Qwen3Config, Qwen3ForCausalLM

from orrery.models.explain import flops_per_token
from orrery.models.hf import to_hf
from orrery.models.hf_config import config_to_hf
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.training.machine import keep_freed_memory


@dataclass(frozen=True)
class Setting:
    """Sizes of the comparison."""

    threads: int = 1
    rounds: int = 5
    steps: int = 5
    """Steps of each model a round."""
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    """bfloat16: under autocast, weights in float32."""
    layers: int = 4
    width: int = 128
    mlp_width: int = 384
    heads: int = 4
    kv_heads: int = 4
    vocab_size: int = 1024
    rows: int = 16
    context: int = 256


def training_step(model: nn.Module, logits: Callable[[Tensor], Tensor], s: Setting, ids: Tensor) -> Callable[[], float]:
    """A function that takes one step and returns its loss."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def step() -> float:
        with torch.autocast("cpu", torch.bfloat16, enabled=s.precision == "bfloat16"):
            out = logits(ids[:, :-1])
        loss = F.cross_entropy(out.float().flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step


def main(s: Setting) -> None:
    """Build both models, check that they agree, let them take turns, print the ratios."""
    torch.set_num_threads(s.threads)
    keep_freed_memory()
    config = TransformerConfig(
        s.vocab_size, "qwen3", s.width, s.layers, s.heads, s.kv_heads, s.width // s.heads, s.mlp_width, s.context
    )
    ours = Transformer(config)
    theirs = Qwen3ForCausalLM(Qwen3Config(**config_to_hf(config, "float32", ())))
    theirs.load_state_dict(to_hf(ours), strict=False)  # the tied unembedding goes without saying
    ids = torch.randint(0, s.vocab_size, (s.rows, s.context + 1), generator=torch.Generator().manual_seed(0))
    steps = {
        "orrery": training_step(ours, ours, s, ids),
        "transformers": training_step(theirs, lambda ids: theirs(ids, use_cache=False).logits, s, ids),
    }
    losses = {name: [step() for _ in range(2)] for name, step in steps.items()}  # warms up, and shows that they agree
    print(f"{ours.num_parameters():,} parameters; losses of the first two steps: {losses}")
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(s.rounds):
        for name, step in steps.items():
            taken = []
            for _ in range(s.steps):
                start = time.perf_counter()
                step()
                taken.append(time.perf_counter() - start)
            times[name].append(statistics.median(taken))
    tokens = s.rows * s.context
    for name, seconds in times.items():
        typical = statistics.median(seconds)
        rate = flops_per_token(config, s.context) * tokens / typical / 1e9
        print(f"{name:12} {typical * 1e3:7.1f} ms a step  {tokens / typical:8,.0f} tokens/s  {rate:6.1f} GFLOP/s")
    ratios = sorted(b / a for a, b in zip(times["orrery"], times["transformers"], strict=True))
    print(f"transformers' time over ours: {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main(tyro.cli(Setting, description=__doc__))
