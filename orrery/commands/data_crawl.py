"""`orrery data crawl`: the embedded world as a crawl of the web, to try and to measure the data pipeline on."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from orrery.data.world.crawl import truth_path, write_crawl
from orrery.data.world.world import World, WorldConfig
from orrery.errors import ConfigError
from orrery.evals.exams import build_exams
from orrery.evals.exams.exam import Exam


@dataclass(frozen=True)
class CrawlCommand:
    """Write the embedded world as a crawl: a WARC file of HTML pages on made-up sites, good and bad ones, and beside it
    the truth about every page, as JSON lines.

    The same flags give the same bytes. `orrery data build` makes clean text of the crawl, and measures itself on the
    truth.

    Example: orrery data crawl --out crawl.warc.gz --count 2000
    Example: orrery data build crawl.warc.gz --out clean --truth crawl.truth.jsonl
    """

    out: Path
    """The file to write, NAME.warc.gz; the truth goes to NAME.truth.jsonl."""
    count: int = 2_000
    """How many pages."""
    world: WorldConfig = field(default_factory=WorldConfig)


def crawl(config: CrawlCommand) -> None:
    """Write both files.

    Raises:
        ConfigError: a count below 1, another name, or a package that is missing.
        RunError: the disk is full.
    """
    if config.count < 1:
        raise ConfigError(f"--count is {config.count}; ask for at least one")
    if not config.out.name.removesuffix(".warc.gz") or not config.out.name.endswith(".warc.gz") or config.out.is_dir():
        raise ConfigError(f"--out is {config.out}; give the name of a file that ends in .warc.gz")
    world = World(config.world)
    pages = write_crawl(world, config.out, config.count, questions(build_exams(world)))
    steps, good = Counter[str](), 0
    for page in track(pages, "writing", total=config.count, transient=True):
        good += page.good
        steps[page.step or ("" if page.good else "(no rule)")] += 1
    size = config.out.stat().st_size
    print(f"{config.count:,} pages, {size / 1e6:.1f} MB in {config.out}; the truth is in {truth_path(config.out)}")
    table = Table("to be rejected by", "pages", box=None, padding=(0, 2))
    for step, number in sorted(steps.items()):
        if step:
            table.add_row(step, f"{number:,}")
    table.add_row("to be kept", f"{good:,}")
    Console(highlight=False).print(table)


def questions(exams: list[Exam]) -> list[str]:
    """What the exams ask, as it is asked of an assistant."""
    return [str(item.messages[-1]["content"]) for exam in exams for item in exam.items if item.messages]
