"""Checkpoints: model folders that other programs can load, with what the trainer needs to go on beside the weights.

    runs/NAME/checkpoints/base/step-000120/
      config.json, model.safetensors, tokenizer.json …    a Hugging Face folder
      trainer/state.json      step, counters, settings
      trainer/state.pt        optimizers, and the stage's own state: data cursor, generators

A folder under that name is whole: it was written beside and renamed. The newest few are kept. When a stage ends, the
same becomes runs/NAME/base/ and its checkpoints go. Snapshots, runs/NAME/snapshots/base/step-000120/, are the model
folder alone, and stay.
"""

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from orrery.config import as_mapping
from orrery.errors import CheckpointError, ConfigError, RunError
from orrery.files import folder_written_atomically, remove_folder, remove_partial, write_atomically
from orrery.training.optim import Optimizers
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


def save(folder: Path, stage: Stage, optimizers: Optimizers, config: TrainConfig, state: Mapping[str, Any]) -> None:
    """Write a checkpoint or the folder of a finished stage; ``state`` are the loop's own counters.

    Raises:
        RunError: the disk is full; nothing is left half-written.
    """
    plain = {"stage": stage.name, **state, "threads": torch.get_num_threads(), "config": as_mapping(config)}
    tensors = io.BytesIO()  # torch.save hides why a write failed; a plain write does not
    torch.save({"optimizers": optimizers.state_dict(), "stage": stage.state_dict()}, tensors)
    with folder_written_atomically(folder) as new:
        stage.save(new)
        write_atomically(new / "trainer" / "state.pt", tensors.getvalue())
        write_atomically(new / "trainer" / "state.json", json.dumps(plain, indent=2) + "\n")


def save_snapshot(run: Path, stage: Stage, step: int) -> None:
    """Write the model as it is after so many steps, to be looked at later.

    Raises:
        RunError: the disk is full; nothing is left half-written.
    """
    with folder_written_atomically(run / "snapshots" / stage.name / f"step-{step:06d}") as new:
        stage.save(new)


def load(folder: Path, stage: Stage, optimizers: Optimizers, config: TrainConfig) -> tuple[dict[str, Any], Any]:
    """Take a checkpoint over -> (the loop's counters, what `Stage.batches` continues from).

    Raises:
        CheckpointError: the checkpoint is damaged or does not fit the models.
        ConfigError: a setting that decides the numbers differs from the checkpoint's.
    """
    state = read_state(folder)
    asked = as_mapping(config)
    for name in BINDING:
        if asked[name] != state["config"].get(name):
            raise ConfigError(
                f"{folder} was made with {name} = {state['config'].get(name)}, not {asked[name]}: a run is resumed "
                "with its own settings; choose another --run for new ones"
            )
    path = folder / "trainer" / "state.pt"
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails in as many ways as there are bytes
        raise CheckpointError(f"{path} is damaged and cannot be resumed from: {error!r}") from error
    try:
        stage.load(folder)
        optimizers.load_state_dict(tensors["optimizers"])
    except (RuntimeError, ValueError, KeyError) as error:
        raise CheckpointError(f"{folder} does not fit what is being trained: {error}") from error
    return state, tensors["stage"]


def prune(run: Path, stage: str, keep: int, newest: int | None = None) -> None:
    """Remove all but the ``keep`` newest checkpoints of a stage, and those of steps past ``newest``."""
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
