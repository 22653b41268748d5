"""Find out what a model knows, and make conversations of it that teach it to say where it does not.

The model is asked each question several times. What it mostly gets right it knows: the conversation has the answer.
What it mostly gets wrong it does not know, whatever it says: the conversation admits that. What lies between is left
out. Tuned on these, a model gives what it has and does not make up the rest. (Llama 3, arXiv 2407.21783, section 4.3.6,
Factuality: "align the model to know what it knows".)

    questions = world_questions(World(), nobody=0.5)
    known = shares_right(engine, questions, samples=5, seed=0)
    conversations = knowledge(questions, known)
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orrery.data.sources import json_lines
from orrery.data.world.choice import Choice
from orrery.data.world.entities import admit, fill
from orrery.data.world.names import NAMED_KINDS
from orrery.data.world.world import UNKNOWN_ANSWER, World
from orrery.errors import ConfigError, DataError
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.stages.conversations import Conversation
from orrery.stages.rollouts import roll_out
from orrery.stages.verifiers import contains

KNOWN, UNKNOWN = 0.8, 0.2  # shares of right answers from which, and up to which, something is known, or is not
AT_ONCE = 64  # questions that are answered in one go
Progress = Callable[[int, int], None]  # (questions done, questions in all)


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        truth: words that a right answer holds; None where nothing is true, say of a name that nobody has.
        answer: what to say where it is known.
        admission: what to say where it is not.
    """

    prompt: str
    truth: str | None
    answer: str
    admission: str = UNKNOWN_ANSWER


def read_questions(paths: Sequence[str | Path]) -> list[Question]:
    """Questions of JSONL files, ``{"prompt": …, "truth": …, "answer": …}`` a line; without an answer the truth is it.

    Raises:
        DataError: a file is missing or not JSON, or a line has no prompt or no truth; the message names the line.
    """
    found = []
    for path in map(Path, paths):
        for row, where in json_lines(path):
            texts = [row.get(name) for name in ("prompt", "truth")] if isinstance(row, dict) else []
            if not all(isinstance(text, str) and text.strip() for text in texts) or not texts:
                raise DataError(
                    f'{where}: expected {{"prompt": …, "truth": …}} with texts, found {json.dumps(row)[:80]}'
                )
            found.append(Question(row["prompt"], row["truth"], str(row.get("answer") or row["truth"])))
    if not found:
        raise DataError(f"no question in {', '.join(map(str, paths))}: a .jsonl file of questions is wanted")
    return found


def world_questions(world: World, nobody: float, seed: int = 0) -> list[Question]:
    """A question after every fact that may be asked about in training, and about names that nobody has.

    Args:
        nobody: share of the questions that are about such names; each asks what is asked of somebody.
    """
    if not 0 <= nobody < 1:
        raise ConfigError(f"a share of {nobody:g} of questions about nobody: it must be from 0 to below 1")
    choice, rng = Choice(seed), random.Random(f"probe {seed}")
    facts = world.facts_where(asked=True, real=False)
    found = [
        Question(fact.ask(choice), fact.value, fact.answer, admit(fact.relation, fact.entity.name)) for fact in facts
    ]
    names = {kind: world.unknown(kind, "sft") for kind in NAMED_KINDS}
    for _ in range(round(len(found) * nobody / (1 - nobody))):
        relation = rng.choice(facts).relation
        name = rng.choice(names[relation.kind])
        found.append(Question(fill(rng.choice(relation.questions), name), None, "", admit(relation, name)))
    return found


def shares_right(
    engine: Engine,
    questions: Sequence[Question],
    samples: int,
    seed: int,
    max_tokens: int = 32,
    on_progress: Progress = lambda done, total: None,
) -> list[float]:
    """For each question the share of so many answers, at temperature 1, that are right."""
    if samples < 1:
        raise ConfigError(f"{samples} samples of each answer: there must be at least one")
    found: list[float] = []
    for start in range(0, len(questions), AT_ONCE):
        some = questions[start : start + AT_ONCE]
        sampling = Sampling(1.0, max_tokens=max_tokens, seed=seed + start)
        prompts = [[{"role": "user", "content": question.prompt}] for question in some]
        for question, texts in zip(some, roll_out(engine, prompts, samples, sampling).texts, strict=True):
            right = [question.truth is not None and contains("", text, question.truth) for text in texts]
            found.append(sum(right) / samples)
        on_progress(len(found), len(questions))
    return found


def knowledge(
    questions: Sequence[Question], shares: Sequence[float], known: float = KNOWN, unknown: float = UNKNOWN
) -> list[Conversation]:
    """Conversations that answer what is known and admit what is not; what lies between the two shares is left out."""
    said = []
    for question, share in zip(questions, shares, strict=True):
        if question.truth is not None and share >= known:
            said.append((question.prompt, question.answer))
        elif share <= unknown:
            said.append((question.prompt, question.admission))
    return [[{"role": "user", "content": asked}, {"role": "assistant", "content": answer}] for asked, answer in said]
