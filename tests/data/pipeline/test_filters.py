"""All filters together: any text gets an answer, the same again, and Wikipedia passes, split into tokens as it is."""

import pickle
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orrery.data.documents import Document
from orrery.data.pipeline.c4 import C4Quality
from orrery.data.pipeline.decontaminate import Decontaminate, Phrases
from orrery.data.pipeline.fineweb import FineWebQuality
from orrery.data.pipeline.language import Language
from orrery.data.pipeline.private import PrivateData
from orrery.data.pipeline.quality import GopherQuality
from orrery.data.pipeline.repetition import GopherRepetition
from orrery.data.pipeline.step import Reject, Step
from orrery.data.pipeline.urls import UrlFilter

EXAMS = Phrases(["the and . the and . the and . the and . the and . the and . the and"])
STEPS: tuple[Step, ...] = (
    UrlFilter(), Language(), GopherRepetition(), GopherQuality(), C4Quality(), FineWebQuality(),
    Decontaminate(EXAMS), PrivateData(),
)  # fmt: skip


def outcome_of(document: Document) -> tuple[str, Document | Reject]:
    """What the steps leave of a document, or the name of the one that rejects it and why."""
    outcome: Document | Reject = document
    for step in STEPS:
        outcome = step.apply(document)
        if isinstance(outcome, Reject):
            return step.name, outcome
        document = outcome
    return "", outcome


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text() | st.sampled_from(["the", "and", ".", "\n", " ", "{", "[1]", "@", "4242"]), max_size=30))
def test_every_step_has_an_answer_to_any_text_and_the_same_one_again(parts: list[str]) -> None:
    for step in STEPS:
        document = Document(" ".join(parts), provenance={"url": "".join(parts)})
        assert step.apply(document) == step.apply(document)


def test_steps_can_be_sent_to_other_processes() -> None:
    document = Document("the and . " * 20, provenance={"url": "https://a.example"})
    for step in STEPS:
        assert pickle.loads(pickle.dumps(step)).apply(document) == step.apply(document)


@pytest.mark.real_data
def test_articles_of_wikipedia_are_kept_and_nothing_private_is_found_in_them(real_data: Path) -> None:
    text = (real_data / "wikitext2_valid.txt").read_text(encoding="utf-8")
    articles = [article for article in re.split(r"\n(?= = [^=])", text) if article.strip()]
    assert len(articles) == 60
    rejected: Counter[str] = Counter()
    characters = 0
    for article in articles:
        step, outcome = outcome_of(Document(article))
        if isinstance(outcome, Reject):
            rejected[f"{step}: {outcome.rule}"] += 1
        else:
            assert "private" not in outcome.provenance
            characters += len(outcome.text)
    assert rejected.total() <= 2, rejected
    assert characters >= 0.95 * len(text)  # C4 takes headings of one or two words
