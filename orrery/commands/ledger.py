"""`orrery ledger`: the claims with their verdicts, and the experiment behind one of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orrery.errors import ConfigError
from orrery.ledger.claim import Claim, claim_named, claims
from orrery.ledger.experiment import Finding, as_json, experiment, read_finding, shown
from orrery.ledger.lab import LEDGER
from orrery.training.progress import clock
from orrery.training.runs import RUNS

SHOWN = 4  # samples of the first seed
STYLES = {"holds": "green", "refuted": "red", "unclear": "yellow", "": "dim"}


@dataclass(frozen=True)
class LedgerCommand:
    """Things that people say about language models, measured. Without a name: all claims and their latest verdicts.

    An experiment says its claim and its rule before it runs, and the verdict follows from the rule. Many look into the
    models of a speedrun with the same seed (`orrery speedrun --full --minutes 25 --seed 0`).

    Example: orrery ledger self_consistency --seeds 1
    """

    name: tyro.conf.Positional[str] = ""
    """The claim."""
    seeds: int = 1
    """How many seeds, from 0 on; those that were measured before are read back."""
    anew: bool = False
    """Measure again what was measured before. Trainings with the same recipe are still read back."""
    json: bool = False
    """Print JSON."""
    root: Path = RUNS
    """The folder that holds the runs."""


def ledger(config: LedgerCommand) -> None:
    """List, or measure. Raises ConfigError for an unknown claim, and what the experiment raises."""
    out = Console(highlight=False)
    if not config.name:
        found = latest(config.root)
        if config.json:
            print(json.dumps([as_json(one) for one in found.values()], indent=1, ensure_ascii=False))
        else:
            out.print(claims_table(list(claims().values()), found))
        return
    if config.seeds < 1:
        raise ConfigError(f"--seeds is {config.seeds}; it must be at least 1")
    claim = claim_named(config.name)
    if not config.json:
        out.print(f"[bold]{claim.says}[/]\nSource: {claim.source}.\nAgainst it would speak: {claim.refuted_by}.\n"
                  f"Rule: {claim.rule}\n", soft_wrap=True)  # fmt: skip
        out.print(f"About {clock(60 * claim.minutes)} a seed on two cores.\n")
    finding = experiment(claim, range(config.seeds), config.root, Console(stderr=True, highlight=False), config.anew)
    if config.json:
        print(json.dumps(as_json(finding), indent=1, ensure_ascii=False))
        return
    out.print(numbers_table(finding))
    for sample in next(iter(finding.samples.values()))[:SHOWN]:
        out.print(f"\n[dim]{escape(str(sample['prompt']))}[/]\n{escape(str(sample['text']))}", soft_wrap=True)
    style = STYLES[finding.verdict]
    out.print(f"\n[bold {style}]{finding.verdict}[/]   {len(finding.seeds)} seed(s), {clock(finding.wall_s)}")
    out.print(f"Picture: {config.root / LEDGER / claim.name}.svg")


def latest(root: Path) -> dict[str, Finding]:
    """The latest findings by claim."""
    paths = sorted((root / LEDGER).glob("*.json"))
    return {path.stem: read_finding(path) for path in paths if path.stem in claims()}


def claims_table(listed: Sequence[Claim], found: dict[str, Finding]) -> Table:
    """All claims."""
    table = Table(title="The ledger", title_justify="left", caption_justify="left", show_lines=True)
    table.add_column("claim", style="bold")
    table.add_column("what is said")
    table.add_column("verdict")
    table.add_column("seeds", justify="right")
    for claim in listed:
        finding = found.get(claim.name)
        verdict = finding.verdict if finding else ""
        table.add_row(claim.name, claim.says, f"[{STYLES[verdict]}]{verdict or 'not measured'}[/]",
                      str(len(finding.seeds)) if finding else "")  # fmt: skip
    table.caption = "orrery ledger NAME measures one."
    return table


def numbers_table(finding: Finding) -> Table:
    """The numbers of each seed."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    for seed in finding.measured:
        table.add_column(f"seed {seed}", justify="right")
    names = next(iter(finding.measured.values()))
    for name in names:
        table.add_row(name, *(shown(of_seed.get(name)) for of_seed in finding.measured.values()))
    return table
