"""Things to be kept for later with `remember`, and found again with `recall`; also when there is nothing to find."""

from orrery.data.world.atlas import COLOURS, Atlas
from orrery.data.world.choice import Choice
from orrery.data.world.conversations.conversation import Conversation, assistant, called, put, user
from orrery.data.world.world import World
from orrery.tools.missing import NOT_REMEMBERED

# What people want to have kept: a note, the question for it, and the words that find it. The value: a name, a word,
# a colour or a number.
KEPT = (
    ("{own} sister is called {}.", "What is {own} sister called?", "sister", "name"),
    ("{own} brother is called {}.", "What is {own} brother called?", "brother", "name"),
    ("{own} dog is called {}.", "What is {own} dog called?", "dog", "name"),
    ("{own} cat is called {}.", "What is {own} cat called?", "cat", "name"),
    ("{own} teacher is {}.", "Who is {own} teacher?", "teacher", "name"),
    ("{own} doctor is {}.", "Who is {own} doctor?", "doctor", "name"),
    ("{own} password is {}.", "What is {own} password?", "password", "word"),
    ("{own} street is {}.", "What is {own} street?", "street", "word"),
    ("{own} favourite song is {}.", "What is {own} favourite song?", "favourite song", "word"),
    ("{own} car is {}.", "What colour is {own} car?", "car", "colour"),
    ("{own} house is {}.", "What colour is {own} house?", "house", "colour"),
    ("{own} favourite colour is {}.", "What is {own} favourite colour?", "favourite colour", "colour"),
    ("{own} room is number {}.", "What is the number of {own} room?", "room number", "number"),
    ("{own} bus is number {}.", "What number is {own} bus?", "bus number", "number"),
    ("{own} size is {}.", "What is {own} size?", "size", "number"),
)
ASK_TO = ("Remember this: {}", "Please remember: {}", "Note this: {}", "Keep in mind: {}", "{} Remember that.",
          "{} Please keep it in mind.", "For later: {}", "{}")  # fmt: skip
EXAM_ASK_TO = ("Do not forget: {}", "{} Keep a note of that.")
QUESTIONS = ("{}", "{}", "Do you remember? {}", "{} I told you once.", "What did I tell you? {}", "{} You should know.")
EXAM_QUESTIONS = ("{}", "I have forgotten it: {}", "You know this: {}", "{} You remember it.")


def write(world: World, choice: Choice) -> Conversation:
    """A note that is kept, or one that is found, or not."""
    if choice.chance(0.45):
        note, _, _, told = drawn(choice)
        mine, yours = note.format(told, own="My"), note.format(told, own="The user's")
        messages = [user(put(choice, choice.pick(ASK_TO).format(mine))), called("remember", {"text": yours}),
                    {"role": "tool", "content": "remembered"}, assistant("I will remember that.")]  # fmt: skip
        return Conversation(messages, "memory", {"note": yours})
    note, question, words, told = drawn(choice)
    kept = choice.chance(0.8)
    found = [note.format(told, own="The user's")] if kept else []
    asked = choice.pick(QUESTIONS).format(question.format(own="my"))
    messages = [user(put(choice, asked[0].upper() + asked[1:])), called("recall", {"query": words})]
    answer = note.format(told, own="Your") if kept else "You have not told me."
    messages += [{"role": "tool", "content": "\n".join(found) or NOT_REMEMBERED}, assistant(answer)]
    return Conversation(messages, "memory", {"value": told if kept else ""})


def drawn(choice: Choice) -> tuple[str, str, str, str]:
    """A note, its question, the words that find it, and its value."""
    note, question, words, kind = choice.pick(KEPT)
    return note, question, words, value(choice, kind)


def value(choice: Choice, kind: str, kept: bool = False) -> str:
    """A value of this kind; names and words are those kept for exams, or not."""
    if kind == "colour":
        return choice.pick(COLOURS)
    if kind == "number":
        return str(choice.integer(2, 99))
    word = Atlas(choice, kept).word()
    return word.capitalize() if kind == "name" else word
