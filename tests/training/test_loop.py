"""The loop on a real, tiny model: what it logs, what it refuses, and that resuming is exact."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import nn
from toy_stage import CONTEXT, VOCAB, ToyStage, counting_documents, toy_config

from orrery.data.packing import IGNORE, PackedBatches, Sequences
from orrery.errors import CheckpointError, ConfigError, DataError, NothingToLearn, RunError
from orrery.models.hf import load_model
from orrery.training import checkpoint, interrupt
from orrery.training.control import Control, send
from orrery.training.events import read_events
from orrery.training.interrupt import TrainingInterrupted
from orrery.training.loop import TrainResult, train
from orrery.training.optim import OptimizerConfig, Optimizers
from orrery.training.progress import show_progress
from orrery.training.runs import Run
from orrery.training.stage import TrainConfig
from orrery.training.step import accumulate, clip, precision_context


def run_toy(
    root: Path, config: TrainConfig, stage: Any = None, name: str = "toy", resume: str | Path | None = None
) -> TrainResult:
    with Run.open(name, recipe={}, root=root) as run:
        return train(stage or ToyStage(config), config, run, resume=resume)


def metrics(folder: Path, key: str = "loss") -> list[tuple[int, float]]:
    return [(e["step"], e["values"][key]) for e in read_events(folder) if e["kind"] == "metric" and key in e["values"]]


def statuses(folder: Path) -> list[str]:
    return [event["values"]["status"] for event in read_events(folder) if event["kind"] == "status"]


def alarms(folder: Path) -> list[str]:
    return [event["values"]["message"] for event in read_events(folder) if event["kind"] == "alarm"]


class StopsAfter(ToyStage):
    """Raises in the middle of the given step, as a crash would."""

    def __init__(self, config: TrainConfig, step: int) -> None:
        super().__init__(config)
        self.left = step

    def loss(self, *arguments: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise ZeroDivisionError("crash")
        return super().loss(*arguments)


def test_a_stage_learns_reports_and_ends_with_a_model_folder(tmp_path: Path) -> None:
    config = toy_config(60)
    stage = ToyStage(config)
    result = run_toy(tmp_path, config, stage)
    losses = [loss for _, loss in metrics(tmp_path / "toy")]
    assert len(losses) == 60 and losses[-1] < 0.6 * losses[0]
    assert metrics(tmp_path / "toy", "accuracy")[-1][1] > 0.3
    assert result.finished and result.steps == 60 and result.folder == tmp_path / "toy" / "toy"
    assert result.tokens == metrics(tmp_path / "toy", "tokens")[-1][1] > 0.9 * 60 * 4 * CONTEXT
    assert stage.evaluations == [False] * 5 + [True]
    assert statuses(tmp_path / "toy") == ["started", "finished"]
    assert alarms(tmp_path / "toy") == []
    events = read_events(tmp_path / "toy")
    assert sum(event["kind"] == "sample" for event in events) == 6
    first = next(event["values"] for event in events if event["kind"] == "metric")
    layers = {f"grad_norm/{layer}" for layer in ("token_embedding", "blocks.0", "blocks.1", "final_norm")}
    assert {name for name in first if "/" in name} == layers
    assert {"learning_rate", "tokens_per_s", "matmul_share", "seconds_left", "supervised_tokens"} <= set(first)
    trained = load_model(result.folder)
    assert torch.equal(trained.token_embedding.weight, stage.model.token_embedding.weight)
    assert not (tmp_path / "toy" / "checkpoints" / "toy").exists()


def test_one_batch_can_be_overfitted(tmp_path: Path) -> None:
    """Karpathy's check that model, loss and optimizer work together."""

    class OneBatch(ToyStage):
        def batches(self, state: Any) -> Any:
            batch = next(super().batches(state))  # type: ignore[call-overload]
            while True:
                yield batch

    config = toy_config(150, precision="float32", checkpoint_every=0, evaluate_every=0, sample_every=0)
    run_toy(tmp_path, config, OneBatch(config))
    assert metrics(tmp_path / "toy")[-1][1] < 0.15  # the first token of each piece cannot be known for certain


@pytest.mark.parametrize("crash", [1, 2, 10, 21])
def test_a_crashed_run_resumes_to_the_very_same_numbers(tmp_path: Path, crash: int) -> None:
    config = toy_config(24)
    run_toy(tmp_path, config, name="whole")
    with pytest.raises(ZeroDivisionError):
        run_toy(tmp_path, config, StopsAfter(config, crash), name="crashed")
    run_toy(tmp_path, config, name="crashed", resume="auto")
    for key in ("loss", "grad_norm", "learning_rate", "tokens", "bits_per_byte"):
        assert metrics(tmp_path / "crashed", key) == metrics(tmp_path / "whole", key)
    whole, resumed = (load_model(tmp_path / name / "toy").state_dict() for name in ("whole", "crashed"))
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_resume_auto_takes_the_newest_whole_checkpoint(tmp_path: Path) -> None:
    config = toy_config(24)
    with pytest.raises(ZeroDivisionError):
        run_toy(tmp_path, config, StopsAfter(config, 14))
    saved = checkpoint.checkpoints(tmp_path / "toy", "toy")
    assert [path.name for path in saved] == ["step-000008", "step-000012"]  # the two newest
    (tmp_path / "toy" / "checkpoints" / "toy" / ".step-000016.partial-x").mkdir()  # what a kill may leave
    run_toy(tmp_path, config, resume="auto")
    starts = [e["values"]["from_step"] for e in read_events(tmp_path / "toy") if "from_step" in e["values"]]
    assert starts == [-1, 12]


@pytest.mark.parametrize("keep", [1, 2, 5])
def test_so_many_checkpoints_are_kept(tmp_path: Path, keep: int) -> None:
    config = toy_config(24, keep_checkpoints=keep)
    with pytest.raises(ZeroDivisionError):
        run_toy(tmp_path, config, StopsAfter(config, 17))
    names = [path.name for path in checkpoint.checkpoints(tmp_path / "toy", "toy")]
    assert names == [f"step-{step:06d}" for step in (4, 8, 12, 16)][-keep:]


def test_snapshots_stay_as_models_the_untrained_one_too(tmp_path: Path) -> None:
    config = toy_config(12, snapshot_every=5)
    with Run.open("a", recipe={}, root=tmp_path) as run:
        result = train(ToyStage(config), config, run)
    kept = sorted((tmp_path / "a" / "snapshots" / "toy").iterdir())
    assert [folder.name for folder in kept] == ["step-000000", "step-000005", "step-000010"]
    first, middle, last = (load_model(folder).state_dict() for folder in [*kept[:2], result.folder])
    untrained = ToyStage(config).model.state_dict()
    assert all(torch.equal(first[name], untrained[name]) for name in untrained)
    assert not all(torch.equal(middle[name], last[name]) for name in last)


def test_an_explicit_checkpoint_is_taken_even_if_older(tmp_path: Path) -> None:
    config = toy_config(24)
    with pytest.raises(ZeroDivisionError):
        run_toy(tmp_path, config, StopsAfter(config, 14))
    run_toy(tmp_path, config, resume=checkpoint.checkpoint_folder(tmp_path / "toy", "toy", 8))
    starts = [e["values"]["from_step"] for e in read_events(tmp_path / "toy") if "from_step" in e["values"]]
    assert starts == [-1, 8] and len(metrics(tmp_path / "toy")) == 24


def test_an_explicit_checkpoint_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such folder"):
        run_toy(tmp_path, toy_config(4), resume=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"trainer/state.json is missing"):
        run_toy(tmp_path, toy_config(4), resume=tmp_path / "empty")


def test_a_run_is_not_trained_over(tmp_path: Path) -> None:
    run_toy(tmp_path, toy_config(4))
    with pytest.raises(RunError, match="already has a stage 'toy': go on with --resume auto"):
        run_toy(tmp_path, toy_config(4))


def test_resuming_a_finished_stage_returns_what_it_came_to(tmp_path: Path) -> None:
    first = run_toy(tmp_path, toy_config(4))
    again = run_toy(tmp_path, toy_config(4), resume="auto")
    assert again == first and len(metrics(tmp_path / "toy")) == 4


def test_resuming_with_other_settings_names_the_one_that_differs(tmp_path: Path) -> None:
    config = toy_config(24)
    with pytest.raises(ZeroDivisionError):
        run_toy(tmp_path, config, StopsAfter(config, 10))
    with pytest.raises(ConfigError, match="made with rows = 4, not 5"):
        run_toy(tmp_path, replace(config, rows=5), resume="auto")
    run_toy(tmp_path, replace(config, log_every=2, micro_rows=2), resume="auto")  # these do not decide the numbers


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_microbatches_sum_to_the_undivided_batch(dtype: torch.dtype) -> None:
    """One batch of k·b rows gives the loss and gradients of k microbatches of b, however many tokens each has."""
    config = toy_config(1, rows=6, precision="float32")
    stage = ToyStage(config)
    stage.model.to(dtype)
    batch = next(stage.batches(None))  # type: ignore[call-overload]
    assert len({micro.supervised for micro in batch.split(2)}) > 1
    results = []
    device = torch.device("cpu")
    precision = partial(precision_context, config, device)
    for micro_rows in (0, 1, 2, 4):
        for weight in stage.model.parameters():
            weight.grad = None
        loss, parts = accumulate(stage, batch, stage.denominators(batch), micro_rows, device, precision)
        gradient = torch.cat([w.grad.flatten() for w in stage.model.parameters() if w.grad is not None])
        results.append((loss, parts["accuracy"], gradient))
    for loss, accuracy, gradient in results[1:]:
        torch.testing.assert_close(loss, results[0][0], rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(accuracy, results[0][1], rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(gradient, results[0][2], rtol=0, atol=1e-6)


class Broken(ToyStage):
    """The loss is not a number at some steps."""

    def __init__(self, config: TrainConfig, steps: set[int]) -> None:
        super().__init__(config)
        self.count, self.steps = 0, steps

    def loss(self, *arguments: Any) -> Any:
        self.count += 1
        loss, parts = super().loss(*arguments)
        return (loss * float("nan") if self.count in self.steps else loss), parts


def test_a_step_that_is_not_finite_is_skipped_and_raises_an_alarm(tmp_path: Path) -> None:
    config = toy_config(30)
    run_toy(tmp_path, config, Broken(config, {5, 6, 12}))
    assert [alarm for alarm in alarms(tmp_path / "toy") if "the step is skipped" in alarm] == [
        "loss nan, gradient norm nan: the step is skipped"
    ] * 3
    losses = dict(metrics(tmp_path / "toy"))
    assert losses[5] is None and losses[30] < 0.8 * losses[1]  # NaN is null in JSON; training went on


def test_a_run_that_stays_broken_ends_with_advice_and_keeps_its_last_good_checkpoint(tmp_path: Path) -> None:
    config = toy_config(30)
    with pytest.raises(RunError, match="5 steps in a row .* lower learning rate"):
        run_toy(tmp_path, config, Broken(config, set(range(10, 30))))
    assert len(alarms(tmp_path / "toy")) == 5 and statuses(tmp_path / "toy") == ["started", "failed"]
    weights = load_model(checkpoint.checkpoints(tmp_path / "toy", "toy")[-1]).state_dict()
    assert all(torch.isfinite(weight).all() for weight in weights.values())


def test_a_jump_of_the_loss_raises_an_alarm(tmp_path: Path) -> None:
    class Jump(ToyStage):
        count = 0

        def loss(self, *arguments: Any) -> Any:
            self.count += 1
            loss, parts = super().loss(*arguments)
            return (loss + 8 if self.count == 70 else loss), parts

    config = toy_config(80, checkpoint_every=0, evaluate_every=0, sample_every=0)
    run_toy(tmp_path, config, Jump(config))
    (alarm,) = alarms(tmp_path / "toy")
    assert "the loss jumped" in alarm


def test_a_first_loss_that_is_not_finite_ends_the_run_at_once(tmp_path: Path) -> None:
    config = toy_config(4)
    with pytest.raises(RunError, match="first loss is nan"):
        run_toy(tmp_path, config, Broken(config, {1}))


def test_a_first_loss_far_from_what_it_should_be_raises_an_alarm(tmp_path: Path) -> None:
    config = toy_config(2)
    stage = ToyStage(config)
    with torch.no_grad():
        stage.model.token_embedding.weight *= 100
    run_toy(tmp_path, config, stage)
    assert any("expected 3.00 to 5.00" in alarm for alarm in alarms(tmp_path / "toy"))


def test_a_layer_without_gradient_raises_an_alarm(tmp_path: Path) -> None:
    config = toy_config(2)
    stage = ToyStage(config)
    stage.models = {"model": stage.model, "critic": nn.Sequential(nn.Linear(3, 3, bias=False))}
    run_toy(tmp_path, config, stage)
    assert alarms(tmp_path / "toy") == ["critic.0 gets no gradient: it will not learn"]


def test_a_batch_with_nothing_to_train_on_is_an_error(tmp_path: Path) -> None:
    config = toy_config(4)
    stage = ToyStage(config)
    data = counting_documents()
    stage.data = Sequences(data.tokens, data.starts, data.stops, data.tokens < 0)
    with pytest.raises(DataError, match="none of the batch's .* tokens is trained on"):
        run_toy(tmp_path, config, stage)


def test_an_answer_stands_apart_from_its_question_and_a_continuation_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Chatting(ToyStage):
        def samples(self) -> list[dict[str, Any]]:
            return [{"prompt": "1 + 2?", "text": "3", "chat": True}, {"prompt": "1 2", "text": " 3"}]

    config = toy_config(1)
    with Run.open("toy", recipe={}, root=tmp_path) as run, show_progress(run.events, Console(width=200)):
        train(Chatting(config), config, run)
    said = capsys.readouterr().out
    assert "writes: 1 + 2? → 3\n" in said and "writes: 1 2 3\n" in said


class Exhausted(ToyStage):
    """Has nothing more to learn after some batches, as a policy that solves everything."""

    left = 3

    def batches(self, state: Any) -> Any:
        for batch in super().batches(state):
            if not self.left:
                raise NothingToLearn("all is solved")
            self.left -= 1
            yield batch


def test_when_nothing_is_left_to_learn_the_stage_ends_with_what_was_learnt(tmp_path: Path) -> None:
    config = toy_config(9)
    result = run_toy(tmp_path, config, Exhausted(config))
    assert result.finished and result.steps == 3 and load_model(result.folder)
    assert alarms(tmp_path / "toy") == ["ended after step 3 of 9: all is solved"]
    assert statuses(tmp_path / "toy") == ["started", "finished"]
    again = run_toy(tmp_path, config, resume="auto")
    assert again == result and statuses(tmp_path / "toy") == ["started", "finished"]


def test_a_stage_that_never_finds_anything_to_learn_fails(tmp_path: Path) -> None:
    config = toy_config(9)
    stage = Exhausted(config)
    stage.left = 0
    with pytest.raises(NothingToLearn, match="all is solved"):
        run_toy(tmp_path, config, stage)
    assert not (tmp_path / "toy" / "toy").exists() and statuses(tmp_path / "toy") == ["started", "failed"]


def test_control_lines_are_obeyed_between_steps_and_logged(tmp_path: Path) -> None:
    class Controlled(ToyStage):
        count = 0

        def loss(self, *arguments: Any) -> Any:
            self.count += 1
            if self.count == 7:
                send(tmp_path / "toy", Control("learning_rate", 0.5))
                with (tmp_path / "toy" / "control.jsonl").open("a") as file:
                    file.write('{"command": "dance"}\n')
            if self.count == 15:
                send(tmp_path / "toy", Control("stop"))
            return super().loss(*arguments)

    (tmp_path / "toy").mkdir()
    send(tmp_path / "toy", Control("stop"))  # from before: meant for an earlier attempt
    config = toy_config(30, schedule=replace(toy_config().schedule, kind="constant", warmup_steps=0))
    stopped = run_toy(tmp_path, config, Controlled(config))
    assert not stopped.finished and stopped.steps == 15
    rates = dict(metrics(tmp_path / "toy", "learning_rate"))
    assert rates[7] == 0.01 and rates[8] == 0.005
    assert any("'dance' is no command" in alarm for alarm in alarms(tmp_path / "toy"))
    resumed = run_toy(tmp_path, config, resume="auto")
    assert resumed.finished and dict(metrics(tmp_path / "toy", "learning_rate"))[30] == 0.005
    assert statuses(tmp_path / "toy") == ["started", "controlled", "controlled", "stopped", "resumed", "finished"]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_finishes_the_step_saves_and_says_how_to_go_on(tmp_path: Path, name: str) -> None:
    signal = interrupt.signal

    class Interrupted(ToyStage):
        count = 0

        def loss(self, *arguments: Any) -> Any:
            self.count += 1
            if self.count == 6:
                signal.raise_signal(getattr(signal, name))
            return super().loss(*arguments)

    config = toy_config(20)
    before = signal.getsignal(getattr(signal, name))
    with pytest.raises(TrainingInterrupted, match="after step 6 of 20; go on with --run toy --resume auto"):
        run_toy(tmp_path, config, Interrupted(config))
    assert signal.getsignal(getattr(signal, name)) == before
    run_toy(tmp_path, config, name="whole")
    run_toy(tmp_path, config, resume="auto")
    assert metrics(tmp_path / "toy") == metrics(tmp_path / "whole")
    assert statuses(tmp_path / "toy") == ["started", "interrupted", "resumed", "finished"]


def test_a_signal_at_the_last_step_lets_the_stage_end_but_nothing_start_after_it(tmp_path: Path) -> None:
    class Interrupted(ToyStage):
        def evaluate(self, full: bool) -> dict[str, float]:
            if full:
                interrupt.signal.raise_signal(interrupt.signal.SIGINT)
            return super().evaluate(full)

    config = toy_config(4)
    with pytest.raises(TrainingInterrupted, match="stopped after stage 'toy', which has ended"):
        run_toy(tmp_path, config, Interrupted(config))
    assert statuses(tmp_path / "toy") == ["started", "finished"]
    assert run_toy(tmp_path, config, resume="auto").finished


def test_log_every_thins_out_the_metrics_and_the_last_step_is_among_them(tmp_path: Path) -> None:
    run_toy(tmp_path, toy_config(25, log_every=10))
    assert [step for step, _ in metrics(tmp_path / "toy")] == [1, 10, 20, 25]


def test_a_checkpoint_of_another_stage_is_refused(tmp_path: Path) -> None:
    folder = run_toy(tmp_path, toy_config(4)).folder
    state = json.loads((folder / "trainer" / "state.json").read_text())
    (folder / "trainer" / "state.json").write_text(json.dumps({**state, "stage": "base"}))
    with pytest.raises(CheckpointError, match="of stage 'base', not of 'toy'"):
        run_toy(tmp_path, toy_config(4), name="other", resume=folder)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    config = toy_config(24)
    with pytest.raises(ZeroDivisionError):
        run_toy(tmp_path, config, StopsAfter(config, 10))
    newest = checkpoint.checkpoints(tmp_path / "toy", "toy")[-1]
    (newest / "trainer" / "state.pt").write_bytes(b"rubbish")
    with pytest.raises(CheckpointError, match="cannot be resumed from"):
        run_toy(tmp_path, config, resume="auto")


def test_a_full_disk_is_one_clear_error_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    config = toy_config(24)
    monkeypatch.setattr("orrery.files.os.fsync", full)
    with pytest.raises(RunError, match="no space left on the disk while writing"):
        run_toy(tmp_path, config)
    assert not list((tmp_path / "toy").rglob("*partial*"))


def test_without_a_compiler_training_says_so_and_goes_on_uncompiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orrery.training.step.shutil.which", lambda name: None)
    run_toy(tmp_path, toy_config(4, compile="on"))
    assert len(metrics(tmp_path / "toy")) == 4
    assert alarms(tmp_path / "toy") == [
        "there is no C++ compiler (g++ or clang++), so torch.compile is left out: the same numbers, slower"
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_compiled_blocks_learn_the_same(tmp_path: Path) -> None:
    for name, choice in (("eager", "off"), ("compiled", "on")):
        run_toy(tmp_path, toy_config(12, compile=choice, precision="float32"), name=name)
    losses = [[loss for _, loss in metrics(tmp_path / name)] for name in ("eager", "compiled")]
    assert losses[0] == pytest.approx(losses[1], abs=1e-3) and alarms(tmp_path / "compiled") == []
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0  # something was compiled


def test_clipping_bounds_the_norm_and_reports_the_norm_before() -> None:
    weight = nn.Parameter(torch.zeros(4))
    weight.grad = torch.tensor([3.0, 0.0, 4.0, 0.0])
    assert clip([weight], 0).item() == pytest.approx(5.0)
    assert weight.grad.norm().item() == pytest.approx(5.0)
    assert clip([weight], 1.0).item() == pytest.approx(5.0)
    assert weight.grad.norm().item() == pytest.approx(1.0)


def test_a_stage_whose_models_are_all_frozen_is_an_error() -> None:
    model = ToyStage(toy_config()).model.requires_grad_(False)
    with pytest.raises(ConfigError, match="every model of this stage is frozen"):
        Optimizers({"model": model}, OptimizerConfig())


def test_toy_targets_are_trained_on(tmp_path: Path) -> None:
    """The tests above mean something only if the toy's batches do."""
    batch = next(PackedBatches(counting_documents(), context=CONTEXT, rows=4, seed=0))
    assert batch.supervised == int((batch.targets != IGNORE).sum()) > 100 and int(batch.ids.max()) < VOCAB
