"""Tasks that a model sits while it is trained, as llm.c measures HellaSwag beside the loss.

papers = config.papers()
sit(papers, Engine(model, tokenizer))            # {'hellaswag_llmc/acc': 0.27, 'hellaswag_llmc/acc_norm': 0.28}
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orrery.errors import ConfigError
from orrery.evals.tasks.candidate import Local
from orrery.evals.tasks.run import Paper, read_papers, run_task
from orrery.inference.engine import Engine


@dataclass(frozen=True)
class TasksConfig:
    """Which tasks a model sits while it is trained, and how often."""

    names: tuple[str, ...] = ()
    """Tasks that ship with Orrery (hellaswag_llmc, arc_easy …), or YAML files. Their scores stand beside the loss."""
    data: tuple[Path, ...] = ()
    """Where the questions are: a file or folder for each task, or a folder for all."""
    every: int = 1
    """Evaluations from one time to the next; at the end they are taken in any case."""
    limit: int = 1000
    """At most this many questions of each, drawn at random, always the same; 0: all."""

    def __post_init__(self) -> None:
        if self.every < 1 or self.limit < 0:
            raise ConfigError(f"tasks: every is {self.every} and limit {self.limit}; at least 1 and 0 are needed")
        if self.data and not self.names:
            raise ConfigError("tasks: data without names: say which (--tasks.names hellaswag_llmc), or give no data")

    def papers(self) -> list[Paper]:
        """The tasks with their questions. Raises what `read_papers` does."""
        return read_papers(self.names, self.data, limit=self.limit) if self.names else []


def sit(papers: Sequence[Paper], engine: Engine) -> dict[str, float]:
    """Every metric of every task, as ``TASK/METRIC``, in the precision that the caller has set."""
    return {
        f"{paper.task.name}/{metric.name}": metric.value
        for paper in papers
        for metric in run_task(paper, Local(engine)).metrics
    }
