"""From sources to clean documents: shards through the steps, near-duplicates among all, reports.

    report = build(BuildConfig(("crawl/",), Path("clean")), steps)

    clean/documents/00000.jsonl …            what `orrery pretrain --data clean/documents` reads
    clean/rejected/STEP/00000.jsonl …        what went, whole, with rule and detail
    clean/report.json, report.md             what went where
    clean/build.json                         what was asked for

The sources are cut into shards (``inputs.py``). An engine takes every shard through the steps before near-duplicates
(``work.py``); their signatures are compared; an engine takes every shard through the steps behind; and the results are
joined in the order of the sources. Each shard is a folder in ``clean/work`` that appears whole, so that a build that is
stopped anywhere goes on from there, and neither engine nor interruption changes a byte of documents and rejected.
"""

import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from orrery.data.pipeline.engines import Run, in_one_process, on_cores, on_ray
from orrery.data.pipeline.inputs import Shard, cut
from orrery.data.pipeline.join import join
from orrery.data.pipeline.minhash import MinHash, first_alike
from orrery.data.pipeline.plan import open_build, settings
from orrery.data.pipeline.report import as_report, markdown
from orrery.data.pipeline.step import Step
from orrery.data.pipeline.work import Half, tally_of
from orrery.errors import ConfigError, DataError
from orrery.files import folder_written_atomically, remove_folder, remove_partial, write_atomically

MB = 1e6


class BuildInterrupted(KeyboardInterrupt):
    """A build ended early because someone asked; the message says how to go on."""


@dataclass(frozen=True)
class BuildConfig:
    """What to build from what, where and by whom.

    Attributes:
        sources: files, folders, globs, ``hf:NAME[:CONFIG[:SPLIT]]``.
        out: the folder to write.
        engine: this process, all cores, or a Ray cluster.
        workers: processes of the engine ``cores``; 0 means one a core.
        address: of the Ray cluster, see `orrery.data.pipeline.engines.on_ray`.
        shard_mb: of a shard, as it is on the disk.
        file_mb: of a file that is written.
        force: begin anew where there is a build.
    """

    sources: tuple[str, ...]
    out: Path
    engine: Literal["process", "cores", "ray"] = "cores"
    workers: int = 0
    address: str = ""
    shard_mb: float = 16
    file_mb: float = 100
    force: bool = False


@dataclass(frozen=True)
class Progress:
    """How far a build is.

    Attributes:
        phase: what is being done.
        done, shards: of the phase.
        documents, bytes: that this process has seen done in the phase.
        seconds: that the phase has taken in this process.
        resumed: shards of the phase that were done before.
    """

    phase: str
    done: int
    shards: int
    documents: int = 0
    bytes: int = 0
    seconds: float = 0.0
    resumed: int = 0


Show = Callable[[Progress], None]


def build(config: BuildConfig, steps: Sequence[Step | MinHash], show: Show = lambda progress: None) -> dict[str, Any]:
    """Build, or go on with it, and return the report; a finished build's report is returned as it is.

    Args:
        steps: in their order. Steps behind a `MinHash` see only what it has kept.

    Raises:
        ConfigError: nothing to read, settings that cannot be or are not those the build was begun with, a package that
            is missing.
        DataError: a source that does not exist or cannot be read.
        RunError: the disk is full, a worker ended, or another process builds here.
        BuildInterrupted: Ctrl-C; the same call goes on.
    """
    if not config.sources:
        raise ConfigError("say what to read: orrery data build FOLDER --out clean")
    if not 0 < config.shard_mb < math.inf or not config.file_mb > 0 or config.workers < 0:
        raise ConfigError("--shard-mb and --file-mb must be above 0, --workers 0 (one a core) or more")
    if config.workers and config.engine != "cores":
        raise ConfigError("--workers goes with --engine cores")
    if config.address and config.engine != "ray":
        raise ConfigError("--address goes with --engine ray")
    shards = cut(config.sources, math.ceil(config.shard_mb * MB))
    if not shards:
        raise DataError(f"nothing to read in {', '.join(config.sources)}")
    asked = settings(config.sources, shards, steps, shard_mb=config.shard_mb, file_mb=config.file_mb)
    with open_build(config.out, asked, config.force):
        report, work = config.out / "report.json", config.out / "work"
        try:
            if not report.exists():
                _run(config, shards, steps, show)
            if work.exists():
                remove_folder(work)
        except KeyboardInterrupt:
            raise BuildInterrupted(
                f"stopped; what is done is in {config.out}: give the same command again to go on"
            ) from None
        finished: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return finished


def _run(config: BuildConfig, shards: Sequence[Shard], steps: Sequence[Step | MinHash], show: Show) -> None:
    work = config.out / "work"
    minhash = next((step for step in steps if isinstance(step, MinHash)), None)
    place = len(steps) if minhash is None else list(steps).index(minhash)
    filters = [tuple(step for step in some if not isinstance(step, MinHash)) for some in (steps[:place], steps[place:])]
    halves = [Half(work, filters[0], minhash)]
    with _engine(config) as run:
        _take_through(halves[0], shards, run, "filtering", show)
        if not any(tally_of(halves[0].folder(number))["read"]["documents"] for number in range(len(shards))):
            remove_folder(work / "first")
            raise DataError(f"no document in {', '.join(config.sources)}: WARC files want responses with HTML")
        if minhash:
            show(Progress("comparing", 0, 1))
            _find_copies(work, len(shards), minhash)
            halves.append(Half(work, filters[1], minhash, second=True))
            _take_through(halves[1], shards, run, "without copies", show)
    show(Progress("joining", 0, 1))
    names = [step.name for step in steps]
    report = as_report(join(config.out, halves, len(shards), names, config.file_mb), names, config.sources, len(shards))
    write_atomically(config.out / "report.md", markdown(report))
    write_atomically(config.out / "report.json", json.dumps(report, indent=1, ensure_ascii=False) + "\n")


def _engine(config: BuildConfig) -> AbstractContextManager[Run]:
    if config.engine == "ray":
        return on_ray(config.address)
    return in_one_process() if config.engine == "process" else on_cores(config.workers)


def _take_through(half: Half, shards: Sequence[Shard], run: Run, phase: str, show: Show) -> None:
    folder = half.folder(0).parent
    if folder.exists():
        remove_partial(folder)
    waiting = [(number, shard) for number, shard in enumerate(shards) if not half.folder(number).exists()]
    resumed = len(shards) - len(waiting)
    if not waiting:
        return
    started = time.perf_counter()
    documents = size = 0
    show(Progress(phase, resumed, len(shards), resumed=resumed))
    for done, (_, tally) in enumerate(run(half, waiting), resumed + 1):
        given = half.given(tally)
        documents, size = documents + given[0], size + given[1]
        show(Progress(phase, done, len(shards), documents, size, time.perf_counter() - started, resumed))


def _find_copies(work: Path, shards: int, minhash: MinHash) -> None:
    """Write down for every shard which of its documents are copies, and the id of the text that stays for each."""
    if (work / "copies").exists():
        return
    started = time.thread_time()
    folders = [work / "first" / f"{number:05}" for number in range(shards)]
    offsets = np.cumsum([0, *(np.load(folder / "bands.npy", mmap_mode="r").shape[1] for folder in folders)])
    first = first_alike(
        np.concatenate([np.load(folder / "bands.npy", mmap_mode="r")[band] for folder in folders])
        for band in range(minhash.bands)
    )
    copies = np.flatnonzero(first != np.arange(len(first)))
    originals = np.unique(first[copies])
    ids: dict[int, str] = {}
    for folder, (start, stop) in zip(folders, pairwise(offsets), strict=True):
        wanted = originals[np.searchsorted(originals, start) : np.searchsorted(originals, stop)]
        if len(wanted):
            known = json.loads((folder / "ids.json").read_text())
            ids.update((place, known[place - start]) for place in wanted.tolist())
    with folder_written_atomically(work / "copies") as new:
        new.mkdir()
        for number, (start, stop) in enumerate(pairwise(offsets)):
            own = copies[np.searchsorted(copies, start) : np.searchsorted(copies, stop)].tolist()
            found = {place - int(start): ids[int(first[place])] for place in own}
            (new / f"{number:05}.json").write_text(json.dumps(found))
        tally = {"steps": {minhash.name: {"seconds": time.thread_time() - started}}}
        (new / "tally.json").write_text(json.dumps(tally))
