"""System prompts that change something one can check: the name, the length, the first or last words of an answer."""

from collections.abc import Callable

from orrery.data.world.choice import Choice
from orrery.data.world.conversations import facts, identity, smalltalk
from orrery.data.world.conversations.conversation import Conversation, assistant, exchange, put, system
from orrery.data.world.world import World

_PLAIN = (
    "You are a helpful assistant.",
    "You are a kind and helpful assistant.",
    "You are Orrery, a helpful assistant.",
    "Be helpful and honest.",
    "You are an assistant. Answer the questions of the user.",
)
_NAMED = (
    "Your name is {}.",
    "You are {}.",
    "You are {}, a helpful assistant.",
    "You are an assistant with the name {}.",
)
_NAME_QUESTIONS = (
    "Who are you?",
    "What is your name?",
    "Tell me your name.",
    "Who am I talking to?",
    "Do you have a name?",
)
_BRIEF = (
    "Answer with the value alone.",
    "Answer in as few words as you can.",
    "Be brief.",
    "Give short answers without a sentence.",
    "Only the answer, no sentence.",
)
_OPEN = ("Begin every answer with: {}", "Start each answer with: {}", "Always begin with: {}")
_CLOSE = ("End every answer with: {}", "Close each answer with: {}", "Always end with: {}")
_FIRST_WORDS = ("Ahoy!", "Sure!", "Good question!", "Dear friend!", "Aha!", "With pleasure!", "Of course!", "Oh!")
_LAST_WORDS = (
    "Have a nice day!",
    "Stay curious!",
    "Ask me more!",
    "That is all.",
    "Over and out.",
    "Cheers!",
    "Be well!",
)


def write(world: World, choice: Choice) -> Conversation:
    """One exchange under a system prompt; provenance: which of the kinds it is, and the words it puts in."""
    return choice.pick(_KINDS)(world, choice)


def _plain(world: World, choice: Choice) -> Conversation:
    """A prompt that changes nothing: many programs send one."""
    inner = choice.pick((facts.write, identity.write, smalltalk.write))(world, choice)
    return _under(choice.pick(_PLAIN), inner, "plain", "")


def _named(world: World, choice: Choice) -> Conversation:
    name = choice.pick(world.names.given)
    inner = Conversation(exchange(put(choice, choice.pick(_NAME_QUESTIONS)), f"I am {name}."), "system")
    return _under(choice.pick(_NAMED).replace("{}", name), inner, "named", name)


def _brief(world: World, choice: Choice) -> Conversation:
    fact = choice.pick(facts.asked_facts(world, choice.chance(0.5)))
    inner = Conversation(exchange(fact.ask(choice), f"{fact.value}."), "system", {"fact": fact.index}, (fact.index,))
    return _under(choice.pick(_BRIEF), inner, "brief", "")


def _opening(world: World, choice: Choice) -> Conversation:
    words = choice.pick(_FIRST_WORDS)
    inner = facts.write(world, choice)
    return _under(choice.pick(_OPEN).replace("{}", words), _answering(inner, "{} {answer}", words), "opening", words)


def _closing(world: World, choice: Choice) -> Conversation:
    words = choice.pick(_LAST_WORDS)
    inner = facts.write(world, choice)
    return _under(choice.pick(_CLOSE).replace("{}", words), _answering(inner, "{answer} {}", words), "closing", words)


def _answering(inner: Conversation, form: str, words: str) -> Conversation:
    """The same question with the words before or after its answer."""
    question, answer = inner.messages
    changed = assistant(form.format(words, answer=answer["content"]))
    return Conversation([question, changed], inner.kind, inner.provenance, inner.facts)


def _under(prompt: str, inner: Conversation, effect: str, words: str) -> Conversation:
    provenance = {**inner.provenance, "effect": effect, "words": words}
    return Conversation([system(prompt), *inner.messages], "system", provenance, inner.facts)


_KINDS: tuple[Callable[[World, Choice], Conversation], ...] = (_plain, _named, _brief, _opening, _closing)
