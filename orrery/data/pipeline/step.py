"""What a step of the pipeline is: it looks at one document and keeps it, perhaps changed, or says why not.

    step = GopherQuality()
    outcome = step.apply(document)
    if isinstance(outcome, Reject):
        print(step.name, outcome.rule, outcome.detail)          # gopher_quality too_few_words 12, at least 50

Near-duplicates are the exception: they can be told only with all documents at hand (`minhash.py`).
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from orrery.data.documents import Document


@dataclass(frozen=True)
class Reject:
    """Why a document does not go on.

    Attributes:
        rule: of the step, a word for counting (``too_few_words``).
        detail: what was found and what is allowed, for people (``12, at least 50``).
    """

    rule: str
    detail: str = ""


class Step(Protocol):
    """One step; it depends on nothing but the document and its own settings, so that any machine may take it.

    Attributes:
        name: in reports and folders of rejected documents (``gopher_quality``).
    """

    name: ClassVar[str]

    def apply(self, document: Document) -> Document | Reject:
        """The document, perhaps changed, or why it is rejected."""
