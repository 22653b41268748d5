"""The countdown game: make a number of other numbers, each used exactly once.

    game = Countdown((3, 5, 4, 20), 28)
    game.solved_by("(5 - 3) * 4 + 20")      # True

A language model can hardly guess a solution, and a few lines check one: so a base model can be seen to begin to search
and to check itself when only right answers are rewarded (TinyZero, Pan et al. 2025,
https://github.com/Jiayi-Pan/TinyZero; the game is that of the television programme).
"""

import hashlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from orrery.errors import ToolError
from orrery.tools.calculator import MAX_LENGTH, calculate

LARGEST = 99  # of the numbers
TARGETS = range(10, 100)
TEST_SHARE = 10  # one problem in so many is for tests alone
DRAWS = 100_000  # without a new game: then there is hardly one left
_ALLOWED = re.compile(r"[0-9+\-*/() ×÷−\n\t]+", re.ASCII)
_OTHER = re.compile(r"[*/×÷]\s*[*/×÷]")  # of Python: powers and whole division


@dataclass(frozen=True)
class Countdown:
    """One game, and, of those that `games` makes, an expression that solves it."""

    numbers: tuple[int, ...]
    target: int
    solution: str = ""

    @classmethod
    def of(cls, truth: Any) -> Self:
        """The game of a problem's truth, {"numbers": [3, 5], "target": 8}.

        Raises:
            ValueError: it has another form.
        """
        try:
            return cls(tuple(int(number) for number in truth["numbers"]), int(truth["target"]))
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f'the truth must be {{"numbers": [3, 5], "target": 8}}, not {truth!r}') from error

    @property
    def is_test(self) -> bool:
        """Whether it is for tests alone: the same for the same numbers and target, in whatever order and file."""
        name = f"{sorted(self.numbers)} {self.target}"
        return hashlib.sha256(name.encode()).digest()[0] % TEST_SHARE == 0

    @property
    def question(self) -> str:
        """What is asked."""
        numbers = ", ".join(map(str, self.numbers))
        return (
            f"Make {self.target} from the numbers {numbers}: use each exactly once, with +, -, *, / and brackets. "
            "Think first, then write the expression in answer tags, for example <answer>(1 + 2) / 3</answer>."
        )

    @property
    def beginning(self) -> str:
        """The same as the beginning of a text, for a base model to go on with."""
        return (
            "A user asks and an assistant answers. The assistant first thinks, between <think> and </think>, and then "
            f"gives the answer.\nUser: {self.question}\nAssistant: Let me think step by step.\n<think>"
        )

    def solved_by(self, expression: str) -> bool:
        """Whether an expression that somebody wrote uses every number exactly once and is exactly the target.

        Only numbers, + - * / and brackets are accepted. Fractions on the way are exact: nothing that is merely near the
        target passes.

        >>> game = Countdown((3, 3, 8, 8), 24)
        >>> game.solved_by("8 / (3 - 8 / 3)"), game.solved_by("8 * 3"), game.solved_by("8 * 3 + 8 ** 3 - 8 ** 3")
        (True, False, False)
        """
        expression = expression.strip()
        if len(expression) > MAX_LENGTH // 2 or not _ALLOWED.fullmatch(expression) or _OTHER.search(expression):
            return False
        if sorted(map(int, re.findall("[0-9]+", expression))) != sorted(self.numbers):
            return False
        try:
            calculate(expression)  # what stands in brackets below must be an expression by itself
            return calculate(f"({expression}) - {self.target}") == "0"
        except ToolError:
            return False


def games(seed: int, numbers: int = 4, test: bool = False) -> Iterator[Countdown]:
    """Games that have a solution, no two the same, until hardly one is left; the same ones for the same seed.

    Each is made backwards: numbers are drawn and joined by random operations to one, which is the target.

    Args:
        numbers: most numbers of a game; at least 3 are drawn.
        test: games for tests alone, which are never among the others, whatever the seeds.
    """
    generator, seen, drawn_since = random.Random(seed), set(), 0
    while drawn_since < DRAWS:
        drawn_since += 1
        drawn = tuple(generator.randint(1, LARGEST) for _ in range(generator.randint(3, numbers)))
        target, solution = _joined(drawn, generator)
        game = Countdown(drawn, target, solution)
        name = (*sorted(drawn), target)
        if target in TARGETS and game.is_test == test and name not in seen:
            seen.add(name)
            drawn_since = 0
            yield game


def _joined(numbers: tuple[int, ...], generator: random.Random) -> tuple[int, str]:
    """A positive whole number that all of them make, and how."""
    parts = [(number, str(number)) for number in numbers]
    while len(parts) > 1:
        generator.shuffle(parts)
        (a, left), (b, right) = parts.pop(), parts.pop()
        ways = [("+", a + b), ("*", a * b)]
        if a > b:
            ways.append(("-", a - b))
        if a % b == 0:
            ways.append(("/", a // b))
        sign, value = generator.choice(ways)
        parts.append((value, f"({left} {sign} {right})"))
    return parts[0][0], parts[0][1][1:-1]
