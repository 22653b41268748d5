"""BM25 against bm25s, which scores as Lucene does: without the constant factor k₁ + 1."""

import random

import bm25s
import numpy as np
import pytest

from orrery.agents.bm25 import K1, Postings, words


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_bm25s(seed: int) -> None:
    rng = random.Random(seed)
    vocabulary = [f"word{n}" for n in range(40)]
    texts = [rng.choices(vocabulary, k=rng.randint(1, 30)) for _ in range(50)]
    theirs = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    theirs.index(texts, show_progress=False)
    ours = Postings()
    for text in texts:
        ours.add(" ".join(text))
    query = rng.sample(vocabulary, 4)
    expected = theirs.get_scores(query)
    found = np.zeros(len(texts))
    for number, score in ours.rank(" ".join(query), len(texts)):
        found[number] = score
    np.testing.assert_allclose(found, expected * (K1 + 1), rtol=1e-5)


def test_the_best_come_first_and_of_equals_the_earlier() -> None:
    found = Postings()
    for text in ("a cat", "a cat", "a dog", "cat cat cat"):
        found.add(text)
    assert [number for number, _ in found.rank("cat", 3)] == [3, 0, 1]


def test_nothing_is_found_where_no_word_fits() -> None:
    found = Postings()
    assert found.rank("cat", 3) == []
    found.add("")
    found.add("a dog")
    assert found.rank("cat", 3) == [] and found.rank("!?", 3) == []


def test_words_of_any_language() -> None:
    assert words("Straße, ÉTÉ; 数学 x_1") == ["straße", "été", "数学", "x_1"]
