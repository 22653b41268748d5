"""`orrery microgpt`, `orrery ladder` and `orrery data fetch`: what a person types and sees."""

import json
import math
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.typed import typed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in; the cache for what is fetched is in it, and empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "names.txt").write_text("anna\nbob\ncara\notto\nemma\nlea\nnoah\nmia\nben\nida\nleo\nada\n")
    return tmp_path


def test_microgpt_trains_and_marks_what_it_makes_up(folder: Path) -> None:
    done = typed("microgpt", "--data", "names.txt", "--steps", "30", "--samples", "5", "--plot", "loss.svg", cwd=folder)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "12 documents of names.txt, 14 tokens" in lines[0]
    assert f"ln 14 = {math.log(14):.2f}" in " ".join(lines[:2])
    assert sum(line.endswith(("new", "seen in the data")) for line in lines) == 5
    assert "<svg" in (folder / "loss.svg").read_text()


def test_microgpt_as_json(folder: Path) -> None:
    done = typed("microgpt", "--data", "names.txt", "--steps", "120", "--start", "a", "--json", cwd=folder)
    shown = json.loads(done.stdout)
    assert (shown["steps"], len(shown["losses"]), shown["mean_of_last"]) == (120, 120, 100)
    assert shown["loss"] == pytest.approx(sum(shown["losses"][-100:]) / 100)
    assert shown["blind_guess"] == pytest.approx(math.log(14))
    assert all(sample["text"].startswith("a") for sample in shown["samples"]) and len(shown["samples"]) == 20
    names = (folder / "names.txt").read_text().split()
    assert all(sample["seen"] == (sample["text"] in names) for sample in shown["samples"])


def test_without_data_our_own_names_are_read(folder: Path) -> None:
    done = typed("microgpt", "--steps", "2", "--json", cwd=folder)
    shown = json.loads(done.stdout)
    assert shown["documents"] >= 2000 and (shown["tokens"], shown["parameters"]) == (27, 4192)


def test_ctrl_c_ends_training_and_samples_from_what_was_learnt(folder: Path) -> None:
    # Where the tests run in the background, SIGINT is ignored by all that they start: set it right, as a terminal does.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from orrery.cli import main; main()"
    )
    words = ["microgpt", "--data", "names.txt", "--steps", "1000000", "--json"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stderr is not None
            assert "documents of" in running.stderr.readline()
            time.sleep(1.5)
            running.send_signal(signal.SIGINT)
            out, errors = running.communicate(timeout=60)
        finally:
            running.kill()
    assert "stopped after" in errors
    shown = json.loads(out)
    assert 0 < shown["steps"] < 1_000_000 and len(shown["samples"]) == 20


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["microgpt", "--data", "empty.txt"], "empty.txt is empty"),
        (["microgpt", "--data", "one.txt"], "1 documents to learn from"),
        (["microgpt", "--data", "long.txt"], "a context of 16 takes 15 characters"),
        (["microgpt", "--data", "latin.txt"], "is not UTF-8"),
        (["microgpt", "--data", "nowhere.txt"], "no such file: nowhere.txt"),
        (["microgpt", "--start", "x1"], "no document has '1'"),
        (["microgpt", "--temperature", "0"], "a temperature of 0"),
        (["microgpt", "--temperature", "-1"], "a temperature of -1"),
        (["microgpt", "--steps", "0"], "steps is 0"),
        (["microgpt", "--steps", "-3"], "steps is -3"),
        (["microgpt", "--samples", "-1"], "--samples is -1"),
        (["microgpt", "--plot", "loss.txt"], "give a file that ends in .svg"),
        (["microgpt", "--plot", "nowhere/loss.svg"], "there is no folder nowhere"),
        (["microgpt", "--shape.heads", "3"], "cannot be shared by 3 heads"),
        (["ladder", "--data", "empty.txt"], "empty.txt is empty"),
        (["ladder", "--data", "one.txt"], "1 names cannot be split"),
        (["ladder", "--steps", "0"], "--steps is 0"),
        (["ladder", "--models", "transfomer"], "did you mean 'transformer'?"),
        (["ladder", "--level", "char"], "needs a text"),
        (["ladder", "--level", "char", "--data", "one.txt"], "the text has 5 characters"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_one_line_and_exit_code_2(words: list[str], message: str, folder: Path) -> None:
    (folder / "empty.txt").write_text("\n\n")
    (folder / "one.txt").write_text("anna\n")
    (folder / "long.txt").write_text("anna\nabcdefghijklmnopq\n")
    (folder / "latin.txt").write_bytes(b"caf\xe9\nau lait\n")
    refused = typed(*words, cwd=folder)
    assert refused.returncode == 2, refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert refused.stderr.startswith("orrery: ") and message in refused.stderr


def test_the_ladder_compares_all_models(folder: Path) -> None:
    done = typed("ladder", "--data", "names.txt", "--steps", "4", "--batch", "8", "--samples", "2", "--json",
                 "--plot", "ladder.png", cwd=folder)  # fmt: skip
    assert done.returncode == 0, done.stderr
    models = json.loads(done.stdout)["models"]
    assert [model["model"] for model in models] == [
        "bigram-counts", "bigram-network", "mlp", "mlp-batchnorm", "rnn", "lstm", "gru", "transformer"
    ]  # fmt: skip
    for model in models:
        assert set(model["loss"]) == {"train", "dev", "test"} and len(model["samples"]) == 2
        assert model["parameters"] > 0
    for name in ("ladder.png", "ladder-layers.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_the_ladder_on_running_text_shows_what_it_writes_while_it_learns(folder: Path) -> None:
    (folder / "text.txt").write_text("To be, or not to be, that is the question.\n" * 40)
    done = typed("ladder", "--data", "text.txt", "--level", "char", "--models", "lstm", "--steps", "40",
                 "--batch", "8", cwd=folder)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sum(line.startswith("lstm step ") for line in done.stdout.splitlines()) == 5


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def site(folder: Path) -> Iterator[str]:
    """A web server of the folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.real_data
def test_names_are_fetched_once_and_used_from_then_on(folder: Path, site: str, real_data: Path) -> None:
    (folder / "real.txt").write_bytes((real_data / "names.txt").read_bytes())
    fetched = typed("data", "fetch", "names", "--url", f"{site}/real.txt", cwd=folder)
    assert fetched.returncode == 0, fetched.stderr
    assert "32,033 names" in fetched.stdout
    (folder / "real.txt").unlink()
    again = typed("data", "fetch", "names", "--url", f"{site}/real.txt", cwd=folder)
    assert again.returncode == 0, "what is in the cache is not fetched again"
    assert json.loads(typed("microgpt", "--steps", "1", "--json", cwd=folder).stdout)["documents"] == 32_033


def test_a_wrong_file_is_refused_and_not_kept(folder: Path, site: str) -> None:
    refused = typed("data", "fetch", "names", "--url", f"{site}/names.txt", cwd=folder)
    assert refused.returncode == 2
    assert "is not the file that is expected" in refused.stderr.splitlines()[-1]
    assert not list((folder / "cache").rglob("names.txt"))


def test_without_a_network_it_says_so(folder: Path) -> None:
    refused = typed("data", "fetch", "names", "--url", "http://127.0.0.1:9/names.txt", cwd=folder)
    assert refused.returncode == 2
    assert "cannot be reached" in refused.stderr.splitlines()[-1]


def test_the_benchmark_runs_any_program_that_prints_its_steps(folder: Path) -> None:
    (folder / "reference.py").write_text(
        "names = open('input.txt').read().split()\n"
        "for step in range(1000):\n"
        "    print(f'step {step + 1:4d} / 1000 | loss {1 / len(names):.4f}', end='\\r')\n"
    )
    script = Path(__file__).parents[1] / "benchmarks" / "microgpt.py"
    words = ["reference.py", "--data", "names.txt", "--steps", "3", "--rounds", "1"]
    done = subprocess.run(
        [sys.executable, str(script), *words], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "reference, collector tamed" in done.stdout and "largest difference" in done.stdout
    autograd, microgpt, tensors = map(int, re.findall(r"\.py (\d+)", done.stdout.splitlines()[0]))
    assert autograd + microgpt <= 250 and tensors <= 80, "short enough to be read at once"
