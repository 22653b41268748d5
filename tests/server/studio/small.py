"""A small model of random weights, as the process that computes has it; some tokens it expects far more than others."""

import torch

from orrery.models.transformer import Transformer, TransformerConfig
from orrery.server.studio.compute import Loaded
from orrery.tokenizers.bpe import BPE


def small(seed: int = 0) -> Loaded:
    """Two layers of width 32 over bytes and two longer tokens, " the" and "nn"; the same for the same seed."""
    tokenizer = BPE.from_tokens([b" t", b"he", b" the", b"nn"])
    shape = TransformerConfig(
        tokenizer.vocab_size, width=32, layers=2, heads=2, kv_heads=1, head_width=16, mlp_width=64, context=64
    )
    model = Transformer(shape, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        model.token_embedding.weight.mul_(40)
    return Loaded(model.eval(), tokenizer)
