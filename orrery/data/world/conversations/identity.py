"""Who are you? The assistant is Orrery, a small language model, and says so however it is asked.

The questions stand in ``tables/words_identity.txt``: many, and in many words, since a model of this size understands
only the words that it has met. Those of the exam stand in ``evals/exams/identity.py`` alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from orrery.data.world.choice import Choice
from orrery.data.world.conversations.conversation import Conversation, exchange, put
from orrery.data.world.genres.words import Block, block_table, filled
from orrery.data.world.world import World

FORM_SHARE = 0.35  # of the questions are made from forms; the others, written one by one, are more varied


@dataclass(frozen=True)
class Aspect:
    """One thing to be known about the assistant: its questions outside exams, and the answer.

    Attributes:
        said: questions written one by one.
        formed: questions that forms make.
    """

    said: tuple[str, ...]
    formed: tuple[str, ...]
    answer: str

    @property
    def questions(self) -> tuple[str, ...]:
        """All of them."""
        return self.said + self.formed

    def ask(self, choice: Choice) -> str:
        """One question."""
        return choice.pick(self.formed if choice.chance(FORM_SHARE) else self.said)


def _aspect(block: Block) -> Aspect:
    fillers = block.except_keys("answer", "said", "form")
    formed = dict.fromkeys(text for form in block.one("form") for text in filled(form, fillers))
    return Aspect(block.one("said"), tuple(formed), block.one("answer")[0])


ASPECTS: Mapping[str, Aspect] = {block.name: _aspect(block) for block in block_table("words_identity.txt").values()}


def write(world: World, choice: Choice) -> Conversation:
    """One question about the assistant, at times typed without capitals and marks."""
    # Half of the questions are after the name: what people ask first.
    name = "name" if choice.chance(0.4) else choice.pick(tuple(ASPECTS))
    aspect = ASPECTS[name]
    question = aspect.ask(choice)
    typed = question.lower().rstrip("?.") if choice.chance(0.15) else put(choice, question)
    return Conversation(exchange(typed, aspect.answer), "identity", {"aspect": name})
