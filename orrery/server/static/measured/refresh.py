"""What the course shows of the ledger, cut from docs/ledger, so that it is there where the package is installed.

python orrery/server/static/measured/refresh.py
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LEDGER = HERE.parents[3] / "docs" / "ledger"
Row = dict[str, Any]


def over_optimisation(row: Row) -> Row | None:
    """A point of a curve."""
    return None if row["way"] == "proxy" else chosen(row, "way", "kl", "proxy", "gold")


def r1_curve(row: Row) -> Row | None:
    """A step of the training."""
    return chosen(row, "step", "right", "length", "direct", "checked") if row["phase"] == "curve" else None


def self_consistency(row: Row) -> Row | None:
    """A question with all that was answered to it."""
    said = [int(number) if number is not None and float(number).is_integer() else number for number in row["said"]]
    return {**chosen(row, "question", "truth"), "said": said}


def none(row: Row) -> Row | None:
    """Nothing of the raw rows."""
    return None


# Claim -> what is kept of each of its rows, and of how many seeds.
KEPT: dict[str, tuple[Callable[[Row], Row | None], int]] = {
    "over_optimisation": (over_optimisation, 3),
    "dpo_vs_ppo": (dict, 3),
    "r1_curve": (r1_curve, 3),
    "self_consistency": (self_consistency, 1),
    "tokens_to_think": (none, 0),
    "react_hops": (none, 0),
    "tool_gain": (none, 0),
    "hallucination": (none, 0),
    "identity": (none, 0),
    "memorised_or_new": (none, 0),
    "next_token": (none, 0),
    "refusals": (none, 0),
    "reversal": (none, 0),
    "working_memory": (none, 0),
}


def chosen(row: Row, *names: str) -> Row:
    """Some of a row's values, numbers to four digits behind the point."""
    return {name: round(row[name], 4) if isinstance(row[name], float) else row[name] for name in names}


def cut(name: str) -> str:
    """What is kept of a claim, as the file's text."""
    found = json.loads((LEDGER / f"{name}.json").read_text(encoding="utf-8"))
    keep, seeds = KEPT[name]
    rows = {seed: [kept for row in all if (kept := keep(row))] for seed, all in list(found["rows"].items())[:seeds]}
    told = {key: found[key] for key in ("name", "claim", "verdict", "machine", "measured")}
    samples = found["samples"] if name == "over_optimisation" else {}
    return json.dumps({**told, "rows": rows, "samples": samples}, ensure_ascii=False, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    for name in KEPT:
        (HERE / f"{name}.json").write_text(cut(name), encoding="utf-8")
