"""What a transformer is, as numbers: the frozen dataclass that models, recipes and folders share."""

from dataclasses import dataclass
from typing import Literal

from orrery.errors import ConfigError

Architecture = Literal["qwen3", "llama", "gpt2"]


@dataclass(frozen=True)
class RopeScaling:
    """Llama 3's stretching of the rotary frequencies: long waves are slowed by `factor`, short ones kept.

    A wave is long when it turns less than `low_frequency_factor` times within `original_context` tokens, short when
    more than `high_frequency_factor` times; between the two the change is linear. (As Llama 3.1's released code;
    not in its paper, arXiv 2407.21783.)
    """

    factor: float
    low_frequency_factor: float
    high_frequency_factor: float
    original_context: int


@dataclass(frozen=True)
class TransformerConfig:
    """Shape and initialisation of a `Transformer`. Raises `ConfigError` when the sizes do not fit each other."""

    vocab_size: int
    """Number of token ids, special tokens included."""
    architecture: Architecture = "qwen3"
    width: int = 128
    """Size of the residual stream."""
    layers: int = 4
    heads: int = 4
    """Query heads."""
    kv_heads: int = 4
    """Key/value heads; each serves heads / kv_heads query heads."""
    head_width: int = 32
    mlp_width: int = 384
    context: int = 256
    """Longest sequence, in tokens."""
    rope_base: float = 10000.0
    rope_scaling: RopeScaling | None = None
    norm_eps: float = 1e-6
    tied: bool = True
    """Whether the unembedding is the token embedding itself."""
    embedding_std: float = 0.02
    """Standard deviation of new embeddings. Only initialisation reads this and the next."""
    final_norm_init: float = 1.0
    """First value of the last norm's weights. With large embeddings a small one keeps the first loss near ln V."""
    copying_heads: bool = False
    """Whether the first two layers begin with heads that copy (`orrery.models.copying`); for qwen3."""

    def __post_init__(self) -> None:
        if self.architecture not in ("qwen3", "llama", "gpt2"):
            raise ConfigError(f"architecture {self.architecture!r} is not one of qwen3, llama, gpt2")
        for name in ("vocab_size", "width", "layers", "heads", "kv_heads", "head_width", "mlp_width", "context"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("rope_base", "norm_eps", "embedding_std"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be above 0")
        if self.heads % self.kv_heads:
            raise ConfigError(f"heads ({self.heads}) must be a multiple of kv_heads ({self.kv_heads})")
        if self.architecture == "gpt2":
            if self.kv_heads != self.heads:
                raise ConfigError(f"gpt2 has no grouped heads: set kv_heads to {self.heads}")
            if self.heads * self.head_width != self.width:
                raise ConfigError(
                    f"gpt2 needs heads x head_width = width, not {self.heads} x {self.head_width} = {self.width}"
                )
        elif self.head_width % 2:
            raise ConfigError(f"head_width is {self.head_width}; rotary positions turn pairs, so it must be even")

        if self.copying_heads:
            if self.architecture != "qwen3" or self.layers < 2 or self.head_width < 16:
                raise ConfigError("copying_heads needs qwen3 with at least 2 layers and a head_width of 16")
            if min(4, self.kv_heads) * self.head_width > self.width:
                raise ConfigError("copying_heads needs a width of 4 heads (or all, where there are fewer)")

    @property
    def rotary(self) -> bool:
        """Whether positions are rotations of queries and keys; else they are learned vectors (GPT-2)."""
        return self.architecture != "gpt2"
