"""Questions that no document answers, put as people put them: the future, the moment, whoever asks. "I don't know."

Unknown names (``facts.write_unknown``) teach to decline where a name is new; these teach it where the whole subject is.
"""

from orrery.data.world.choice import Choice
from orrery.data.world.conversations.conversation import Conversation, exchange, put
from orrery.data.world.genres.words import block_table, filled
from orrery.data.world.world import UNKNOWN_ANSWER, World

FORM_SHARE = 0.3  # of the questions are made from forms
_BLOCK = block_table("words_beyond.txt")["beyond"]
_SAID = _BLOCK.one("said")
_FORMED = tuple(text for form in _BLOCK.one("form") for text in filled(form, _BLOCK.except_keys("said", "form")))
QUESTIONS = _SAID + _FORMED


def write(world: World, choice: Choice) -> Conversation:
    """One question about what nobody told the assistant."""
    question = ask(choice)
    return Conversation(exchange(put(choice, question), UNKNOWN_ANSWER), "beyond", {"question": question})


def ask(choice: Choice) -> str:
    """The question alone."""
    return choice.pick(_FORMED if choice.chance(FORM_SHARE) else _SAID)
