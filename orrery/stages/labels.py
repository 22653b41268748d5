"""Answers that people write, in the database: the studio's labelling desk adds them, `orrery sft --data` reads them.

    number = add_label(database, "What is 2 + 2?", Edit("It is 4.", by="Ada", seconds=9.0), draft="It is 5.", model="…")
    edit_label(database, number, Edit("2 + 2 = 4.", by="Ada", seconds=4.0))
    Path("labels.jsonl").write_text(as_jsonl(all_labels(database)))

A model drafts and a person edits, as the guidelines say that were in force: which draft of which model, every edit, who
made it and under which version of the guidelines is kept with the answer (Ouyang et al. 2022, arXiv 2203.02155,
appendix B, on labellers and their instructions).
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from orrery.database import Base, Database
from orrery.errors import DataError
from orrery.tokenizers.messages import validate_messages

FIRST_GUIDELINES = """\
Be helpful: answer what was asked, in the fewest sentences that do it.
Be truthful: say only what you know to be so. Where the answer cannot be known, say that you do not know it.
Be harmless: refuse what would hurt somebody, in one sentence, without a sermon.

Sums: every step on its own, then the result as the last sentence.
Stories: everything that was wished for must be in it; three to five sentences.
Form: whole sentences, no greeting, no "as a language model".
Keep what is right in the draft: change only what these rules ask for."""


class Guidelines(Base):
    """A version of the guidelines; the newest one is in force."""

    __tablename__ = "guidelines"
    id: Mapped[int] = mapped_column(primary_key=True)
    made: Mapped[float] = mapped_column(default=time.time)
    text: Mapped[str]


class LabelEdit(Base):
    """What a person made of an answer.

    Attributes:
        made: seconds since 1970 (UTC).
        by: the person, as they call themselves.
        seconds: how long they took.
        guidelines: the version in force.
    """

    __tablename__ = "label_edits"
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[int] = mapped_column(ForeignKey("labels.id", ondelete="CASCADE"), index=True)
    made: Mapped[float] = mapped_column(default=time.time)
    text: Mapped[str]
    by: Mapped[str]
    seconds: Mapped[float]
    guidelines: Mapped[int] = mapped_column(ForeignKey("guidelines.id"))


class Label(Base):
    """A prompt with its answer.

    Attributes:
        draft: what a model wrote first; None where a person began with nothing.
        model: the folder of that model.
        edits: the first one made the answer, the last one is what it is.
    """

    __tablename__ = "labels"
    id: Mapped[int] = mapped_column(primary_key=True)
    prompt: Mapped[str]
    draft: Mapped[str | None]
    model: Mapped[str | None]
    edits: Mapped[list[LabelEdit]] = relationship(order_by=LabelEdit.id, cascade="all, delete-orphan", lazy="selectin")

    @property
    def text(self) -> str:
        """The answer as it is now."""
        return self.edits[-1].text


@dataclass(frozen=True)
class Edit:
    """A person's work on an answer, about to be saved."""

    text: str
    by: str = ""
    seconds: float = 0.0


def add_label(
    database: Database, prompt: str, edit: Edit, *, draft: str | None = None, model: str | None = None
) -> int:
    """Save an answer and return its number.

    Raises:
        DataError: an empty prompt or answer.
        RunError: the database cannot be used.
    """
    check(prompt, edit.text)
    with database.session() as session:
        label = Label(prompt=prompt.strip(), draft=draft, model=model, edits=[_edit(session, edit)])
        session.add(label)
        session.flush()
        return label.id


def edit_label(database: Database, number: int, edit: Edit) -> None:
    """Change an answer; what it was is kept. Raises DataError for an empty answer or an unknown number."""
    with database.session() as session:
        label = _label(session, number)
        check(label.prompt, edit.text)
        label.edits.append(_edit(session, edit))


def remove_label(database: Database, number: int) -> None:
    """Delete an answer with its history. Raises DataError where there is none."""
    with database.session() as session:
        session.delete(_label(session, number))


def all_labels(database: Database) -> list[Label]:
    """All answers, in the order in which they were made."""
    with database.session() as session:
        return list(session.scalars(select(Label).order_by(Label.id)))


def guidelines_in_force(database: Database) -> Guidelines:
    """The newest version; before anybody wrote one, `FIRST_GUIDELINES`."""
    with database.session() as session:
        return _in_force(session)


def change_guidelines(database: Database, text: str) -> Guidelines:
    """A new version. Answers keep the one that they were written under. Raises DataError for an empty text."""
    if not text.strip():
        raise DataError("guidelines without a word guide nobody: write some")
    with database.session() as session:
        now = _in_force(session)
        if now.text != text.strip():
            now = Guidelines(text=text.strip())
            session.add(now)
            session.flush()
        return now


def as_jsonl(labels: Sequence[Label]) -> str:
    """Conversations that `orrery sft --data` reads, a line each, with the history of each answer beside it."""
    return "".join(json.dumps(_row(label), ensure_ascii=False) + "\n" for label in labels)


def check(prompt: str, text: str) -> None:
    """Raises DataError where this is nothing to train on."""
    if not prompt.strip() or not text.strip():
        raise DataError("an answer needs a prompt and a text: one of them is empty")
    validate_messages(_messages(prompt, text), "the answer", training=True)


def _messages(prompt: str, text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt.strip()}, {"role": "assistant", "content": text.strip()}]


def _row(label: Label) -> dict[str, object]:
    edits = [
        {"text": one.text, "by": one.by, "made": one.made, "seconds": one.seconds, "guidelines": one.guidelines}
        for one in label.edits
    ]
    history = {"draft": label.draft, "model": label.model, "edits": edits}
    return {"messages": _messages(label.prompt, label.text), "history": history}


def _edit(session: Session, edit: Edit) -> LabelEdit:
    version = _in_force(session).id
    return LabelEdit(text=edit.text.strip(), by=edit.by.strip(), seconds=edit.seconds, guidelines=version)


def _label(session: Session, number: int) -> Label:
    label = session.get(Label, number)
    if label is None:
        raise DataError(f"there is no answer {number}: it was deleted")
    return label


def _in_force(session: Session) -> Guidelines:
    newest = session.scalars(select(Guidelines).order_by(Guidelines.id.desc()).limit(1)).first()
    if newest is None:
        newest = Guidelines(text=FIRST_GUIDELINES)
        session.add(newest)
        session.flush()
    return newest
