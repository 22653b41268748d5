"""Which row of a table points most in the same direction: dot products, lengths, cosines."""

import random
from types import ModuleType

from orrery.scratch.autograd import Value
from orrery.scratch.autograd import dot as ours

TITLE = "The nearest row"
TASK = """Write `dot`, the sum of the products of two vectors' numbers, and with it `nearest`, which finds the row of a
table that points most in the direction of a vector: the one with the largest cosine, dot(row, vector) over the product
of their lengths. A vector's length is the root of its dot product with itself. The check compares with Orrery's own dot
product on random vectors, among them a long row in a middling direction that a bare dot product would choose."""
STARTER = '''
def dot(a: list[float], b: list[float]) -> float:
    """The sum of the products, number by number."""
    raise NotImplementedError


def nearest(vector: list[float], table: list[list[float]]) -> int:
    """The index of the row with the largest cosine; no row is all zeros."""
    raise NotImplementedError
'''
SOLUTION = '''
def dot(a: list[float], b: list[float]) -> float:
    """The sum of the products, number by number."""
    return sum(x * y for x, y in zip(a, b, strict=True))


def nearest(vector: list[float], table: list[list[float]]) -> int:
    """The index of the row with the largest cosine; no row is all zeros."""
    cosines = [dot(row, vector) / (dot(row, row) * dot(vector, vector)) ** 0.5 for row in table]
    return cosines.index(max(cosines))
'''


def check(answer: ModuleType) -> None:
    """Random vectors, and two tables in which length and distance mislead."""
    rng = random.Random(1)
    for width in (1, 2, 16, 64):
        a, b = ([rng.gauss(0, 1) for _ in range(width)] for _ in range(2))
        right, found = ours([Value(x) for x in a], [Value(x) for x in b]).data, answer.dot(a, b)
        assert isinstance(found, int | float), "dot should give a number"
        assert abs(found - right) < 1e-9, f"the dot product of {width} numbers should be {right:.6f}; you gave {found}"
    misled = answer.nearest([1.0, 0.0], [[0.0, 1.0], [9.0, 9.0], [2.0, 0.1], [-5.0, 0.0]])
    assert misled != 1, "row 1 has the largest dot product because it is long; divide by the lengths"
    assert misled == 2, f"of four rows number 2 points most in the vector's direction; you chose {misled}"
    far = answer.nearest([1.0, 1.0], [[1.2, 0.4], [-1.0, -1.0], [10.0, 9.0]])
    assert far == 2, (
        f"(10, 9) points in the direction of (1, 1), far away as its tip is; you chose row {far}: a length is a root"
    )
    for wanted in range(8):
        table = [[rng.gauss(0, 1) for _ in range(16)] for _ in range(8)]
        vector = [3 * x + rng.gauss(0, 0.1) for x in table[wanted]]
        chosen = answer.nearest(vector, table)
        assert chosen == wanted, f"of 8 rows of 16 numbers number {wanted} is nearest; you chose {chosen}"
