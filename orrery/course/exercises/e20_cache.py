"""What a conversation takes of memory."""

from types import ModuleType

from orrery.models.cache import KVCache
from orrery.models.config import TransformerConfig
from orrery.models.explain import KNOWN, cache_bytes_per_token

TITLE = "How much memory a conversation takes"
TASK = """For every token that a model has read it keeps a key and a value, in every layer and for every key/value head,
each as wide as a head. Write `cache_bytes`, the bytes that so many tokens take, and `tokens_that_fit`, how many whole
tokens of a conversation fit into so many bytes beside the weights: at most the model's context, and none where not even
the weights fit. The check allocates real caches and measures them, and asks about GPT-2 and others."""
STARTER = '''
def cache_bytes(tokens: int, layers: int, kv_heads: int, head_width: int, bytes_per_number: int) -> int:
    """Bytes of the keys and values of so many tokens."""
    raise NotImplementedError


def tokens_that_fit(memory: int, weights: int, context: int, bytes_per_token: int) -> int:
    """Whole tokens whose cache fits into the memory that the weights leave, at most `context`."""
    raise NotImplementedError
'''
SOLUTION = '''
def cache_bytes(tokens: int, layers: int, kv_heads: int, head_width: int, bytes_per_number: int) -> int:
    """Bytes of the keys and values of so many tokens."""
    return 2 * layers * kv_heads * head_width * bytes_per_number * tokens


def tokens_that_fit(memory: int, weights: int, context: int, bytes_per_token: int) -> int:
    """Whole tokens whose cache fits into the memory that the weights leave, at most `context`."""
    return max(0, min(context, (memory - weights) // bytes_per_token))
'''


def check(answer: ModuleType) -> None:
    """Real caches, known models, and the edges of a memory."""
    for layers, kv_heads, head_width, tokens in ((1, 1, 8, 1), (3, 2, 16, 50), (2, 4, 32, 128)):
        config = TransformerConfig(64, width=32, layers=layers, heads=4, kv_heads=kv_heads, head_width=head_width,
                                   mlp_width=64, context=128)  # fmt: skip
        cache = KVCache(config, 1, tokens)
        right = cache.keys.nbytes + cache.values.nbytes
        found = answer.cache_bytes(tokens, layers, kv_heads, head_width, 4)
        assert found == right, (
            f"{layers} layers, {kv_heads} heads of {head_width}, {tokens} tokens: {right:,}, not {found}"
        )
    for name, known in KNOWN.items():
        found = answer.cache_bytes(1, known.layers, known.kv_heads, known.head_width, 2)
        right = cache_bytes_per_token(known, 2)
        assert found == right, f"a token of {name} takes {right:,} bytes in 16-bit numbers; you say {found}"
    for memory, weights, context, each, right in (
        (1000, 400, 100, 7, 85), (1000, 400, 50, 7, 50), (1000, 1001, 50, 7, 0), (1000, 400, 100, 601, 0),
    ):  # fmt: skip
        found = answer.tokens_that_fit(memory, weights, context, each)
        assert found == right, (
            f"{memory:,} bytes, weights of {weights:,}, {each} a token, context {context}: {right} fit; you say {found}"
        )
