"""Successive halving: who goes on, with how many steps; and the order of what a sweep has found.

Configurations are run with few steps, the best third goes on with three times as many, and so on to the last rung
(Jamieson and Talwalkar 2016, arXiv 1502.07943; thirds as in Hyperband, Li et al. 2018, arXiv 1603.06560). Those that go
on are trained from scratch: the learning rate's course, the size of the corpus and, where minutes are given, the model
depend on the steps, so a shorter run is no beginning of a longer one. Each rung costs about as much as the one before.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from orrery.search.objective import Objective
from orrery.search.trials import Trial
from orrery.speedrun_config import SpeedrunConfig

ETA = 3  # one configuration in so many goes on, with so many times the steps


@dataclass(frozen=True)
class Configuration:
    """What one configuration came to at the last rung that it reached.

    Attributes:
        score: mean over the seeds; None where one of them is not done or failed.
        metrics: means over the seeds that are done.
        seconds: that its runs took, all rungs together.
        error: of its first run that failed.
        folders: run directories, one a seed.
    """

    number: int
    rung: int
    values: Mapping[str, Any]
    score: float | None
    metrics: Mapping[str, float]
    seconds: float
    error: str
    folders: Sequence[str]


def at_rung(config: SpeedrunConfig, rung: int) -> SpeedrunConfig:
    """``config`` with the steps of a rung, or with the minutes where it has no steps. The first rung is 0."""
    factor = ETA**rung
    if not config.pretrain_steps:
        return replace(config, minutes=config.minutes * factor)
    return replace(config, pretrain_steps=config.pretrain_steps * factor, sft_steps=config.sft_steps * factor)


def sizes(trials: int, rungs: int) -> list[int]:
    """How many configurations each rung runs.

    >>> sizes(16, 3)
    [16, 5, 1]
    """
    return [max(1, trials // ETA**rung) for rung in range(rungs)]


def rank(trials: Sequence[Trial], objective: Objective) -> list[Configuration]:
    """The configurations, best first: who came to a higher rung, then who has the better score there.

    Those without a score come last; equals stand in the order of their numbers, so the order is always the same.
    """
    runs: dict[int, list[Trial]] = defaultdict(list)
    for trial in trials:
        runs[trial.number].append(trial)
    sign = 1 if objective.lower_is_better else -1

    def key(one: Configuration) -> tuple[bool, int, float, int]:
        return one.score is None, -one.rung, sign * (one.score or 0.0), one.number

    return sorted((_configuration(number, of_it) for number, of_it in runs.items()), key=key)


def best_of(trials: Sequence[Trial], objective: Objective, count: int) -> list[Configuration]:
    """Up to ``count`` configurations with a score, best first: those that go on."""
    return [one for one in rank(trials, objective) if one.score is not None][:count]


def _configuration(number: int, trials: Sequence[Trial]) -> Configuration:
    rung = max(trial.rung for trial in trials)
    last = [trial for trial in trials if trial.rung == rung]
    scores = [trial.score for trial in last if trial.score is not None]
    done = [trial.metrics for trial in last if trial.status == "done"]
    return Configuration(
        number=number,
        rung=rung,
        values=last[0].values,
        # A mean over fewer seeds could not be compared with the others, and a run that diverges would better it.
        score=fmean(scores) if len(scores) == len(last) else None,
        metrics={name: fmean(each[name] for each in done) for name in (done[0] if done else {})},
        seconds=sum(trial.seconds or 0.0 for trial in trials),
        error=next((trial.error for trial in last if trial.error), ""),
        folders=[trial.folder for trial in last],
    )
