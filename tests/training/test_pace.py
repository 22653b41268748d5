"""Minutes become steps once: measured on a stage that is thrown away, noted in the run, never measured again."""

import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from toy_stage import ToyStage, toy_config

from orrery.errors import ConfigError, RunError
from orrery.models.hf import load_model
from orrery.training.loop import train
from orrery.training.pace import MEASURED_STEPS, SLACK, fit_steps, seconds_per_step
from orrery.training.runs import Run
from orrery.training.stage import Stage
from tests.children import forked_child

PAUSE = 0.03  # seconds that each step of the stage takes at least


def slow() -> Stage:
    return ToyStage(toy_config(), pause=PAUSE)


def never() -> Stage:
    raise AssertionError("the stage was built, so it was measured")


class RollingOut(ToyStage):
    """Makes eight batches at a time, slowly, as reinforcement learning does; the steps between cost nothing."""

    AT_ONCE, SECONDS = 8, 0.24

    def batches(self, state: Mapping[str, Any] | None) -> Iterator[Any]:
        given = super().batches(state)
        self.pending: list[Any] = []
        self.rollouts = 0
        while True:
            if not self.pending:
                time.sleep(self.SECONDS)
                self.rollouts += 1
                self.pending = [next(given) for _ in range(self.AT_ONCE)]
            yield self.pending.pop(0)


def test_without_minutes_the_configuration_stays(tmp_path: Path) -> None:
    with Run.open("mine", recipe={}, root=tmp_path) as run:
        assert fit_steps(toy_config(), 0, run, "toy", never) == toy_config()
        assert "steps/toy" not in run.record


def test_as_many_steps_as_fit_into_the_minutes(tmp_path: Path) -> None:
    built: list[Stage] = []

    def build() -> Stage:
        built.append(slow())
        return built[-1]

    with Run.open("mine", recipe={}, root=tmp_path) as run:
        fitted = fit_steps(toy_config(steps=7), 0.5, run, "toy", build)
        assert run.record["steps/toy"] == fitted.steps
    most = 30 / (PAUSE * SLACK)
    assert most / 20 < fitted.steps <= most, "the pause alone; a busy machine makes it fewer"
    assert fitted == toy_config(steps=fitted.steps), "nothing else changes"
    assert len(built) == 1


def test_a_step_takes_what_its_batch_and_its_loss_take() -> None:
    began = time.perf_counter()
    seconds = seconds_per_step(toy_config(), slow())
    assert PAUSE < seconds <= (time.perf_counter() - began) / MEASURED_STEPS


def test_rollouts_count_however_many_steps_each_is_for() -> None:
    """Four steps measured would all lie between two rollouts."""
    stage = RollingOut(toy_config())
    seconds = seconds_per_step(toy_config(), stage)
    assert seconds > RollingOut.SECONDS / RollingOut.AT_ONCE
    assert stage.rollouts == 2 and not stage.pending, "one to warm up, one measured to its end"


def test_what_was_chosen_is_used_ever_after_and_never_measured_again(tmp_path: Path) -> None:
    with Run.open("mine", recipe={}, root=tmp_path) as run:
        chosen = fit_steps(toy_config(), 0.1, run, "toy", slow)
        assert fit_steps(toy_config(), 0.1, run, "toy", never) == chosen
    with Run.open("mine", recipe={}, root=tmp_path) as run:
        assert fit_steps(toy_config(), 60, run, "toy", never) == chosen, "also with other minutes"
        run.note(**{"steps/other": 3})
        assert fit_steps(toy_config(), 60, run, "other", never).steps == 3, "each stage has its own"
    with Run.open("another", recipe={}, root=tmp_path) as run, pytest.raises(AssertionError, match="was measured"):
        fit_steps(toy_config(), 0.1, run, "toy", never)


def test_a_fitted_run_that_is_resumed_is_one_that_was_told_its_steps(tmp_path: Path) -> None:
    """Measuring leaves nothing behind, and resuming takes the steps that were chosen."""
    with Run.open("fitted", recipe={}, root=tmp_path) as run:
        config = fit_steps(toy_config(), 0.02, run, "toy", slow)
        halfway = ToyStage(config)

        def stop(*given: Any, loss: Any = halfway.loss) -> Any:
            (run.folder / "control.jsonl").write_text('{"command": "stop"}\n')
            return loss(*given)

        halfway.loss = stop  # type: ignore[method-assign]
        assert not train(halfway, config, run).finished
    with Run.open("fitted", recipe={}, root=tmp_path) as run:
        config = fit_steps(toy_config(), 0.02, run, "toy", never)
        fitted = train(ToyStage(config), config, run, resume="auto")
    with Run.open("told", recipe={}, root=tmp_path) as run:
        told = train(ToyStage(config), toy_config(config.steps), run)
    assert fitted.finished and fitted.steps == told.steps == config.steps > 1
    for (name, a), b in zip(
        load_model(fitted.folder).state_dict().items(), load_model(told.folder).state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), name


@pytest.mark.parametrize("minutes", [-1, -0.001, math.nan, math.inf, -math.inf])
def test_minutes_that_are_none_are_refused(tmp_path: Path, minutes: float) -> None:
    with (
        Run.open("mine", recipe={}, root=tmp_path) as run,
        pytest.raises(ConfigError, match=f"--minutes is {minutes:g}; it must be above 0"),
    ):
        fit_steps(toy_config(), minutes, run, "toy", never)


def test_minutes_that_are_too_short_for_a_step_are_refused(tmp_path: Path) -> None:
    with Run.open("mine", recipe={}, root=tmp_path) as run:
        with pytest.raises(ConfigError, match="--minutes 0.0001 is too short on this machine for a single step of toy"):
            fit_steps(toy_config(), 0.0001, run, "toy", slow)
        assert "steps/toy" not in run.record


@pytest.mark.skipif(torch.cuda.is_available(), reason="where there is a GPU there are no helper processes")
@pytest.mark.parametrize("fails", [False, True])
def test_the_helpers_of_the_measurement_end_with_it(monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    stage = slow()
    if fails:
        monkeypatch.setattr(stage, "loss", lambda *given: 1 / 0)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        if fails:
            with pytest.raises((ZeroDivisionError, RunError)):
                seconds_per_step(toy_config(), stage)
        else:
            assert seconds_per_step(toy_config(), stage) > 0
    finally:
        torch.set_num_threads(threads)
    assert not forked_child()
