"""Do a claim's experiment for some seeds, derive the verdict, keep it; read back what was kept.

runs/ledger/NAME-SEED/    the run of a seed: its raw events
runs/ledger/NAME.json     the latest verdict, with the rows that it follows from
runs/ledger/NAME.svg      its picture
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console

from orrery.errors import DataError
from orrery.files import write_atomically
from orrery.ledger.claim import Claim, Measured, Row, Verdict
from orrery.ledger.lab import LEDGER, Lab
from orrery.training.events import read_events
from orrery.training.runs import Run


@dataclass(frozen=True)
class Finding:
    """What came out for a claim.

    Attributes:
        measured: a seed's numbers, by seed.
        seeds: in the order of ``measured``.
        wall_s: seconds of all seeds together.
        machine: where they were taken.
        rows: a seed's raw rows, by seed.
        samples: what models wrote, by seed, with whatever is known of it.
    """

    name: str
    claim: str
    source: str
    refuted_by: str
    rule: str
    verdict: Verdict
    measured: Mapping[str, Measured]
    seeds: Sequence[int]
    wall_s: float
    machine: str
    rows: Mapping[str, Sequence[Row]]
    samples: Mapping[str, Sequence[Row]]


def experiment(claim: Claim, seeds: Sequence[int], root: Path, console: Console, anew: bool = False) -> Finding:
    """Measure for each seed and derive the verdict; seeds that are done are read back, but for ``anew``.

    Raises what the measurement raises; what was logged of a seed that did not end is left out of the next attempt.
    """
    rows, samples, seconds, machine = {}, {}, 0.0, ""
    for seed in seeds:
        name = f"{claim.name}-{seed}"
        with Run.open(name, recipe={"claim": claim.name}, seed=seed, root=root / LEDGER) as run:
            if anew or "wall_s" not in run.record:
                began = time.perf_counter()
                run.events.append("status", claim.name, 0, {"status": "started", "from_step": -1})
                claim.measure(Lab(claim.name, seed, run, root, console))
                run.events.append("status", claim.name, 0, {"status": "finished"})
                run.note(wall_s=time.perf_counter() - began)
            seconds += run.record["wall_s"]
            machine = "{processor}, {cores} cores".format(**run.record["hardware"])
            rows[str(seed)], samples[str(seed)] = logged(run.folder, claim.name)
    finding = derive(claim, rows, samples, seconds, machine)
    folder = root / LEDGER
    write_atomically(folder / f"{claim.name}.json", json.dumps(asdict(finding), ensure_ascii=False) + "\n")
    draw(claim, rows, folder / f"{claim.name}.svg")
    return finding


def logged(folder: Path, name: str) -> tuple[list[Row], list[Row]]:
    """The raw rows, and the samples, that the last attempt of a seed has logged."""
    events = [event for event in read_events(folder) if event["stage"] == name]
    rows, samples = ([e["values"] for e in events if e["kind"] == kind] for kind in ("metric", "sample"))
    return rows, samples


def derive(
    claim: Claim, rows: Mapping[str, Sequence[Row]], samples: Mapping[str, Sequence[Row]], seconds: float, machine: str
) -> Finding:
    """The verdict that follows from the raw rows of some seeds."""
    measured = {seed: claim.summarise(of_seed) for seed, of_seed in rows.items()}
    return Finding(
        claim.name, claim.says, claim.source, claim.refuted_by, claim.rule, claim.judge(list(measured.values())),
        measured, [int(seed) for seed in rows], seconds, machine, rows, samples,
    )  # fmt: skip


def draw(claim: Claim, rows: Mapping[str, Sequence[Row]], path: Path) -> None:
    """The claim's picture of all seeds."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    claim.plot(figure, list(rows.values()))
    figure.savefig(path, metadata={"Date": None})


def read_finding(path: Path) -> Finding:
    """What `experiment` kept. Raises DataError where the file is damaged."""
    try:
        return Finding(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}): remove it and measure again") from error


def shown(value: float | None) -> str:
    """A measured number for people; a dash where a seed has none.

    >>> shown(147934.0), shown(0.123456), shown(None)
    ('147,934', '0.1235', '–')
    """
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e9 else f"{value:.4g}"


def as_json(finding: Finding) -> dict[str, Any]:
    """Without the raw rows and the samples."""
    return {name: value for name, value in asdict(finding).items() if name not in ("rows", "samples")}
