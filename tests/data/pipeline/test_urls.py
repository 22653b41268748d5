"""The URL filter: hosts, words and parts of an address, and what looks like them."""

import doctest
from pathlib import Path

import pytest

from orrery.data.pipeline import urls
from orrery.data.pipeline.urls import UrlFilter
from orrery.errors import DataError
from tests.data.pipeline.verdict import verdict


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://www.pornhub.com/", "host"),
        ("http://m.pornhub.com:80/a", "host"),
        ("https://notpornhubs.example/", "part"),
        ("https://a.example/Porn/1.html", "word"),
        ("https://f-r-e-e-p-o-r-n.example/", "part"),
        ("https://a.example/hot-chat", "soft_words"),
        ("https://a.example/hot-hot-hot", "kept"),  # one soft word
        ("https://a.example/adult-education", "kept"),
        ("https://essex.example/sextant", "kept"),
        ("http://93.184.216.34/index.html", "number_as_host"),
        ("http://[2001:db8::1]:8080/", "number_as_host"),
        ("https://example.org/93.184.216.34", "kept"),
    ],
)
def test_an_address_is_judged_by_its_host_words_and_parts(url: str, said: str) -> None:
    assert verdict(UrlFilter(), "", url=url) == said


def test_a_document_without_an_address_passes() -> None:
    assert verdict(UrlFilter(), "porn") == "kept"


def test_a_users_block_list_is_added_to_the_one_that_comes_with_it(tmp_path: Path) -> None:
    blocklist = tmp_path / "domains"
    blocklist.write_text("# mine\nbad.example\nwww.worse.example\nhttps://www.good.example/bad/\n[words]\nBananas\n")
    step = UrlFilter(blocklist)
    assert verdict(step, "", url="https://sub.bad.example/x") == "host"
    assert verdict(step, "", url="https://www.worse.example/") == "host"
    assert verdict(step, "", url="https://good.example/bad/page") == "host"
    assert verdict(step, "", url="https://good.example/badly") == "kept"
    assert verdict(step, "", url="https://good.example/bananas") == "word"
    assert verdict(step, "", url="https://pornhub.com") == "host"


@pytest.mark.parametrize("content", [None, "[hots]\na.example\n"])
def test_a_block_list_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path, content: str | None) -> None:
    blocklist = tmp_path / "domains"
    if content is not None:
        blocklist.write_text(content)
    with pytest.raises(DataError, match="domains"):
        verdict(UrlFilter(blocklist), "", url="https://a.example")


def test_the_examples_hold() -> None:
    assert doctest.testmod(urls).failed == 0
