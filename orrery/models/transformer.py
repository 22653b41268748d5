"""The transformer: token ids in, logits of the next token out.

One class is three architectures, chosen by `TransformerConfig.architecture`:

    qwen3   RMSNorm, rotary positions, grouped-query attention with QK-norm, SwiGLU, no biases (arXiv 2505.09388)
    llama   the same without QK-norm (arXiv 2407.21783)
    gpt2    LayerNorm, learned positions, tanh-GELU, biases (Radford et al. 2019)

All are pre-norm. `layers.py` holds a block's parts, `hf.py` reads and writes Hugging Face folders, `trace.py`
recomputes the pass so that it can be watched. Left out: dropout, attention windows, mixtures of experts.

    config = TransformerConfig(vocab_size=1024)
    model = Transformer(config, torch.Generator().manual_seed(0))
    logits = model(ids)                                             # all at once
    cache = KVCache(config, batch=1, length=config.context)
    logits = model(ids[:, :5], cache=cache)                         # or piece by piece
    logits = model(ids[:, 5:6], cache=cache)

Shapes: B batch, T tokens, S slots attended to, D width, L layers, V vocabulary.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from orrery.errors import InferenceError
from orrery.models.cache import KVCache
from orrery.models.config import Architecture, RopeScaling, TransformerConfig
from orrery.models.copying import set_copying_heads
from orrery.models.cross_entropy import cross_entropy
from orrery.models.layers import Block, Pass, make_norm, rotary_frequencies, rotary_tables

__all__ = ["Architecture", "KVCache", "RopeScaling", "Transformer", "TransformerConfig", "segment_positions"]


class Transformer(nn.Module):
    """A decoder-only language model.

    New weights come from `generator` (one with seed 0 when None). Embeddings, and an untied unembedding, have the
    standard deviation `config.embedding_std`; other matrices 1/sqrt(inputs), which keeps activations at their size;
    those that write to the residual stream a further 1/sqrt(2 L), so that it does not grow with depth (GPT-2, section
    2.3). Biases start at 0 and norms at 1, the last norm at `config.final_norm_init`.
    """

    def __init__(self, config: TransformerConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.width)
        if not config.rotary:
            self.position_embedding = nn.Embedding(config.context, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.final_norm = make_norm(config)
        if not config.tied:
            self.unembedding = nn.Linear(config.width, config.vocab_size, bias=False)
        # Not a buffer, because `.to(torch.bfloat16)` must leave the frequencies in float32.
        self.frequencies = rotary_frequencies(config) if config.rotary else None  # C/2
        if not self.token_embedding.weight.is_meta:
            self.initialise(generator or torch.Generator().manual_seed(0))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights anew, as the class describes."""
        for name, weight in self.named_parameters():
            if "embedding" in name:  # token, position and un-embedding
                weight.normal_(std=self.config.embedding_std, generator=generator)
            elif weight.dim() == 2:
                writes_to_stream = name.endswith(("attention.output.weight", "mlp.down.weight"))
                depth = 2 * self.config.layers if writes_to_stream else 1
                weight.normal_(std=(weight.shape[1] * depth) ** -0.5, generator=generator)
            elif name == "final_norm.weight":
                weight.fill_(self.config.final_norm_init)
            else:
                weight.fill_(0.0 if name.endswith("bias") else 1.0)
        if self.config.copying_heads:
            set_copying_heads(self, generator)

    def num_parameters(self) -> int:
        """How many numbers the model holds; a tied unembedding counts once."""
        return sum(weight.numel() for weight in self.parameters())

    def forward(
        self,
        ids: Tensor,
        *,
        positions: Tensor | None = None,
        segments: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Logits [B T V] of the tokens that follow `ids` [B T]; arguments and errors are those of `hidden`."""
        return self.unembed(self.hidden(ids, positions=positions, segments=segments, cache=cache))

    def unembed(self, hidden: Tensor) -> Tensor:
        """Logits [... V] of hidden states [... D]; give it the selected positions only where the rest is not needed."""
        return F.linear(hidden, self.unembedding_weight)

    def nats(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of `targets` [N] after hidden states [N D] -> [N], float32: that of `unembed`, in less time."""
        return cross_entropy(hidden, self.unembedding_weight, targets)

    @property
    def unembedding_weight(self) -> Tensor:
        """What makes logits of hidden states [V D]: the token embedding itself where the two are tied."""
        return self.token_embedding.weight if self.config.tied else self.unembedding.weight

    def hidden(
        self,
        ids: Tensor,
        *,
        positions: Tensor | None = None,
        segments: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Hidden states [B T D] after the last norm, of `ids` [B T].

        Args:
            positions: [B T], each token's place in its sequence. By default they count on from what the cache holds,
                or from 0 at the start of each row or segment.
            segments: [B T], the document to which each token of a packed row belongs. A token sees itself and the
                earlier tokens of its own segment. Padding may have a segment of its own, such as -1.
            cache: keys and values so far. New ones are written at `positions`; a token at position p sees slots 0 to
                p of its row. `cache.lengths` becomes the last position of each row plus 1.

        Raises:
            InferenceError: more tokens than the model's context or the cache can hold.
        """
        if cache is not None and segments is not None:
            raise ValueError("packed segments and a cache cannot be combined")
        if ids.shape[1] > self.config.context:
            raise InferenceError(f"{ids.shape[1]} tokens exceed the model's context of {self.config.context}")
        if positions is None:
            offsets = torch.arange(ids.shape[1], device=ids.device)[None]  # 1 T
            if cache is not None:
                positions = cache.lengths[:, None] + offsets  # B T
            else:
                positions = offsets if segments is None else segment_positions(segments)
        shared = self.prepare(ids, positions, segments, cache)
        x = self.token_embedding(ids)  # B T D
        if not self.config.rotary:
            x = x + self.position_embedding(positions)
        for layer, block in enumerate(self.blocks):
            x = block(x, shared, layer)
        if cache is not None:
            cache.lengths = positions[:, -1] + 1
        return self.final_norm(x)

    def prepare(self, ids: Tensor, positions: Tensor, segments: Tensor | None, cache: KVCache | None) -> Pass:
        """Make, once, what every layer needs: the mask, the rotary tables, and where to write in the cache."""
        device, T = ids.device, ids.shape[1]
        used, slots, visible = T, None, None
        if cache is not None:
            used = int(positions.max()) + 1
            if used > cache.capacity:
                raise InferenceError(f"{used} tokens exceed the cache's {cache.capacity}; make it longer")
            slots = torch.arange(ids.shape[0], device=device)[:, None], positions
            visible = torch.arange(used, device=device) <= positions[:, None, :, None]  # B 1 T S
        elif segments is not None:
            causal = torch.ones(T, T, dtype=torch.bool, device=device).tril()
            visible = (segments[:, None, :, None] == segments[:, None, None, :]) & causal  # B 1 T T
        elif device.type == "cpu":  # elsewhere the fused kernel knows causal attention by itself
            visible = torch.ones(T, T, dtype=torch.bool, device=device).tril()  # T T
        dtype = self.token_embedding.weight.dtype
        if torch.is_autocast_enabled(device.type):
            dtype = torch.get_autocast_dtype(device.type)
        mask = None
        if visible is not None:
            mask = torch.zeros(visible.shape, dtype=dtype, device=device).masked_fill_(~visible, -math.inf)
        rope = None
        if self.frequencies is not None:
            self.frequencies = self.frequencies.to(device)
            rope = rotary_tables(positions, self.frequencies, dtype)
        return Pass(mask, rope, cache, slots, used)


def segment_positions(segments: Tensor) -> Tensor:
    """Positions that restart at 0 wherever `segments` [B T] changes -> [B T].

    >>> segment_positions(torch.tensor([[0, 0, 0, 1, 1, -1]])).tolist()
    [[0, 1, 2, 0, 1, 0]]
    """
    index = torch.arange(segments.shape[1], device=segments.device).expand_as(segments)
    starts = torch.zeros_like(index)
    starts[:, 1:] = torch.where(segments[:, 1:] != segments[:, :-1], index[:, 1:], 0)
    return index - starts.cummax(dim=1).values
