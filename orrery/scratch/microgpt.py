"""The complete GPT: data, tokens, parameters, forward pass, loss, Adam, training and sampling, on scalars alone.

    orrery microgpt                            # learns given names for a quarter of a minute, then makes up twenty
    orrery microgpt --data words.txt --steps 500 --plot loss.svg

Everything that a large model does is here once, in the order in which it happens; all that large models add is speed.
The algorithm and its numbers are Karpathy's microGPT (2026): GPT-2 (Radford et al. 2019) with RMSNorm (arXiv
1910.07467) after the embedding and before each block, no biases, ReLU, an output layer of its own; one layer of width
16, 4,192 parameters for 27 tokens. A document is read position by position, as in sampling: one token in, the scores of
the next out. The same seed gives the published program's losses, to rounding (benchmarks/microgpt.py).
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orrery.errors import ConfigError, DataError
from orrery.scratch.autograd import Value, dot, mean, total

Vector = list[Value]
Matrix = list[Vector]
Cache = list[tuple[Matrix, Matrix]]  # for each layer the keys and the values of the positions read so far


@dataclass(frozen=True)
class Shape:
    """How large the model is."""

    layers: int = 1
    """Blocks of attention and MLP."""
    width: int = 16
    """Numbers that stand for one position."""
    heads: int = 4
    """Questions that attention asks at once; they share the width."""
    context: int = 16
    """Positions that it can read."""


class Characters:
    """Each character of the documents is a token; one more, BOS, stands at both ends of a document."""

    def __init__(self, documents: Sequence[str]) -> None:
        self.characters = sorted(set("".join(documents)))
        self.ids = {character: number for number, character in enumerate(self.characters)}
        self.bos, self.size = len(self.characters), len(self.characters) + 1

    def encode(self, text: str) -> list[int]:
        """The characters' numbers. Raises `DataError` for a character that no document has."""
        if unknown := set(text) - self.ids.keys():
            raise DataError(f"{text!r}: no document has {min(unknown)!r}; known: {''.join(self.characters)!r}")
        return [self.ids[character] for character in text]

    def decode(self, tokens: Sequence[int]) -> str:
        """The characters of the tokens."""
        return "".join(self.characters[token] for token in tokens)


def parameters(shape: Shape, vocabulary: int, rng: random.Random) -> dict[str, Matrix]:
    """Every matrix the model has, filled with small random numbers: at first it favours no token."""

    def matrix(rows: int, columns: int) -> Matrix:
        return [[Value(rng.gauss(0, 0.08)) for _ in range(columns)] for _ in range(rows)]

    width = shape.width
    weights = {"token": matrix(vocabulary, width), "position": matrix(shape.context, width)}
    weights["output"] = matrix(vocabulary, width)
    for layer in range(shape.layers):
        for name in ("query", "key", "value", "mix"):
            weights[f"{layer}.{name}"] = matrix(width, width)
        weights[f"{layer}.up"], weights[f"{layer}.down"] = matrix(4 * width, width), matrix(width, 4 * width)
    return weights


def linear(x: Vector, matrix: Matrix) -> Vector:
    """Each row of the matrix is a pattern; the answer says how much of it is in x."""
    return [dot(row, x) for row in matrix]


def add(a: Vector, b: Vector) -> Vector:
    """Number by number: what a block found is added to what was there."""
    return [x + y for x, y in zip(a, b, strict=True)]


def rms_norm(x: Vector) -> Vector:
    """x / √(mean of its squares), so that no position is louder than another."""
    scale = (dot(x, x) * (1 / len(x)) + 1e-5) ** -0.5
    return [v * scale for v in x]


def softmax(scores: Vector) -> Vector:
    """Scores to probabilities: e^score over the sum of all. The largest is taken off before, against overflow."""
    largest = max(v.data for v in scores)
    powers = [(v - largest).exp() for v in scores]
    share = total(powers) ** -1
    return [power * share for power in powers]


def attention(weights: dict[str, Matrix], shape: Shape, layer: int, x: Vector, cache: Cache) -> Vector:
    """Look back: each head asks (query), positions offer (key), and those that fit best pass something on (value)."""
    keys, values = cache[layer]
    query = linear(x, weights[f"{layer}.query"])
    keys.append(linear(x, weights[f"{layer}.key"]))
    values.append(linear(x, weights[f"{layer}.value"]))
    width = shape.width // shape.heads
    found: Vector = []
    for start in range(0, shape.width, width):
        head = slice(start, start + width)
        fits = [dot(query[head], key[head]) * width**-0.5 for key in keys]
        shares = softmax(fits)
        found += [dot(shares, [value[i] for value in values]) for i in range(start, start + width)]
    return linear(found, weights[f"{layer}.mix"])


def mlp(weights: dict[str, Matrix], layer: int, x: Vector) -> Vector:
    """Think about what was found: four times as many patterns as numbers, and what follows from those present."""
    return linear([v.relu() for v in linear(x, weights[f"{layer}.up"])], weights[f"{layer}.down"])


def forward(weights: dict[str, Matrix], shape: Shape, token: int, position: int, cache: Cache) -> Vector:
    """One token in at one position -> the score of every token as the next one; the cache grows by a position."""
    x = rms_norm(add(weights["token"][token], weights["position"][position]))
    for layer in range(shape.layers):
        x = add(x, attention(weights, shape, layer, rms_norm(x), cache))
        x = add(x, mlp(weights, layer, rms_norm(x)))
    return linear(x, weights["output"])


def loss(weights: dict[str, Matrix], shape: Shape, tokens: Sequence[int]) -> Value:
    """The mean surprise, -ln p, at the token that does come next, over a document."""
    cache: Cache = [([], []) for _ in range(shape.layers)]
    surprises = []
    for position, (token, following) in enumerate(zip(tokens, tokens[1:], strict=False)):
        chances = softmax(forward(weights, shape, token, position, cache))
        surprises.append(-chances[following].log())
    return mean(surprises)


class Adam:
    """Steps against the gradient, each number at a pace of its own (arXiv 1412.6980, algorithm 1)."""

    def __init__(self, values: Sequence[Value], b1: float = 0.85, b2: float = 0.99, eps: float = 1e-8) -> None:
        self.values, self.b1, self.b2, self.eps = values, b1, b2, eps
        self.m, self.v, self.steps = [0.0] * len(values), [0.0] * len(values), 0

    def step(self, rate: float) -> None:
        """Move every value against its mean gradient, in units of the gradient's usual size; forget the gradient."""
        self.steps += 1
        of_m, of_v = 1 - self.b1**self.steps, 1 - self.b2**self.steps
        for i, value in enumerate(self.values):
            m = self.m[i] = self.b1 * self.m[i] + (1 - self.b1) * value.grad
            v = self.v[i] = self.b2 * self.v[i] + (1 - self.b2) * value.grad**2
            value.data -= rate * (m / of_m) / (math.sqrt(v / of_v) + self.eps)
            value.grad = 0.0


class MicroGPT:
    """The model with all that it needs to be trained, a step or all steps at a time, and to make things up.

    Args:
        documents: what it learns from; each step reads one, in an order that the seed decides.
        steps: training ends there; the learning rate falls to nothing on the way.

    Raises:
        DataError: fewer than two documents, or one that is longer than the context takes.
        ConfigError: a shape, a number of steps or a learning rate that cannot be.
    """

    def __init__(
        self, documents: Sequence[str], shape: Shape = Shape(), steps: int = 1000, rate: float = 0.01, seed: int = 42
    ) -> None:
        check(documents, shape, steps, rate)
        self.shape, self.steps, self.rate, self.rng = shape, steps, rate, random.Random(seed)
        self.documents = list(documents)
        self.rng.shuffle(self.documents)
        self.characters = Characters(documents)
        self.weights = parameters(shape, self.characters.size, self.rng)
        self.adam = Adam([v for matrix in self.weights.values() for row in matrix for v in row])

    def step(self) -> float:
        """Read one document, find what each number has to do with its loss, move all a little -> the loss."""
        done, bos = self.adam.steps, self.characters.bos
        document = self.documents[done % len(self.documents)]
        surprise = loss(self.weights, self.shape, [bos, *self.characters.encode(document), bos])
        surprise.backward()
        self.adam.step(self.rate * max(0.0, 1 - done / self.steps))
        return surprise.data

    def train(self, on_step: Callable[[int, float], None] = lambda step, loss: None) -> None:
        """All steps that are left; after each, ``on_step`` is told its number, from 1, and its loss."""
        while self.adam.steps < self.steps:
            surprise = self.step()
            on_step(self.adam.steps, surprise)

    def sample(self, temperature: float = 0.5, start: str = "") -> str:
        """Begin with BOS and ``start``, then draw what comes next, again and again, until BOS or the context's end.

        A low temperature keeps to what is likely. Raises `ConfigError` for one that is not above 0, and `DataError` for
        a start that has unknown characters or fills the context.
        """
        if not temperature > 0:
            raise ConfigError(f"a temperature of {temperature:g} cannot be: it divides the scores; give one above 0")
        tokens = [self.characters.bos, *self.characters.encode(start)]
        if len(tokens) > self.shape.context:
            raise DataError(f"{start!r} leaves no room to go on in a context of {self.shape.context}")
        cache: Cache = [([], []) for _ in range(self.shape.layers)]
        for position in range(self.shape.context):
            scores = forward(self.weights, self.shape, tokens[position], position, cache)
            if position + 1 == len(tokens):
                chances = [v.data for v in softmax([v / temperature for v in scores])]
                token = self.rng.choices(range(self.characters.size), chances)[0]
                if token == self.characters.bos:
                    break
                tokens.append(token)
        return self.characters.decode(tokens[1:])


def check(documents: Sequence[str], shape: Shape, steps: int, rate: float) -> None:
    """Say at once what would go wrong later."""
    for name, number in {**vars(shape), "steps": steps, "learning rate": rate}.items():
        if not number > 0:
            raise ConfigError(f"{name} is {number}; it must be above 0")
    if shape.width % shape.heads:
        raise ConfigError(f"a width of {shape.width} cannot be shared by {shape.heads} heads")
    if len(documents) < 2:
        raise DataError(f"{len(documents)} documents to learn from; give at least two, one a line")
    longest = max(documents, key=len)
    if len(longest) >= shape.context:
        raise DataError(f"a context of {shape.context} takes {shape.context - 1} characters; {longest!r} is longer")
