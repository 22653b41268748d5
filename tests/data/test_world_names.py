"""Known and unknown names come from one generator, and nobody can tell them apart by their letters."""

import itertools

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from orrery.data.world.choice import Choice
from orrery.data.world.names import NAMED_KINDS, Names, Partition
from orrery.data.world.world import World, WorldConfig
from orrery.errors import ConfigError

PARTITIONS: tuple[Partition, ...] = ("known", "fresh", "sft", "exam")


def separability(known: list[str], unknown: list[str]) -> float:
    """Balanced, cross-validated accuracy of a naive Bayes classifier over 1- to 3-grams of letters."""
    n = min(len(known), len(unknown))
    names = known[:n] + unknown[:n]
    labels = np.array([1] * n + [0] * n)
    model = make_pipeline(CountVectorizer(analyzer="char_wb", ngram_range=(1, 3)), MultinomialNB())
    folds = [StratifiedKFold(5, shuffle=True, random_state=seed) for seed in range(3)]
    return float(np.mean([cross_val_score(model, names, labels, cv=fold).mean() for fold in folds]))


def test_a_trigram_classifier_cannot_tell_known_people_from_unknown_ones() -> None:
    worlds = [World(WorldConfig(seed=seed)) for seed in range(6)]
    scores = [
        separability([e.name for e in world.entities_of("person")], world.unknown("person", split))
        for world in worlds
        for split in ("sft", "exam")
    ]
    assert np.mean(scores) <= 0.55


@pytest.mark.parametrize("kind", NAMED_KINDS)
@pytest.mark.parametrize("split", ["sft", "exam"])
def test_nor_can_it_in_any_kind_over_all_words(kind: str, split: Partition) -> None:
    """Some hundred words leave noise of a few points either way, so seeds are averaged."""
    parts = [Names(seed).words[kind] for seed in range(8)]
    assert np.mean([separability(part["known"], part[split]) for part in parts]) <= 0.55


def test_the_classifier_would_notice_another_generator() -> None:
    """The check can fail: towns and people have other syllables, and it tells them apart."""
    names = Names(0)
    assert separability(names.words["person"]["known"], names.words["town"]["known"]) > 0.9


@pytest.mark.parametrize("kind", NAMED_KINDS)
def test_no_name_is_in_two_partitions(kind: str) -> None:
    parts = [set(Names(0).words[kind][partition]) for partition in PARTITIONS]
    assert all(parts)
    assert all(a.isdisjoint(b) for a, b in itertools.combinations(parts, 2))


def test_no_word_names_two_kinds_of_thing_and_given_names_are_no_family_names() -> None:
    names = Names(0)
    kinds = [{word for part in names.words[kind].values() for word in part} for kind in NAMED_KINDS]
    assert all(a.isdisjoint(b) for a, b in itertools.combinations([*kinds, set(names.given)], 2))


def test_people_are_two_words_and_never_repeat_even_when_families_do() -> None:
    names = Names(0)
    families = len(names.words["person"]["known"])
    people = names.people("known", 3 * families)
    assert len(set(people)) == len(people)
    assert all(len(name.split()) == 2 for name in people)
    assert len({name.split()[1] for name in people[:families]}) == families


def test_a_larger_world_keeps_the_names_of_a_smaller_one() -> None:
    names = Names(5)
    assert names.people("known", 500)[:120] == names.people("known", 120)
    assert Names(6).people("known", 5) != names.people("known", 5)


def test_there_are_hundreds_of_unknown_people_for_each_split() -> None:
    names = Names(0)
    for split in ("sft", "exam"):
        unknown = names.unknown("person", split)
        assert len(set(unknown)) >= 300


def test_throwaway_characters_are_nobody_else() -> None:
    names, choice = Names(0), Choice(0)
    fresh = {names.fresh_person(choice) for _ in range(2000)}
    assert len(fresh) > 1900
    for partition in ("known", "sft", "exam"):
        taken = set(names.words["person"][partition])
        assert not taken & {name.split()[1] for name in fresh}


def test_more_names_than_there_are_is_one_clear_error() -> None:
    with pytest.raises(ConfigError, match="10000 names of the kind 'town' are too many; there are"):
        Names(0).places("town", "known", 10_000)
    with pytest.raises(ConfigError, match="no unknown names of the kind 'planet'"):
        Names(0).unknown("planet", "exam")
