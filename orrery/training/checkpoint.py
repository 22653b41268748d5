"""Checkpoints: model folders that other programs can load, with what the trainer needs to go on beside the weights.

    runs/NAME/checkpoints/base/step-000120/
      config.json, model.safetensors, tokenizer.json …    a Hugging Face folder
      trainer/state.json      step, counters, settings
      trainer/state.pt        optimizers, and the stage's own state: data cursor, generators
      trainer/optimizers/     where several processes trained: the optimizers, in torch.distributed.checkpoint's form

A folder under that name is whole: it was written beside and renamed. The newest few are kept. When a stage ends, the
same becomes runs/NAME/base/ and its checkpoints go. Snapshots, runs/NAME/snapshots/base/step-000120/, are the model
folder alone, and stay.

One process or several (`orrery.training.parallel`) go on from either form: weights are whole in the model folder, and
torch.distributed.checkpoint reads of the optimizers what each process holds now.
"""

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from orrery.config import as_mapping
from orrery.errors import CheckpointError, ConfigError, RunError
from orrery.files import remove_folder, remove_partial, write_atomically
from orrery.training.adapters import read_adapters, save_adapters
from orrery.training.optim import Optimizers
from orrery.training.parallel import everyone, load_shares, rank, ranks, save_shares, written_together
from orrery.training.stage import BINDING, Stage, TrainConfig

_STEP = re.compile(r"step-(\d+)")


@dataclass(frozen=True)
class Start:
    """Where a stage starts: a whole checkpoint, or nothing; ``finished`` when the stage has already ended."""

    folder: Path | None = None
    finished: bool = False


def find_start(run: Path, stage: str, resume: str | Path | None) -> Start:
    """Find what to go on from.

    Args:
        resume: None starts anew and refuses a run in which the stage has begun; "auto" takes the newest whole
            checkpoint of that stage in the run, or starts anew where there is none; anything else is the path of one.

    Raises:
        RunError: the stage has begun, and resuming was not asked for.
        CheckpointError: the path given is no checkpoint of this stage, or the stage has ended elsewhere.
    """
    done, saved = run / stage, checkpoints(run, stage)
    if resume is None or str(resume) == "auto":
        if resume is None and (done.exists() or saved):
            raise RunError(f"{run} already has a stage '{stage}': go on with --resume auto, or choose another --run")
        if done.exists():
            return Start(done, finished=True)
        return Start(saved[-1]) if saved else Start()
    folder = Path(resume)
    state = read_state(folder)
    if state["stage"] != stage:
        raise CheckpointError(f"{folder} is a checkpoint of stage '{state['stage']}', not of '{stage}'")
    if done.exists() and done.resolve() != folder.resolve():
        raise CheckpointError(f"stage '{stage}' of {run} has ended: choose another --run to go on from {folder}")
    return Start(folder, finished=is_finished(state))


def is_finished(state: Mapping[str, Any]) -> bool:
    """Whether a checkpoint is of a stage's end."""
    return bool(state["step"] >= state["config"]["steps"] or state.get("ended"))


def checkpoints(run: Path, stage: str) -> list[Path]:
    """The whole checkpoints of a stage, oldest first."""
    found = (run / "checkpoints" / stage).glob("step-*")
    return sorted((path for path in found if _STEP.fullmatch(path.name)), key=_step)


def read_state(folder: Path) -> dict[str, Any]:
    """The readable part of a checkpoint's trainer state.

    Raises:
        CheckpointError: the folder is no checkpoint.
    """
    path = folder / "trainer" / "state.json"
    if not path.is_file():
        known = "there is no such folder" if not folder.exists() else "trainer/state.json is missing"
        raise CheckpointError(f"cannot resume from {folder}: {known}")
    try:
        state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        state["stage"], state["step"], state["config"]["steps"]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged: {error!r}") from error
    return state


def save(
    folder: Path,
    stage: Stage,
    optimizers: Optimizers,
    config: TrainConfig,
    state: Mapping[str, Any],
    whole: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """Write a checkpoint or the folder of a finished stage; ``state`` are the loop's own counters.

    Args:
        whole: the context in which the stage has whole weights.

    Raises:
        RunError: the disk is full; nothing is left half-written.
    """
    plain = {"stage": stage.name, **state, "threads": torch.get_num_threads(), "config": as_mapping(config)}
    kept: dict[str, Any] = {"stage": stage.state_dict()}
    if ranks() == 1:
        kept["optimizers"] = optimizers.state_dict()
    tensors = io.BytesIO()  # torch.save hides why a write failed; a plain write does not
    torch.save(kept, tensors)
    with written_together(folder) as new:
        _save_model(stage, new, whole)
        if ranks() > 1:
            save_shares(optimizers.tensors(), new / "trainer" / "optimizers")
        if rank() == 0:
            write_atomically(new / "trainer" / "state.pt", tensors.getvalue())
            write_atomically(new / "trainer" / "state.json", json.dumps(plain, indent=2) + "\n")


def save_snapshot(
    run: Path, stage: Stage, step: int, whole: Callable[[], AbstractContextManager[None]] = nullcontext
) -> None:
    """Write the model as it is after so many steps, to be looked at later.

    Raises:
        RunError: the disk is full; nothing is left half-written.
    """
    with written_together(run / "snapshots" / stage.name / f"step-{step:06d}") as new:
        _save_model(stage, new, whole)


def _save_model(stage: Stage, folder: Path, whole: Callable[[], AbstractContextManager[None]]) -> None:
    """Let the first process write the model folder, with the whole weights; the others wait until it is there."""
    with whole():
        if rank() == 0:
            stage.save(folder)
            save_adapters(stage.models, folder)
    everyone(None)


def load(folder: Path, stage: Stage, config: TrainConfig) -> dict[str, Any]:
    """Take the models of a checkpoint over, while they have whole weights -> the loop's counters.

    Raises:
        CheckpointError: the checkpoint is damaged or does not fit the models.
        ConfigError: a setting that decides the numbers differs from the checkpoint's.
    """
    state = read_state(folder)
    asked, made = as_mapping(config), as_mapping(TrainConfig()) | state["config"]  # older ones lack newer settings
    for name in BINDING:
        if asked[name] != made[name]:
            raise ConfigError(
                f"{folder} was made with {name} = {made[name]}, not {asked[name]}: a run is resumed "
                "with its own settings; choose another --run for new ones"
            )
    with _must_fit(folder):
        stage.load(folder)
        read_adapters(stage.models, folder)
    return state


def load_optimizers(folder: Path, optimizers: Optimizers) -> Any:
    """Take the optimizers of a checkpoint over, or what this process holds of them -> `Stage.batches` goes on from it.

    Raises:
        CheckpointError: the checkpoint is damaged or does not fit the models.
    """
    path = folder / "trainer" / "state.pt"
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails in as many ways as there are bytes
        raise CheckpointError(f"{path} is damaged and cannot be resumed from: {error!r}") from error
    with _must_fit(folder):
        if "optimizers" not in kept:
            load_shares(optimizers.tensors(), folder / "trainer" / "optimizers")
        elif ranks() == 1:
            optimizers.load_state_dict(kept["optimizers"])
        else:
            optimizers.take_whole(kept["optimizers"])
    return kept["stage"]


@contextmanager
def _must_fit(folder: Path) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError, KeyError) as error:
        raise CheckpointError(f"{folder} does not fit what is being trained: {error}") from error


def prune(run: Path, stage: str, keep: int, newest: int | None = None) -> None:
    """Remove all but the ``keep`` newest checkpoints of a stage, and those of steps past ``newest``."""
    if rank():
        return
    saved = checkpoints(run, stage)
    if newest is not None:
        for path in saved:
            if _step(path) > newest:
                remove_folder(path)
        saved = checkpoints(run, stage)
    for path in saved[: max(0, len(saved) - keep)]:
        remove_folder(path)
    folder = run / "checkpoints" / stage
    if folder.exists():
        remove_partial(folder)
        if not any(folder.iterdir()):
            folder.rmdir()


def checkpoint_folder(run: Path, stage: str, step: int) -> Path:
    """Where the checkpoint of a step goes."""
    return run / "checkpoints" / stage / f"step-{step:06d}"


def _step(path: Path) -> int:
    match = _STEP.fullmatch(path.name)
    assert match is not None
    return int(match.group(1))
