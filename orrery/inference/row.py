"""One request in a batch: what is still to be fed to it, what it has written, and how likely that was."""

from dataclasses import dataclass, field

from orrery.inference.sampling import Sampling


@dataclass(frozen=True)
class Written:
    """The tokens of one message and their log-probabilities.

    `stopped`: the last one is a stop token. `stop`: the texts of which one has ended it; none where it ended otherwise.
    """

    ids: list[int]
    logprobs: list[float]
    stopped: bool
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class TokenScore:
    """A token and how likely it was.

    `logprob` is the model's own (log-softmax of the raw logits: what a trainer computes). Where it was asked for,
    `shaped` is that after penalties, biases and the temperature (greedy: 1), before filters and bans; and `top` are
    the likeliest tokens by the first: (id, logprob, shaped).
    """

    id: int
    logprob: float
    shaped: float | None = None
    top: tuple[tuple[int, float, float], ...] = ()


@dataclass(eq=False)
class Row:
    """One request in a batch. `request` numbers its random stream; `feed` are the tokens still to be fed.

    `top`: how many likely tokens to report with each of its own, None for no `details`. `score_prompt`: report the
    log-probabilities of its prompt too, of all tokens but the first.
    """

    request: int
    feed: list[int] = field(repr=False)
    sampling: Sampling
    top: int | None = None
    score_prompt: bool = False
    slot: int = -1
    fresh: bool = True  # nothing of it has been fed
    shared: int = 0  # tokens of its prompt that another row had computed
    read: list[int] = field(default_factory=list, repr=False)  # all that it was fed and did not write itself
    uniforms: list[float] = field(default_factory=list, repr=False)  # its stream of random numbers, one a token
    ids: list[int] = field(default_factory=list, repr=False)  # what it has written, and
    logprobs: list[float] = field(default_factory=list, repr=False)  # the model's own log-probabilities
    details: list[TokenScore] = field(default_factory=list, repr=False)  # of each, where `top` is given
    prompt_scores: list[TokenScore] = field(default_factory=list, repr=False)
    begun: int = 0  # how many tokens it had written when its present message began
    tail: bytes = b""  # the last bytes of its message: in these a stop text may have begun
    found: bool = False  # whether its message holds a stop text
    stopped: bool = False  # whether its last token is a stop token
    done: bool = False  # whether its message has ended

    def __post_init__(self) -> None:
        self.read = list(self.feed)

    @property
    def written(self) -> Written:
        """What it has written since its prompt, or since it was last fed something else."""
        stop = self.sampling.stop if self.found else ()
        return Written(self.ids[self.begun :], self.logprobs[self.begun :], self.stopped, stop)

    def saw(self, written: bytes) -> bool:
        """Take in the bytes of one more token -> whether a stop text is complete now."""
        stops = [stop.encode() for stop in self.sampling.stop]
        text = self.tail + written
        self.found = any(stop in text for stop in stops)
        self.tail = text[max(0, len(text) - max(map(len, stops)) + 1) :]
        return self.found
