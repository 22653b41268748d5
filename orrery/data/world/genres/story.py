"""Little stories and jokes for children (``tables/words_story.txt``, ``tables/words_jokes.txt``).

A story follows one plot: who and where, a trouble, a try, help, a fix, an end; the child is made up for the page and
keeps its pronoun. Some pages start with a title or with the wish ("Write a story about a gift."), which the assistant
will later be asked in such words.
"""

from dataclasses import dataclass

from orrery.data.world.choice import Choice
from orrery.data.world.genres import Page
from orrery.data.world.genres.draws import Slots
from orrery.data.world.genres.words import Block, block_table
from orrery.data.world.world import World

PRONOUNS = {
    "girl": {"he": "she", "He": "She", "him": "her", "his": "her", "His": "Her"},
    "boy": {"he": "he", "He": "He", "him": "him", "his": "his", "His": "His"},
}
_CHILDREN = ("girl", "boy")
_TRAITS = ("little", "young", "kind", "brave", "shy", "happy", "clever", "quiet", "funny", "careful")
_HOMES = (
    "in a small town", "by the sea", "near a forest", "on a farm", "in a big city", "by a lake", "in the mountains",
    "in a red house", "on an island", "in a small village", "next to a river", "at the end of a long road",
)  # fmt: skip
_COLOURS = ("red", "blue", "green", "yellow", "white", "black", "orange", "pink", "brown", "purple")
_THINGS = ("ball", "kite", "hat", "boat", "doll", "drum", "car", "plane", "book", "scarf", "ring", "cup", "box",
           "flute", "bell", "robot", "train", "top", "mask", "bear")  # fmt: skip
_PLACES = ("the park", "the garden", "the forest", "the field", "the school yard", "the old barn", "the market",
           "the valley", "the meadow", "the hills", "the zoo", "the woods")  # fmt: skip
_SPOTS = ("fence", "gate", "old tree", "well", "bench", "bridge", "stone wall", "barn", "pond", "door", "bush", "tower")
_ANIMALS = ("dog", "cat", "bird", "rabbit", "fox", "duck", "frog", "horse", "lamb", "mouse", "owl", "goat", "turtle",
            "squirrel", "kitten", "puppy", "hen", "pony", "otter", "hedgehog")  # fmt: skip
_HELPERS = (
    ("{his} mother", "she"), ("{his} father", "he"), ("{his} grandma", "she"), ("{his} grandpa", "he"),
    ("{his} sister", "she"), ("{his} brother", "he"), ("{his} aunt", "she"), ("{his} uncle", "he"),
    ("the old man", "he"), ("the old woman", "she"), ("the baker", "he"), ("the farmer", "he"), ("the teacher", "she"),
    ("the nurse", "she"), ("the wise crow", "it"), ("the old goose", "it"), ("the grey wolf", "it"),
)  # fmt: skip
_OPTIONS = {
    "trait": _TRAITS,
    "home": _HOMES,
    "thing": tuple(f"{colour} {thing}" for colour in _COLOURS for thing in _THINGS),
    "place": _PLACES,
    "spot": _SPOTS,
    "animal": _ANIMALS,
}
_OPENINGS = (
    "Once upon a time there was a {trait} {child} named {full}. {He} lived {home}.",
    "There once was a {trait} {child} named {full} who lived {home}.",
    "{full} was a {trait} {child}. {He} lived {home}.",
    "A {trait} {child} named {full} lived {home}.",
    "Once there lived a {trait} {child} {home}. {His} name was {full}.",
    "Long ago, a {trait} {child} named {full} lived {home}.",
)
_OWNS = (
    "{name} had {a_thing} and took it everywhere.",
    "{His} best toy was {a_thing}.",
    "{name} got {a_thing} for {his} birthday.",
    "{He} loved to play with {his} {thing}.",
    "More than anything, {name} loved {his} {thing}.",
)
_ENDS = (
    "{name} was very happy.",
    "{name} said thank you and smiled.",
    "That night {he} slept well.",
    "{name} went home with a smile.",
    "They all laughed and had some cake.",
    "And {name} never forgot that day.",
    "{He} told {his} family all about it.",
)
_HEADS = ("Write a story about {topic}.", "Tell me a story about {topic}.", "A story about {topic}")
_JOKE_HEADS = ("Tell me a joke about {topic}.", "Do you know a joke about {topic}?", "A joke about {topic}",
               "A joke about {topic}:", "Make me laugh with a joke about {topic}.")  # fmt: skip


@dataclass(frozen=True)
class Plot:
    """One plot of the table; ``owns``: the child has the thing from the start."""

    name: str
    title: str
    topic: str
    parts: tuple[tuple[str, ...], ...]
    end: tuple[str, ...]
    owns: bool


def _plot(block: Block) -> Plot:
    parts = tuple(block.one(key) for key in ("trouble", "try", "help", "fix"))
    title, topic = block.one("title")[0], block.one("topic")[0]
    return Plot(block.name, title, topic, parts, block.one("end"), block.one("owns") == ("yes",))


def _jokes(blocks: dict[str, Block]) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (topic, ask[0], answer[0])
        for topic, block in blocks.items()
        for ask, answer in zip(block.all("ask"), block.all("answer"), strict=True)
    )


PLOTS = tuple(_plot(block) for block in block_table("words_story.txt").values())
JOKES = _jokes(block_table("words_jokes.txt"))


def write(world: World, choice: Choice) -> Page:
    """A story (in 6 of 7 pages) or a few jokes."""
    return joke(choice) if choice.chance(1 / 7) else story(world, choice)


def story(world: World, choice: Choice) -> Page:
    """One story; provenance: its plot, the child's full name and sex, who helps, and the other slots that it fills."""
    plot = choice.pick(PLOTS)
    child = choice.pick(_CHILDREN)
    full = world.fresh_person(choice)
    helper, helper_pronoun = choice.pick(_HELPERS)
    pronouns = PRONOUNS[child]
    helper = helper.format_map(pronouns)
    fixed = {"child": child, "full": full, "name": full.split()[0], "helper": helper, "it_": helper_pronoun}
    slots = Slots(choice, _OPTIONS, fixed | pronouns)
    sentences = [choice.pick(_OPENINGS)]
    if plot.owns:
        sentences.append(choice.pick(_OWNS))
    sentences += [choice.pick(part) for part in plot.parts]
    if choice.chance(0.6):
        sentences.append(choice.pick(_ENDS))
    if choice.chance(0.6):
        sentences.append(choice.pick(plot.end))
    text = " ".join(sentences)
    if choice.chance(0.5):
        head = plot.title if choice.chance(0.5) else choice.pick(_HEADS).replace("{topic}", plot.topic)
        text = f"{head}\n{text}"
    text = text.format_map(slots)
    shown = {slot: value for slot, value in slots.items() if slot in _OPTIONS}
    return Page(text, {"kind": "story", "plot": plot.name, "name": full, "child": child, "helper": helper, **shown})


def joke(choice: Choice) -> Page:
    """Two or three jokes, each after a line with its topic; provenance: the jokes as (topic, question, answer)."""
    told = choice.sample(JOKES, choice.integer(2, 3))
    blocks = [f"{choice.pick(_JOKE_HEADS).format(topic=topic)}\n{ask}\n{answer}" for topic, ask, answer in told]
    return Page("\n\n".join(blocks), {"kind": "joke", "jokes": told})
