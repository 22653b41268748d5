"""What an agent is examined in: finding by search, over one to three steps, what no training text had; and its tools.

Every name is made of words that are kept for exams, so nothing can be known but what the tools say. Where a chain of
searches is asked for there are two exams of the same questions: whether the answer is right, and whether the calls made
were the right ones, in order, and no others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from orrery.agents.bm25 import Postings
from orrery.data.world.atlas import Atlas, Chain, Page, look_up, misspelt
from orrery.data.world.choice import Choice
from orrery.data.world.conversations import memory, page, python, search
from orrery.data.world.conversations.search import EXAM_ASK, EXAM_MORE, sentence
from orrery.data.world.world import World
from orrery.evals.exams import arithmetic, identity, reading
from orrery.evals.exams.exam import Exam, Item, asked, limited, rng_for
from orrery.tools.calculator import CALCULATOR
from orrery.tools.missing import NOT_REMEMBERED
from orrery.tools.python import PYTHON
from orrery.tools.registry import Tool, tool_from_function

COUNT = 200
HOPS = {"one": 1, "two": 2, "three": 3, "four": 4}  # no conversation has four
FROM_WORLD = ("arithmetic_tool", "reading", "reading_one", "identity")  # that an agent sits too


@dataclass(frozen=True)
class AtlasTools:
    """What the exams' tools know: pages by title, and what a person has asked to remember."""

    pages: dict[str, Page]
    notes: list[str]

    def search(self, query: str) -> str:
        """Find the page of a name.

        Args:
            query: the name
        """
        return look_up(query, self.pages)

    def remember(self, text: str) -> str:
        """Keep something for later.

        Args:
            text: one fact in a whole sentence
        """
        return "remembered"

    def recall(self, query: str) -> str:
        """Find what was remembered.

        Args:
            query: words that stand in it
        """
        postings = Postings()
        for note in self.notes:
            postings.add(note)
        return "\n".join(self.notes[number] for number, _ in postings.rank(query, 1)) or NOT_REMEMBERED

    def tools(self) -> tuple[Tool, ...]:
        """All that an agent may call in its exams."""
        own = (self.search, self.remember, self.recall)
        return (CALCULATOR, PYTHON, *(tool_from_function(function) for function in own))

    def add(self, *chains: Chain) -> None:
        """Take in all pages on the way."""
        for chain in chains:
            self.pages.update({page.title: page for page in chain.pages})


def build_agent_exams(world: World, limit: int | None = None) -> tuple[list[Exam], tuple[Tool, ...]]:
    """The exams, and the tools that an engine needs to sit them; ``limit`` as in `orrery.evals.exams.build_exams`."""
    library = AtlasTools({}, [])
    exams: list[Exam] = []
    for name, hops in HOPS.items():
        about = f"{name} search{'es' if hops > 1 else ''} to the answer; five lines a page, the question chooses"
        found = Exam(
            f"search_{name}", about, _searched(world, library, f"search_{name}", hops), stage="chat", max_tokens=200
        )
        calls = tuple(replace(item, exam=f"search_{name}_calls", check="calls") for item in found.items)
        exams += [found, replace(found, name=f"search_{name}_calls", about="the right searches alone", items=calls)]
    exams += [
        _mended(world, library),
        _compared(world, library),
        _page(world, "page", "a page of five lines stands in the question, which chooses one", 1),
        _page(world, "page_three", "of three pages of a kind, two lines each, the question chooses one", 3),
        _python(world),
        *_memory(world, library),
    ]
    others = [exam for family in (arithmetic, reading, identity) for exam in family.build(world)]
    exams += [exam for exam in others if exam.name in FROM_WORLD]
    return limited(exams, world.config.seed, limit), library.tools()


def _choice(rng: Random) -> Choice:
    return Choice(rng.getrandbits(64))


def fresh_chains(rng: Random, library: AtlasTools, hops: int, count: int = COUNT) -> list[Chain]:
    """So many chains, none of whose names stands on a page of the library, which takes theirs in."""
    found: list[Chain] = []
    while len(found) < count:
        chain = Atlas(_choice(rng), kept=True).chain(hops)
        if library.pages.keys().isdisjoint(chain.names):
            library.add(chain)
            found.append(chain)
    return found


def others_on(page: Page, answer: str) -> tuple[str, ...]:
    """The values of a page that a right answer must not name."""
    return tuple(value for value in page.values.values() if value != answer)


def _item(exam: str, check: str, question: str, chain: Chain, queries: Sequence[str]) -> Item:
    answer = chain.values[-1]
    others = others_on(chain.pages[-1], answer)
    labels = {"relation": chain.relations[-1]}
    return Item(exam, chain.names[0], check, asked(question), answers=(answer,), others=others,
                queries=tuple(queries), labels=labels)  # fmt: skip


def _searched(world: World, library: AtlasTools, name: str, hops: int) -> tuple[Item, ...]:
    rng = rng_for(f"search {hops}", world.config.seed)
    return tuple(
        _item(name, "value", sentence(rng.choice(EXAM_ASK), chain.words), chain, chain.names)
        for chain in fresh_chains(rng, library, hops)
    )


def _mended(world: World, library: AtlasTools) -> Exam:
    """Names with a slip in them: the first search finds nothing but a name like it."""
    rng, items = rng_for("mended", world.config.seed), list[Item]()
    for chain in fresh_chains(rng, library, 1):
        wrong = misspelt(_choice(rng), chain.names[0])
        if chain.names[0] not in look_up(wrong, library.pages):
            continue  # too far from it, or nearer to another: nobody could know
        question = sentence(rng.choice(EXAM_ASK), chain.words).replace(chain.names[0], wrong)
        items.append(_item("search_mended", "value", question, chain, (wrong, chain.names[0])))
    about = "the name is misspelt: the search finds nothing and says what is like it"
    return Exam("search_mended", about, tuple(items), stage="chat", max_tokens=120)


def _compared(world: World, library: AtlasTools) -> Exam:
    rng, items = rng_for("compared", world.config.seed), list[Item]()
    while len(items) < COUNT:
        pair = search.compared(_choice(rng), kept=True)
        if not library.pages.keys().isdisjoint(name for chain in pair for name in chain.names):
            continue
        library.add(*pair)
        question = rng.choice(EXAM_MORE).format(pair[0].words, pair[1].words)
        answer = str(int(pair[0].values[0]) - int(pair[1].values[0]))
        items.append(
            Item("compared", pair[0].names[0], "by_tool", asked(question[0].upper() + question[1:]), answers=(answer,))
        )
    about = "two numbers are searched for, the calculator subtracts"
    return Exam("compared", about, tuple(items), stage="chat", max_tokens=160)


def _page(world: World, name: str, about: str, pages: int) -> Exam:
    rng, items = rng_for(name, world.config.seed), list[Item]()
    for _ in range(COUNT):
        chain, text = page.brought(_choice(rng), pages, kept=True)
        question, answer = f"{text}\n\n{sentence(rng.choice(page.EXAM_ASK), chain.words)}", chain.values[0]
        lines = [line.rpartition(": ")[2] for line in text.splitlines() if ": " in line]
        others = tuple(line for line in lines if line != answer)
        items.append(Item(name, chain.names[0], "last_line", asked(question), answers=(answer,), others=others))
    chance = 1 / 5 if pages == 1 else 1 / (2 * pages)
    return Exam(name, about, tuple(items), chance, stage="chat", max_tokens=80)


def _python(world: World) -> Exam:
    rng, items = rng_for("python", world.config.seed), list[Item]()
    for _ in range(COUNT // 2):  # each starts a process
        job = python.drawn(_choice(rng), kept=True)
        question = rng.choice(python.EXAM_WITH).format(job.asked)
        items.append(Item("python", job.code, "printed", asked(question), answers=(job.printed,)))
    return Exam("python", "small jobs done by code that is run", tuple(items), stage="chat", max_tokens=120)


def _memory(world: World, library: AtlasTools) -> list[Exam]:
    rng = rng_for("memory", world.config.seed)
    kept, found = list[Item](), list[Item]()
    values = {words: memory.value(_choice(rng), kind, kept=True) for _, _, words, kind in memory.KEPT}
    for note, question, words, kind in memory.KEPT:
        for _ in range(8):
            value = memory.value(_choice(rng), kind, kept=True)
            asking = rng.choice(memory.EXAM_ASK_TO).format(note.format(value, own="My"))
            yours = note.format(value, own="The user's")
            kept.append(Item("memory_kept", words, "remembered", asked(asking), answers=(yours,)))
        library.notes.append(note.format(values[words], own="The user's"))
        others = tuple(sorted(set(values.values()) - {values[words]}))
        for form in memory.EXAM_QUESTIONS:
            asking = form.format(question.format(own="my"))
            messages = asked(asking[0].upper() + asking[1:])
            found.append(Item("memory_found", words, "value", messages, answers=(values[words],), others=others))
    return [
        Exam("memory_kept", "what is to be remembered is, word for word", tuple(kept), stage="chat"),
        Exam("memory_found", "what was remembered is recalled and told", tuple(found), stage="chat"),
    ]
