"""What a speedrun's pretraining should come to: the law that `orrery ledger scaling_laws` measured.

    law = read_law(Path("runs"))
    law.expect([(984_448, 12_000_000)])      # bits a byte of held-out text, and where they lie nine times in ten

It is fitted, whenever it is asked for, to the runs that ship with the package (``scaling_law.json``), or to those that
the ledger measured here. The law is of the loss above the world's floor, of a speedrun's own recipe, and of nothing
else: another mixture, vocabulary or learning rate has another.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from orrery.errors import DataError
from orrery.evals.scaling_forms import EXCESS, KAPLAN, Law, bands, fit_form

SHIPPED = Path(__file__).parent / "scaling_law.json"
MEASURED = Path("ledger") / "scaling_laws.json"  # in the folder of runs
NAMES = ("width", "steps", "parameters", "tokens", "flops", "bits", "floor")
# Which runs it is fitted to. Those of width 32 and those of fewer steps lie up to 15% from the law of the others.
LEAST_WIDTH, LEAST_STEPS = 64, 500
REACH = 8.0  # times the operations of its largest run: as far as the ledger has tried what such a law foretells
DRAWS = 200


@dataclass(frozen=True)
class Expected:
    """What is expected of a run: held-out bits per byte, and where they lie nine times in ten."""

    bits_per_byte: float
    low: float
    high: float


@dataclass(frozen=True)
class MeasuredLaw:
    """The law and where it is from.

    Attributes:
        source: the file.
        runs: each with `NAMES`.
    """

    source: str
    runs: Sequence[dict[str, float]]

    @cached_property
    def fitted(self) -> list[dict[str, float]]:
        """The runs that it is fitted to."""
        return [run for run in self.runs if run["width"] >= LEAST_WIDTH and run["steps"] >= LEAST_STEPS]

    @cached_property
    def law(self) -> Law:
        """Of the loss above the floor."""
        return law_above_floor(self.fitted)

    @property
    def floor(self) -> float:
        """The mean of the worlds' floors."""
        return float(np.mean([run["floor"] for run in self.runs]))

    def at(self, parameters: float, tokens: float) -> float:
        """Bits per byte."""
        return self.floor + self.law.at(parameters, tokens)

    def covers(self, parameters: int) -> bool:
        """Whether models as large and as small as this were measured."""
        sizes = [run["parameters"] for run in self.fitted]
        return min(sizes) <= parameters <= max(sizes)

    def reaches(self, tokens: float, flops: float) -> bool:
        """Whether a run read as few tokens, and a law was tried on so many operations."""
        least, most = min(run["tokens"] for run in self.fitted), max(run["flops"] for run in self.fitted)
        return tokens >= least and flops <= REACH * most

    def expect(self, points: Sequence[tuple[float, float]]) -> list[Expected]:
        """What runs of so many (parameters, tokens) should reach."""
        found = bands(self.law, points, DRAWS, seed=0)
        if found is None:
            raise DataError(f"{self.source} has too few runs for a law: measure with `orrery ledger scaling_laws`")
        spread = float(np.std([run["floor"] for run in self.runs]))  # another world has another floor
        return [
            Expected(self.at(*point), float(self.floor + low - spread), float(self.floor + high + spread))
            for point, low, high in zip(points, *found, strict=True)
        ]


def read_law(root: Path) -> MeasuredLaw:
    """The law that was measured in this folder of runs, or else the one that ships.

    Raises:
        DataError: the file is damaged.
    """
    path = root / MEASURED
    try:
        if not path.exists():
            return MeasuredLaw("the runs that ship with Orrery", json.loads(SHIPPED.read_text(encoding="utf-8")))
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
        return MeasuredLaw(str(path), runs_of(rows.values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({error}): remove it and measure again") from error


def law_above_floor(runs: Sequence[Mapping[str, Any]]) -> Law:
    """Of Kaplan's and Chinchilla's forms, fitted to the loss above the floor, the one with the smaller residuals.

    They have four numbers each, so neither has an advantage.
    """
    parameters, tokens = ([run[name] for run in runs] for name in ("parameters", "tokens"))
    excess = [run["bits"] - run["floor"] for run in runs]
    laws = [fit_form(form, parameters, tokens, excess) for form in (EXCESS, KAPLAN)]
    return min(laws, key=lambda law: law.typical_residual)


def runs_of(rows: Any) -> list[dict[str, float]]:
    """Of the raw rows of each seed those that are runs, the large one too."""
    return [{name: row[name] for name in NAMES} for of_seed in rows for row in of_seed
            if row["what"] != "prediction"]  # fmt: skip
