"""Private data: what is found of each kind, what only looks like it, and what is said of it."""

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orrery.data.documents import Document
from orrery.data.pipeline import private
from orrery.data.pipeline.private import PrivateData
from orrery.data.world.genres.junk import luhn_valid

FOUND = {
    "email": ["ann@example.org", "Ann.O-Hara+news@mail.example.co.uk", "a_1%b@x-y.museum", "ann.lee (at) example.org"],
    "ip": ["192.31.196.5", "8.8.8.8", "203.0.113.7", "2001:db8::ff00:42:8329"],
    "phone": [
        "(415) 555-0132", "415-555-0132", "415.555.0132", "1-800-555-0199", "+1 415 555 0132", "+1 (415) 555-0132",
        "+44 20 7946 0123", "+49 30 23125 100", "+33 1 42 68 53 00", "+4915112345678", "020 7946 0123",
    ],
    "card": ["4242424242424242", "4242 4242 4242 4242", "4242-4242-4242-4242", "3782 822463 10005", "30569309025904"],
    "key": [
        "sk-" + "a1B2" * 12, "ghp_" + "x9" * 18, "AKIA" + "ABCD" * 4, "AIza" + "b" * 35, "hf_" + "Q" * 34,
        "xoxb-1234567890-abc", "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.dozjgNryP4J3jVmN",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nx+/=\n-----END RSA PRIVATE KEY-----",
    ],
}  # fmt: skip
HARMLESS = [
    "user@localhost", "@handle", "a @-@ b", "f(x)@y",
    "192.168.1.1", "10.4.17.9", "172.16.5.4", "127.0.0.1", "1.2.3", "1.2.3.4.5", "1.2.3.400", "v1.2.3.4",
    "version 1.2.3.4", "release 9.10.7.157", "good (at) this", "12:30:45", "std::vector",
    "1914-1918", "2010-2011-2012", "555-0132", "12 345 6789", "x+1 2", "+5", "3.14159265358979",
    "4242424242424243", "4242 4242 4242 4243", "ISBN 978-0-306-40615-7", "ISBN 0-306-40615-2",
    "007 123", "0000 0000 0000 0000",
    "sk-a-very-long-name-of-a-package", "task-1234567890123456789012345", "AKIA", "ghp_short",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "secret"), [(kind, secret) for kind, secrets in FOUND.items() for secret in secrets])
def test_each_kind_is_replaced_and_counted(kind: str, secret: str) -> None:
    for frame in ("{}", "Here it is: {}.", "({})\nand on", "two: {}, {}"):
        outcome = PrivateData().apply(Document(frame.replace("{}", secret), provenance={"url": "u"}))
        assert outcome.text == frame.replace("{}", f"[{kind}]")
        assert outcome.provenance == {"url": "u", "private": {kind: frame.count("{}")}}


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_it_stays(text: str) -> None:
    document = Document(f"See {text} there")
    assert PrivateData().apply(document) is document


def test_only_the_kinds_that_are_asked_for_are_replaced() -> None:
    outcome = PrivateData(kinds=("email",)).apply(Document("a@example.org, 8.8.8.8"))
    assert outcome.text == "[email], 8.8.8.8"


@settings(deadline=None)
@given(st.integers(10**15, 10**16 - 1).map(str), st.sampled_from(["", " ", "-"]))
def test_a_number_of_16_digits_is_a_card_if_its_check_digit_is_right(digits: str, mark: str) -> None:
    number = mark.join(digits[place : place + 4] for place in range(0, 16, 4))
    outcome = PrivateData(kinds=("card",)).apply(Document(f"no {number}"))
    assert outcome.text == ("no [card]" if luhn_valid(digits) else f"no {number}")


@settings(deadline=None)
@given(st.lists(st.sampled_from([*sum(FOUND.values(), []), *HARMLESS, "word", "12", ", "]), max_size=8))
def test_a_second_time_finds_nothing(parts: list[str]) -> None:
    once = PrivateData().apply(Document(" ".join(parts)))
    assert PrivateData().apply(once).text == once.text


def test_the_examples_hold() -> None:
    assert doctest.testmod(private).failed == 0
