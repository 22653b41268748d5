"""A larger run foretold: the runs are a speedrun's, and what is foretold is written down before it is trained."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from orrery.data.documents import Document
from orrery.data.prepare import Prepared
from orrery.data.shards import TokenShards
from orrery.data.world.conversations import conversations
from orrery.data.world.generate import documents
from orrery.data.world.world import World
from orrery.evals.scaling_law import LEAST_STEPS, LEAST_WIDTH, read_law
from orrery.ledger import scaling_fits, scaling_laws
from orrery.ledger.experiment import Finding, experiment
from orrery.ledger.lab import Lab
from orrery.ledger.scaling_fits import best_sizes, exponent
from orrery.ledger.scaling_laws import CLAIM, LARGE, SIZES, TIMES, of_seed, summarise, written_down
from orrery.ledger.scaling_runs import TOKENS_A_STEP, Size, Text, first_bytes, run_of
from orrery.tokenizers.bpe import BPE
from orrery.training.events import read_events
from orrery.training.runs import Run, read_record

FLOOR = 0.27
QUIET = Console(quiet=True)


def law(n: float, d: float) -> float:
    return float(40 * n**-0.4 + 3e3 * d**-0.6)


def lawful(lab: Lab, text: Text, size: Size, steps: int) -> Mapping[str, Any]:
    """A run that nobody trained, with the loss of a law, as of when the prediction stood in the record or later."""
    parameters, tokens = size.parameters, steps * TOKENS_A_STEP
    noise = np.exp(np.random.default_rng(steps).normal(0, 0.005))
    said = lab.run.record.get("prediction", {"written": 0.0})
    return {**size._asdict(), "steps": steps, "parameters": parameters, "tokens": tokens,
            "flops": size.flops_per_token * tokens, "bits": FLOOR + law(parameters, tokens) * noise, "floor": FLOOR,
            "seconds": 1.0, "began": said["written"] + 60}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Finding]]:
    """A folder of runs in which the experiment was done on runs of a law, and what it found."""
    root = tmp_path_factory.mktemp("scaling")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scaling_laws, "run_of", lawful)
        for module in (scaling_laws, scaling_fits):
            patched.setattr(module, "DRAWS", 40)
        yield root, experiment(CLAIM, [0], root, QUIET)


def test_a_larger_run_of_a_law_is_foretold(place: tuple[Path, Finding]) -> None:
    root, finding = place
    assert finding.verdict == "holds"
    measured = finding.measured["0"]
    assert measured["runs that were fitted"] == 13, "as the rule says"
    assert measured["times the operations"] == pytest.approx(TIMES, rel=0.01)
    for name, truth in (("α", 0.4), ("β", 0.6)):
        exponent_of = f"Chinchilla, floor known: {name}"
        assert measured[exponent_of] == pytest.approx(truth, abs=0.1)
        assert measured[f"{exponent_of}, 5%"] < truth < measured[f"{exponent_of}, 95%"]
    assert measured["Chinchilla: E, 5%"] < FLOOR < measured["Chinchilla: E, 95%"]
    better, worse = (measured[f"{form}, floor known: typical residual"] for form in ("Chinchilla", "Kaplan"))
    assert better < worse, "it was Chinchilla's form that made them"
    assert measured["missed by"] == measured["Chinchilla, floor known: missed by"]
    assert abs(measured["missed by"]) < 0.03
    assert (root / "ledger" / "scaling_laws.svg").exists()


def test_the_prediction_stands_in_the_record_and_the_events_before_the_larger_run(place: tuple[Path, Finding]) -> None:
    folder = place[0] / "ledger" / "scaling_laws-0"
    logged = [event["values"]["what"] for event in read_events(folder) if event["kind"] == "metric"]
    assert logged == ["run"] * sum(map(len, SIZES.values())) + ["prediction", "outcome", "afterwards", "afterwards"]
    (written,) = (row["written"] for row in place[1].rows["0"] if row["what"] == "prediction")
    assert read_record(folder)["prediction"]["written"] == written < time.time()


def test_measured_anew_it_is_still_the_prediction_that_was_written_first(tmp_path: Path) -> None:
    with Run.open("lab", recipe={}, root=tmp_path) as run:
        lab = Lab("scaling_laws", 0, run, tmp_path, QUIET)
        first = written_down(lab, {"tokens": 5, "excess": 0.1})
        assert written_down(lab, {"tokens": 5, "excess": 0.1}) == first
        assert written_down(lab, {"tokens": 5, "excess": 0.2})["excess"] == 0.2, "from other runs it is another"
        assert written_down(lab, {"tokens": 6, "excess": 0.2})["tokens"] == 6, "of another run it is another"


def test_what_was_written_after_it_was_trained_decides_nothing_and_what_misses_by_far_refutes(
    place: tuple[Path, Finding],
) -> None:
    finding = place[1]
    measured = finding.measured["0"]
    assert of_seed({**measured, "written before it was trained, minutes": -5.0}) == "unclear"
    off = [{**row, "bits": row["bits"] + 0.05} if row["what"] == "outcome" else row for row in finding.rows["0"]]
    assert of_seed(summarise(off)) == "refuted"


def test_what_was_measured_here_is_the_law_that_plans_use(place: tuple[Path, Finding], tmp_path: Path) -> None:
    assert "ship" in read_law(tmp_path).source
    found = read_law(place[0])
    assert len(found.runs) == sum(map(len, SIZES.values())) + 3, "the larger run and those afterwards count too"
    (expected,) = found.expect([(LARGE.parameters, 2e7)])
    assert expected.bits_per_byte == pytest.approx(FLOOR + law(LARGE.parameters, 2e7), rel=0.05)
    assert expected.low < expected.bits_per_byte < expected.high


def test_no_run_that_is_fitted_is_smaller_or_shorter_than_laws_hold() -> None:
    planned = [(size, size.steps_for(budget)) for budget, sizes in SIZES.items() for size in sizes]
    assert min(size.width for size, _ in planned) >= LEAST_WIDTH and min(steps for _, steps in planned) >= LEAST_STEPS
    assert sum(len(sizes) >= 4 for sizes in SIZES.values()) >= 2, "curves of equal operations, and their exponent"


def test_the_bottom_of_a_budget_is_that_of_its_parabola() -> None:
    rows = [{"budget": budget, "parameters": n, "bits": 1 + np.log(n / bottom) ** 2}
            for budget, bottom in ((1e12, 1e5), (4e12, 2e5)) for n in (5e4, 1e5, 2e5, 4e5)]  # fmt: skip
    best = best_sizes(rows)
    assert best == pytest.approx({1e12: 1e5, 4e12: 2e5})
    assert exponent(best) == pytest.approx(0.5)
    hill = [{**row, "bits": -row["bits"]} for row in rows]
    assert best_sizes(hill) == {} and np.isnan(exponent({}))
    assert best_sizes(rows[:2]) == {}, "two sizes make no parabola"


def test_a_run_reads_what_a_speedrun_of_so_many_steps_would_and_is_found_again(tmp_path: Path) -> None:
    world, steps = World(), 3
    needed = Text.needed(steps)
    with Run.open("lab", recipe={}, root=tmp_path) as run:
        lab = Lab("scaling_laws", 0, run, tmp_path, QUIET)
        text = Text(lab, steps)
        # In this process and no more than is read: the corpus is made by several, thousands of documents at a time.
        text.documents = list(documents(world, max_bytes=needed.corpus_bytes + 10_000))
        text.first = list(documents(world, max_bytes=needed.first_bytes + 5_000, mix={"copying": 1.0}))
        text.spoken = [list(one.messages) for one in conversations(world, needed.mixed_conversations)]
        tokenizer = BPE.train([one.text for one in text.documents], 1024)
        data, unseen = (TokenShards.write(tmp_path / name, text.documents[:20], tokenizer) for name in ("a", "b"))
        text.prepared = Prepared(tokenizer, data, unseen)
        row = run_of(lab, text, Size(32, 2), steps)
        again = run_of(lab, text, Size(32, 2), steps)
        (trained,) = (tmp_path / "ledger").glob("scaling-*")
    assert row == again, "nothing was trained twice"
    assert row["tokens"] == steps * 8 * 256 and row["parameters"] == 59_680
    assert 0 < row["floor"] < row["bits"]
    read = TokenShards.open(trained / "data" / "tokens").info
    assert read.bytes == pytest.approx(needed.corpus_bytes, abs=1_500)


def test_the_first_bytes_are_whole_documents() -> None:
    documents = [Document(text) for text in ("abc", "de", "f", "g")]
    assert [one.text for one in first_bytes(documents, 5)] == ["abc", "de"]
    assert first_bytes(documents, 2) == [] and len(first_bytes(documents, 99)) == 4
