"""Pages of an atlas that the user brings along: one, or three of a kind, and one line asked for. Nothing is looked up.

Of three pages the one that is asked about is quoted before the answer: to copy a page on from its title is easy, and
then the line has to be found in what was said last (docs/log.md, "Agents").
"""

from orrery.data.world.atlas import LINES, Atlas, Chain, Page
from orrery.data.world.choice import Choice
from orrery.data.world.conversations.conversation import Conversation, assistant, user
from orrery.data.world.conversations.search import ASK, sentence
from orrery.data.world.world import World

EXAM_ASK = ("I need {}.", "Which is {}?")


def write(world: World, choice: Choice) -> Conversation:
    """A page, or three of a kind, and a question after one of its lines."""
    chain, text = brought(choice, 3 if choice.chance(0.6) else 1)
    form = choice.pick(("{text}\n\n{question}", "Read this.\n{text}\n{question}", "{question}\n\n{text}",
                        "Here is a page.\n{text}\n\n{question}", "From my notes:\n{text}\n\n{question}"))  # fmt: skip
    asked = form.format(text=text, question=sentence(choice.pick(ASK), chain.words))
    page = chain.pages[0]
    quoted = f"{page.title}\n{page.text}\n" if len(page.values) < LINES else ""
    return Conversation([user(asked), assistant(quoted + chain.answer)], "page", {"value": chain.values[0]})


def brought(choice: Choice, pages: int, kept: bool = False) -> tuple[Chain, str]:
    """What is asked for, and the text that says it: a page of five lines, or some pages of two that all have it."""
    atlas = Atlas(choice, kept)
    chain = atlas.chain(1)
    asked, relation = chain.pages[0], chain.relations[0]
    if pages == 1:
        forms = (f"{asked.title}\n{asked.text}", asked.markdown.strip(), asked.found)
        return chain, choice.pick(forms)
    others = [atlas.page(asked.kind, atlas.name(asked.kind), *asked.values) for _ in range(pages - 1)]
    beside = choice.pick([other for other in asked.values if other != relation])
    short = [
        Page(page.kind, page.title, {name: page.values[name] for name in page.values if name in (relation, beside)})
        for page in (asked, *others)
    ]
    return Chain((short[0],), chain.relations), "\n\n".join(
        f"{page.title}\n{page.text}" for page in choice.shuffled(short)
    )
