"""Chat form: does every kind of prompt get a proper turn, with readable text, well-formed calls and an end?

The prompts are some of every other exam's, and small talk, wishes and conversations of several turns besides.
"""

from collections.abc import Sequence
from dataclasses import replace

from orrery.data.world.world import World
from orrery.evals.exams.exam import Exam, Item, rng_for, some
from orrery.tokenizers.chat import Message

FROM_EACH = 12  # prompts of each other exam
_WISHES = (
    "Good morning to you!", "Hi, how are things today?", "Hello Orrery, nice to see you!", "Thanks for that answer!",
    "See you soon!", "Bye for now!", "I feel great this morning.", "I am so bored today.",
    "What should we talk about?", "Tell me a story about a robot.", "Tell me a story about a girl and a duck.",
    "Write a story about the moon.", "Tell me a joke about elephants.", "Do you know a joke about pizza?",
    "Make me laugh with a joke about rain.", "What is the weather today?", "Can you sing?",
    "What is your favorite color?", "Count from 1 to 5.", "Say hello in French.", "Why is the sky blue?",
    "Who won the game yesterday?", "Translate good morning into Spanish.", "asdf qwer", "?", "ok",
    "Repeat after me: blue cat.", "Is 7 a lucky number?", "Do you like me?", "What time is it?",
)  # fmt: skip
_FOLLOW_UPS = ("Thank you!", "Are you sure?", "And who are you?", "What is 12 * 34?", "Tell me a joke.", "Bye!")


def build(world: World, others: Sequence[Exam]) -> list[Exam]:
    """The exam, chat only; ``others`` are the exams whose prompts it borrows."""
    rng = rng_for("chat_form", world.config.seed)
    items: list[Item] = []
    for exam in others:
        for item in some([item for item in exam.items if item.messages], FROM_EACH, rng):
            items.append(_item(item.messages or (), exam.name))
    for wish in _WISHES:
        first: Message = {"role": "user", "content": wish}
        items.append(_item((first,), "small talk"))
        answer: Message = {"role": "assistant", "content": "I am Orrery, a small language model."}
        then: Message = {"role": "user", "content": rng.choice(_FOLLOW_UPS)}
        items.append(_item((first, answer, then), "second turn"))
    about = "turns that end properly, with readable text and well-formed calls"
    # As much room as the longest of the others: a turn that runs into the limit did not end.
    return [Exam("chat_form", about, tuple(items), stage="chat", max_tokens=160, by="prompt")]


def _item(messages: tuple[Message, ...], prompt: str) -> Item:
    cluster = "/".join(message["content"] for message in messages)
    return replace(Item("chat_form", cluster, "form", messages), labels={"prompt": prompt})
