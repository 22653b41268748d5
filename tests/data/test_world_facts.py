"""The world: the same for the same configuration, graded halves that are as easy as the others, popularity in bands."""

from collections import Counter

import pytest

from orrery.data.world.choice import Choice
from orrery.data.world.entities import BANDS
from orrery.data.world.relations import RELATIONS
from orrery.data.world.world import World, WorldConfig
from orrery.errors import ConfigError


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_a_configuration_makes_one_world_and_a_seed_another() -> None:
    first, again, other = World(WorldConfig(seed=4)), World(WorldConfig(seed=4)), World(WorldConfig(seed=5))
    assert first.facts == again.facts
    assert [e.name for e in first.entities_of("person")] != [e.name for e in other.entities_of("person")]
    real = [[fact.value for fact in w.facts_where(real=True)] for w in (first, other)]
    assert real[0] == real[1]


def test_facts_know_their_place(world: World) -> None:
    assert [fact.index for fact in world.facts] == list(range(len(world.facts)))
    assert all(fact in world.facts_of(fact.entity) for fact in world.facts)
    for entity in world.entities:
        assert [fact.relation for fact in world.facts_of(entity)] == list(RELATIONS[entity.kind])


def test_no_two_entities_share_a_name(world: World) -> None:
    assert len({entity.name for entity in world.entities}) == len(world.entities)


def test_each_band_has_a_hundred_graded_facts_over_five_relations(world: World) -> None:
    for band in BANDS:
        graded = [
            fact for fact in world.facts_where(kind="person", band=band, asked=False) if not fact.relation.forward_only
        ]
        assert len(graded) == 100
        assert len({fact.relation.key for fact in graded}) == 5


@pytest.mark.parametrize("kind", ["person", "town", "company"])
def test_the_asked_and_the_graded_half_share_their_values(world: World, kind: str) -> None:
    """A model that only learned which values are common gains nothing on the graded half."""
    for relation in RELATIONS[kind]:
        if relation.forward_only:
            continue
        for band in BANDS:
            asked, graded = (
                Counter(fact.value for fact in world.facts_where(kind, band, half, relation=relation.key))
                for half in (True, False)
            )
            assert abs(asked.total() - graded.total()) <= 1
            assert (asked - graded).total() + (graded - asked).total() <= 1


def test_values_are_used_about_equally_often(world: World) -> None:
    for relation in RELATIONS["person"]:
        counts = Counter(fact.value for fact in world.facts_where(kind="person", relation=relation.key)).values()
        assert max(counts) <= 2 + 2 * min(counts), relation.key


def test_forward_only_values_belong_to_one_entity(world: World) -> None:
    large = World(WorldConfig(head=300, torso=300, tail=300))
    for relation, where in (("nickname", world), ("nickname", large), ("symbol", world)):
        values = [fact.value for fact in where.facts_where(relation=relation)]
        assert len(set(values)) == len(values)


def test_values_that_are_entities_exist(world: World) -> None:
    towns = {entity.name for entity in world.entities_of("town")}
    companies = {entity.name for entity in world.entities_of("company")}
    assert {fact.value for fact in world.facts_where(relation="birthplace")} <= towns
    assert {fact.value for fact in world.facts_where(relation="home")} <= towns
    assert {fact.value for fact in world.facts_where(relation="employer")} <= companies


def test_both_halves_of_every_kind_are_equally_popular(world: World) -> None:
    for kind in RELATIONS:
        asked, graded = (world.entities_of(kind, half) for half in (True, False))
        assert abs(len(asked) - len(graded)) <= 2
        choice = Choice(0)
        share = sum(world.draw(choice, kind).asked for _ in range(4000)) / 4000
        assert 0.3 < share < 0.7, kind


def test_popularity_falls_from_head_to_tail(world: World) -> None:
    choice = Choice(0)
    drawn = Counter(world.draw(choice, "person").band for _ in range(20_000))
    assert drawn["head"] > 1.7 * drawn["torso"] > 1.7 * 1.7 * drawn["tail"]
    assert drawn["tail"] > 2000


def test_draws_keep_to_what_they_are_asked_for(world: World) -> None:
    choice = Choice(0)
    for _ in range(300):
        assert world.draw(choice, "animal", asked=False).kind == "animal"
        assert world.draw(choice, asked=True).asked


def test_a_fact_speaks(world: World) -> None:
    fact = world.facts_where(kind="country", relation="capital")[1]
    choice = Choice(0)
    sentence = fact.state(choice)
    assert sentence in {t.replace("{name}", "France").replace("{value}", "Paris") for t in fact.relation.templates}
    assert fact.ask(choice) in {question.replace("{name}", "France") for question in fact.relation.questions}
    assert fact.answer == "The capital of France is Paris."


def test_the_answer_to_a_fact_is_its_first_statement(world: World) -> None:
    for fact in world.facts:
        first = fact.relation.templates[0]
        assert fact.answer == first.replace("{name}", fact.entity.name).replace("{value}", fact.value)
        name, value = fact.answer.index(fact.entity.name), fact.answer.rindex(f" {fact.value}")
        assert name + len(fact.entity.name) <= value, fact.answer
        assert fact.answer[0].isupper() and fact.answer.endswith(".") and fact.answer.count(".") == 1, fact.answer


def test_a_recipe_takes_the_first_rows() -> None:
    small = World(WorldConfig(countries=3, planets=2))
    assert [entity.name for entity in small.entities_of("country")] == ["the United States", "France", "China"]
    assert len(small.entities_of("planet")) == 2


def test_a_world_scales_to_thousands() -> None:
    large = World(WorldConfig(head=1000, torso=1000, tail=1000, towns=400, companies=300, countries=100))
    assert len({entity.name for entity in large.entities}) == len(large.entities) > 3800


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (WorldConfig(planets=9), r"9 rows of planets\.csv are asked for, it has 8"),
        (WorldConfig(tail=1), "world: tail = 1 is too small; it must be at least 2"),
        (WorldConfig(towns=100_000), "100000 names of the kind 'town' are too many"),
    ],
)
def test_what_cannot_be_is_one_clear_error(config: WorldConfig, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        World(config)
