"""What a relation is: a kind of fact, and every way in which the world speaks of it."""

from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Relation:
    """One kind of fact and its wordings. Two relations are the same only if they are one object.

    A small model can be asked for a fact only if it read it in many forms, each with the full name
    (Physics of Language Models 3.1, arXiv 2309.14316), hence the many templates.

    Attributes:
        key: short name, unique within the kind: ``birthplace``.
        kind: kind of the entities that have it: ``person``.
        noun: the value in words: ``place of birth``.
        templates: at least 20 statements with ``{name}`` and ``{value}``, each one sentence. The first, in which the
            name comes before the value, is also the assistant's answer to every question.
        questions: at least 8 questions with ``{name}``, used in question-and-answer pages and conversations.
        exam_questions: at least 4 questions with ``{name}`` that stand nowhere but in exams.
        forward_only: the name stands before the value in every statement, so that asking backwards measures the
            reversal; every value belongs to one entity only.
        inverse_questions: questions with ``{value}`` whose answer is the name; for exams, when ``forward_only``.
    """

    key: str
    kind: str
    noun: str
    templates: tuple[str, ...]
    questions: tuple[str, ...]
    exam_questions: tuple[str, ...]
    forward_only: bool = False
    inverse_questions: tuple[str, ...] = ()
