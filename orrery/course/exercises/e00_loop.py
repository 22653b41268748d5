"""The five-step loop on a model of a single number."""

from types import ModuleType

from orrery.scratch.autograd import Value

TITLE = "The five-step loop"
TASK = """A model of one number w predicts y as w * x. Write `train`, which goes through the pairs (x, y) one after
the other, again from the first when it is through, for `steps` steps. In each: predict; compare, with the loss (w * x
- y) ** 2; blame, with the slope of that loss for w, which is 2 * (w * x - y) * x; adjust, by taking off the rate
times the slope. Return w as it was before each step, and last as it is after them. The check follows every step with
the package's own gradients."""
STARTER = '''
def train(pairs: list[tuple[float, float]], w: float, rate: float, steps: int) -> list[float]:
    """w before each step and after the last: steps + 1 numbers.

    pairs   what it learns from: (x, y)
    w       where it begins
    """
    raise NotImplementedError
'''
SOLUTION = '''
def train(pairs: list[tuple[float, float]], w: float, rate: float, steps: int) -> list[float]:
    """w before each step and after the last: steps + 1 numbers."""
    seen = [w]
    for step in range(steps):
        x, y = pairs[step % len(pairs)]
        slope = 2 * (w * x - y) * x
        w -= rate * slope
        seen.append(w)
    return seen
'''


def check(answer: ModuleType) -> None:
    """Every step against one that autograd takes."""
    for pairs, begin, rate, steps in (
        ([(1.0, 3.0)], 0.0, 0.1, 1),
        ([(1.0, 2.0), (-2.0, -3.0), (0.5, 1.5)], 0.3, 0.05, 10),
        ([(2.0, 1.0), (1.0, 5.0)], -1.0, 0.2, 0),
    ):
        found = answer.train(list(pairs), begin, rate, steps)
        assert len(found) == steps + 1, f"{steps} steps have {steps + 1} values of w; you gave {len(found)}"
        w = begin
        for step, given in enumerate(found):
            assert abs(given - w) < 1e-9, f"on {pairs} with rate {rate}, after {step} steps w is {w:g}, not {given:g}"
            x, y = pairs[step % len(pairs)]
            value = Value(w)
            ((value * x - y) ** 2).backward()
            w -= rate * value.grad
