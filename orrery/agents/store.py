"""Runs of agents in the database: every step is saved as it is made, and a run can be read again."""

import time
from typing import Any

from sqlalchemy import JSON, ForeignKey, select
from sqlalchemy.orm import Mapped, mapped_column

from orrery.agents.steps import Step, from_json, to_json
from orrery.database import Base, Database
from orrery.errors import ConfigError


class AgentRun(Base):
    """One run of an agent.

    Attributes:
        made: seconds since 1970 (UTC).
        model: the model folder, or the endpoint and the model's name there.
        tools: the names of those that it could call.
    """

    __tablename__ = "agent_runs"
    id: Mapped[int] = mapped_column(primary_key=True)
    made: Mapped[float] = mapped_column(default=time.time)
    model: Mapped[str]
    task: Mapped[str]
    tools: Mapped[list[str]] = mapped_column(JSON)


class AgentStep(Base):
    """One step of a run, as `steps.to_json` has it; `number` counts from 0, `made` is when (seconds since 1970)."""

    __tablename__ = "agent_steps"
    run_id: Mapped[int] = mapped_column(ForeignKey("agent_runs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    made: Mapped[float] = mapped_column(default=time.time)
    step: Mapped[dict[str, Any]] = mapped_column(JSON)


def add_run(database: Database, *, model: str, task: str, tools: list[str]) -> int:
    """Begin a run -> its number."""
    run = AgentRun(model=model, task=task, tools=tools)
    with database.session() as session:
        session.add(run)
        session.flush()
        return run.id


def add_step(database: Database, run: int, number: int, step: Step) -> None:
    """Save a step."""
    with database.session() as session:
        session.add(AgentStep(run_id=run, number=number, step=to_json(step)))


def read_run(database: Database, run: int) -> tuple[AgentRun, list[Step]]:
    """A run with its steps. Raises ConfigError where there is none of that number."""
    with database.session() as session:
        found = session.get(AgentRun, run)
        if found is None:
            raise ConfigError(f"there is no run {run} of an agent; `orrery agent --list` shows them")
        rows = session.scalars(select(AgentStep).where(AgentStep.run_id == run).order_by(AgentStep.number)).all()
        return found, [from_json(row.step) for row in rows]


def latest_runs(database: Database, count: int) -> list[AgentRun]:
    """The latest runs, the newest first."""
    with database.session() as session:
        return list(session.scalars(select(AgentRun).order_by(AgentRun.id.desc()).limit(count)))
