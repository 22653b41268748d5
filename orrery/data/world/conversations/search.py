"""Questions about an atlas that nobody has read (`orrery.data.world.atlas`): look up, read, look up what it says.

    user       What is the elevation of the birthplace of Tol Brear?
    assistant  search(query="Tol Brear")
    tool       people.md (Tol Brear): … birthplace: Kugeax …
    assistant  birthplace: Kugeax       search(query="Kugeax")
    tool       towns.md (Kugeax): … elevation: 266 …
    assistant  The elevation of Kugeax is 266.

What was looked for is said again before the next call: the names to be copied then stand close to each other, and a
reader sees the thought. Some searches go wrong: the name was misspelt, the library is busy, nobody is called so, or the
model looked for something else (that message has weight 0: it is there to be mended, not to be learnt). And now and
then one page is looked up twice, a habit of the examples that does no good: reinforcement learning, where each call
costs, is to find that out.
"""

from orrery.data.world.atlas import Atlas, Chain, Page, look_up, misspelt
from orrery.data.world.choice import Choice
from orrery.data.world.conversations.conversation import Conversation, assistant, called, put, user
from orrery.data.world.genres.draws import accepted
from orrery.data.world.world import World
from orrery.tokenizers.chat import Message
from orrery.tools.calculator import CALCULATOR, calculate
from orrery.tools.missing import is_like

ASK = (
    "What is {}?", "Tell me {}.", "I want to know {}.", "Please find {}.", "Do you know {}?", "Look up {}.",
    "Find out {} for me.", "Can you look up {}?", "{}, please.", "What do we know of {}?", "Give me {}.",
    "Let me know {}.", "Show me {}.", "Say what {} is.", "Name {}.", "Help me find {}.", "I am looking for {}.",
    "I would like to have {}.", "Try to find {}.", "Could you tell me {}?", "Get me {}.", "Who or what is {}?",
    "My question is: what is {}?", "Would you check {}?", "It is {} that I want.", "{}?", "Find {}.", "I ask for {}.",
    "Somebody wants to know {}.", "What would {} be?",
)  # fmt: skip
EXAM_ASK = ("I need {}.", "Could you find {}?", "Search for {}.", "Which is {}?")
MORE = (
    "How much more is {} than {}?",
    "How much larger is {} than {}?",
    "What is the difference between {} and {}?",
    "By how much is {} above {}?",
    "How far is {} above {}?",
    "What is {} minus {}?",
    "What is {} less {}?",
    "How much is left of {} without {}?",
    "How many more is {} compared with {}?",
    "Reduce {} by {}.",
    "Take {1} from {0}.",
    "Take {1} away from {0}.",
    "Deduct {1} from {0}.",
    "How much must be added to {1} to get {0}?",
    "What has to be added to {1} so that it is {0}?",
)
EXAM_MORE = ("Subtract {1} from {0}.", "How much does {} exceed {}?", "By what number is {} greater than {}?")
BUSY = "error: the library is busy; try again"
HOPS, _HOPS_CUMULATIVE = (1, 2, 3), (3, 6, 10)
# Of the searches: all goes well, the name is misspelt, the library is busy, something else is looked for first, a page
# is looked up twice, nobody is called so.
_WAYS = ("right", "misspelt", "busy", "wrong", "twice", "nobody")
_WAYS_CUMULATIVE = (60, 70, 80, 90, 95, 100)
# Numbers that two things of a kind can be compared by.
_COMPARED = (("town", "elevation"), ("town", "population"), ("person", "age"), ("company", "staff"),
             ("invention", "weight"), ("invention", "year"))  # fmt: skip


def write(world: World, choice: Choice) -> Conversation:
    """A question that takes one, two or three searches, and now and then one more."""
    hops, way = choice.weighted(HOPS, _HOPS_CUMULATIVE), choice.weighted(_WAYS, _WAYS_CUMULATIVE)
    chain = Atlas(choice).chain(hops)
    question, first = chain.words, chain.names[0]
    if way == "nobody":
        asked = user(put(choice, sentence(choice.pick(ASK), question)))
        return Conversation([asked, *searched(first, {}), assistant(f"I found nothing about {first}.")], "search",
                            {"hops": 0, "way": way})  # fmt: skip
    if way == "misspelt":
        first = accepted(choice, lambda: misspelt(choice, chain.names[0]), lambda wrong: is_like(wrong, chain.names[0]))
        question = question.removesuffix(chain.names[0]) + first
    messages = [user(put(choice, sentence(choice.pick(ASK), question)))]
    pages = {page.title: page for page in chain.pages}
    if way == "wrong":
        messages += searched(Atlas(choice).name(chain.pages[0].kind), pages)
        messages[-2]["weight"] = 0
    elif way == "busy":
        messages += [called("search", {"query": first}), {"role": "tool", "content": BUSY}]
    elif way == "misspelt":
        messages += searched(first, pages)
    messages += followed(chain, again=choice.integer(0, hops - 1) if way == "twice" else -1)
    return Conversation(
        messages, "search", {"hops": hops, "way": way, "queries": chain.names, "value": chain.values[-1]}
    )


def write_compared(world: World, choice: Choice) -> Conversation:
    """Two numbers to be looked up, and their difference, which the calculator finds."""
    first, second = compared(choice)
    question = choice.pick(MORE).format(first.words, second.words)
    pages = {page.title: page for page in (*first.pages, *second.pages)}
    expression = f"{first.values[0]} - {second.values[0]}"
    messages = [user(put(choice, question[0].upper() + question[1:]))]
    messages += searched(first.names[0], pages)
    messages += searched(second.names[0], pages, said=stated(first, 0))
    messages += [
        called(CALCULATOR.name, {"expression": expression}, stated(second, 0)),
        {"role": "tool", "content": calculate(expression)},
        assistant(f"{expression} = {calculate(expression)}."),
    ]
    return Conversation(messages, "compared", {"queries": (first.names[0], second.names[0]), "expression": expression})


def compared(choice: Choice, kept: bool = False) -> tuple[Chain, Chain]:
    """The same number of two things of one kind, the larger first."""
    atlas = Atlas(choice, kept)
    kind, relation = choice.pick(_COMPARED)
    chains = [Chain((atlas.page(kind, atlas.name(kind), relation),), (relation,)) for _ in range(2)]
    larger, smaller = sorted(chains, key=lambda chain: -int(chain.values[0]))
    return larger, smaller


def sentence(form: str, words: str) -> str:
    """The request with what it asks for, its first letter a capital."""
    text = form.format(words)
    return text[0].upper() + text[1:]


def stated(chain: Chain, step: int) -> str:
    """What a page says of what was looked for, as it stands there."""
    return f"{chain.relations[step]}: {chain.values[step]}"


def followed(chain: Chain, again: int = -1) -> list[Message]:
    """The searches along a chain, that of step ``again`` made a second time, and the answer."""
    pages = {page.title: page for page in chain.pages}
    messages: list[Message] = []
    for step, name in enumerate(chain.names):
        messages += searched(name, pages, said=stated(chain, step - 1) if step else "")
        if step == again:
            messages += searched(name, pages)
    return [*messages, assistant(chain.answer)]


def searched(query: str, pages: dict[str, Page], said: str = "") -> list[Message]:
    """A search and what it finds."""
    return [called("search", {"query": query}, said), {"role": "tool", "content": look_up(query, pages)}]
