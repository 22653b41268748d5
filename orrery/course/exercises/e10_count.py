"""How many parameters an architecture has, without building it."""

from types import ModuleType

from orrery.models.explain import count_parts
from orrery.models.transformer import TransformerConfig

TITLE = "Count the parameters"
TASK = """Write `parameters` for the architecture that Orrery trains (Qwen3's): a token embedding that is also the
output layer; in each block four attention matrices (queries and output for all heads, keys and values for the key/value
heads only), three MLP matrices (gate, up, down), a norm before each half with one number for each of the width, and a
norm for queries and one for keys with one number for each of a head's width; and a last norm. Nothing has a bias. The
check compares with models that are really built, of several sizes."""
STARTER = '''
def parameters(
    vocabulary: int, width: int, layers: int, heads: int, kv_heads: int, head_width: int, mlp_width: int
) -> int:
    """All numbers that training sets."""
    raise NotImplementedError
'''
SOLUTION = '''
def parameters(
    vocabulary: int, width: int, layers: int, heads: int, kv_heads: int, head_width: int, mlp_width: int
) -> int:
    """All numbers that training sets."""
    attention = 2 * width * heads * head_width + 2 * width * kv_heads * head_width
    mlp = 3 * width * mlp_width
    norms = 2 * width + 2 * head_width
    return vocabulary * width + layers * (attention + mlp + norms) + width
'''
SIZES = (  # vocabulary, width, layers, heads, key/value heads, width of a head, width of the MLP
    (100, 8, 1, 2, 2, 4, 16),
    (100, 8, 2, 2, 1, 6, 16),
    (1024, 64, 3, 4, 1, 32, 96),
    (151936, 1024, 2, 16, 8, 128, 3072),
)


def check(answer: ModuleType) -> None:
    """Small ones first; the last is Qwen3 0.6B with two of its 28 blocks."""
    for size in SIZES:
        vocabulary, width, layers, heads, kv_heads, head_width, mlp_width = size
        config = TransformerConfig(
            vocabulary,
            width=width,
            layers=layers,
            heads=heads,
            kv_heads=kv_heads,
            head_width=head_width,
            mlp_width=mlp_width,
        )
        parts = {part.name: part.parameters for part in count_parts(config, 1) if part.parameters}
        right, found = sum(parts.values()), answer.parameters(*size)
        assert found == right, f"for {size} there are {right:,} parameters, {parts}; you counted {found}"
