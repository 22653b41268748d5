"""The checksum of card numbers, for those who plant them and those who look for them."""


def luhn_valid(digits: str) -> bool:
    """Whether a card number passes its checksum (ISO/IEC 7812-1).

    >>> luhn_valid("4242424242424242"), luhn_valid("4242424242424243")
    (True, False)
    """
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0
