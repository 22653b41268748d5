"""A build writes the same bytes whoever does it and however often it is stopped, and says what went where."""

import doctest
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from orrery.data import luhn, web
from orrery.data.pipeline import minhash, work
from orrery.data.pipeline.build import BuildConfig, BuildInterrupted, Progress, build
from orrery.data.pipeline.minhash import MinHash
from orrery.data.pipeline.step import Step
from orrery.data.sources import read_documents
from orrery.errors import ConfigError, DataError, RunError
from tests.data.pipeline.small import STEPS, Killed, Long, Upper, made, write_source


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> BuildConfig:
    """A build of three shards that nothing has interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    write_source(folder / "in.jsonl")
    config = BuildConfig((str(folder / "in.jsonl"),), folder / "out", engine="process", shard_mb=0.03)
    build(config, STEPS)
    return config


@pytest.fixture
def config(whole: BuildConfig, tmp_path: Path) -> BuildConfig:
    """The same, still to be built."""
    return replace(whole, out=tmp_path / "out")


@pytest.fixture
def own(config: BuildConfig, tmp_path: Path) -> BuildConfig:
    """The same of a source that may be changed."""
    write_source(tmp_path / "in.jsonl")
    return replace(config, sources=(str(tmp_path / "in.jsonl"),), shard_mb=1)


def test_every_document_is_kept_or_rejected_with_the_reason(whole: BuildConfig) -> None:
    report = build(whole, STEPS)
    kept = {row["id"]: row for row in lines(whole.out / "documents")}
    short = {row["id"]: row["rejected"] for row in lines(whole.out / "rejected/long")}
    copies = {row["id"]: row["rejected"] for row in lines(whole.out / "rejected/minhash")}
    assert list(kept) == [f"text {number}" for number in range(200) if number % 10 not in (4, 7)]
    assert short == {
        f"text {number}": {"step": "long", "rule": "too_short", "detail": "2, at least 3"}
        for number in range(4, 200, 10)
    }
    assert copies == {
        f"text {number}": {"step": "minhash", "rule": "near_copy", "detail": f"of text {number - 5}"}
        for number in range(7, 200, 10)
    }
    assert all(row["text"].isupper() for row in kept.values()), "steps behind near-duplicates were taken"
    assert [(step["step"], step["documents_in"], step["documents_out"]) for step in report["steps"]] == [
        ("long", 200, 180), ("minhash", 180, 160), ("upper", 160, 160),
    ]  # fmt: skip
    assert report["documents"] == 160
    assert report["bytes"] == sum(len(row["text"].encode()) for row in kept.values())


def test_the_documents_are_a_source_for_training_and_for_another_build(whole: BuildConfig, config: BuildConfig) -> None:
    clean = str(whole.out / "documents")
    assert [document.id for document in read_documents([clean])] == [row["id"] for row in lines(Path(clean))]
    again = build(replace(config, sources=(clean,)), STEPS)
    assert again["documents"] == 160
    assert [step["rejected"] for step in again["steps"]] == [{}, {}, {}]


@pytest.mark.parametrize("shard_mb", [0.01, 1])
def test_the_size_of_shards_changes_nothing(whole: BuildConfig, config: BuildConfig, shard_mb: float) -> None:
    report = build(replace(config, shard_mb=shard_mb), STEPS)
    assert report["shards"] == (1 if shard_mb == 1 else 9)
    before, after = made(whole.out), made(config.out)
    assert before.pop("report") != after.pop("report"), "shards are counted"
    assert after == before


def test_files_are_of_the_size_that_was_asked_for(config: BuildConfig) -> None:
    build(replace(config, file_mb=0.02, shard_mb=1), STEPS)
    sizes = [file.stat().st_size for file in sorted((config.out / "documents").glob("*.jsonl"))]
    assert len(sizes) > 3 and all(19_000 < size <= 20_000 for size in sizes[:-1])


@pytest.mark.parametrize("steps", [[], [Long()], [MinHash(), Long()]], ids=str)
def test_any_choice_of_steps_builds(config: BuildConfig, steps: Sequence[Step | MinHash]) -> None:
    report = build(replace(config, shard_mb=1), steps)
    rejected = sum(sum(step["rejected"].values()) for step in report["steps"])
    assert report["documents"] + rejected == 200 == report["read"]["documents"]
    assert len(list(lines(config.out / "documents"))) == report["documents"]


@pytest.mark.parametrize("stop_at", [1, 3, 5, 8, 10], ids=lambda number: f"event {number}")
def test_a_build_that_is_interrupted_goes_on_and_does_nothing_twice(
    whole: BuildConfig, config: BuildConfig, stop_at: int
) -> None:
    events = 0

    def stop(progress: Progress) -> None:
        nonlocal events
        events += 1
        if events == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(BuildInterrupted, match="same command again"):
        build(config, STEPS, stop)
    done = {path: path.stat().st_mtime_ns for path in (config.out / "work").glob("*/*/tally.json")}
    assert len(done) == {1: 0, 3: 2, 5: 3, 8: 5, 10: 6}[stop_at]
    assert not (config.out / "report.json").exists()
    still = {}

    def look(progress: Progress) -> None:
        if progress.phase == "joining":
            still.update({path: path.stat().st_mtime_ns for path in done})

    build(config, STEPS, look)
    assert still == done, "what was done is not done again"
    assert made(config.out) == made(whole.out)
    assert not (config.out / "work").exists()


def test_a_finished_build_is_not_done_again(whole: BuildConfig) -> None:
    report = build(whole, STEPS, lambda progress: pytest.fail("nothing is to be done"))
    assert report == json.loads((whole.out / "report.json").read_text())


@pytest.mark.parametrize(
    ("change", "steps", "named"),
    [
        ({}, [Long(words=4), MinHash(), Upper()], "steps.long.words was 3, is 4"),
        ({}, [Long(), MinHash(bands=9), Upper()], "steps.minhash.bands was 14, is 9"),
        ({}, [MinHash(), Long(), Upper()], r"order was \['long', 'minhash', 'upper'\]"),
        ({"shard_mb": 1}, STEPS, "shard_mb was 0.03, is 1"),
    ],
    ids=["step", "minhash", "order", "shards"],
)
def test_other_settings_are_refused_by_name(
    whole: BuildConfig, change: dict[str, Any], steps: Sequence[Step | MinHash], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        build(replace(whole, **change), steps)


def test_a_source_that_has_changed_is_refused_and_with_force_built_anew(own: BuildConfig) -> None:
    build(own, STEPS)
    with Path(own.sources[0]).open("a") as file:
        file.write('{"text": "one more text"}\n')
    with pytest.raises(ConfigError, match=r"files\..*in.jsonl was \[.*--force"):
        build(own, STEPS)
    assert build(replace(own, force=True), STEPS)["documents"] == 161


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"sources": ()}, ConfigError, "say what to read"),
        ({"sources": ("nowhere",)}, DataError, "no such file"),
        ({"shard_mb": 0}, ConfigError, "above 0"),
        ({"shard_mb": float("nan")}, ConfigError, "above 0"),
        ({"workers": 2}, ConfigError, "--engine cores"),
        ({"address": "auto"}, ConfigError, "--engine ray"),
    ],
)
def test_what_cannot_be_built_is_said_and_leaves_nothing(
    config: BuildConfig, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        build(replace(config, **change), STEPS)
    assert not config.out.exists()


@pytest.mark.parametrize(
    ("content", "message"), [('{"text": "a"}\n{"text": \n', "line 2: not JSON"), ('{"text": " "}', "no document in")]
)
def test_sources_without_text_leave_nothing(own: BuildConfig, content: str, message: str) -> None:
    Path(own.sources[0]).write_text(content)
    with pytest.raises(DataError, match=message):
        build(own, STEPS)
    assert not own.out.exists()


def test_what_a_killed_process_left_half_written_goes(own: BuildConfig) -> None:
    own.out.mkdir()
    (own.out / ".build.json.partial-1").touch()  # all that is there of a build killed at its first write
    build(own, STEPS)
    (own.out / ".work.partial-gone").mkdir()  # and at its last one
    build(own, STEPS)
    assert not list(own.out.glob(".*"))


def test_examples_in_the_report_are_text_whatever_is_in_them(own: BuildConfig) -> None:
    rows = '{"text": "![](http://spy.example)", "url": "http://a.example/b_c"}\n{"text": "a long text"}'
    Path(own.sources[0]).write_text(rows)
    build(own, STEPS)
    (shown,) = (line for line in (own.out / "report.md").read_text().splitlines() if "spy" in line)
    assert shown.startswith(r"- http://a.example/b\_c (") and shown.endswith(r"): \!\[\](http://spy.example)")


def test_a_folder_of_something_else_is_left_alone(config: BuildConfig) -> None:
    config.out.mkdir()
    (config.out / "thesis.md").write_text("years of work")
    for force in (False, True):
        with pytest.raises(ConfigError, match="something else"):
            build(replace(config, force=force), STEPS)
    assert [path.name for path in config.out.iterdir()] == ["thesis.md"]


def test_two_builds_do_not_write_one_folder(config: BuildConfig) -> None:
    def begin_another(progress: Progress) -> None:
        with pytest.raises(RunError, match="another process"):
            build(replace(config, shard_mb=1), STEPS)

    build(replace(config, shard_mb=1), STEPS, begin_another)


def test_an_error_of_a_step_says_which_document_it_was(config: BuildConfig, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        build(config, [Killed(tmp_path / "no folder" / "marker", "text 55")])
    assert raised.value.__notes__ == ["This was step killed with document text 55."]


def test_halves_of_surrogate_pairs_are_written_as_question_marks(own: BuildConfig) -> None:
    Path(own.sources[0]).write_text('{"text": "one \\ud800 two"}')
    build(own, STEPS)
    assert [row["text"] for row in lines(own.out / "documents")] == ["ONE ? TWO"]


def lines(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.glob("*.jsonl")):
        yield from map(json.loads, file.read_text().splitlines())


@pytest.mark.parametrize("module", [luhn, web, minhash, work], ids=lambda module: module.__name__)
def test_the_examples_in_the_source_are_true(module: ModuleType) -> None:
    done = doctest.testmod(module)
    assert done.attempted and not done.failed
