"""microGPT as a run: the scalars' numbers, kept every few steps, and read back as they were."""

import random
import statistics
from pathlib import Path

import pytest
import torch

from orrery.commands.microgpt import MicroGPTCommand, run_microgpt
from orrery.data.names import OUR_NAMES
from orrery.errors import ConfigError, DataError, RunError
from orrery.scratch import tensors
from orrery.scratch.microgpt import MicroGPT, Shape
from orrery.stages.microgpt import MicroRun, train_microgpt
from orrery.training.events import read_events
from orrery.training.runs import Run, read_record

NAMES = OUR_NAMES.read_text().split()
STEPS = 40


def numbers(model: MicroGPT) -> torch.Tensor:
    return torch.tensor([value.data for value in model.adam.values], dtype=torch.float64)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MicroGPT]:
    """A run of forty steps, kept every ten, and the model that it was made with."""
    root = tmp_path_factory.mktemp("micro")
    model = MicroGPT(NAMES, steps=STEPS)
    with Run.open("micro", recipe={}, root=root) as run:
        train_microgpt(model, run, snapshot_every=10)
    return root / "micro", model


def test_training_in_tensors_gives_the_scalars_numbers() -> None:
    scalar, tensor = (MicroGPT(["anna", "otto"], Shape(width=8, heads=2, context=8), steps=12) for _ in range(2))
    found: list[tuple[int, float]] = []
    expected: list[tuple[int, float]] = []
    scalar.train(lambda step, loss: expected.append((step, loss)))
    tensors.train(tensor, lambda step, loss, weights: found.append((step, loss)))
    assert [step for step, _ in found] == [step for step, _ in expected]
    assert [loss for _, loss in found] == pytest.approx([loss for _, loss in expected], rel=1e-9)
    torch.testing.assert_close(numbers(tensor), numbers(scalar), rtol=1e-9, atol=1e-9)


def test_what_was_kept_is_the_model_at_that_step(trained: tuple[Path, MicroGPT]) -> None:
    folder, model = trained
    micro = MicroRun.read(folder)
    assert micro.steps() == [0, 10, 20, 30, 40]
    for step, expected in ((0, MicroGPT(NAMES, steps=STEPS)), (STEPS, model)):
        kept = torch.cat([matrix.flatten() for matrix in micro.weights(step).values()])
        ours = tensors.tensors(expected.weights)
        assert micro.weights(step).keys() == ours.keys()
        by_name = torch.cat([ours[name].detach().flatten() for name in micro.weights(step)])
        torch.testing.assert_close(kept, by_name, rtol=1e-6, atol=1e-7)  # float32
    assert set(micro.documents) == set(NAMES) and micro.shape == Shape()


def test_it_writes_the_names_that_the_scalars_write(trained: tuple[Path, MicroGPT]) -> None:
    folder, model = trained
    micro = MicroRun.read(folder)
    weights, rng = micro.weights(STEPS), random.Random(7)
    model.rng = random.Random(7)
    for temperature, start in ((0.5, ""), (1.0, "ma"), (2.0, "")):
        letters = micro.write(weights, rng, temperature, start)
        assert micro.text(letters, start) == model.sample(temperature, start)
        assert all(sum(letter.chances) == pytest.approx(1) for letter in letters)


def test_the_run_tells_of_its_loss_and_its_names(trained: tuple[Path, MicroGPT]) -> None:
    events = read_events(trained[0])
    metrics = [event for event in events if event["kind"] == "metric"]
    assert [event["step"] for event in metrics] == list(range(5, STEPS + 1, 5))
    scalars = MicroGPT(NAMES, steps=STEPS)
    assert metrics[0]["values"]["loss"] == pytest.approx(statistics.mean(scalars.step() for _ in range(5)), rel=1e-9)
    assert len([event for event in events if event["kind"] == "sample"]) == 10
    assert [event["values"]["status"] for event in events if event["kind"] == "status"] == ["started", "finished"]


def test_a_run_is_not_written_over_unless_asked_to(trained: tuple[Path, MicroGPT]) -> None:
    folder, _ = trained
    with Run.open("micro", recipe={}, root=folder.parent) as run:
        with pytest.raises(RunError, match="do it again with --resume"):
            train_microgpt(MicroGPT(NAMES, steps=3), run)
        with pytest.raises(ConfigError, match="it must be above 0"):
            train_microgpt(MicroGPT(NAMES, steps=3), run, snapshot_every=0, again=True)
    assert MicroRun.read(folder).steps()[-1] == STEPS


def test_ctrl_c_keeps_what_was_learnt(tmp_path: Path) -> None:
    model = MicroGPT(NAMES, steps=100)

    def stop(step: int, loss: float) -> None:
        if step == 25:
            raise KeyboardInterrupt

    with Run.open("micro", recipe={}, root=tmp_path) as run, pytest.raises(KeyboardInterrupt):
        train_microgpt(model, run, 10, on_step=stop)
    assert MicroRun.read(tmp_path / "micro").steps() == [0, 10, 20]
    last = read_events(tmp_path / "micro")[-1]
    assert (last["values"]["status"], last["step"]) == ("interrupted", 25)
    begun = numbers(MicroGPT(NAMES, steps=100))
    assert (numbers(model) - begun).abs().mean() > 0.01, "the scalars have what the tensors learnt"


def test_the_command_makes_the_run_and_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "names.txt").write_text("anna\nbob\ncara\notto\n")
    config = MicroGPTCommand(data=tmp_path / "names.txt", steps=20, samples=3, run="first", root=tmp_path / "runs")
    run_microgpt(config)
    with_run = capsys.readouterr().out
    run_microgpt(MicroGPTCommand(data=tmp_path / "names.txt", steps=20, samples=3))
    assert with_run == capsys.readouterr().out
    assert read_record(tmp_path / "runs" / "first")["recipe"]["steps"] == 20
    assert MicroRun.read(tmp_path / "runs" / "first").steps() == [0, 20]
    run_microgpt(MicroGPTCommand(**{**vars(config), "steps": 40, "resume": True}))
    assert MicroRun.read(tmp_path / "runs" / "first").steps() == [0, 20, 40]


def test_what_cannot_be_is_said(trained: tuple[Path, MicroGPT], tmp_path: Path) -> None:
    micro = MicroRun.read(trained[0])
    weights = micro.weights(0)
    with pytest.raises(RunError, match="orrery microgpt --run NAME"):
        MicroRun.read(tmp_path)
    with pytest.raises(RunError, match="has kept no step 7"):
        micro.weights(7)
    with pytest.raises(ConfigError, match="above 0"):
        micro.write(weights, random.Random(0), temperature=0)
    with pytest.raises(DataError, match="no room"):
        micro.write(weights, random.Random(0), start="a" * 16)
    with pytest.raises(DataError, match="no document has"):
        micro.write(weights, random.Random(0), start="é")
