"""Solvers that sit exams without a model: they answer from the truth, parrot, refuse, or list every value.

They stand in for the engine at its edge (``turns``, ``generate``), so prompts, batching, checks and scores are the
real ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

from orrery.data.world.conversations.arithmetic import calculated, worked_steps
from orrery.data.world.conversations.conversation import assistant
from orrery.data.world.conversations.identity import ASPECTS
from orrery.data.world.conversations.letters import counted
from orrery.data.world.conversations.refusal import REFUSAL
from orrery.data.world.world import UNKNOWN_ANSWER, World
from orrery.evals.exams import Exam, Item
from orrery.inference.engine import Completion, Sampling, Turn
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import Message

Solver = Callable[[Item], list[Message]]
Continue = Callable[[Item], str]


@dataclass
class FakeEngine:
    """An engine whose replies are looked up by the item that a prompt belongs to."""

    tokenizer: BPE
    exams: Sequence[Exam]
    solve: Solver
    complete: Continue = lambda item: ""
    finish_reason: str = "stop"
    context: int = 100_000
    calls: list[tuple[int, int]] = field(default_factory=list)  # (requests, max_tokens) of each call

    def _items(self) -> dict[str, Item]:
        # Exams that share a question get one reply, as with a model; the first exam's item decides which.
        found: dict[str, Item] = {}
        for exam in self.exams:
            for item in exam.items:
                found.setdefault(repr(list(item.messages or ())), item)
                found.setdefault(item.prompt or "", item)
        return found

    def turns(self, conversations: Sequence[Sequence[Message]], sampling: Sampling) -> list[Turn]:
        assert sampling.temperature == 0.0
        self.calls.append((len(conversations), sampling.max_tokens))
        items = self._items()
        end = self.tokenizer.id_of("<|im_end|>")
        return [
            Turn(self.solve(items[repr(list(messages))]), self.finish_reason, [end], [True], [0.0])  # type: ignore[arg-type]
            for messages in conversations
        ]

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Completion]:
        assert sampling.temperature == 0.0
        self.calls.append((len(prompts), sampling.max_tokens))
        items = self._items()
        assert all(prompt[0] == self.tokenizer.eos_id for prompt in prompts)
        texts = [self.tokenizer.decode(list(prompt[1:])) for prompt in prompts]
        return [Completion([], [], self.complete(items[text]), "length") for text in texts]


def truth(item: Item) -> list[Message]:
    """The right answer to any item, as the conversations would give it."""
    if item.exam == "arithmetic_worked":
        a, sign, b = item.cluster.split()
        return [assistant(worked_steps(int(a), sign, int(b)))]
    if item.exam == "arithmetic_tool":
        return calculated("", item.cluster)[1:]
    if item.exam == "letters_spelled":
        return [assistant(counted(item.cluster, _letter(item)))]
    if item.exam == "identity":
        return [assistant(ASPECTS[item.labels["aspect"]].answer)]
    if item.exam == "refusal":
        return [assistant(REFUSAL)]
    if item.exam == "unknown":
        return [assistant(UNKNOWN_ANSWER)]
    if item.exam in ("refusal_lookalike", "false_refusal", "chat_form"):
        return [assistant("Here is how: take your time.")]
    if item.exam in ("arithmetic_direct", "letters_direct"):
        return [assistant(f"{item.answers[0]}.")]
    return [assistant(true_sentence(item))]


@cache
def _sentences() -> dict[tuple[str, str], str]:
    """What the assistant answers to questions after the facts of the default world, by entity and relation."""
    return {(fact.entity.name, fact.relation.key): fact.answer for fact in World().facts}


def true_sentence(item: Item) -> str:
    """The sentence that answers a question after a fact or about a text: the fact's, or that of the text."""
    if item.exam.startswith("facts"):
        return _sentences()[item.cluster, item.labels["relation"]]
    assert item.exam.startswith("reading"), item.exam
    text = (item.prompt or "").split("\n")[0].removeprefix("Text: ")
    (sentence,) = [part for part in text.removesuffix(".").split(". ") if item.cluster in part]
    return f"{sentence}."


def true_continuation(item: Item) -> str:
    """The right continuation of any prompt, as the documents would go on."""
    if item.exam == "arithmetic_worked":
        a, sign, b = item.cluster.split()
        return f" {worked_steps(int(a), sign, int(b))}\nQuestion: 1 + 1\nAnswer: 1 + 1 = 3."
    if item.exam == "letters_spelled":
        return f" {counted(item.cluster, _letter(item))}\nSpell dog. d-o-g."
    if item.exam == "letters_direct":
        return f" {item.answers[0]} letters: "
    if item.exam == "arithmetic_direct":
        return f" {item.answers[0]}\n12 + 1 = 13"
    if item.base_check == "continuation":
        return f" {item.base_answers[0]}. Anna was born in Rome."
    return f" {true_sentence(item)}\nQ: Where was Anna born?\nA: Anna was born in Rome."


def _letter(item: Item) -> str:
    """The letter that is to be counted, read from the question; empty for all of them."""
    if item.labels["task"] == "all letters":
        return ""
    words = (item.messages or ())[0]["content"].replace("?", " ").replace(".", " ").split()
    (letter,) = {word for word in words if len(word) == 1}
    return letter


def parrot(item: Item) -> list[Message]:
    """Repeats the question."""
    return [assistant((item.messages or ())[-1]["content"])]


def says(text: str) -> Solver:
    """Always says the same."""
    return lambda item: [assistant(text)]


def shotgun(item: Item) -> list[Message]:
    """Names every value there is, the right one among them."""
    return [assistant("It is " + ", ".join([*item.others, *item.answers, *item.others]) + ".")]
