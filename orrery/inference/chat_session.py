"""A chat as it goes on: what was said on its present branch, and what a person may do with it.

    session = ChatSession(Speaker.load(folder), database, Sampling(max_tokens=256))
    session.ask("What is 12 times 7?", show)     # show(event) is called with what comes (stream.py)
    session.regenerate(show)                     # another answer; the first one stays in the database, beside it
    session.edit("What is 12 times 8?", show)    # another question, likewise

Nothing here prints. What is said is saved as it comes (chat_history.py), so that a killed process loses no more than
the reply it was writing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from orrery.config import nearest
from orrery.database import Database
from orrery.errors import ConfigError, InferenceError
from orrery.inference.alternatives import Choice, alternatives
from orrery.inference.chat_history import (
    ChatMessage,
    Origin,
    add_chat,
    add_messages,
    answers_to,
    read_chat,
    replies_in,
    update_chat,
)
from orrery.inference.sampling import Sampling
from orrery.inference.speaker import Speaker, encode_reply
from orrery.inference.stream import Done, Event, TextDelta
from orrery.tokenizers.chat import Message

Show = Callable[[Event], None]

# What /set may change: all settings that are one number.
SETTINGS: dict[str, type] = {
    field.name: type(field.default) for field in fields(Sampling) if type(field.default) in (int, float)
}
STOPPED = "stopped"  # the reason of a reply that the person has ended


@dataclass(frozen=True)
class Answered:
    """How a reply ended ("stop", "length", "calls" or STOPPED), and whether older turns were left out for it."""

    finish_reason: str
    forgotten: bool


class ChatSession:
    """One conversation with a speaker, kept in a database.

    Attributes:
        branch: the messages of the present branch, as the database has them; the system message is not among them.
        chat: the number of the chat; none before its first message.
        begun_with: the name of the speaker that it was begun with.
        replies: how many there were, in all branches; each is sampled with another seed.
    """

    def __init__(self, speaker: Speaker, database: Database, sampling: Sampling, system: str | None = None) -> None:
        self.speaker, self.database, self.sampling, self.system = speaker, database, sampling, system
        self.reset()

    def reset(self) -> None:
        """Begin a new chat; the present one stays in the database."""
        self.chat: int | None = None
        self.begun_with = self.speaker.name
        self.branch: list[ChatMessage] = []
        self.replies = 0
        # Prompt and last reply in ids, and which of them the model wrote; None where that is not known any more.
        self.written: tuple[list[int], list[bool]] | None = None

    def open(self, number: int) -> None:
        """Go on with a chat of the database. Raises ConfigError when there is none of that number."""
        chat, path = read_chat(self.database, number)
        self.reset()
        self.chat, self.begun_with, self.system = chat.id, chat.model, chat.system
        self.branch, self.replies = path, replies_in(self.database, number)

    @property
    def messages(self) -> list[Message]:
        """Those of the present branch, without the system message."""
        return [row.message for row in self.branch]

    @property
    def whole(self) -> list[Message]:
        """The conversation with its system message."""
        return [*opening(self.system), *self.messages]

    @property
    def asked(self) -> int:
        """Where in `messages` the last question is. Raises InferenceError when there is none."""
        places = [place for place, row in enumerate(self.branch) if row.message["role"] == "user"]
        if not places:
            raise InferenceError("nothing has been asked yet: type a message first")
        return places[-1]

    @property
    def question(self) -> str:
        """The last question."""
        return str(self.branch[self.asked].message["content"])

    @property
    def unanswered(self) -> bool:
        """Whether the last message is a question that has no answer: the reply was stopped, or the process killed."""
        return bool(self.branch) and self.branch[-1].message["role"] == "user"

    def ask(self, text: str, show: Show) -> Answered:
        """Ask, and show the reply as it is written. A question that was left without an answer is replaced.

        Raises InferenceError for one that is too long: the conversation then stays as it was.
        """
        place = (len(self.branch) - self.unanswered) if self.speaker.assistant else 0
        return self._ask(text, place, show)

    def edit(self, text: str, show: Show) -> Answered:
        """Ask something else instead of the last question."""
        return self._ask(text, self.asked, show)

    def regenerate(self, show: Show) -> Answered:
        """Let the last question be answered anew."""
        self._go_back(self.asked + 1)
        return self._answer(show)

    def undo(self) -> str:
        """Take back the last question with its answer -> that question."""
        question = self.question
        self._go_back(self.asked)
        return question

    def other_answer(self) -> tuple[int, int]:
        """Go on with the next of the replies to the last question, after the last the first -> its place, of how many.

        Raises InferenceError when there is none.
        """
        start = self.asked + 1
        answers = answers_to(self.database, self.branch[start - 1].id)
        if not answers:
            raise InferenceError("the last question has no answer yet: /regenerate gives one")
        firsts = [answer[0].id for answer in answers]
        place = 0 if self.unanswered else (firsts.index(self.branch[start].id) + 1) % len(answers)
        self.branch = [*self.branch[:start], *answers[place]]
        self.written = None
        self._save_head()
        return place + 1, len(answers)

    def set_system(self, system: str | None) -> None:
        """Give all further replies another system message, or none."""
        self.system = system
        self._save_head()

    def set(self, name: str, value: str) -> None:
        """Change a setting of the sampling as it is typed. Raises ConfigError or InferenceError for what cannot be."""
        if name not in SETTINGS:
            raise ConfigError(f"there is no setting {name}; {nearest(name, SETTINGS)}")
        try:
            number: Any = SETTINGS[name](value)
        except ValueError as error:
            kind = "a whole number" if SETTINGS[name] is int else "a number"
            raise ConfigError(f"{name} is {kind}, which {value!r} is not") from error
        self.sampling = replace(self.sampling, **{name: number})
        if name == "seed":
            self.replies = 0  # the next reply has this very seed

    def compare(self, other: Speaker) -> tuple[list[Message], list[Message]]:
        """The last question answered by this speaker and by another one, with the same seed: that of the last reply.

        The other's answer is kept beside those that there are, and so is this one's where it is another than before.
        Raises InferenceError when there is no question, or no room for it.
        """
        start = self.asked + 1
        conversation = [*opening(self.system), *self.messages[:start]]
        seeds = [row.sampling["seed"] for row in self.branch if row.sampling]
        sampling = replace(self.sampling, seed=(seeds or [self.sampling.seed])[-1])
        turns = [
            speaker.reply(speaker.fit(conversation, sampling.max_tokens), sampling) for speaker in (self.speaker, other)
        ]
        for speaker, turn in zip((self.speaker, other), turns, strict=True):
            if speaker is other or turn.messages != self.messages[start:]:
                origin = Origin(speaker.name, self.system, sampling, turn.finish_reason)
                add_messages(self.database, self._number(), turn.messages, self.branch[start - 1], origin, aside=True)
        return turns[0].messages, turns[1].messages

    def choices(self, top: int) -> list[Choice | int]:
        """The tokens of the last reply: those that the model wrote, with `top` alternatives; of others only the id.

        For a reply that was stopped, or comes from the database, its text is encoded again, which may give other
        tokens than those that were written. Raises InferenceError when there is no reply.
        """
        if not self.branch[self.asked + 1 :]:
            raise InferenceError("there is no answer yet: ask something first")
        ids, mask = self.written or self._encoded()
        if not any(mask):  # it says nothing
            return []
        first = mask.index(True)
        choices = alternatives(self.speaker.engine, ids, top)[first - 1 :]
        return [choice if written else choice.id for choice, written in zip(choices, mask[first:], strict=True)]

    def _ask(self, text: str, place: int, show: Show) -> Answered:
        question: Message = {"role": "user", "content": text}
        self.speaker.fit([*opening(self.system), *self.messages[:place], question], self.sampling.max_tokens)
        parent = self.branch[place - 1] if place else None
        self.branch = [*self.branch[:place], *add_messages(self.database, self._number(), [question], parent)]
        self.written = None
        return self._answer(show)

    def _answer(self, show: Show) -> Answered:
        """Let the last message be answered. What a stopped reply has said so far is kept; where it has said nothing,
        the question stays without an answer."""
        sampling = replace(self.sampling, seed=self.sampling.seed + self.replies)
        conversation = self.speaker.fit(self.whole, sampling.max_tokens)
        forgotten = self.speaker.assistant and len(conversation) < len(self.whole)
        prompt = self.speaker.prompt(conversation)
        self.replies += 1
        said, reason = "", STOPPED
        messages: list[Message] = []
        written = None
        try:
            for event in self.speaker.stream(conversation, sampling):
                if isinstance(event, TextDelta):
                    said += event.text
                elif isinstance(event, Done):
                    turn = event.turn
                    messages, reason = turn.messages, turn.finish_reason
                    written = [*prompt, *turn.ids], [*[False] * len(prompt), *turn.mask]
                show(event)
        except KeyboardInterrupt:
            messages = messages or ([{"role": "assistant", "content": said}] if said else [])
        if messages:
            origin = Origin(self.speaker.name, self.system, sampling, reason)
            self.branch += add_messages(self.database, self._number(), messages, self.branch[-1], origin)
        self.written = written
        return Answered(reason, forgotten)

    def _encoded(self) -> tuple[list[int], list[bool]]:
        """The last reply and what came before it in tokens, and which of them the model wrote."""
        start, speaker = self.asked + 1, self.speaker
        before = speaker.fit([*opening(self.system), *self.messages[:start]], self.sampling.max_tokens)
        ended = self.branch[-1].finish_reason == "stop"
        return encode_reply(before, self.messages[start:], speaker.engine.tokenizer, speaker.assistant, ended=ended)

    def _go_back(self, length: int) -> None:
        """Keep the first `length` messages of the branch; what followed stays in the database."""
        self.branch, self.written = self.branch[:length], None
        self._save_head()

    def _number(self) -> int:
        """The number of this chat, which is begun where it was not."""
        if self.chat is None:
            self.chat = add_chat(self.database, model=self.speaker.name, system=self.system)
        return self.chat

    def _save_head(self) -> None:
        if self.chat is not None:
            head = self.branch[-1].id if self.branch else None
            update_chat(self.database, self.chat, system=self.system, head=head)


def opening(system: str | None) -> Sequence[Message]:
    """The messages that a conversation begins with."""
    return [{"role": "system", "content": system}] if system else []
