"""`orrery data build` as a person runs it: a crawl made clean, and a build stopped, killed and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from orrery.commands import data_build
from tests.data.pipeline.small import STEPS, Waits, made, write_source
from tests.typed import typed

MARKER = "go-on"


def test_a_crawl_becomes_clean_text_and_what_went_can_be_read(tmp_path: Path) -> None:
    world = ("--world.seed", "3")
    crawled = typed("data", "crawl", "--out", "crawl.warc.gz", "--count", "60", *world, cwd=tmp_path)
    assert crawled.returncode == 0, crawled.stderr
    words = ("data", "build", "crawl.warc.gz", "--out", "clean", "--engine", "process", *world)
    done = typed(*words, "--truth", "crawl.truth.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "clean/report.json").read_text())
    kept = [json.loads(line) for line in (tmp_path / "clean/documents/00000.jsonl").read_text().splitlines()]
    rejected = [
        json.loads(line)
        for file in (tmp_path / "clean/rejected").glob("*/*.jsonl")
        for line in file.read_text().splitlines()
    ]
    assert 10 < len(kept) == report["documents"] and len(kept) + len(rejected) == report["read"]["documents"]
    assert not any("<html" in row["text"] for row in kept)
    assert {row["provenance"]["language"] for row in kept} == {"en"}
    # decontaminate: a question of an exam of this very world
    assert {row["rejected"]["step"] for row in rejected} > {"language", "minhash", "decontaminate"}
    assert f"{len(kept)} documents" in done.stdout and "precision" in done.stdout
    assert (tmp_path / "clean/truth.txt").read_text() in done.stdout
    page = (tmp_path / "clean/report.md").read_text()
    assert all(row["rejected"]["rule"] in page for row in rejected)
    shown = typed("data", "show", "clean/documents", "--samples", "0", cwd=tmp_path)
    assert f" {len(kept)} " in shown.stdout, shown.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--out", "clean"), "say what to read"),
        (("nowhere", "--out", "clean"), "no such file: nowhere"),
        (("in.jsonl", "--out", "clean", "--without", "minhsh"), "did you mean 'minhash'"),
        (("in.jsonl", "--out", "in.jsonl", "--steps", "minhash"), "is a file"),
        (("in.jsonl", "--out", ".", "--steps", "minhash"), "something else"),
        (("in.jsonl", "--out", "clean", "--steps", "minhash", "--truth", "none"), "no such file"),
        (("in.jsonl", "--out", "clean", "--steps", "minhash", "--exams", "in.jsonl"), "goes with the step"),
        (("in.jsonl", "--out", "clean", "--steps", "minhash", "--minhash.bands", "0"), "at least 1"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    write_source(tmp_path / "in.jsonl")
    done = typed("data", "build", *words, cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_build_that_was_stopped_and_then_killed_goes_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_source(tmp_path / "in.jsonl")
    words = ("data", "build", "in.jsonl", "--shard-mb", "0.013")
    two = ("--workers", "2", "--out", "out")
    with started(*words, *two, cwd=tmp_path) as stopped:
        until(stopped, lambda: shards_of(tmp_path, "first") >= 2)
        os.killpg(stopped.pid, signal.SIGINT)  # as a terminal does: all processes of the program get it
        assert "same command again" in stopped.communicate(timeout=60)[1]
        assert stopped.returncode == 130
    with started(*words, *two, cwd=tmp_path) as killed:
        until(killed, lambda: shards_of(tmp_path, "first") == 6)  # of 7
        workers = psutil.Process(killed.pid).children(recursive=True)
        killed.kill()
        assert "of 7 shards are done" in killed.communicate()[1]
    assert workers and not psutil.wait_procs(workers, timeout=20)[1], "workers end with their owner"
    (tmp_path / MARKER).touch()
    monkeypatch.setattr(data_build, "chosen", waiting)
    one = ("--engine", "process", "--out")
    gone_on = typed(*words, *one, "out", cwd=tmp_path)
    assert gone_on.returncode == 0 and "6 of 7 shards are done" in gone_on.stderr
    assert typed(*words, *one, "whole", cwd=tmp_path).returncode == 0
    assert made(tmp_path / "out") == made(tmp_path / "whole")


def waiting(config: data_build.BuildCommand) -> list[Any]:
    """Steps that wait with a document in the middle until the test lets them go on."""
    return [Waits(Path(MARKER), "text 100"), *STEPS]


def started(*words: str, cwd: Path) -> subprocess.Popen[str]:
    """`orrery …` with those steps, as a program in a group of its own."""
    program = (
        "import sys; from orrery.cli import main; from orrery.commands import data_build; "
        "from tests.test_data_build import waiting; data_build.chosen = waiting; main(sys.argv[1:])"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, *words], cwd=cwd, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}, text=True, start_new_session=True,
    )  # fmt: skip


def shards_of(folder: Path, half: str) -> int:
    """How many shards are done in a build that goes on."""
    return len(list((folder / "out/work" / half).glob("[0-9]*")))


def until(process: subprocess.Popen[str], holds: Callable[[], Any]) -> None:
    """Wait for something that the process does."""
    deadline = time.monotonic() + 100
    while not holds():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"what was waited for did not come: {process.communicate()[1]}")
        time.sleep(0.01)
