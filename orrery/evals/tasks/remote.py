"""A model behind a server that speaks OpenAI's protocol sits a task.

    Remote(Server("http://127.0.0.1:8000/v1"), "sft")

Log-probabilities of given texts are asked of /v1/completions with `echo` and `logprobs`, which `orrery serve` and vLLM
have, and OpenAI's chat models have not. The server's own tokenizer reads the texts, and decides what stands before
them: `orrery serve` begins a document. What is written comes from /v1/completions, or with `chat` from
/v1/chat/completions.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, TypeVar

from orrery.agents.server import Server
from orrery.errors import ConfigError, ContextFull, InferenceError
from orrery.evals.run import Progress
from orrery.evals.tasks.candidate import Prompted, Score
from orrery.inference.sampling import Sampling

AT_ONCE = 8  # requests under way: servers put them in one batch
NEEDED = (
    "log-probabilities of given texts need /v1/completions with echo and logprobs, which orrery serve and vLLM have"
)
Asked = TypeVar("Asked")
Result = TypeVar("Result")


class Remote:
    """The model called `name`. Every method raises what `Server` does."""

    def __init__(self, server: Server, name: str, *, chat: bool = False) -> None:
        self.server, self.name, self.chat, self.cut = server, name, chat, 0
        self.known: dict[str, object] = {"endpoint": server.endpoint, "model": name, "chat": chat}

    def scores(self, asked: Sequence[Prompted], on_progress: Progress) -> list[list[Score]]:
        """As `Candidate` says. Raises InferenceError where the server gives no log-probabilities of what it reads."""
        if self.chat:
            raise ConfigError("a chat gives no log-probabilities of given answers: leave --chat out")
        return self._all(self._scores, asked, on_progress)

    def write(self, prompts: Sequence[str], stop: Sequence[str], max_tokens: int, on_progress: Progress) -> list[str]:
        """As `Candidate` says."""
        sampling = Sampling(max_tokens=max_tokens)

        def answer(prompt: str) -> str:
            if self.chat:
                return self.server.complete(self.name, sampling, prompt, stop)
            return str(self.server.continuations(self.name, [prompt], sampling, stop=list(stop))[0]["text"])

        return self._all(answer, prompts, on_progress)

    def nats(self, documents: Sequence[str], ends: bool, on_progress: Progress) -> list[float]:
        """As `Candidate` says, each document in one piece. Raises ConfigError where ends are to be counted."""
        if ends:
            raise ConfigError(
                "a server is not asked how likely a document's end is: give --model, or a task file with ends: false"
            )
        found = self._all(self._scores, [Prompted("", (text,)) for text in documents], on_progress)
        return [-scores[0].nats for scores in found]

    def _scores(self, asked: Prompted) -> list[Score]:
        """One request: the prompt with each of its texts."""
        wholes = [asked.prompt + text for text in asked.texts]
        try:
            # One token more than is wanted, because some servers refuse to write none.
            choices = self.server.continuations(self.name, wholes, Sampling(max_tokens=1), echo=True, logprobs=1)
        except ContextFull:
            raise
        except InferenceError as error:
            raise InferenceError(f"{error}: {NEEDED}") from error
        # As for a model here, spaces at the prompt's end belong to the text.
        return [
            _score(choice, len(asked.prompt.rstrip()), len(whole))
            for choice, whole in zip(choices, wholes, strict=True)
        ]

    def _all(self, ask: Callable[[Asked], Result], all: Sequence[Asked], on_progress: Progress) -> list[Result]:
        """Ask everything, some at once; the first error ends it."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            futures = [pool.submit(ask, one) for one in all]
            try:
                for done, future in enumerate(as_completed(futures), 1):
                    future.result()
                    on_progress(done, len(all))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return [future.result() for future in futures]


def _score(choice: dict[str, Any], begin: int, end: int) -> Score:
    """The sum over the tokens that start before `end`, and at `begin` or before but reach past it, in characters.

    Several tokens of one character have its place: the first of them seem to reach no further than they start.
    """
    try:
        places, values = choice["logprobs"]["text_offset"], choice["logprobs"]["token_logprobs"]
        stops = [*places[1:], end]
        inside = [
            value
            for place, stop, value in zip(places, stops, values, strict=True)
            if place < end and max(place + 1, stop) > begin
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise InferenceError(f"the server gives no log-probabilities of what it read: {NEEDED}") from error
    if None in inside:
        raise InferenceError("the server does not say how likely a text's first token is: begin the prompt with a word")
    return Score(float(sum(inside)), len(inside))
