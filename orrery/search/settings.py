"""What a sweep is asked for, and what it then is: resolved, checked, and kept, so that it goes on as it began."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from orrery.config import as_mapping, read_recipe
from orrery.errors import ConfigError
from orrery.search.objective import Objective
from orrery.search.rungs import ETA
from orrery.search.space import MIXES, draw, parse_settings, parse_space, with_values
from orrery.speedrun_config import SpeedrunConfig
from orrery.training.runs import RUNS

FIRST_SEED = 1000


@dataclass(frozen=True)
class SweepConfig:
    """Search for better settings of the speedrun: draw them at random, run each, compare the reports.

    The same command, or only --name, goes on with a sweep that was stopped, and prints the table of a finished one.

    Example: orrery sweep --name lr --trials 8 --minutes 2 --vary pretrain.optimizer.lr=0.005..0.04:log
    """

    name: str
    """Name of the sweep; its runs go to runs/sweep-NAME/."""
    vary: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """KEY=a,b,c or KEY=low..high or KEY=low..high:log, once for each setting of the speedrun that varies."""
    trials: int = 0
    """Configurations to try; 0: 8, or with halving as few as the rungs allow. A random search may get more later."""
    method: Literal["random", "halving"] = "random"
    """random: all trials alike; halving: all with few steps, the best third with three times as many, and so on."""
    rungs: int = 0
    """How many times halving runs the trials that are left; 0: 3."""
    metric: str = "targets"
    """What is compared: STAGE.EXAM, STAGE.bits_per_byte, base.excess; or targets, the mean of the points that exams are
    short of what a good run reaches."""
    seeds: tuple[int, ...] = (FIRST_SEED,)
    """Seeds of the runs, from 100 on; a configuration scores the mean over them. Reports use the seeds 0, 1 and 2: a
    sweep must never use those, or what was chosen by them would be measured on them."""
    draw_seed: int = 0
    """Decides the values that are drawn."""
    recipe: str = ""
    """A recipe of the speedrun, by name or .toml file, that holds the settings that do not vary."""
    set: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """KEY=VALUE, once for each further setting of the speedrun that does not vary."""
    minutes: float = 0.0
    """The speedrun's minutes (of the first rung); 0: the recipe's. What fits into them depends on how busy the machine
    is: steps compare better."""
    pretrain_steps: int = 0
    """The speedrun's steps of pretraining (of the first rung); 0: the recipe's."""
    sft_steps: int = 0
    """The speedrun's steps of tuning (of the first rung); 0: the recipe's."""
    parallel: int = 0
    """Trials that run at once, each with its share of the cores; 0: one a core. Each takes the memory of a speedrun."""
    root: Path = RUNS
    """The folder that holds the runs."""


@dataclass(frozen=True)
class Settings:
    """What a sweep is, resolved: kept in the database, and the same whenever it goes on."""

    method: Literal["random", "halving"]
    trials: int
    rungs: int
    metric: str
    seeds: tuple[int, ...]
    draw_seed: int
    vary: Mapping[str, str]
    fixed: SpeedrunConfig


def settings_of(config: SweepConfig) -> Settings:
    """What ``config`` asks for, checked as far as it can be before anything runs.

    Raises:
        ConfigError: what is wrong.
    """
    if not re.fullmatch(r"[\w][\w.+-]*", config.name):
        raise ConfigError(f"'{config.name}' is no name for a sweep: use letters, digits, '.', '_', '+' and '-'")
    if config.parallel < 0:
        raise ConfigError(f"--parallel is {config.parallel}; it cannot be negative")
    if not config.seeds or len(set(config.seeds)) < len(config.seeds):
        raise ConfigError("--seeds needs one seed or several different ones, for instance --seeds 1000 1001")
    if min(config.seeds) < 100:
        raise ConfigError(
            f"--seeds has {min(config.seeds)}; reports use the seeds 0, 1 and 2, which a search must not have seen: "
            f"take seeds from 100 on, for instance --seeds {FIRST_SEED}"
        )
    halving = config.method == "halving"
    if config.rungs and not (halving and config.rungs > 1):
        raise ConfigError(f"--rungs is {config.rungs}; it must be above 1, and --method halving with it")
    rungs = (config.rungs or 3) if halving else 1
    least = ETA ** (rungs - 1)
    trials = config.trials or (least if halving else 8)
    if trials < least:
        raise ConfigError(f"--trials is {trials}; a sweep of {rungs} rungs needs at least {least}")
    fixed = read_recipe(config.recipe, SpeedrunConfig, "speedrun") if config.recipe else SpeedrunConfig()
    given = {key: getattr(config, key) for key in ("minutes", "pretrain_steps", "sft_steps")}
    for key, value in given.items():
        if not 0 <= value < math.inf:
            raise ConfigError(f"--{key.replace('_', '-')} is {value:g}; it must be above 0, or 0 for the recipe's")
    fixed = with_values(fixed, {key: value for key, value in given.items() if value}, "flags")
    fixed = with_values(fixed, parse_settings(config.set), "--set")
    fixed = replace(fixed, seed=FIRST_SEED, run="", resume=False, root=RUNS)  # each trial has its own
    space = parse_space(config.vary)
    for name in MIXES.keys() & {key.split(".")[0] for key in space}:
        # Kept in full, for the usual mix may change before the sweep is finished.
        mix: Mapping[str, float] = getattr(fixed, name) or MIXES[name]
        fixed = with_values(fixed, {f"{name}.{part}": weight for part, weight in mix.items()}, "mix")
    drawn = [with_values(fixed, values, "--vary") for values in draw(space, config.draw_seed, trials if space else 0)]
    if halving and any(bool(one.pretrain_steps) != bool(one.sft_steps) for one in drawn):
        raise ConfigError("halving raises steps or minutes: give both --pretrain-steps and --sft-steps, or neither")
    Objective(config.metric).check(fixed.world, bool(fixed.data))
    vary = {key: str(where) for key, where in space.items()}
    return Settings(config.method, trials, rungs, config.metric, config.seeds, config.draw_seed, vary, fixed)


def agree(config: SweepConfig, asked: Settings, kept: Settings) -> Settings:
    """The settings that a sweep goes on with: those that were kept, with more trials where more are asked for.

    Without ``--vary`` only what differs from the defaults counts as asked for.

    Raises:
        ConfigError: the two differ otherwise; the message says in what.
    """
    one, other = _flat(as_mapping(asked)), _flat(as_mapping(kept))
    usual = {} if config.vary else _flat(as_mapping(settings_of(SweepConfig(config.name))))
    differing = [
        f"{key} is {other.get(key)} there and {one.get(key)} here"
        for key in sorted({*one, *other} - {"trials"})
        if one.get(key) != other.get(key) and (config.vary or one.get(key) != usual.get(key))
    ]
    more = config.trials if kept.method == "random" else kept.trials
    if config.trials and (config.trials < kept.trials or more < config.trials):
        differing.append(f"trials is {kept.trials} there and {config.trials} here (only a random search can get more)")
    if differing:
        raise ConfigError(
            f"there is a sweep '{config.name}' already, and it is another one: {'; '.join(differing)}. "
            f"Take another --name, or go on with it by --name {config.name} alone"
        )
    return replace(kept, trials=max(more, kept.trials))


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted keys; lists and single values stay."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
