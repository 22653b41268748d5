"""Experiments as a person starts them, with the models of a very small speedrun."""

import importlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from orrery.cli import main
from orrery.data.prepare import read_back
from orrery.data.shards import TokenShards
from orrery.data.world.conversations import conversations
from orrery.data.world.generate import World, documents
from orrery.errors import RunError
from orrery.ledger import lab as lab_module
from orrery.ledger import r1_curve, specialist
from orrery.ledger.claim import Claim, by_seed, claims
from orrery.ledger.experiment import derive, experiment, logged, read_finding
from orrery.ledger.lab import Lab
from orrery.stages.pretrain import ModelShape, PretrainConfig, pretrain
from orrery.stages.sft import SFTConfig, sft
from orrery.tokenizers.bpe import BPE
from orrery.training.events import read_events
from orrery.training.runs import Run
from orrery.training.stage import TrainConfig

# Claims that look at a base and its assistant, and train nothing.
LOOKING = ("base_vs_assistant", "coreference", "embedding_norms", "identity", "in_context_learning",
           "kv_per_layer", "next_token", "reversal")  # fmt: skip
LONG = ("memorised_or_new", "mental_arithmetic", "refusals")  # a model of a few steps hardly ever ends its answers
VERDICTS = ("holds", "refuted", "unclear")
QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """runs/ with what a speedrun of seed 0 leaves: documents, a base, an assistant, a report."""
    runs = tmp_path_factory.mktemp("ledger") / "runs"
    world = World()
    spoken = [list(one.messages) for one in conversations(world, 300)]
    train = TrainConfig(steps=6, rows=4, evaluate_every=3, sample_every=0)
    shape = ModelShape(width=32, layers=2, heads=1, kv_heads=1, head_width=32, mlp_width=64, context=512)
    written = list(documents(world, max_bytes=200_000))
    unseen = list(documents(world, max_bytes=60_000, split="validation"))
    with Run.open("tiny", recipe={}, seed=0, root=runs) as run:
        data = run.folder / "data"
        tokenizer = BPE.train([one.text for one in written], 600)
        tokenizer.save(data / "tokenizer")
        TokenShards.write(data / "tokens", written, tokenizer)
        TokenShards.write(data / "held_out", unseen, tokenizer)
        text = read_back(data)
        assert text is not None
        base = pretrain(PretrainConfig(shape, train), run, data=text.data, held_out=text.held_out,
                        tokenizer=text.tokenizer)  # fmt: skip
        sft(SFTConfig(replace(train, steps=3)), run, parent=base.folder, conversations=spoken)
        assistant = run.folder / "sft"
    (runs / "tiny" / "report.json").write_text("{}")
    with Run.open("tiny-agent", recipe={"agent": True}, seed=0, root=runs) as run:
        shutil.copytree(assistant, run.folder / "grpo")
    (runs / "tiny-agent" / "report.json").write_text("{}")
    yield runs


@pytest.mark.parametrize("name", [*LOOKING, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)])
def test_a_claim_is_measured_with_a_speedruns_models(name: str, root: Path) -> None:
    finding = experiment(claims()[name], [0], root, QUIET)
    assert finding.verdict in VERDICTS and finding.seeds == [0] and finding.wall_s > 0
    assert finding.rows["0"] and all(isinstance(value, int | float) for value in finding.measured["0"].values())
    assert read_finding(root / "ledger" / f"{name}.json").measured == finding.measured
    assert (root / "ledger" / f"{name}.svg").read_text().lstrip().startswith("<?xml")
    samples = [event for event in read_events(root / "ledger" / f"{name}-0") if event["kind"] == "sample"]
    assert samples or name in ("coreference", "embedding_norms", "kv_per_layer", "next_token")


@pytest.mark.parametrize("name", ["tool_gain", "react_hops", "working_memory", "hallucination", "chunking"])
def test_a_claim_about_agents_is_measured(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"orrery.ledger.{name}")
    for constant, small in (
        ("QUESTIONS", 40 if name == "chunking" else 4),
        ("STEPS", 2),
        ("SAMPLES", 1),
        ("PHRASINGS", 1),
    ):
        if hasattr(module, constant):
            monkeypatch.setattr(module, constant, small)
    finding = experiment(claims()[name], [0], root, QUIET)
    assert finding.verdict in VERDICTS and finding.rows["0"] and finding.samples["0"]
    assert all(isinstance(value, int | float) for value in finding.measured["0"].values())
    assert (root / "ledger" / f"{name}.svg").exists()


def test_agents_and_assistants_are_not_taken_for_each_other(root: Path, tmp_path: Path) -> None:
    with Run.open("x", recipe={}, seed=0, root=tmp_path) as run:
        lab = Lab("react_hops", 0, run, root, QUIET)
        assert lab.agent() == root / "tiny-agent" / "grpo" and lab.model("sft") == root / "tiny" / "sft"
        with pytest.raises(RunError, match="no speedrun with seed 0 .* 'grpo'"):
            lab.model("grpo")
        with pytest.raises(RunError, match="speedrun --recipe agent --seed 1"):
            replace(lab, seed=1).agent()


def test_a_verdict_follows_from_the_raw_events(root: Path) -> None:
    finding = experiment(claims()["reversal"], [0], root, QUIET)
    rows, samples = logged(root / "ledger" / "reversal-0", "reversal")
    again = derive(claims()["reversal"], {"0": rows}, {"0": samples}, finding.wall_s, finding.machine)
    assert again == finding


def test_untrained_heads_cannot_tell_the_endings_apart_from_it(root: Path) -> None:
    measured = experiment(claims()["coreference"], [0], root, QUIET).measured["0"]
    assert measured["looks from 'it' apart, at most"] < 1e-5, "a language model does not see what is still to come"


def test_the_control_of_kv_per_layer_is_the_model_itself(root: Path) -> None:
    measured = experiment(claims()["kv_per_layer"], [0], root, QUIET).measured["0"]
    assert measured["logits of the control apart"] < 1e-4 < measured["logits apart"]


def command(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """What the command prints; where it fails, its error on one line."""
    with pytest.raises(SystemExit) as ended:
        main(["ledger", *words])
    assert ended.value.code == code
    told = capsys.readouterr()
    return " ".join(told.err.split()) if code else told.out


def test_the_command_measures_prints_and_lists(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = command(capsys, "identity", "--root", str(root))
    claim = claims()["identity"]
    for part in (claim.says, claim.source, claim.refuted_by, claim.rule, "identity.svg"):
        assert " ".join(part.split()) in " ".join(told.split())
    found = json.loads(command(capsys, "identity", "--root", str(root), "--json"))
    assert {"claim", "source", "rule", "verdict", "measured", "seeds", "wall_s"} <= set(found) and "rows" not in found
    assert found["verdict"] in VERDICTS and found["seeds"] == [0]
    listed = command(capsys, "--root", str(root))
    assert all(name in listed for name in claims()) and "not measured" in listed and found["verdict"] in listed
    assert [one["name"] for one in json.loads(command(capsys, "--root", str(root), "--json"))].count("identity") == 1


def test_what_is_asked_wrongly_is_refused(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean 'identity'" in command(capsys, "identitty", "--root", str(root), code=2)
    assert "--seeds is 0" in command(capsys, "identity", "--seeds", "0", "--root", str(root), code=2)
    told = command(capsys, "identity", "--root", str(tmp_path), code=2)
    assert "orrery speedrun --seed 0 --run speedrun-0" in told
    told = command(capsys, "self_consistency", "--root", str(root), code=2)
    assert "orrery speedrun --full --minutes 25 --seed 0" in told


def test_what_an_attempt_logged_that_was_stopped_does_not_count(tmp_path: Path) -> None:
    attempts = []

    def measure(lab: Lab) -> None:
        attempts.append(lab.seed)
        lab.log(x=len(attempts))
        if len(attempts) == 2:  # of the second seed
            raise KeyboardInterrupt

    claim = Claim("mine", "s.", "s", "r", "r", 1, measure, lambda rows: {"x": rows[0]["x"], "n": len(rows)},
                  by_seed(lambda one: "holds"), lambda figure, rows: None)  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        experiment(claim, [0, 1], tmp_path, QUIET)
    finding = experiment(claim, [0, 1], tmp_path, QUIET)
    assert attempts == [0, 1, 1], "the first seed is read back"
    assert finding.measured == {"0": {"x": 1, "n": 1}, "1": {"x": 3, "n": 1}}
    assert experiment(claim, [0], tmp_path, QUIET, anew=True).measured == {"0": {"x": 4, "n": 1}}


def test_the_newest_speedrun_of_the_seed_is_looked_into(root: Path, tmp_path: Path) -> None:
    with Run.open("x", recipe={}, seed=1, root=tmp_path) as run:
        lab = Lab("identity", 1, run, root, QUIET)
        with pytest.raises(RunError, match="no speedrun with seed 1"):
            lab.model("sft")
        assert replace(lab, seed=0).model("sft") == root / "tiny" / "sft"


def test_the_r1_curve_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretraining and GRPO really happen, once for two claims that want the same recipe."""
    small = specialist.Recipe(steps=120, width=32, layers=1, direct=0.9, worked=0.05)
    monkeypatch.setattr(specialist, "DOCUMENTS", 3_000)
    monkeypatch.setattr(r1_curve, "Recipe", lambda: small)
    monkeypatch.setattr(r1_curve, "STEPS", 2)
    monkeypatch.setattr(r1_curve, "QUESTIONS", 40)
    finding = experiment(claims()["r1_curve"], [0], tmp_path, QUIET)
    assert finding.verdict in VERDICTS
    assert [row["step"] for row in finding.rows["0"] if row["phase"] == "curve"] == [1, 2]
    answers = [row for row in finding.rows["0"] if row["phase"] == "before"]
    assert sum(len(row["right"]) for row in answers) == 40
    trained = sorted(path.name for path in (tmp_path / lab_module.LEDGER).glob("sums*/*") if path.is_dir())
    assert trained.count("base") == 1 and trained.count("grpo-zero") == 1
    again = experiment(claims()["r1_curve"], [0], tmp_path, QUIET, anew=True)
    assert again.measured == finding.measured, "the same models, read back, say the same"
