"""What a search says that found nothing: in training, in exams and over a user's own files the same words."""

import difflib
from collections.abc import Iterable

NOTHING = "nothing found"
NOT_REMEMBERED = "nothing that fits is remembered"
ALIKE = 0.7  # of difflib's ratio: a title that is at least so near is offered


def missing(query: str, titles: Iterable[str]) -> str:
    """That nothing was found, and the nearest title, where one is near.

    >>> missing("Kugaex", ["Kugeax", "Tol Brear"]), missing("Hello", ["Kugeax"])
    ('nothing found; did you mean "Kugeax"?', 'nothing found')
    """
    near = difflib.get_close_matches(query, list(titles), 1, ALIKE)
    return f'{NOTHING}; did you mean "{near[0]}"?' if near else NOTHING


def is_like(wrong: str, title: str) -> bool:
    """Whether a search for the one would offer the other, were there no nearer title."""
    return bool(difflib.get_close_matches(wrong, [title], 1, ALIKE))
