"""What a step says of a text, in a word."""

from orrery.data.documents import Document
from orrery.data.pipeline.step import Reject, Step


def verdict(step: Step, text: str, **provenance: str) -> str:
    """The rule that rejects ``text``, or "kept"."""
    outcome = step.apply(Document(text, provenance=provenance))
    return outcome.rule if isinstance(outcome, Reject) else "kept"
