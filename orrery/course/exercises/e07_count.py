"""Counting the parameters of microGPT and of GPT-2 from their shapes."""

import random
from types import ModuleType

from orrery.models.explain import KNOWN, count_parts
from orrery.scratch.microgpt import Shape, parameters

TITLE = "Count every parameter"
TASK = """Write two functions that count a model's parameters from its shape alone. `microgpt` has a table of tokens,
one of positions, and an output matrix of its own; each block has four square matrices for attention, and an MLP that
goes to four times the width and back; there are no biases, and its norms have no weights. `gpt2` has no output matrix,
since it uses the table of tokens twice; each of its blocks has biases with every matrix, and two norms with a weight
and a bias for each number of the width; one more norm stands at the end. The check knows how many there are: 4,192 in
our microGPT, and 124,439,808 and 1,557,611,200 in two of the GPT-2 models."""
STARTER = '''
def microgpt(layers: int, width: int, context: int, vocabulary: int) -> int:
    """How many numbers microGPT has."""
    raise NotImplementedError


def gpt2(layers: int, width: int, context: int, vocabulary: int) -> int:
    """How many numbers GPT-2 has: biases and norms too, the table of tokens once."""
    raise NotImplementedError
'''
SOLUTION = '''
def microgpt(layers: int, width: int, context: int, vocabulary: int) -> int:
    """How many numbers microGPT has."""
    attention, mlp = 4 * width * width, 2 * 4 * width * width
    return (vocabulary + context + vocabulary) * width + layers * (attention + mlp)


def gpt2(layers: int, width: int, context: int, vocabulary: int) -> int:
    """How many numbers GPT-2 has: biases and norms too, the table of tokens once."""
    attention = 4 * width * width + 4 * width
    mlp = 2 * 4 * width * width + 4 * width + width
    norm = 2 * width
    return (vocabulary + context) * width + layers * (attention + mlp + 2 * norm) + norm
'''


def check(answer: ModuleType) -> None:
    """Several shapes of both, against the package's own models."""
    for layers, width, context, vocabulary in ((1, 16, 16, 27), (2, 8, 16, 27), (1, 16, 40, 99)):
        weights = parameters(Shape(layers, width, 4, context), vocabulary, random.Random(0))
        right = sum(len(matrix) * len(matrix[0]) for matrix in weights.values())
        found = answer.microgpt(layers, width, context, vocabulary)
        sizes = ", ".join(f"{name} {len(matrix)} × {len(matrix[0])}" for name, matrix in weights.items())
        assert found == right, (
            f"microGPT with {layers} layers, a width of {width}, a context of {context} and {vocabulary} tokens has "
            f"{right:,} parameters, not {found!r}: {sizes}"
        )
    for name in ("GPT-2 124M", "GPT-2 1.5B"):
        c = KNOWN[name]
        right = sum(part.parameters for part in count_parts(c, c.context))
        found = answer.gpt2(c.layers, c.width, c.context, c.vocab_size)
        assert found == right, f"{name} ({c.layers} layers, width {c.width}) has {right:,} parameters, not {found!r}"
