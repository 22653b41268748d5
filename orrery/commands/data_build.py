"""`orrery data build`: web pages and text of any kind to clean documents, with a report of what went where."""

import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from orrery.commands.data_crawl import questions
from orrery.config import nearest
from orrery.data.pipeline.build import BuildConfig, build
from orrery.data.pipeline.build import Progress as Done
from orrery.data.pipeline.c4 import C4Quality
from orrery.data.pipeline.decontaminate import Decontaminate, Phrases, read_exams
from orrery.data.pipeline.extract import MainText
from orrery.data.pipeline.fineweb import FineWebQuality
from orrery.data.pipeline.language import Language
from orrery.data.pipeline.minhash import MinHash
from orrery.data.pipeline.private import PrivateData
from orrery.data.pipeline.quality import GopherQuality
from orrery.data.pipeline.repetition import GopherRepetition
from orrery.data.pipeline.report import table
from orrery.data.pipeline.step import Step
from orrery.data.pipeline.truth import score
from orrery.data.pipeline.truth_tables import render
from orrery.data.pipeline.urls import UrlFilter
from orrery.data.world.world import World, WorldConfig
from orrery.errors import ConfigError
from orrery.evals.exams import build_exams
from orrery.files import write_atomically
from orrery.training.progress import PLAIN_SECONDS, clock

STEPS = (
    "url_filter", "extract", "language", "gopher_repetition", "gopher_quality", "c4_quality", "fineweb_quality",
    "minhash", "decontaminate", "private_data",
)  # fmt: skip


@dataclass(frozen=True)
class BuildCommand:
    """Make clean text of web crawls (.warc .warc.gz .html) and text (.txt .md .jsonl .parquet, data sets of the hub).

    Steps, in their order: url_filter, extract (main text of HTML), language, gopher_repetition, gopher_quality,
    c4_quality, fineweb_quality, minhash (near-duplicates), decontaminate (questions of exams), private_data.
    OUT/documents is what `orrery pretrain --data` reads, OUT/rejected what went, with the reason, and OUT/report.md
    says what went where. A build that was stopped goes on when the same command is given again.

    Example: orrery data build CC-MAIN-*.warc.gz --out clean
    Example: orrery data build notes/ hf:org/texts --out clean --without url_filter --gopher-quality.min-words 20
    """

    out: Path
    """The folder to write."""
    sources: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Files, folders, globs, hf:NAME[:CONFIG[:SPLIT]]."""
    steps: str = ",".join(STEPS)
    """The steps to take, with commas between; their order is fixed."""
    without: str = ""
    """Steps to leave out, with commas between."""
    engine: Literal["process", "cores", "ray"] = "cores"
    """Work in this process, on all cores, or on a Ray cluster. It makes no difference to what is written."""
    workers: int = 0
    """Processes of the engine cores; 0: one a core."""
    address: str = ""
    """Of the Ray cluster: auto for the one on this machine, or HOST:6379; empty starts one. All its machines must have
    Orrery and see SOURCES and OUT."""
    shard_mb: float = 16
    """What is done at a time, and done again after an interruption, in megabytes on the disk."""
    file_mb: float = 100
    """Size of the files that are written."""
    force: bool = False
    """Begin anew where OUT holds a build."""
    truth: Path | None = None
    """The truth about a crawl that `orrery data crawl` wrote: shows precision and recall of every step, and writes them
    to OUT/truth.txt."""
    world: WorldConfig = field(default_factory=WorldConfig)
    """For decontaminate: whose exams count as Orrery's own; the world of a crawl that was made with other flags."""
    exams: tuple[Path, ...] = ()
    """For decontaminate: files with exams (.jsonl: every string; else every paragraph), besides Orrery's own."""
    url_filter: UrlFilter = field(default_factory=UrlFilter)
    extract: MainText = field(default_factory=MainText)
    language: Language = field(default_factory=Language)
    gopher_repetition: GopherRepetition = field(default_factory=GopherRepetition)
    gopher_quality: GopherQuality = field(default_factory=GopherQuality)
    c4_quality: C4Quality = field(default_factory=C4Quality)
    fineweb_quality: FineWebQuality = field(default_factory=FineWebQuality)
    minhash: MinHash = field(default_factory=MinHash)
    private_data: PrivateData = field(default_factory=PrivateData)


def run_build(config: BuildCommand) -> dict[str, Any]:
    """Build, print what went where, and return the report. Raises what `orrery.data.pipeline.build.build` does."""
    if config.truth and not config.truth.is_file():
        raise ConfigError(f"--truth {config.truth}: no such file")
    steps = chosen(config)
    names = {one.name for one in fields(BuildConfig)}
    asked = BuildConfig(**{name: getattr(config, name) for name in names})
    with _Display() as display:
        report = build(asked, steps, display.show)
    out = Console(highlight=False)
    out.print(table(report))
    for damaged in report["damaged"]:
        out.print(f"damaged: {damaged}", markup=False)
    if config.truth:
        shown = render(score(config.out, config.truth))
        write_atomically(config.out / "truth.txt", shown + "\n")
        print(shown)
    print(f"{report['documents']:,} documents, {report['bytes'] / 1e6:.1f} MB in {config.out / 'documents'}; "
          f"examples of what went: {config.out / 'report.md'}")  # fmt: skip
    return report


def chosen(config: BuildCommand) -> list[Step | MinHash]:
    """The steps that are asked for, in their order. Raises `ConfigError` for a name that is none."""
    wanted, unwanted = _names(config.steps), _names(config.without)
    names = [name for name in STEPS if name in wanted and name not in unwanted]
    if config.exams and "decontaminate" not in names:
        raise ConfigError("--exams goes with the step decontaminate, which is left out")
    return [_exams(config) if name == "decontaminate" else getattr(config, name) for name in names]


def _names(words: str) -> set[str]:
    names = {name.strip() for name in words.split(",") if name.strip()}
    if unknown := sorted(names - set(STEPS)):
        raise ConfigError(f"no step '{unknown[0]}'; {nearest(unknown[0], STEPS)}")
    return names


def _exams(config: BuildCommand) -> Decontaminate:
    own = questions(build_exams(World(config.world)))
    return Decontaminate(Phrases([*own, *read_exams(config.exams)]))


class _Display:
    """A bar in a terminal, elsewhere a line every few seconds."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.bar = Progress(
            TextColumn("[bold]{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[line]}"),
            console=self.console, transient=True, disable=not self.console.is_terminal,
        )  # fmt: skip
        self.task = self.bar.add_task("cutting", total=None, line="")
        self.phase, self.printed_at = "", time.monotonic()

    def __enter__(self) -> "_Display":
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def show(self, done: Done) -> None:
        if done.resumed and done.phase != self.phase:
            self.console.print(f"{done.phase}: goes on, {done.resumed} of {done.shards} shards are done")
        self.phase = done.phase
        line = progress_line(done)
        self.bar.update(self.task, description=done.phase, total=done.shards, completed=done.done, line=line)
        if not self.console.is_terminal and time.monotonic() - self.printed_at >= PLAIN_SECONDS:
            self.printed_at = time.monotonic()
            self.console.print(f"{done.phase} {line}", soft_wrap=True)


def progress_line(done: Done) -> str:
    """How far it is and how fast.

    >>> progress_line(Done("filtering", 3, 12, documents=500, bytes=20_000_000, seconds=10, resumed=1))
    'shard 3/12  50 documents/s  2.00 MB/s  0:45 left'
    """
    line = f"shard {done.done}/{done.shards}"
    if not done.seconds:
        return line
    left = done.seconds / (done.done - done.resumed) * (done.shards - done.done)
    pace = f"{done.documents / done.seconds:,.0f} documents/s  {done.bytes / done.seconds / 1e6:,.2f} MB/s"
    return f"{line}  {pace}  {clock(left)} left"
