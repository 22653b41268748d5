"""Encyclopedia and forum pages say what is true, and what they say of themselves is true too."""

import dataclasses
import functools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import pytest

from orrery.data.world import world as world_module
from orrery.data.world.choice import Choice
from orrery.data.world.conversations.facts import ABOUT
from orrery.data.world.entities import Entity, admit, fill
from orrery.data.world.genres import Page, encyclopedia, forum
from orrery.data.world.names import NAMED_KINDS
from orrery.data.world.relations import RELATIONS
from orrery.data.world.world import World, WorldConfig

T = TypeVar("T")


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def pages(write: Callable[[World, Choice], Page], world: World, count: int = 1500) -> list[Page]:
    return [write(world, Choice(seed)) for seed in range(count)]


@pytest.mark.parametrize("write", [encyclopedia.write, forum.write])
def test_every_fact_listed_stands_in_the_text_with_its_name(
    world: World, write: Callable[[World, Choice], Page]
) -> None:
    for page in pages(write, world):
        for index in page.facts:
            fact = world.facts[index]
            assert fact.entity.name.lower() in page.text.lower(), page.text
            assert re.search(rf"(?<!\w){re.escape(fact.value)}(?!\w)", page.text), page.text


def test_every_statement_on_an_encyclopedia_page_is_listed(world: World) -> None:
    """The other way round: a sentence that matches a template of a relation is one of the facts listed."""
    stated = {
        template.replace("{name}", fact.entity.name).replace("{value}", fact.value): fact
        for fact in world.facts
        for template in fact.relation.templates
    }
    found = 0
    for page in pages(encyclopedia.write, world):
        for sentence in re.findall(r"[^\n.]+\.", page.text):
            fact = stated.get(sentence.strip())
            if fact:
                found += 1
                assert fact.index in page.facts, page.text
    assert found > 2000


def test_encyclopedia_pages_ask_nothing_but_notes_after_nobody(world: World) -> None:
    made = [page for page in pages(encyclopedia.write, world) if page.provenance["form"] != "notes"]
    assert not [page.text for page in made if "?" in page.text]


def test_an_encyclopedia_has_all_its_forms(world: World) -> None:
    made = pages(encyclopedia.write, world)
    assert {page.provenance["form"] for page in made} == set(encyclopedia._FORMS)


_ASKED_AND_ANSWERED = re.compile(
    r"([A-Z][^.?!\n:>]*\?|Tell me [^.?!\n]*\.)(?: |\n(?:\w+: |\w+ answers: |<\w+> |- )?)"
    r"([^.?!\n]+(?:\.|\.\.\. I don't know\.)(?: [^.?!\n]+\.)?)(?=\n|$)"
)


def questions_about(world: World) -> dict[str, Entity]:
    """Every question about a name as a whole that has a name of the world in it."""
    return {
        fill(question, entity.name): entity
        for entity in world.entities
        if entity.kind in ABOUT
        for question in ABOUT[entity.kind]
    }


def test_forum_pages_ask_about_the_asked_half_only(world: World) -> None:
    """Every question is one of the three: for a fact; about a name of the world as a whole; or about a name of nobody,
    in one of these very phrasings. Its answer is the right one, and all facts stated are listed."""
    facts = {fill(question, fact.entity.name): fact for fact in world.facts for question in fact.relation.questions}
    known = questions_about(world)
    assert not facts.keys() & known.keys()
    forms = [question for fact in world.facts for question in fact.relation.questions]
    forms += [question for questions in ABOUT.values() for question in questions]
    unknown_forms = [re.compile(re.escape(form).replace(r"\{name\}", "(.+)")) for form in set(forms)]
    count = Counter[str]()
    for page in pages(forum.write, world):
        pairs = _ASKED_AND_ANSWERED.findall(page.text)
        assert 2 <= len(pairs) <= 6 and len(pairs) == len(re.findall(r"\?|Tell me ", page.text)), page.text
        listed, unknown = [], []
        for question, answer in pairs:
            if question in facts:
                fact = facts[question]
                assert fact.entity.asked and answer == fact.answer, (question, answer)
                listed.append(fact.index)
                count["fact"] += 1
            elif question in known:
                entity = known[question]
                stated = [fact for fact in world.facts_of(entity) if fact.answer in answer]
                assert entity.asked and len(stated) == 2, (question, answer)
                assert answer in (" ".join(fact.answer for fact in order) for order in (stated, stated[::-1]))
                listed += [fact.index for fact in stated]
                count[f"known {entity.kind}"] += 1
            else:
                (name,) = {name for name in page.provenance["unknown"] if name in question}
                assert answer in {admit(relation, name) for kind in ABOUT for relation in RELATIONS[kind]}, answer
                assert any((found := form.fullmatch(question)) and found[1] == name for form in unknown_forms), question
                unknown.append(name)
                count["unknown"] += 1
        assert Counter(listed) == Counter(page.facts), page.text
        assert Counter(unknown) == Counter(page.provenance["unknown"]), page.text
    kinds = [count[f"known {kind}"] for kind in ABOUT]
    assert count["fact"] > 3000 and min(kinds) > 60
    share = (1 - forum.UNKNOWN_SHARE) * forum.ABOUT_SHARE
    assert sum(kinds) / count.total() == pytest.approx(share, abs=0.02)
    assert 0 < count["unknown"] / count.total() < 3 * forum.UNKNOWN_SHARE


def test_notes_admit_what_nobody_wrote_and_state_what_is_known_of_both_halves(world: World) -> None:
    known = {entity.name for entity in world.entities}
    halves = Counter[bool]()
    names = re.compile(rf"\b({'|'.join(map(re.escape, known))})\b")
    talked = 0  # pages on which somebody asks for the next note, and not after anybody
    for page in pages(encyclopedia.write, world):
        if page.provenance["form"] != "notes":
            assert "I don't know" not in page.text
            continue
        text = page.text
        for index in page.facts:
            assert world.facts[index].answer in text
            halves[world.facts[index].entity.asked] += 1
        for name in page.provenance["unknown"]:
            assert name not in known
            assert any(admit(relation, name) in text for kind in ABOUT for relation in RELATIONS[kind])
        assert text.count("... I don't know.") == len(page.provenance["unknown"])
        statements = [world.facts[index].answer for index in page.facts]
        for name in page.provenance["unknown"]:
            statements += [admit(relation, name) for kind in ABOUT for relation in RELATIONS[kind]]
        between = functools.reduce(lambda rest, statement: rest.replace(statement, ""), statements, text)
        assert not names.search(between) and not any(name in between for name in page.provenance["unknown"]), between
        talked += "?" in between
        halves_and_nobody = len(page.facts) + len(page.provenance["unknown"])
        assert 3 <= halves_and_nobody <= 8
    assert min(halves.values()) > 0.35 * halves.total() > 100 and talked > 60


def test_forum_answers_are_those_of_the_assistant(world: World) -> None:
    for page in pages(forum.write, world, 400):
        for index in page.facts:
            assert world.facts[index].answer in page.text
        assert page.text.count("... I don't know.") == len(page.provenance["unknown"])


def test_a_name_as_a_whole_is_asked_about_in_no_words_of_a_fact(world: World) -> None:
    """Nor in those of an exam; nor with a word for what a relation says."""
    relations = [relation for of_kind in RELATIONS.values() for relation in of_kind]
    kept = {form for r in relations for form in (*r.questions, *r.exam_questions, *r.inverse_questions)}
    assert set(ABOUT) == set(NAMED_KINDS) and not {form for forms in ABOUT.values() for form in forms} & kept
    for kind, questions in ABOUT.items():
        assert len(set(questions)) == len(questions) >= 4
        assert all(question.count("{name}") == 1 and question[-1] in "?." for question in questions)
        nouns = {word for relation in RELATIONS[kind] for word in relation.noun.split()}
        assert nouns and not nouns & set(re.findall(r"\w+", " ".join(questions))) - {"of", "place"}


def test_the_unknown_of_pages_are_throwaway_names(world: World) -> None:
    known = {entity.name for entity in world.entities}
    notes = [page for page in pages(encyclopedia.write, world) if page.provenance["form"] == "notes"]
    unknown = [name for page in (*pages(forum.write, world), *notes) for name in page.provenance["unknown"]]
    assert len(unknown) > 200
    assert not known & set(unknown)
    for kind in ABOUT:
        assert not {*world.unknown(kind, "exam"), *world.unknown(kind, "sft")} & set(unknown)


class Enumerated(Choice):
    """A choice whose outcomes follow a script, and that notes how many there were at each step.

    It only replaces the source of uniform numbers: what is tested is Choice's own arithmetic.
    """

    __slots__ = ("_ahead", "_script", "_uniforms", "widths")

    def __init__(self, script: Sequence[int]) -> None:
        super().__init__(0)
        self._script = iter(script)
        self._ahead: list[list[float]] = []
        self.widths: list[int] = []
        self._random = self._next

    def _next(self) -> float:
        points = self._ahead.pop(0)
        self.widths.append(len(points))
        return points[next(self._script, 0)]

    def pick(self, items: Sequence[T]) -> T:
        self._ahead.append([(i + 0.5) / len(items) for i in range(len(items))])
        return super().pick(items)

    def weighted(self, items: Sequence[T], cumulative: Sequence[float]) -> T:
        edges = [0.0, *cumulative]
        self._ahead.append([(a + b) / 2 / cumulative[-1] for a, b in zip(edges, edges[1:], strict=False)])
        return super().weighted(items, cumulative)

    def integer(self, low: int, high: int) -> int:
        n = high - low + 1
        self._ahead.append([(i + 0.5) / n for i in range(n)])
        return super().integer(low, high)

    def chance(self, p: float) -> bool:
        self._ahead.append([p / 2, (1 + p) / 2])
        return super().chance(p)

    def sample(self, items: Sequence[T], k: int) -> list[T]:
        self._ahead += [[(i + 0.5) / n for i in range(n)] for n in range(len(items), len(items) - k, -1)]
        return super().sample(items, k)


def all_outcomes(write: Callable[[Choice], Page]) -> Iterator[tuple[str, float]]:
    """Every text that ``write`` can make, with its bits, by walking the tree of its choices."""
    script: list[int] = []
    while True:
        choice = Enumerated(script)
        yield write(choice).text, choice.bits
        script += [0] * (len(choice.widths) - len(script))
        while script and script[-1] == choice.widths[len(script) - 1] - 1:
            script.pop()
        if not script:
            return
        script[-1] += 1


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> World:
    """Two entities a kind (six people), one relation a kind, two templates a relation: all its pages can be listed."""
    one = {kind: (dataclasses.replace(r[0], templates=r[0].templates[:2]),) for kind, r in RELATIONS.items()}
    monkeypatch.setattr(world_module, "RELATIONS", one)
    return World(WorldConfig(0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2))


def floor_and_entropy(write: Callable[[Choice], Page]) -> tuple[float, float, int]:
    """Mean bits that the generator reports, entropy of the texts that it makes, and how many there are."""
    texts: dict[str, float] = defaultdict(float)
    floor = 0.0
    for text, bits in all_outcomes(write):
        texts[text] += 2**-bits
        floor += 2**-bits * bits
    assert sum(texts.values()) == pytest.approx(1)
    return floor, -sum(p * math.log2(p) for p in texts.values()), len(texts)


def test_where_each_text_has_one_derivation_the_floor_is_its_entropy(
    tiny: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encyclopedia, "_FORMS", ("entry", "card"))
    monkeypatch.setattr(encyclopedia, "_FORMS_CUMULATIVE", (3, 4))
    floor, entropy, texts = floor_and_entropy(lambda choice: encyclopedia.write(tiny, choice))
    assert texts > 300
    assert floor == pytest.approx(entropy)


def test_where_texts_have_several_the_floor_is_a_little_above(tiny: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison that draws the same entity twice takes another one, so there are two ways to it."""
    monkeypatch.setattr(encyclopedia, "_FORMS", ("comparison",))
    monkeypatch.setattr(encyclopedia, "_FORMS_CUMULATIVE", (1,))
    floor, entropy, texts = floor_and_entropy(lambda choice: encyclopedia.write(tiny, choice))
    assert texts > 1000
    assert entropy < floor < entropy + 1
