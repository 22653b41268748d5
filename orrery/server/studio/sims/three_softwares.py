"""One task as three kinds of software: rules written by hand, weights that were learnt, and a prompt.

The task: what does a question about a person ask for? The questions are the world's, and those that are counted are put
in words that neither the weights' examples nor the model's documents have.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence

from orrery.data.world.relations import Relation
from orrery.data.world.world import World, WorldConfig
from orrery.errors import ConfigError
from orrery.server.studio.compute import Loaded

STEPS, RATE = 300, 1.0
NAMES = 7  # persons in turn: how a question is meant does not depend on whom it is about
MOST_RULES = 4_000  # characters


@dataclass(frozen=True)
class SoftwareRequest:
    """A model to be prompted, rules, and how many labelled questions the weights may learn from.

    `rules`: a line for each class, "job: job, trade, work"; the first line with a word of the question wins.
    """

    model: str
    rules: str
    examples: int = 24


@dataclass(frozen=True)
class Asked:
    """A question, its class, and what each kind of software says: a class, or "" where no rule fits."""

    text: str
    truth: str
    rules: str
    weights: str
    prompt: str


@dataclass(frozen=True)
class SoftwareAnswer:
    """What came out. `learnt`: for each class the words with the largest weights; `examples`: what the weights read."""

    classes: list[str]
    questions: list[Asked]
    learnt: dict[str, list[str]]
    examples: list[str]
    prompt: str


def three_softwares(asked: SoftwareRequest, read: Loaded) -> SoftwareAnswer:
    """Let all three answer the same questions. Raises ConfigError for rules that cannot be read, too few examples."""
    known, held_out = questions()
    if not 6 <= asked.examples <= len(known):
        raise ConfigError(f"{asked.examples} examples: give 6 to {len(known)}")
    classes = [relation.key for relation in relations()]
    rules = read_rules(asked.rules, classes)
    some = known[: asked.examples]
    texts = [text for text, _, _ in held_out]
    learner = Learner([text for text, _, _ in some], [truth for _, truth, _ in some], len(classes))
    weighed, prompted = learner.classify(texts), by_prompt(read)
    found = [
        Asked(text, classes[truth], by_rules(text, rules), classes[weighed[i]], classes[prompted[i]])
        for i, (text, truth, _) in enumerate(held_out)
    ]
    learnt = {name: learner.strongest(index) for index, name in enumerate(classes)}
    return SoftwareAnswer(classes, found, learnt, [text for text, _, _ in some], prompt_of(*held_out[0][::2]))


@lru_cache(maxsize=1)
def relations() -> list[Relation]:
    """What questions may ask for: all that the world says of persons."""
    facts = World(WorldConfig()).facts_where("person", asked=False)
    return list({fact.relation.key: fact.relation for fact in facts}.values())


@lru_cache(maxsize=1)
def questions() -> tuple[list[tuple[str, int, str]], list[tuple[str, int, str]]]:
    """(question, class, name): in words that training has, the classes in turn; and in words kept for exams."""
    facts = World(WorldConfig()).facts_where("person", asked=False)
    names = sorted({fact.entity.name for fact in facts})[:NAMES]
    found = []
    for kind in ("questions", "exam_questions"):
        most = max(len(getattr(relation, kind)) for relation in relations())
        pairs = [
            (getattr(relation, kind)[row], truth)
            for row in range(most)
            for truth, relation in enumerate(relations())
            if row < len(getattr(relation, kind))
        ]
        named = [(text, truth, names[place % NAMES]) for place, (text, truth) in enumerate(pairs)]
        found.append([(text.format(name=name), truth, name) for text, truth, name in named])
    return found[0], found[1]


def read_rules(text: str, classes: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Lines "class: word, word" in their order. Raises ConfigError, naming the line."""
    if len(text) > MOST_RULES:
        raise ConfigError(f"rules of {len(text)} characters: at most {MOST_RULES:,} are read")
    rules = []
    for line in filter(str.strip, text.splitlines()):
        name, colon, words = line.partition(":")
        if not colon or name.strip() not in classes:
            raise ConfigError(f"{line.strip()!r} is no rule: write a class, a colon and words; {', '.join(classes)}")
        rules.append((name.strip(), [word.strip().lower() for word in words.split(",") if word.strip()]))
    return rules


def by_rules(text: str, rules: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Software 1.0: the class of the first rule that has a word of the question."""
    return next((name for name, words in rules if any(word in text.lower() for word in words)), "")


class Learner:
    """Software 2.0: a weight for each word and class, learnt by gradient descent on the cross-entropy."""

    def __init__(self, texts: Sequence[str], truths: Sequence[int], classes: int) -> None:
        self.words = sorted({word for text in texts for word in words_of(text)})
        x, y = self.vectors(texts), np.eye(classes)[list(truths)]  # N W, N C
        self.weights = np.zeros((len(self.words), classes))  # W C
        for _ in range(STEPS):
            self.weights -= RATE * x.T @ (softmax(x @ self.weights) - y) / len(texts)

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Which of the words stand in each text."""
        sets = [set(words_of(text)) for text in texts]
        return np.array([[float(word in there) for word in self.words] for there in sets])  # N W

    def classify(self, texts: Sequence[str]) -> list[int]:
        """The likeliest class of each."""
        return list((self.vectors(texts) @ self.weights).argmax(1))

    def strongest(self, index: int, count: int = 4) -> list[str]:
        """The words that speak most for a class."""
        return [self.words[place] for place in (-self.weights[:, index]).argsort(kind="stable")[:count]]


def words_of(text: str) -> list[str]:
    """Its words, small."""
    return re.findall(r"[a-z]+", text.lower())


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row as probabilities."""
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def prompt_of(text: str, name: str) -> str:
    """The prompt: a page of questions, up to where the answer turns to what was asked for."""
    return f"Q: {text}\nA: {name}"


@lru_cache(maxsize=8)  # what it says does not depend on rules or examples, and takes the longest
@torch.no_grad()
def by_prompt(read: Loaded) -> list[int]:
    """Software 3.0: the class whose answer would go on most likely, by the mean over the tokens of its beginning.

    Nothing is trained: what is compared is "… was born in", "… plays the" and so on behind the prompt.
    """
    rows, starts, (_, asked) = [], [], questions()
    for text, _, name in asked:
        before = [read.tokenizer.begin_id, *read.tokenizer.encode(prompt_of(text, name))]
        for relation in relations():
            rows.append(torch.tensor([*before, *read.tokenizer.encode(beginning(relation))]))
            starts.append(len(before))
    ids = pad_sequence(rows, batch_first=True)  # N T
    logprobs = read.model(ids[:, :-1]).float().log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]  # N T-1
    means = [row[start - 1 : len(full) - 1].mean() for row, start, full in zip(logprobs, starts, rows, strict=True)]
    return torch.stack(means).view(len(asked), len(relations())).argmax(1).tolist()


def beginning(relation: Relation) -> str:
    """What stands between name and value in the relation's first sentence that begins with the name."""
    sentence = next(one for one in relation.templates if one.startswith("{name} ") and "{value}" in one)
    return sentence.removeprefix("{name}").partition("{value}")[0].rstrip()
