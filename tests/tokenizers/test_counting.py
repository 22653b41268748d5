"""Words are counted right, whoever counts them."""

from collections import Counter
from collections.abc import Iterator

import pytest
import regex

from orrery.errors import TokenizerError
from orrery.tokenizers import counting
from orrery.tokenizers.split import QWEN2_PATTERN


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make helpers start early."""
    monkeypatch.setattr(counting, "BATCH", 10_000)
    monkeypatch.setattr(counting, "ALONE", 1)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_counts_are_those_of_the_pattern_for_any_number_of_workers(
    corpus: list[str], small_batches: None, workers: int
) -> None:
    expected = Counter(word for text in corpus for word in regex.findall(QWEN2_PATTERN, text))
    assert counting.count_words(iter(corpus), workers) == expected


def test_helpers_take_part(corpus: list[str], small_batches: None, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs: list[int] = []
    result = counting._Helper.result

    def watched(helper: counting._Helper) -> Counter[str]:
        counts = result(helper)
        theirs.append(counts.total())
        return counts

    monkeypatch.setattr(counting._Helper, "result", watched)
    counting.count_words(corpus * 3, workers=2)
    assert len(theirs) == 1
    assert theirs[0] > 0


def test_little_text_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(counting.subprocess, "Popen", refuse)
    assert counting.count_words(["one two one"], workers=2) == {"one": 2 - 1, " two": 1, " one": 1}


def test_a_helper_that_dies_is_an_error_and_not_a_wrong_count(
    corpus: list[str], small_batches: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting.sys, "executable", "/bin/false")
    with pytest.raises(TokenizerError, match=r"ended early \(exit code 1\)"):
        counting.count_words(corpus, workers=2)


def test_an_error_in_the_texts_comes_through_and_helpers_end(small_batches: None) -> None:
    def texts() -> Iterator[str]:
        yield from ["some words " * 2000] * 20
        raise ValueError("the file is damaged")

    with pytest.raises(ValueError, match="the file is damaged"):
        counting.count_words(texts(), workers=2)


def test_progress_counts_characters(corpus: list[str], small_batches: None) -> None:
    seen: list[int] = []
    counting.count_words(corpus, 1, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == sum(map(len, corpus))
