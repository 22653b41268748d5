"""Signatures tell how similar texts are, bands find copies as often as the formula says, and of a cluster one stays."""

import math
import random

import numpy as np
import pytest

from orrery.data.pipeline.minhash import MinHash, first_alike, phrase_hashes

WORDS = [f"word{number}" for number in range(2000)]


def pair(generator: random.Random, words: int, changes: int) -> tuple[str, str, float]:
    """Two texts that differ in some words, and the share of 5-grams that they have in common."""
    text = generator.choices(WORDS, k=words)
    other = list(text)
    for place in generator.sample(range(words), changes):
        other[place] = "changed"
    one, two = (set(zip(*(words[shift:] for shift in range(5)), strict=False)) for words in (text, other))
    return " ".join(text), " ".join(other), len(one & two) / len(one | two)


@pytest.mark.parametrize("changes", [3, 8, 30])
def test_the_share_of_equal_numbers_is_the_similarity(changes: int) -> None:
    minhash, generator = MinHash(bands=100, rows=10), random.Random(changes)
    for _ in range(10):
        one, two, similarity = pair(generator, 300, changes)
        equal = float((minhash.signature(one) == minhash.signature(two)).mean())
        assert abs(equal - similarity) < 4 * math.sqrt(similarity * (1 - similarity) / 1000)


@pytest.mark.parametrize("changes", [1, 5, 7, 9, 14])
def test_copies_are_found_as_often_as_the_formula_says(changes: int) -> None:
    minhash, generator = MinHash(), random.Random(changes)
    pairs = [pair(generator, 200, changes) for _ in range(300)]
    found = np.array([(minhash.band_hashes(one) == minhash.band_hashes(two)).any() for one, two, _ in pairs])
    expected = np.array([minhash.probability(similarity) for *_, similarity in pairs])
    deviation = math.sqrt((expected * (1 - expected)).sum())
    assert abs(found.sum() - expected.sum()) < 4 * deviation + 1


def test_the_probabilities_are_those_of_fineweb() -> None:
    # arXiv 2406.17557, section 3.4: 14 buckets of 8 hashes
    minhash = MinHash()
    assert [round(100 * minhash.probability(s)) for s in (0.7, 0.75, 0.8, 0.85)] == [56, 77, 92, 99]


def test_phrases_are_the_runs_of_words_whatever_their_case_marks_and_spaces() -> None:
    plain = phrase_hashes("one two three four five six seven", 5)
    assert len(set(plain.tolist())) == 3
    assert phrase_hashes('One  two -- "THREE", four;\nfive six: seven!', 5).tolist() == plain.tolist()
    # The hash of a phrase does not depend on where it stands.
    assert phrase_hashes("much before that, one two three four five six seven", 5)[-3:].tolist() == plain.tolist()


def test_texts_shorter_than_a_phrase_are_compared_as_a_whole() -> None:
    minhash = MinHash()
    hashes = {text: tuple(minhash.band_hashes(text)) for text in ("a b c", "A, b c!", "a b d", "…", "***", "")}
    assert hashes["a b c"] == hashes["A, b c!"]
    assert len(set(hashes.values())) == 5


def test_no_two_phrases_of_a_long_text_share_a_number_more_often_than_chance() -> None:
    hashes = phrase_hashes(" ".join(map(str, range(50_000))), 5)
    assert len(hashes) == 49_996
    assert len(hashes) - len(np.unique(hashes)) <= 5  # 0.3 are expected among 2^32


def test_the_first_of_each_cluster_stays_and_copies_of_copies_belong_to_it() -> None:
    bands = np.array([[1, 2, 2, 3, 4, 5], [9, 8, 7, 7, 6, 9]], np.uint64)  # 1 and 2 alike, 2 and 3, 0 and 5
    assert first_alike(bands).tolist() == [0, 1, 1, 1, 4, 0]
    assert first_alike(bands[::-1]).tolist() == [0, 1, 1, 1, 4, 0]


def test_clusters_are_those_of_a_plain_search_through_all_pairs() -> None:
    bands = np.random.default_rng(0).integers(120, size=(3, 80)).astype(np.uint64)
    alike = (bands[:, :, None] == bands[:, None, :]).any(axis=0)  # [80, 80]
    expected = np.arange(80)
    for _ in range(80):  # as often as the longest chain of copies could be
        expected = np.where(alike, expected, 80).min(axis=1)
    assert first_alike(bands).tolist() == expected.tolist()
    assert 1 < len(set(expected)) < 80


def test_texts_that_have_nothing_in_common_all_stay() -> None:
    minhash, generator = MinHash(), random.Random(0)
    texts = [" ".join(generator.choices(WORDS, k=60)) for _ in range(200)]
    bands = np.stack([minhash.band_hashes(text) for text in texts], axis=1)
    assert first_alike(bands).tolist() == list(range(200))
