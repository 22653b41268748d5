"""The tokens of one message, as they come → what can be sent of it at once, and the message when it has ended.

    reader = MessageReader(tokenizer, sampling.stop, calls=True)
    async for update in engine.generate(…):
        piece = reader.take(update)                  # the text that can be shown now, perhaps none
    message, rest = reader.finish()                  # the whole message, and what was not sent of it

All that is sent of a message, joined, is what the finished message says, so an answer in pieces is the same as one in
whole. Text from `<tool_call>` on is held back until it is known to be a call.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from orrery.inference.row import TokenScore, Written
from orrery.inference.sampling import before
from orrery.inference.scheduler import Update
from orrery.inference.stream import TextStream
from orrery.server.answers import Call, FinishReason
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.messages import Message
from orrery.tokenizers.parse import parse_assistant
from orrery.tokenizers.special import END_THINK, END_TOOL_CALL, THINK


@dataclass(frozen=True)
class Piece:
    """What is new of an answer, with the scores of its tokens; the last piece says why it ended."""

    reasoning: str = ""
    text: str = ""
    calls: tuple[Call, ...] = ()
    scores: tuple[TokenScore, ...] = ()
    finish_reason: FinishReason | None = None


class Trimmed:
    """Text in pieces, without up to `lead` newlines at its beginning; the one at its end waits for more text."""

    def __init__(self, lead: int) -> None:
        self.lead, self.waiting, self.sent = lead, "", 0

    def push(self, piece: str) -> str:
        """What can be sent now, perhaps nothing; `sent` counts its characters."""
        while self.lead and piece.startswith("\n"):
            piece, self.lead = piece[1:], self.lead - 1
        if not piece:
            return ""
        self.lead = 0
        piece = self.waiting + piece
        self.waiting = "\n" if piece.endswith("\n") else ""
        piece = piece.removesuffix("\n")
        self.sent += len(piece)
        return piece


class MessageReader:
    """Reads one message of an assistant.

    `calls`: whether what it calls are calls; otherwise they are text. `forced`: ids that it begins with.
    """

    def __init__(self, tokenizer: BPE, stops: Sequence[str], *, calls: bool, forced: Sequence[int] = ()) -> None:
        self.tokenizer, self.stops, self.calls = tokenizer, stops, calls
        self.think, self.end_think = tokenizer.known_id(THINK), tokenizer.known_id(END_THINK)
        self.end_call = tokenizer.known_id(END_TOOL_CALL)
        self.written = Written([], [], False)
        self.scores: list[TokenScore] = []  # of tokens that have not been sent
        self.thinks = False
        self.reasoning, self.text = Trimmed(1), Trimmed(0)
        self.thoughts = TextStream(tokenizer, stops, calls=False)
        self.words = TextStream(tokenizer, stops, calls)
        for token in forced:
            self.written.logprobs.append(0.0)
            self._push(token)

    def take(self, update: Update) -> Piece:
        """What can be sent now, if anything. A token that ends the message is no text, but for the end of a call."""
        reasoning, text = "", ""
        for score in update.tokens:
            self.written.logprobs.append(score.logprob)
            if update.stopped and score.id != self.end_call:
                self.written.ids.append(score.id)
                continue
            self.scores.append(score)
            thought, word = self._push(score.id)
            reasoning, text = reasoning + thought, text + word
        self.written = Written(self.written.ids, self.written.logprobs, update.stopped, update.stop)
        return Piece(reasoning, text, scores=self._taken_scores()) if reasoning or text else Piece()

    def finish(self) -> tuple[Message, Piece]:
        """The whole message, and what was not sent of it.

        Thinking that has not ended is still reasoning: it has been sent as such.
        """
        ids, stop = self.written.ids, self.written.stop
        if self.written.stopped and ids[-1] != self.end_call:
            ids = ids[:-1]
        if self.thinks:
            thought = before(self.tokenizer.decode(ids[1:]), stop).removeprefix("\n")
            message: Message = {"role": "assistant", "content": "", "reasoning_content": thought}
        else:
            message = self._parsed(ids)
            message["content"] = before(message["content"], stop)
        reasoning, text = message.get("reasoning_content", ""), message["content"]
        rest = Piece(reasoning[self.reasoning.sent :], text[self.text.sent :], scores=self._taken_scores())
        return message, rest

    def _push(self, token: int) -> tuple[str, str]:
        """The reasoning and the text that can be sent with this token."""
        self.written.ids.append(token)
        if token == self.think and len(self.written.ids) == 1:
            self.thinks = True
            return "", ""
        if not self.thinks:
            return "", self.text.push(self.words.push(token))
        if token != self.end_think:
            return self.reasoning.push(self.thoughts.push(token)), ""
        self.thinks, self.text = False, Trimmed(2)
        return self.reasoning.push(self.thoughts.finish()), ""

    def _parsed(self, ids: list[int]) -> Message:
        """A message of ids; calls in it are text unless they are wanted."""
        message = parse_assistant(ids, self.tokenizer)
        if "tool_calls" in message and not self.calls:
            del message["tool_calls"]
            thinks = ids[0] == self.think and self.end_think in ids
            text = self.tokenizer.decode(ids[ids.index(self.end_think) + 1 :] if thinks else ids)
            message["content"] = text.removeprefix("\n").removeprefix("\n") if thinks else text
        return message

    def _taken_scores(self) -> tuple[TokenScore, ...]:
        taken, self.scores = tuple(self.scores), []
        return taken
