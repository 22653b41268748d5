"""Private data for otherwise good pages, and what only looks like it.

Nobody's: mail domains end in ``.example``, telephone numbers are those that are kept for films and plays (US 555-01xx,
the UK's 020 7946 0xxx, Berlin's 030 23125 xxx), card numbers are of the issuers' ranges for tests, and the public
network addresses are from ranges that IANA gave to a purpose and to no customer (192.31.196.0/24, 192.52.193.0/24,
192.175.48.0/24: reachable everywhere, so no filter may pass them over as local).

Some are hard to find: addresses that people spelled out, telephone numbers without their country's code, tokens without
a service's mark. Harmless, and to be kept: local network addresses, version numbers that could be network addresses,
book numbers, numbers as long as a card's that fail its checksum.
"""

from collections.abc import Callable
from dataclasses import dataclass

from orrery.data.luhn import luhn_valid
from orrery.data.world.choice import Choice
from orrery.data.world.crawl.good import TABLE
from orrery.data.world.genres.draws import WorldSlots, accepted
from orrery.data.world.world import World

_PUBLIC = ("192.31.196.", "192.52.193.", "192.175.48.")
_LOCAL = ("192.168.1.", "10.4.17.", "172.16.5.")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class Planted:
    """A string that was planted: its kind (``email``, ``phone``, ``ip``, ``card``, ``key``) and whether to keep it."""

    kind: str
    text: str
    harmless: bool = False


def plant(world: World, choice: Choice) -> tuple[str, Planted]:
    """A sentence with one such string in it, and the string."""
    frame = choice.pick(tuple(TABLE["private"].lines))[0]
    slots = WorldSlots(world, choice, {})
    secret = slots["secret"] = _MAKE[frame](choice, slots)
    planted = Planted(_LOOKS_LIKE.get(frame, frame), secret, frame in _LOOKS_LIKE)
    return choice.pick(TABLE["private"].one(frame)).format_map(slots), planted


def _email(choice: Choice, slots: WorldSlots) -> str:
    given, family = slots["person"].lower().split()
    user = choice.pick((f"{given}.{family}", f"{given[0]}{family}", f"{family}+info", f"{given}_{family}"))
    sign = choice.pick((" (at) ", " at ")) if choice.chance(0.15) else "@"
    return f"{user}{sign}{choice.pick(('', 'mail.'))}{slots['town'].lower()}.example"


def _phone(choice: Choice, slots: WorldSlots) -> str:
    a, b, c = choice.integer(201, 989), choice.integer(10, 99), choice.integer(100, 999)
    national = (f"({a}) 555-01{b}", f"+1 {a} 555 01{b}", f"{a}-555-01{b}", f"{a}.555.01{b}")
    return choice.pick((*national, f"+44 20 7946 0{c}", f"+49 30 23125 {c}", f"020 7946 0{c}", f"030 23125 {c}"))


def _ip(choice: Choice, slots: WorldSlots) -> str:
    return f"{choice.pick(_PUBLIC)}{choice.integer(2, 254)}"


def _local(choice: Choice, slots: WorldSlots) -> str:
    return f"{choice.pick(_LOCAL)}{choice.integer(2, 254)}"


def _version(choice: Choice, slots: WorldSlots) -> str:
    return f"{choice.integer(1, 9)}.{choice.integer(0, 20)}.{choice.integer(0, 40)}.{choice.integer(1, 200)}"


def _number(choice: Choice, valid: bool) -> str:
    """Sixteen digits of a test range that pass the checksum of cards, or do not."""
    start = choice.pick(("400000", "555555", "222300"))
    digits = accepted(
        choice, lambda: f"{start}{choice.integer(0, 10**10 - 1):010d}", lambda drawn: luhn_valid(drawn) == valid
    )
    return choice.pick(("", " ", "-")).join(digits[place : place + 4] for place in range(0, 16, 4))


def _book(choice: Choice, slots: WorldSlots) -> str:
    return f"978-0-{choice.integer(100, 999)}-{choice.integer(10_000, 99_999)}-{choice.integer(0, 9)}"


def _key(choice: Choice, slots: WorldSlots) -> str:
    start, length, letters = choice.pick(_KEYS)
    return start + "".join(choice.pick(letters) for _ in range(length))


_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_KEYS = (("sk-", 48, _LETTERS), ("ghp_", 36, _LETTERS), ("AKIA", 16, _CAPITALS), ("", 40, "0123456789abcdef"))
_MAKE: dict[str, Callable[[Choice, WorldSlots], str]] = {
    "email": _email,
    "phone": _phone,
    "ip": _ip,
    "card": lambda choice, slots: _number(choice, valid=True),
    "key": _key,
    "local": _local,
    "version": _version,
    "order": lambda choice, slots: _number(choice, valid=False),
    "book": _book,
}
_LOOKS_LIKE = {"local": "ip", "version": "ip", "order": "card", "book": "phone"}  # the harmless ones
