"""The labelling desk: a model drafts an answer, a person edits it as the guidelines say, `orrery sft` learns from it.

GET    /api/labels               the answers so far, and the guidelines in force
GET    /api/labels/prompt        something to answer that nobody has answered yet
POST   /api/labels/draft         what a model answers
POST   /api/labels               save an answer
POST   /api/labels/7             change it; what it was is kept
DELETE /api/labels/7
POST   /api/labels/guidelines    a new version of the guidelines
GET    /api/labels/export        all answers as JSONL, for `orrery sft --data`
"""

from functools import lru_cache
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from orrery.database import database_exists
from orrery.errors import ConfigError
from orrery.server.names import ServedModel
from orrery.server.service import in_thread
from orrery.server.streams import while_connected
from orrery.server.studio.rankings import answer, story_wishes, user
from orrery.server.studio.talk import MOST_TEXT, Asked, Settings, Talk, text_of
from orrery.stages.from_world import sums
from orrery.stages.labels import (
    FIRST_GUIDELINES,
    Edit,
    Label,
    add_label,
    all_labels,
    as_jsonl,
    change_guidelines,
    edit_label,
    guidelines_in_force,
    remove_label,
)
from orrery.training.runs import RUNS

Kind = Literal["sums", "stories"]
SUMS, SEED = 1_000, 2  # the sums that `orrery grpo` trains on by default are others


class EditView(BaseModel):
    """One edit. `guidelines`: the version that was in force."""

    text: str
    by: str
    made: float
    seconds: float
    guidelines: int


class LabelView(BaseModel):
    """An answer with its history. `model`: who drafted it."""

    id: int
    prompt: str
    text: str
    draft: str | None
    model: str | None
    edits: list[EditView]


class GuidelinesView(BaseModel):
    """The guidelines in force; version 0 is the one that nobody has used yet."""

    version: int
    text: str


class Desk(BaseModel):
    """What the page shows. `command`: what learns from the answers."""

    guidelines: GuidelinesView
    labels: list[LabelView]
    command: str


class Prompt(BaseModel):
    """Something to answer. `number`: its place among those of its kind; `truth`: the result, where there is one."""

    text: str
    number: int
    truth: str | None


class Draft(BaseModel):
    """What the model answered."""

    text: str


class Drafting(Asked):
    """Who is to draft an answer to what."""

    model: str
    prompt: str = Field(min_length=1, max_length=MOST_TEXT)
    sampling: Settings = Settings(max_tokens=192)


class Editing(Asked):
    """A person's answer: its text, who wrote it, and in how many seconds."""

    text: str = Field(max_length=MOST_TEXT)
    by: str = Field("", max_length=80)
    seconds: float = Field(0.0, ge=0)

    @property
    def edit(self) -> Edit:
        """For the database."""
        return Edit(self.text, self.by, self.seconds)


class Labelling(Editing):
    """An answer to a prompt, made from a draft or from nothing."""

    prompt: str = Field(max_length=MOST_TEXT)
    draft: str | None = Field(None, max_length=MOST_TEXT)
    model: str | None = None


class Wording(Asked):
    """Guidelines."""

    text: str = Field(max_length=MOST_TEXT)


def router(talk: Talk) -> APIRouter:
    """All of them."""
    router = APIRouter(prefix="/labels")
    add_reading(router, talk)
    add_writing(router, talk)
    return router


def add_reading(router: APIRouter, talk: Talk) -> None:
    """What there is, and what there is to do."""

    @router.get("", summary="Answers of people")
    async def desk() -> Desk:
        return await in_thread(lambda: desk_of(talk))

    @router.get("/prompt", summary="Something to answer")
    async def prompt(kind: Kind = "sums", after: int = -1) -> Prompt:
        return await in_thread(lambda: unanswered(talk, kind, after))

    @router.get("/export", summary="All answers, for `orrery sft --data`", response_class=Response)
    async def export() -> Response:
        text = await in_thread(lambda: as_jsonl(labels_of(talk)))
        name = {"Content-Disposition": 'attachment; filename="labels.jsonl"'}
        return Response(text, media_type="application/jsonl", headers=name)


def add_writing(router: APIRouter, talk: Talk) -> None:
    """What a person does."""

    @router.post("/draft", summary="Let a model draft an answer")
    async def draft(asked: Drafting, request: Request) -> Draft:
        model = await talk.model(asked.model)
        return await while_connected(request, drafted(talk, model, asked))

    @router.post("/guidelines", summary="Change the guidelines")
    async def guidelines(asked: Wording) -> Desk:
        def write() -> Desk:
            change_guidelines(talk.database, asked.text)
            return desk_of(talk)

        return await in_thread(write)

    @router.post("", summary="Save an answer")
    async def save(asked: Labelling) -> Desk:
        folder = str((await talk.model(asked.model)).folder) if asked.model else None

        def write() -> Desk:
            add_label(talk.database, asked.prompt, asked.edit, draft=asked.draft, model=folder)
            return desk_of(talk)

        return await in_thread(write)

    @router.post("/{number}", summary="Change an answer")
    async def change(number: int, asked: Editing) -> Desk:
        def write() -> Desk:
            edit_label(talk.database, number, asked.edit)
            return desk_of(talk)

        return await in_thread(write)

    @router.delete("/{number}", summary="Delete an answer", status_code=204)
    async def remove(number: int) -> None:
        await in_thread(lambda: remove_label(talk.database, number))


async def drafted(talk: Talk, model: ServedModel, asked: Drafting) -> Draft:
    """What a model answers. Raises ConfigError for a base model."""
    if not model.assistant:
        raise ConfigError(f"{model.name} is a base model, which answers nobody: take an assistant")
    messages = await answer(talk, model, user(asked.prompt), asked.sampling.sampling)
    return Draft(text=text_of(messages).strip())


def desk_of(talk: Talk) -> Desk:
    """The page; a look makes no database."""
    where = "" if talk.studio.root == RUNS else f" --root {talk.studio.root}"
    command = f"orrery sft --model {talk.studio.root}/NAME/sft --data labels.jsonl --run labelled{where}"
    if not database_exists(talk.studio.root):
        return Desk(guidelines=GuidelinesView(version=0, text=FIRST_GUIDELINES), labels=[], command=command)
    now = guidelines_in_force(talk.database)
    return Desk(
        guidelines=GuidelinesView(version=now.id, text=now.text),
        labels=[view(talk, label) for label in reversed(all_labels(talk.database))],
        command=command,
    )


def labels_of(talk: Talk) -> list[Label]:
    """All answers."""
    return all_labels(talk.database) if database_exists(talk.studio.root) else []


def view(talk: Talk, label: Label) -> LabelView:
    """An answer for the page."""
    edits = [
        EditView(text=one.text, by=one.by, made=one.made, seconds=one.seconds, guidelines=one.guidelines)
        for one in label.edits
    ]
    name = talk.name_of(label.model)
    return LabelView(id=label.id, prompt=label.prompt, text=label.text, draft=label.draft, model=name, edits=edits)


def unanswered(talk: Talk, kind: Kind, after: int) -> Prompt:
    """The first prompt of a kind, behind number `after`, that has no answer; the first of all when every one has."""
    done = {label.prompt for label in labels_of(talk)}
    prompts = of_kind(kind)
    rest = [number for number in range(len(prompts)) if number > after and prompts[number][0] not in done]
    number = rest[0] if rest else 0
    text, truth = prompts[number]
    return Prompt(text=text, number=number, truth=truth)


@lru_cache(maxsize=2)
def of_kind(kind: Kind) -> list[tuple[str, str | None]]:
    """Prompts of the world, with their truths: sums, or wishes for stories."""
    if kind == "sums":
        return [(one.text, str(one.truth)) for one in sums(SUMS, SEED)]
    return [(str(wish[-1]["content"]).strip(), None) for wish in story_wishes()]
