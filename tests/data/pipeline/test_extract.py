"""Main text: what a page says without what stands around it."""

import sys

import pytest
import trafilatura

from orrery.data.documents import Document
from orrery.data.pipeline.extract import MainText
from orrery.errors import ConfigError
from tests.data.pipeline.verdict import verdict

SAYS = "The lighthouse was built of grey stone in the year 1821, and it has stood there ever since. "
PAGE = f"""<html><head><title>Light</title></head><body>
<nav><a href="/">Home</a> <a href="/shop">Shop</a></nav>
<article><h1>The lighthouse</h1><p>{SAYS * 3}</p><p>{SAYS * 2}</p></article>
<footer>All rights reserved. <a href="/terms">Terms of use</a></footer></body></html>"""


def test_menus_and_footers_go_and_the_article_stays() -> None:
    page = Document(PAGE, id="1", provenance={"media_type": "text/html", "url": "https://a.example"})
    outcome = MainText().apply(page)
    assert isinstance(outcome, Document)
    assert outcome.text.count("The lighthouse was built") == 5
    assert not {"Home", "Shop", "Terms"} & set(outcome.text.split())
    assert outcome.provenance == {"media_type": "text/plain", "url": "https://a.example"}
    assert outcome.id == "1"


def test_a_page_gives_the_same_text_however_often_it_was_seen() -> None:
    page = Document(PAGE, provenance={"media_type": "text/html"})
    assert len({MainText().apply(page).text for _ in range(5)}) == 1  # type: ignore[union-attr]


def test_rows_of_tables_have_no_bars_at_their_ends() -> None:
    cells = f"<tr><td>{SAYS * 2}</td></tr><tr><td>Height</td><td>{SAYS * 2}</td></tr>"
    outcome = MainText().apply(
        Document(f"<p>{SAYS * 3}</p><table>{cells}</table>", provenance={"media_type": "text/html"})
    )
    assert isinstance(outcome, Document)
    _, first, second = outcome.text.splitlines()
    assert first == (SAYS * 2).strip()
    assert second == f"Height | {(SAYS * 2).strip()}"


def test_a_document_that_is_no_html_passes_as_it_is() -> None:
    document = Document("<p>not to be touched", provenance={"media_type": "text/plain"})
    assert MainText().apply(document) is document


@pytest.mark.parametrize("page", ["", "<html><body></body></html>", "\x00\x01"])
def test_a_page_without_text_is_rejected(page: str) -> None:
    assert verdict(MainText(), page, media_type="text/html") == "no_text"


def test_a_page_that_is_too_large_is_rejected() -> None:
    step = MainText(max_characters=len(PAGE))
    assert verdict(step, PAGE, media_type="text/html") == "kept"
    assert verdict(step, PAGE + " ", media_type="text/html") == "too_large"


def test_a_page_that_the_library_fails_on_is_rejected_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise RecursionError("too deep")

    monkeypatch.setattr(trafilatura, "extract", fail)
    outcome = MainText().apply(Document(PAGE, provenance={"media_type": "text/html"}))
    assert (outcome.rule, outcome.detail) == ("failed", "RecursionError: too deep")  # type: ignore[union-attr]


def test_a_missing_package_is_an_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trafilatura", None)
    assert verdict(MainText(), "text") == "kept"
    with pytest.raises(ConfigError, match=r"orrery\[data\]"):
        verdict(MainText(), PAGE, media_type="text/html")
