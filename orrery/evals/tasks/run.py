"""Put a task to a candidate: questions with their shots, scores with their intervals, and every answer.

    result = run_task(read_task("hellaswag"), Path("hellaswag_val.jsonl"), candidate)
    result.metrics[1]         Metric(name='acc_norm', value=0.31, error=0.005, low=0.30, high=0.32, n=10042)

`error` is the standard error of the mean, as lm_eval prints it. Intervals are 95%: Wilson's for shares (1927), for bits
per byte a bootstrap over documents (Efron and Tibshirani 1993).
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from orrery.errors import ConfigError, DataError
from orrery.evals.run import Progress, redrawn
from orrery.evals.tasks.candidate import Candidate, Prompted
from orrery.evals.tasks.formats import Row, files_of, read_rows
from orrery.evals.tasks.task import Task, read_task

Z = 1.959964  # the 97.5% quantile of the normal distribution


@dataclass(frozen=True)
class Metric:
    """One number of a task, with its standard error and 95% interval; over `n` questions or documents."""

    name: str
    value: float
    error: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Question:
    """A row as it is put: `prompt` with its shots; `choices` as they are scored, for multiple choice alone."""

    row: int
    prompt: str
    answer: str
    choices: tuple[str, ...] = ()
    right: int = -1


@dataclass(frozen=True)
class TaskResult:
    """What came out of a paper.

    Attributes:
        cut: prompts that did not fit into the context and lost their beginning.
        answers: what became of each question, one mapping each; the log.
    """

    paper: "Paper"
    metrics: list[Metric]
    cut: int
    answers: list[dict[str, Any]]

    @property
    def chance(self) -> float | None:
        """The score of a blind guess; None where there is nothing to choose from."""
        questions = self.paper.questions
        if self.paper.task.kind != "multiple_choice":
            return None
        return sum(1 / len(question.choices) for question in questions) / len(questions)

    def as_json(self) -> dict[str, Any]:
        """What a file of results says of it, without the answers."""
        paper, task = self.paper, self.paper.task
        return {
            "task": task.name, "version": task.version, "fingerprint": task.fingerprint, "kind": task.kind,
            "shots": paper.shots, "seed": paper.seed, "data": list(paper.data), "template": task.prompt,
            "prompt": paper.questions[0].prompt, "chance": self.chance, "cut": self.cut,
            "metrics": [vars(metric) for metric in self.metrics],
        }  # fmt: skip


@dataclass(frozen=True)
class Paper:
    """A task with its questions, ready to be put to candidates; documents for bits per byte."""

    task: Task
    shots: int
    seed: int
    data: tuple[str, ...]
    questions: Sequence[Question]

    @classmethod
    def read(cls, task: Task, data: Path, *, shots: int | None = None, limit: int = 0, seed: int = 0) -> "Paper":
        """Read the data and make the questions.

        Args:
            data: a file, or a folder whose files the task knows by their names.
            shots: worked examples before each question; None: as many as the task says.
            limit: so many questions, drawn at random, always the same; 0: all.
            seed: draws the shots.

        Raises:
            DataError: the data cannot be read, is not of the task's form, or has too few rows for the shots.
            ConfigError: shots below 0, or for a task that has none.
        """
        if shots and (shots < 0 or task.kind == "bits_per_byte"):
            wrong = "it cannot be negative" if shots < 0 else f"the task {task.name} has no shots"
            raise ConfigError(f"--shots is {shots}: {wrong}")
        rows = read_rows(task.format, data, task.questions)
        files = files_of(task.format, data, task.questions)
        chosen = range(len(rows))
        if 0 < limit < len(rows):
            chosen = sorted(random.Random(0).sample(range(len(rows)), limit))  # type: ignore[assignment]
        if task.kind == "bits_per_byte":
            documents = [Question(number, "", rows[number]["text"]) for number in chosen]
            return cls(task, 0, seed, tuple(map(str, files)), documents)
        count, examples, others = task.shots if shots is None else shots, rows, True
        if count and task.examples and data.is_dir():
            examples, others = read_rows(task.format, data, task.examples), False
            files += files_of(task.format, data, task.examples)
        asks = [task.asks(row) for row in examples] if count else []
        questions = [
            _question(
                task, rows[number], number, _shots(task, number, rows[number], examples, asks, count, seed, others)
            )
            for number in chosen
        ]
        return cls(task, count, seed, tuple(map(str, files)), questions)


def read_papers(
    names: Sequence[str], data: Sequence[Path], *, shots: int | None = None, limit: int = 0, seed: int = 0
) -> list[Paper]:
    """The papers of several tasks, each on its own data, or all on one folder's; arguments as of `Paper.read`.

    Raises:
        ConfigError: one task twice, or not as much data as tasks. And what `read_task` and `Paper.read` raise.
    """
    tasks = [read_task(name) for name in names]
    called = [task.name for task in tasks]
    if len(set(called)) < len(called):
        raise ConfigError(f"two tasks are called {max(called, key=called.count)}: give each once")
    if len(data) not in (1, len(tasks)):
        wanted = "; ".join(f"{task.name}: {task.source or 'any file of its form'}" for task in tasks)
        raise ConfigError(
            f"data: {len(data)} files or folders for {len(tasks)} tasks; give one for each, in the same order, or one "
            f"folder for all ({wanted})"
        )
    each = list(data) * len(tasks) if len(data) == 1 else data
    return [Paper.read(task, path, shots=shots, limit=limit, seed=seed) for task, path in zip(tasks, each, strict=True)]


def run_task(paper: Paper, candidate: Candidate, on_progress: Progress | None = None) -> TaskResult:
    """Put all questions to a candidate.

    Args:
        on_progress: called with what is done and what there is, in the candidate's own units.

    Raises:
        What the candidate raises: InferenceError, ConfigError where it cannot sit such a task.
    """
    progress = on_progress or (lambda done, total: None)
    sit = {"multiple_choice": _choose, "generation": _write, "bits_per_byte": _read}[paper.task.kind]
    cut = candidate.cut
    metrics, answers = sit(paper, candidate, progress)
    return TaskResult(paper, metrics, candidate.cut - cut, answers)


# Questions


def _question(task: Task, row: Row, number: int, shots: str) -> Question:
    prompt, answer = task.asks(row), task.answer_of(row)
    if task.kind == "generation":
        return Question(number, shots + prompt, answer)
    choices = task.choices_of(row)
    return Question(number, shots + prompt, answer, tuple(choices), task.right_of(row, len(choices)))


def _shots(
    task: Task, number: int, row: Row, examples: Sequence[Row], asks: Sequence[str], count: int, seed: int, others: bool
) -> str:
    """Worked examples before a question, never the question itself, nor another row that asks the same."""
    if not count:
        return ""
    asked, order = task.asks(row), range(len(examples))
    if task.pick == "random":
        # Twice as many as are needed, nearly always enough without those that ask the same.
        order = random.Random(f"{seed} {number}").sample(order, min(len(examples), 2 * count + 8))  # type: ignore[assignment]
    free = (other for other in order if not (others and other == number) and asks[other] != asked)
    chosen = [examples[other] for other in islice(free, count)]
    if len(chosen) < count:
        raise DataError(f"{task.name}: {count} shots need {count} other rows; the data has {len(examples)} rows")
    return "".join(task.asks(shot) + task.delimiter + task.answer_of(shot) + task.separator for shot in chosen)


# The three kinds


def _choose(paper: Paper, candidate: Candidate, progress: Progress) -> tuple[list[Metric], list[dict[str, Any]]]:
    """Multiple choice: the likeliest text, for each way to make lengths count."""
    task = paper.task
    before = "" if candidate.chat else task.delimiter  # an answer in a chat begins its own turn
    asked = [Prompted(q.prompt, tuple(before + choice for choice in q.choices)) for q in paper.questions]
    chosen: dict[str, list[int]] = {name: [] for name in task.metrics}
    answers = []
    for question, scores in zip(paper.questions, candidate.scores(asked, progress), strict=True):
        lengths: Mapping[str, list[int]] = {
            "none": [1] * len(scores),
            "characters": [len(choice) for choice in question.choices],
            "bytes": [len(choice.encode()) for choice in question.choices],
            "tokens": [score.tokens for score in scores],
        }
        for name, length in task.metrics.items():
            rates = [score.nats / size for score, size in zip(scores, lengths[length], strict=True)]
            chosen[name].append(rates.index(max(rates)))
        answers.append(
            {
                "row": question.row, "prompt": question.prompt, "choices": list(question.choices),
                "right": question.right, "nats": [score.nats for score in scores],
                "tokens": [score.tokens for score in scores],
                "chosen": {name: numbers[-1] for name, numbers in chosen.items()},
            }
        )  # fmt: skip
    rights = [question.right for question in paper.questions]
    metrics = [share(name, [a == b for a, b in zip(numbers, rights, strict=True)]) for name, numbers in chosen.items()]
    return metrics, answers


def _write(paper: Paper, candidate: Candidate, progress: Progress) -> tuple[list[Metric], list[dict[str, Any]]]:
    """Generation: what each extractor finds must be the answer."""
    task = paper.task
    prompts = [question.prompt for question in paper.questions]
    written = candidate.write(prompts, task.stop, task.max_tokens, progress)
    extractors = {"strict": task.extract.strict, "flexible": task.extract.flexible}
    rights: dict[str, list[bool]] = {name: [] for name in extractors}
    answers: list[dict[str, Any]] = []
    for question, text in zip(paper.questions, written, strict=True):
        found = {name: extract(text) for name, extract in extractors.items()}
        right = {name: task.same(one, question.answer) for name, one in found.items()}
        for name, one in right.items():
            rights[name].append(one)
        answers.append(
            {
                "row": question.row, "prompt": question.prompt, "answer": question.answer, "written": text,
                "found": found, "right": right,
            }
        )  # fmt: skip
    return [share(name, right) for name, right in rights.items()], answers


def _read(paper: Paper, candidate: Candidate, progress: Progress) -> tuple[list[Metric], list[dict[str, Any]]]:
    """Bits per byte, over all documents together."""
    texts = [question.answer for question in paper.questions]
    bits = np.array(candidate.nats(texts, paper.task.ends, progress)) / np.log(2)
    sizes = np.array([len(text.encode()) for text in texts])
    answers = [
        {"row": question.row, "bytes": int(size), "bits": float(cost)}
        for question, size, cost in zip(paper.questions, sizes, bits, strict=True)
    ]
    return [rate("bits_per_byte", bits, sizes)], answers


# Numbers


def share(name: str, right: Sequence[bool]) -> Metric:
    """How many are right, with Wilson's interval.

    >>> metric = share("acc", [True, True, True, False])
    >>> metric.value, round(metric.low, 3), round(metric.high, 3), metric.error
    (0.75, 0.301, 0.954, 0.25)
    """
    n, p = len(right), sum(right) / len(right)
    middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * (p * (1 - p) / n + Z**2 / (4 * n**2)) ** 0.5
    return Metric(name, p, (p * (1 - p) / max(n - 1, 1)) ** 0.5, max(0.0, middle - half), min(1.0, middle + half), n)


def rate(name: str, amounts: np.ndarray, sizes: np.ndarray) -> Metric:
    """All amounts over all sizes [n each], with a bootstrap over the n, always with the same seed."""
    drawn = redrawn(amounts, sizes)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Metric(name, float(amounts.sum() / sizes.sum()), float(drawn.std()), float(low), float(high), len(sizes))
