"""Private data: mail and network addresses, telephone and card numbers and keys, replaced by what they were.

    PrivateData().apply(Document("Write to ann@example.org")).text         # 'Write to [email]'

Mail and public network addresses as in FineWeb (arXiv 2406.17557, section 3.7). Beyond it: telephone numbers (with the
sign + and a country's code, as in North America, or in three groups of which the first begins with 0), card numbers
of the issuers' lengths with a right check digit (Luhn; ISO/IEC 7812-1), and the keys of well-known services, which
begin in a way of their own. Telephone numbers in other forms are not found: they look like any number.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, NamedTuple

from orrery.data.documents import Document
from orrery.data.luhn import luhn_valid

KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:.{0,10000}?-----END [A-Z ]*PRIVATE KEY-----|(?:\s*[0-9A-Za-z+/=]{16,})*)"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # Amazon
    r"|\bgh[pousr]_[0-9A-Za-z]{36,}|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20,}"
    r"|\bsk-(?=[\w-]*\d)[\w-]{20,}|\b[rs]k_live_[0-9A-Za-z]{20,}|\bhf_[0-9A-Za-z]{30,}|\bnpm_[0-9A-Za-z]{36}\b"
    r"|\bAIza[\w-]{35}|\bxox[abeprs]-[\w-]{10,}"  # Google, Slack
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",  # tokens of a session (JWT)
    re.DOTALL,
)
KEY_STARTS = (
    "PRIVATE KEY", "AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "sk-", "k_live_",
    "hf_", "npm_", "AIza", "xox", "eyJ",
)  # fmt: skip
EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}+(?:@| ?[(\[]at[)\]] ?)(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")
IPV4 = re.compile(r"(?<![\w.])(?<!ersion )(?<!elease )(?:\d{1,3}\.){3}\d{1,3}(?!\.?\w)")
IPV6 = re.compile(r"(?<![\w:])[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]*[0-9A-Fa-f:](?![\w:])")
CARD = re.compile(
    r"(?<![\w.-])(?:\d{4}([ -]?)\d{4}\1\d{4}\1\d{4}"  # 16 digits
    r"|3[47]\d{2}([ -]?)\d{6}\2\d{5}|3\d{3}([ -]?)\d{6}\3\d{4})(?![\w-]|\.\d)"  # 15 (American Express), 14 (Diners)
)
PHONE = re.compile(
    r"(?<![\w+.-])(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[.-])[2-9]\d\d[ .-]\d{4}(?![\w-])"  # North America
    r"|(?<![\w+.-])(?<!\d )0\d{2,4}[ -]\d{3,4}[ -]\d{3,4}(?![\w-]| \d)"
    r"|(?<![\w+])\+[1-9]\d{0,2}(?:[ .-]?(?:\(\d{1,5}\)|\d{1,5}+)){2,6}+(?!\w)"
)
_LOCAL = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16 224.0.0.0/3"
LOCAL = tuple(map(ipaddress.ip_network, _LOCAL.split()))


Kind = Literal["key", "email", "card", "ip", "phone"]


class Finder(NamedTuple):
    """How something is found: what tells quickly that a text has none, as most, the pattern, and a last check."""

    hint: Callable[[str], object]
    pattern: re.Pattern[str]
    valid: Callable[[str], bool] = bool


@dataclass(frozen=True)
class PrivateData:
    """What is replaced. The document that goes on says under "private" how many of each there were.

    Attributes:
        kinds: of private data.
    """

    name: ClassVar[str] = "private_data"
    kinds: tuple[Kind, ...] = ("key", "email", "card", "ip", "phone")

    def apply(self, document: Document) -> Document:
        text = document.text
        counts: dict[str, int] = {}
        for kind in self.kinds:
            for finder in FINDERS[kind]:
                if not finder.hint(text):
                    continue
                text, found = replaced(text, kind, finder)
                if found:
                    counts[kind] = counts.get(kind, 0) + found
        if not counts:
            return document
        return replace(document, text=text, provenance={**document.provenance, "private": counts})


def replaced(text: str, kind: str, finder: Finder) -> tuple[str, int]:
    """``text`` with what is found and valid replaced by its kind in brackets, and how many times that was done."""
    found = 0

    def name(match: re.Match[str]) -> str:
        nonlocal found
        if not finder.valid(match[0]):
            return match[0]
        found += 1
        return f"[{kind}]"

    return finder.pattern.sub(name, text), found


def is_public(address: str) -> bool:
    """Whether this is an address of one machine in the world. Networks kept for examples look like public ones.

    >>> is_public("8.8.8.8"), is_public("192.168.1.1"), is_public("1.2.3.400"), is_public("2001:db8::1")
    (True, False, False, True)
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return found.version == 6 or not any(found in network for network in LOCAL)


def is_card(number: str) -> bool:
    """Whether the check digit is right; zeros alone are nobody's card."""
    digits = re.sub("[ -]", "", number)
    return luhn_valid(digits) and set(digits) != {"0"}


def is_phone(number: str) -> bool:
    """Whether it has as many digits as telephone numbers have (ITU E.164 allows 15)."""
    return 8 <= sum(map(str.isdigit, number)) <= 15


FINDERS: dict[Kind, tuple[Finder, ...]] = {
    "key": (Finder(lambda text: any(start in text for start in KEY_STARTS), KEY),),
    "email": (Finder(re.compile(r"@[A-Za-z0-9-]+\.|[(\[]at[)\]]").search, EMAIL),),
    "card": (Finder(re.compile(r"\d{4}[ -]?\d{4}").search, CARD, is_card),),
    "ip": (
        Finder(re.compile(r"\d\.\d{1,3}\.\d").search, IPV4, is_public),
        Finder(re.compile(r":[0-9A-Fa-f]{0,4}:").search, IPV6, is_public),
    ),
    "phone": (Finder(re.compile(r"\d[ .-]\d{3}|\+\d").search, PHONE, is_phone),),
}
