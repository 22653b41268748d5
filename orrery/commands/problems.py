"""Where the commands of GRPO, best-of-n and distillation get problems: from files, or from the world."""

from collections.abc import Sequence

from orrery.stages.from_world import sums
from orrery.stages.problems import Problem, read_problems


def problems_for(data: Sequence[str], count: int, seed: int, plain: bool = False) -> list[Problem]:
    """The problems of the files, or ``count`` of the world where there is none.

    Args:
        plain: prompts are text that a base model goes on with.

    Raises:
        DataError: a file cannot be read, see `read_problems`.
        ConfigError: fewer than two problems of the world.
    """
    return read_problems(data, plain) if data else sums(count, seed, plain)
