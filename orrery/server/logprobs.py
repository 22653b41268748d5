"""Log-probabilities in the two forms that OpenAI's protocol has for them: chat's and that of completions.

The standard fields hold the model's own numbers, which are what a trainer computes for the same ids. Beside them, in
chat, stands what sampling made of them: `shaped_logprob`, after penalties, biases and temperature, before filters.
"""

import codecs
from collections.abc import Sequence

from orrery.inference.row import TokenScore
from orrery.server.answers import ChatLogprobs, CompletionLogprobs, LikelyToken, TokenLogprob
from orrery.tokenizers.bpe import BPE

LEAST = -9999.0  # stands for minus infinity, which JSON does not have


def chat_logprobs(scores: Sequence[TokenScore], tokenizer: BPE) -> ChatLogprobs:
    """One entry a token: its text, its bytes (a token may be part of a character), its likeliest alternatives."""

    def likely(id: int, logprob: float, shaped: float | None) -> dict[str, object]:
        raw = tokenizer.token_bytes(id)
        return {
            "token": raw.decode("utf-8", "replace"), "bytes": list(raw), "logprob": max(LEAST, logprob),
            "shaped_logprob": None if shaped is None else max(LEAST, shaped),
        }  # fmt: skip

    return ChatLogprobs(
        content=[
            TokenLogprob.model_validate(
                likely(score.id, score.logprob, score.shaped)
                | {"top_logprobs": [LikelyToken.model_validate(likely(*top)) for top in score.top]}
            )
            for score in scores
        ]
    )


class CompletionScores:
    """Collects a completion's log-probabilities, with each token's place in the text.

    The first token of a prompt has no score: it is the beginning. Part of a character is written "bytes:\\xf0\\x9f".
    """

    def __init__(self, tokenizer: BPE, top: int) -> None:
        self.tokenizer, self.top, self.place = tokenizer, top, 0
        self.decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def of(self, scores: Sequence[TokenScore], first: int | None = None) -> CompletionLogprobs:
        """The entries of these tokens, which go on where the last ones ended; `first` comes before them, unscored."""
        known = [(score.id, max(LEAST, score.logprob), score.top) for score in scores]
        tokens = [*([] if first is None else [first]), *(id for id, _, _ in known)]
        unknown = [None] * (first is not None)
        offsets = []
        for id in tokens:
            offsets.append(self.place)
            self.place += len(self.decoder.decode(self.tokenizer.token_bytes(id)))
        tops = [  # the token itself is always among them, as OpenAI has it
            {self.text(other): max(LEAST, raw) for other, raw, _ in top[: self.top]} | {self.text(id): logprob}
            for id, logprob, top in known
        ]
        return CompletionLogprobs(
            tokens=[self.text(id) for id in tokens],
            token_logprobs=[*unknown, *(logprob for _, logprob, _ in known)],
            top_logprobs=[*unknown, *tops],
            text_offset=offsets,
        )

    def text(self, id: int) -> str:
        """A token as a name."""
        raw = self.tokenizer.token_bytes(id)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in raw)
