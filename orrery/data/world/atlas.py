"""An atlas: a small world that is made up for one conversation, as pages that can be looked up, and chains through it.

    # Kugeax                      # Tol Brear                  # gitruler
    mayor: Wen Stal               birthplace: Kugeax           inventor: Tol Brear
    elevation: 266                age: 41                      year: 718
    …                             …                            …

    What is the elevation of the birthplace of the inventor of the gitruler?
    gitruler → inventor: Tol Brear → birthplace: Kugeax → elevation: 266

Nothing in it is ever met again, so whoever answers must have found it and copied it. Names are made of syllables; some
words are kept for exams, by hash, and stand in no name that is trained on. Every page gives five of what its kind of
thing has, in random order, so a question has to choose among them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from orrery.data.world.choice import Choice
from orrery.data.world.genres.draws import accepted
from orrery.data.world.splits import exam_name
from orrery.tools.missing import missing

# What each kind of thing has, and of which kind that is: another kind of thing, or a plain value.
RELATIONS: Mapping[str, Mapping[str, str]] = {
    "person": {"birthplace": "town", "home": "town", "employer": "company", "teacher": "person", "age": "number",
               "favourite colour": "colour"},
    "town": {"mayor": "person", "baker": "person", "river": "word", "elevation": "number", "region": "word",
             "population": "number"},
    "company": {"founder": "person", "seat": "town", "rival": "company", "product": "word", "staff": "number",
                "logo": "colour"},
    "invention": {"inventor": "person", "maker": "company", "museum": "town", "weight": "number", "year": "number",
                  "colour": "colour"},
}  # fmt: skip
FILES = {"person": "people.md", "town": "towns.md", "company": "companies.md", "invention": "inventions.md"}
COLOURS = ("red", "blue", "green", "yellow", "black", "white", "pink", "brown", "orange", "grey", "gold", "purple")
LINES = 5  # of a page
_ONSETS = tuple("b c d f g h j k l m n p r s t v w z br dr gr kr tr st sk kl fl gl pl".split())
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "oo")
_CODAS = ("n", "r", "l", "s", "t", "m", "nd", "x", "")


@dataclass(frozen=True)
class Page:
    """What is known of one thing: its kind, its name as title, and relation → value."""

    kind: str
    title: str
    values: Mapping[str, str]

    @property
    def text(self) -> str:
        """The lines below the title."""
        return "\n".join(f"{relation}: {value}" for relation, value in self.values.items())

    @property
    def markdown(self) -> str:
        """The page as it stands in its file."""
        return f"# {self.title}\n\n{self.text}\n"

    @property
    def found(self) -> str:
        """As `orrery.agents.library.Library.search` shows it, with the file it stands in."""
        return f"{FILES[self.kind]} ({self.title}):\n{self.text}"


@dataclass(frozen=True)
class Chain:
    """A way from a thing to a value: the relations asked for, first to last, and each thing's page on the way."""

    pages: tuple[Page, ...]
    relations: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The things on the way: what has to be looked up, in this order."""
        return tuple(page.title for page in self.pages)

    @property
    def values(self) -> tuple[str, ...]:
        """What each page says of the relation asked for; the last is the answer."""
        return tuple(page.values[relation] for page, relation in zip(self.pages, self.relations, strict=True))

    @property
    def words(self) -> str:
        """What is asked for: "the elevation of the birthplace of Tol Brear"."""
        links = "".join(f"the {relation} of " for relation in reversed(self.relations))
        return links + with_article(self.pages[0].kind, self.names[0])

    @property
    def answer(self) -> str:
        """The answer in a sentence, about the last thing on the way."""
        page = self.pages[-1]
        subject = with_article(page.kind, page.title)
        return f"The {self.relations[-1]} of {subject} is {self.values[-1]}."


class Atlas:
    """One small world in the making: every name in it is new.

    Args:
        kept: make names of the words that are kept for exams.
    """

    def __init__(self, choice: Choice, kept: bool = False) -> None:
        self.choice, self.kept, self.taken = choice, kept, set[str]()

    def name(self, kind: str) -> str:
        """A new name for a thing of this kind; a person has two words, a company ends with Works."""

        def draw() -> str:
            word = self.word()
            if kind == "person":
                return f"{word.capitalize()} {self.word().capitalize()}"
            return f"{word}er" if kind == "invention" else f"{word.capitalize()}{' Works' * (kind == 'company')}"

        found = accepted(self.choice, draw, lambda name: self.taken.isdisjoint(name.split()))
        self.taken.update(set(found.split()) - {"Works"})
        return found

    def word(self) -> str:
        """A made-up word that is kept for exams, or not, as the atlas is."""
        return accepted(self.choice, self._word, lambda word: len(word) > 2 and exam_name(word) == self.kept)

    def _word(self) -> str:
        choice = self.choice
        middle = choice.pick(_ONSETS) + choice.pick(_VOWELS) if choice.chance(0.5) else ""
        return choice.pick(_ONSETS) + choice.pick(_VOWELS) + middle + choice.pick(_CODAS)

    def value(self, kind: str) -> str:
        """A number, a colour, a word, or the name of a new thing."""
        if kind == "number":
            return str(self.choice.integer(10, 999))
        if kind == "colour":
            return self.choice.pick(COLOURS)
        return self.word().capitalize() if kind == "word" else self.name(kind)

    def page(self, kind: str, title: str, *wanted: str) -> Page:
        """A page of so many lines, those that are wanted among them."""
        others = [relation for relation in RELATIONS[kind] if relation not in wanted]
        given = self.choice.shuffled([*wanted, *self.choice.sample(others, LINES - len(wanted))])
        return Page(kind, title, {relation: self.value(RELATIONS[kind][relation]) for relation in given})

    def chain(self, hops: int, kind: str = "") -> Chain:
        """A way of so many steps, from a thing of this kind or of any; what it leads to is mostly no thing itself."""
        kind = kind or self.choice.pick(tuple(RELATIONS))
        title, pages, relations = self.name(kind), list[Page](), list[str]()
        for left in reversed(range(hops)):
            onward = [relation for relation, of in RELATIONS[kind].items() if of in RELATIONS or not left]
            relations.append(self.choice.pick(onward))
            pages.append(self.page(kind, title, relations[-1]))
            kind, title = RELATIONS[kind][relations[-1]], pages[-1].values[relations[-1]]
        return Chain(tuple(pages), tuple(relations))


def with_article(kind: str, name: str) -> str:
    """How a sentence names a thing: "Kugeax", but "the gitruler"."""
    return f"the {name}" if kind == "invention" else name


def look_up(query: str, pages: Mapping[str, Page]) -> str:
    """What a search for a name finds: the page of that title alone; else whether there is a title like it."""
    if query in pages:
        return pages[query].found
    return missing(query, pages)


def misspelt(choice: Choice, name: str) -> str:
    """The name with two neighbouring letters of a word exchanged, one left out, or one written twice.

    No word becomes one that is kept for exams, unless it was one.
    """

    def draw() -> str:
        words = name.split()
        which = choice.pick([index for index, word in enumerate(words) if len(word) > 2])
        word = words[which]
        at = choice.integer(1, len(word) - 1)
        swapped = word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]
        words[which] = choice.pick((swapped, word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:]))
        return " ".join(words)

    def fits(wrong: str) -> bool:
        changed = set(wrong.split()) - set(name.split())
        return bool(changed) and (any(map(exam_name, name.split())) or not any(map(exam_name, changed)))

    return accepted(choice, draw, fits)
