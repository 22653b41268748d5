"""The whole ledger over several seeds, as docs/ledger.md with its pictures and raw rows.

    python benchmarks/ledger.py --seeds 3                    # every claim; most want speedruns of these seeds in runs/
    python benchmarks/ledger.py kv_per_layer --seeds 3       # one, and the page anew

What was measured before is read back. Raw rows go to docs/ledger/NAME.json; a test derives each verdict from them.
The runs of scaling_laws go into the package too, for `orrery plan`.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from orrery.evals.scaling_law import SHIPPED, runs_of
from orrery.ledger.claim import Row, claims
from orrery.ledger.experiment import Finding, experiment, read_finding, shown
from orrery.ledger.lab import LEDGER
from orrery.training.runs import RUNS

DOCS = Path(__file__).parent.parent / "docs"
SHOWN = 4  # samples of each claim, of the first seed


def main() -> None:
    """Measure, keep, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="claims; all by default")
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    folder = DOCS / "ledger"
    folder.mkdir(exist_ok=True)
    for name in asked.names or claims():
        finding = experiment(claims()[name], range(asked.seeds), RUNS, Console(stderr=True))
        (folder / f"{name}.json").write_text(compact(finding), encoding="utf-8")
        shutil.copy(RUNS / LEDGER / f"{name}.svg", folder)
        print(f"{name}: {finding.verdict} ({finding.wall_s:.0f} s)")
    found = [read_finding(folder / f"{name}.json") for name in claims() if (folder / f"{name}.json").exists()]
    (DOCS / "ledger.md").write_text(page(found), encoding="utf-8")
    SHIPPED.write_text(law_that_ships(folder / "scaling_laws.json"), encoding="utf-8")


def law_that_ships(path: Path) -> str:
    """The runs behind the scaling law that plans use, one a line."""
    runs = runs_of(read_finding(path).rows.values())
    return "[\n" + ",\n".join(f" {json.dumps(run)}" for run in runs) + "\n]\n"


def compact(finding: Finding) -> str:
    """JSON with one raw row a line."""
    whole = asdict(finding)
    kept = {name: whole.pop(name) for name in ("rows", "samples")}
    parts = [json.dumps(whole, indent=1, ensure_ascii=False)[:-2]]
    for name in ("rows", "samples"):
        seeds = (
            f"  {json.dumps(seed)}: [\n"
            + ",\n".join(f"   {json.dumps(row, ensure_ascii=False)}" for row in of_seed)
            + "]"
            for seed, of_seed in kept[name].items()
        )
        parts.append(f' "{name}": {{\n' + ",\n".join(seeds) + "\n }")
    return ",\n".join(parts) + "\n}\n"


def page(found: Sequence[Finding]) -> str:
    """docs/ledger.md."""
    machines = ", ".join(dict.fromkeys(one.machine for one in found))
    missing = [name for name in claims() if name not in {one.name for one in found}]
    lines = [
        "# The ledger",
        "",
        f"What people say about language models, measured. Written by `python benchmarks/ledger.py` ({machines}); "
        "`orrery ledger NAME` repeats one. Each rule stood in its file before the experiment was run; a test derives "
        "every verdict from the raw rows in [ledger/](ledger).",
        "",
        *([f"Written and not measured yet with three seeds: {', '.join(missing)}.", ""] if missing else []),
        "| claim | verdict | seeds | minutes |",
        "|---|---|---:|---:|",
    ]
    for one in found:
        lines.append(f"| [{one.name}](#{one.name}): {one.claim} | **{one.verdict}** | {len(one.seeds)} | "
                     f"{one.wall_s / 60:.1f} |")  # fmt: skip
    for one in found:
        lines += ["", f"## {one.name}", "", f"**{one.claim}** Source: {one.source}.", "",
                  f"Against it would speak: {one.refuted_by}.", "", f"Rule: {one.rule}", "",
                  f"Verdict: **{one.verdict}**.", ""]  # fmt: skip
        lines.append("| | " + " | ".join(f"seed {seed}" for seed in one.measured) + " |")
        lines.append("|---|" + "---:|" * len(one.measured))
        for name in next(iter(one.measured.values())):
            values = (shown(of_seed.get(name)) for of_seed in one.measured.values())
            lines.append(f"| {name} | " + " | ".join(values) + " |")
        lines += ["", f"![{one.claim}](ledger/{one.name}.svg)"]
        lines += [line for sample in next(iter(one.samples.values()))[:SHOWN] for line in told(sample)]
    return "\n".join(lines) + "\n"


def told(sample: Row) -> list[str]:
    """Something that a model wrote, with what is known of it."""
    known = ", ".join(f"{name} {value:.2f}" if isinstance(value, float) else f"{name}: {value}"
                      for name, value in sample.items() if name not in ("prompt", "text"))  # fmt: skip
    text = "\n".join(str(sample[name]).strip() for name in ("prompt", "text")).replace("\n", "\n> ")
    return ["", f"> {text}", *([f"> ({known})"] if known else [])]


if __name__ == "__main__":
    main()
