"""Verifiable problems of the world: a question and its truth, for reinforcement learning.

``chain``: sums of digits with 3 to 7 steps, as the conversations of that kind ask them.
"""

from collections.abc import Iterator

from orrery.data.world.choice import Choice
from orrery.data.world.conversations import chains
from orrery.tokenizers.chat import Message

SEED = 1 << 40  # far from the seeds of conversations


def problems(
    count: int, seed: int = 0, steps: tuple[int, int] = (3, 7), kept: bool = False
) -> Iterator[tuple[list[Message], int]]:
    """So many questions with their truths, the same ones for the same seed.

    Args:
        kept: of the sums that nobody is trained on.
    """
    for index in range(count):
        choice = Choice(SEED + seed * 1_000_003 + index)
        terms = chains.draw(choice, choice.integer(*steps), kept)
        question = choice.pick(chains.ASK).format(chains.expression(terms))
        yield [{"role": "user", "content": question}], sum(terms)
