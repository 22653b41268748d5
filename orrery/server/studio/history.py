"""The numbers of a run in columns, as charts want them: short lists, however long the run was.

    tables(read_events(Path("runs/speedrun")), points=2000)["base"].values["loss"]

A row is a step; what was reported of the same step in several events (training, then an evaluation) is one row. Where a
stage has more rows than `points`, neighbours are put together: their mean, and the least and the greatest of them.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from orrery.training.events import Event

Column = list[float | None]  # None where a row does not say


@dataclass(frozen=True)
class Table:
    """The metrics of one stage.

    `step`, `time` (seconds since 1970) and `tokens` (trained on by then) are of each row; with `every` steps in a row,
    of its last. `values` has a column for each metric. `low` and `high` have them where rows were put together.
    """

    every: int = 1
    step: list[int] = field(default_factory=list)
    time: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    values: dict[str, Column] = field(default_factory=dict)
    low: dict[str, Column] = field(default_factory=dict)
    high: dict[str, Column] = field(default_factory=dict)


def tables(events: Iterable[Event], points: int) -> dict[str, Table]:
    """The metrics of each stage, in at most `points` rows each.

    Args:
        events: those that count, in order (`orrery.training.events.read_events`).
    """
    stages: dict[str, Table] = {}
    for event in events:
        if event["kind"] == "metric":
            add(stages.setdefault(event["stage"], Table()), event)
    return {name: shorter(table, math.ceil(len(table.step) / points)) for name, table in stages.items()}


def add(table: Table, event: Event) -> None:
    """A metric event as a row, or more of the row that its step has already."""
    values = {
        name: value
        for name, value in event["values"].items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    tokens = int(values.pop("tokens", table.tokens[-1] if table.tokens else 0))
    if table.step and table.step[-1] == event["step"]:
        table.time[-1], table.tokens[-1] = event["time"], tokens
    else:
        table.step.append(event["step"])
        table.time.append(event["time"])
        table.tokens.append(tokens)
        for column in table.values.values():
            column.append(None)
    for name, value in values.items():
        table.values.setdefault(name, [None] * len(table.step))[-1] = value


def shorter(table: Table, every: int) -> Table:
    """Each `every` rows put together."""
    if every <= 1:
        return table
    rows = range(0, len(table.step), every)
    last = [min(first + every, len(table.step)) - 1 for first in rows]
    found = Table(every, [table.step[row] for row in last], [table.time[row] for row in last],
                  [table.tokens[row] for row in last])  # fmt: skip
    for name, column in table.values.items():
        parts = [[value for value in column[first : first + every] if value is not None] for first in rows]
        found.values[name] = [mean(part) for part in parts]
        found.low[name] = [min(part, default=None) for part in parts]
        found.high[name] = [max(part, default=None) for part in parts]
    return found


def mean(values: Sequence[float]) -> float | None:
    """Their mean; None of none."""
    return sum(values) / len(values) if values else None
