"""One process, all cores and a Ray cluster write the same bytes, and a worker that is killed costs nothing."""

import os
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from orrery.data.pipeline.build import BuildConfig, build
from orrery.data.pipeline.engines import on_cores
from orrery.errors import ConfigError, DataError, RunError
from tests.children import forked_child
from tests.data.pipeline.small import STEPS, Killed, made, write_source


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> BuildConfig:
    """What one process builds of seven shards."""
    folder = tmp_path_factory.mktemp("whole")
    write_source(folder / "in.jsonl")
    config = BuildConfig((str(folder / "in.jsonl"),), folder / "out", engine="process", shard_mb=0.013)
    assert build(config, [Killed(folder, ""), *STEPS])["shards"] == 7
    return config


def test_processes_write_what_one_does_and_a_killed_one_is_made_up_for(whole: BuildConfig, tmp_path: Path) -> None:
    config = replace(whole, engine="cores", workers=2, out=tmp_path / "out")
    killed = Killed(tmp_path / "marker", "text 100")
    with pytest.raises(RunError, match="same command again"):
        build(config, [killed, *STEPS])
    assert (tmp_path / "marker").exists() and not forked_child()
    assert build(config, [killed, *STEPS])["documents"] == 160
    assert made(config.out) == made(whole.out)


def test_what_cannot_be_read_is_said_as_by_one_process(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n{"text": \n')
    with pytest.raises(DataError, match="line 2: not JSON"):
        build(BuildConfig((str(tmp_path / "in.jsonl"),), tmp_path / "out", workers=1), STEPS)
    assert not (tmp_path / "out").exists()


def test_processes_end_with_the_block_though_they_work(tmp_path: Path) -> None:
    with on_cores(1) as run, pytest.raises(ZeroDivisionError):
        for pid in run(process_id, [0, 1]):
            assert psutil.pid_exists(pid)
            raise ZeroDivisionError
    assert not psutil.pid_exists(pid)


def process_id(part: int) -> int:
    """Its own; of the second part it takes an hour."""
    time.sleep(3600 * part)
    return os.getpid()


def test_without_ray_it_is_said_how_to_get_it(
    whole: BuildConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'orrery\[cluster\]'"):
        build(replace(whole, engine="ray", out=tmp_path / "out"), STEPS)
    assert not (tmp_path / "out").exists()


def test_a_cluster_that_does_not_answer_is_named_at_once(whole: BuildConfig, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no Ray cluster answers at 127.0.0.1:1: .*refused"):
        build(replace(whole, engine="ray", address="127.0.0.1:1", out=tmp_path / "out"), STEPS)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def two_nodes() -> Iterator[str]:
    """The address of a Ray cluster of two nodes with a CPU each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own, of what it deprecates
        from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        yield cluster.address
    finally:
        cluster.shutdown()
    assert not [child for child in psutil.Process().children(recursive=True) if "ray" in " ".join(child.cmdline())]


def test_a_ray_cluster_of_two_nodes_writes_the_same_though_a_worker_is_killed(
    whole: BuildConfig, two_nodes: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = replace(whole, engine="ray", address=two_nodes, out=tmp_path / "out")
    assert build(config, [Killed(tmp_path / "marker", "text 100"), *STEPS])["documents"] == 160
    assert not psutil.pid_exists(int((tmp_path / "marker").read_text())), "a worker was killed at its work"
    assert made(config.out) == made(whole.out)
    said = [line for text in capfd.readouterr() for line in text.splitlines()]
    assert all("(raylet)" in line for line in said), "Ray says that a worker died, and nothing else"
    assert not [process for process in psutil.process_iter(["name"]) if process.info["name"].startswith("ray::Map")]
