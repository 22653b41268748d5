"""Greetings, thanks, goodbyes and other small talk: very many ways to say them, one way to answer each.

The remarks stand in ``tables/words_smalltalk.txt``, some written one by one and some as forms with slots, so that a
model cannot learn them by heart and has to see what a greeting is.
"""

from dataclasses import dataclass

from orrery.data.world.choice import Choice
from orrery.data.world.conversations.conversation import Conversation, exchange
from orrery.data.world.genres.words import Block, block_table, filled, plain
from orrery.data.world.world import World

FORM_SHARE = 0.5  # of the remarks are made from forms


@dataclass(frozen=True)
class Talk:
    """One thing that people say without asking for anything.

    Attributes:
        said: remarks written one by one.
        formed: remarks that forms make.
        reply: the answers to any of them, which are alternatives.
    """

    name: str
    said: tuple[str, ...]
    formed: tuple[str, ...]
    reply: tuple[str, ...]

    def say(self, choice: Choice) -> str:
        """One remark, as somebody might type it: at times without capitals, at times without its last mark."""
        text = choice.pick(self.formed if choice.chance(FORM_SHARE) else self.said)
        typed = choice.weighted(("well", "bare", "small"), (0.7, 0.85, 1.0))
        if typed != "well":
            text = text.rstrip("!.?") or text
        return text.lower() if typed == "small" else text


def _talk(block: Block, kept: set[str]) -> Talk:
    fillers = block.except_keys("said", "form", "reply")
    formed = (text for form in block.one("form") for text in filled(form, fillers))
    free = [[text for text in dict.fromkeys(texts) if plain(text) not in kept] for texts in (block.one("said"), formed)]
    return Talk(block.name, tuple(free[0]), tuple(free[1]), block.one("reply"))


_BLOCKS = block_table("words_smalltalk.txt")
_KEPT = {plain(text) for text in _BLOCKS["kept"].one("said")}
TALKS = tuple(_talk(block, _KEPT) for block in _BLOCKS.values() if block.name != "kept")
HELLO, THANKS, GOODBYE = TALKS[:3]


def write(world: World, choice: Choice) -> Conversation:
    """One remark and its reply."""
    talk = choice.pick(TALKS if choice.chance(0.5) else TALKS[:3])
    return small_talk(choice, talk)


def small_talk(choice: Choice, talk: Talk) -> Conversation:
    """One remark of this sort and its reply."""
    messages = exchange(talk.say(choice), choice.pick(talk.reply))
    return Conversation(messages, "smalltalk", {"talk": talk.name})
