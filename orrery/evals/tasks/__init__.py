"""Evaluation by task files: HellaSwag, ARC, GSM8K, bits per byte, and whatever a YAML file describes (`task.py`)."""

from orrery.evals.tasks.candidate import Candidate, Local
from orrery.evals.tasks.remote import Remote
from orrery.evals.tasks.run import Metric, Paper, TaskResult, read_papers, run_task
from orrery.evals.tasks.task import Task, read_task, shipped
from orrery.evals.tasks.training import TasksConfig, sit

__all__ = [
    "Candidate", "Local", "Metric", "Paper", "Remote", "Task", "TaskResult", "TasksConfig", "read_papers", "read_task",
    "run_task", "shipped", "sit",
]  # fmt: skip
