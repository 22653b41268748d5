"""Short stories and jokes on a topic, told as the documents tell them (``genres/story.py``)."""

from orrery.data.world.choice import Choice
from orrery.data.world.conversations.conversation import Conversation, exchange
from orrery.data.world.genres import story as genre
from orrery.data.world.genres.draws import Slots
from orrery.data.world.world import World

STORY_WISHES = (
    "Tell me a story about {}.",
    "Write a story about {}.",
    "Please tell me a story about {}.",
    "Can you write a story about {}?",
    "Make up a story about {}.",
    "I want to hear a story about {}.",
    "A short story about {}, please.",
    "Do you know a story about {}?",
    "My child wants a story about {}.",
)
_JOKE_WISHES = (
    "Tell me a joke about {}.",
    "Do you know a joke about {}?",
    "Make me laugh with a joke about {}.",
    "A joke about {}, please!",
    "Say something funny about {}.",
    "Can you tell a joke about {}?",
    "I want to hear a joke about {}.",
    "Please tell me a joke about {}.",
)
_ANY_JOKE = ("Tell me a joke.", "Do you know a joke?", "Make me laugh!", "A joke, please!", "Say something funny.")
_ANY_STORY = (
    "Tell me a story.",
    "Do you know a story?",
    "A story, please!",
    "Write a short story.",
    "I want to hear a story.",
)
LONGEST = 480  # characters of a story: with its wish it fits 250 tokens of a small vocabulary


def write(world: World, choice: Choice) -> Conversation:
    """A wish for a story and the story."""
    while True:
        page = genre.story(world, choice)
        text = page.text.rpartition("\n")[2]  # without the title that some pages have
        if len(text) <= LONGEST:
            break
    plot = _PLOTS[page.provenance["plot"]]
    topic = plot.topic.format_map(Slots(choice, {}, page.provenance))
    wish = choice.pick(STORY_WISHES).replace("{}", topic) if choice.chance(0.9) else choice.pick(_ANY_STORY)
    return Conversation(exchange(wish, text), "story", {"topic": topic, **page.provenance})


def write_joke(world: World, choice: Choice) -> Conversation:
    """A wish for a joke and the joke."""
    topic, question, answer = choice.pick(genre.JOKES)
    wish = choice.pick(_JOKE_WISHES).replace("{}", topic) if choice.chance(0.8) else choice.pick(_ANY_JOKE)
    return Conversation(exchange(wish, f"{question} {answer}"), "joke", {"topic": topic})


_PLOTS = {plot.name: plot for plot in genre.PLOTS}
