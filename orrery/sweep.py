"""A search for better settings of the speedrun: every trial is a whole speedrun, judged by its own report.

Two methods, both of which draw the settings at random (`orrery/search/space.py`):

- **random**: all trials get the same steps or minutes.
- **halving**: all begin with few steps; the best third goes on with three times as many, and so on
  (`orrery/search/rungs.py`). It misleads about settings that pay only in long runs, such as a low learning rate.

What was asked and every trial are kept in the database, so the same command goes on where it was stopped, even by
`kill -9`, and several processes may work on one sweep:

    runs/orrery.db                       tables sweeps and trials
    runs/sweep-NAME/003-rung0-seed1000/  a trial's run directory, with its recipe.toml
    runs/sweep-NAME/003-rung0-seed1000.txt  what it said
    runs/sweep-NAME/best.toml            the best configuration: orrery speedrun --recipe runs/sweep-NAME/best.toml

Scores vary from seed to seed: read small differences as none, or give several seeds. The best of many trials looks
better than it is, because it was chosen by these very scores. So what is reported is measured anew, with other seeds.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import select

from orrery.config import as_mapping, as_toml, from_mapping
from orrery.database import Database, database_exists, open_database
from orrery.errors import ConfigError, RunError
from orrery.files import write_atomically
from orrery.search.objective import Objective, metrics_of
from orrery.search.rungs import ETA, Configuration, at_rung, best_of, rank, sizes
from orrery.search.settings import Settings, SweepConfig, agree, settings_of
from orrery.search.space import draw, parse_space, with_values
from orrery.search.trials import STOPPED, Job, Sweep, Trial, claim, error_of, new_trials, trials_of
from orrery.speedrun import SpeedrunConfig
from orrery.tokenizers.counting import usable_cores
from orrery.training.interrupt import Interrupts, TrainingInterrupted
from orrery.training.runs import RUNS

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class SweepResult:
    """A finished sweep, its configurations best first; ``recipe`` is the best one's, for `orrery speedrun --recipe`."""

    name: str
    settings: Settings
    configurations: Sequence[Configuration]
    recipe: Path


@dataclass(frozen=True)
class SweepProgress:
    """Where a sweep stands: trials of all rungs, the best so far, and the seconds left, once they can be guessed."""

    done: int
    failed: int
    running: int
    left: int
    best: Configuration | None
    seconds_left: float | None


def sweep(config: SweepConfig, on_progress: Callable[[SweepProgress], None] | None = None) -> SweepResult:
    """Run the sweep, or what is left of it.

    Args:
        on_progress: called a few times a second.

    Raises:
        TrainingInterrupted: Ctrl-C or SIGTERM; the trials under way have saved their state.
        ConfigError: a setting that cannot be, or a sweep of that name that was asked for otherwise.
        RunError: all trials failed, or the database cannot be used.
    """
    asked = settings_of(config)
    if not config.vary and not database_exists(config.root):
        raise _nothing_varies(config)
    with open_database(config.root) as database:
        return _Sweeper(config, asked, database, on_progress).go()


class _Sweeper:
    """One process at work on a sweep."""

    def __init__(
        self,
        config: SweepConfig,
        asked: Settings,
        database: Database,
        on_progress: Callable[[SweepProgress], None] | None,
    ) -> None:
        self.config, self.database, self.on_progress = config, database, on_progress
        self.folder = config.root / f"sweep-{config.name}"
        self.sweep, self.settings = self.open(asked)
        self.objective = Objective(self.settings.metric)
        self.parallel = config.parallel or usable_cores()
        self.jobs: list[Job] = []

    def open(self, asked: Settings) -> tuple[int, Settings]:
        """The sweep's row, made where there is none, with trials for the first rung: its id and its settings."""
        with self.database.session() as session:  # all or nothing, and one process after the other
            row = session.scalar(select(Sweep).where(Sweep.name == self.config.name))
            if row is None:
                if not self.config.vary:
                    raise _nothing_varies(self.config)
                row, settings = Sweep(name=self.config.name, created=time.time(), settings=as_mapping(asked)), asked
                session.add(row)
                session.flush()  # which gives it its id
            else:
                where = f"sweep '{row.name}' in the database"
                settings = agree(self.config, asked, from_mapping(row.settings, Settings, where))
                row.settings = as_mapping(settings)
            known = set(session.scalars(select(Trial.number).where(Trial.sweep_id == row.id)))
            space = parse_space([f"{key}={values}" for key, values in settings.vary.items()])
            drawn = dict(enumerate(draw(space, settings.draw_seed, settings.trials)))
            drawn = {number: values for number, values in drawn.items() if number not in known}
            session.add_all(new_trials(row.id, self.folder, 0, drawn, settings.seeds))
            return row.id, settings

    def go(self) -> SweepResult:
        """Run trials until none is left."""
        with Interrupts() as interrupts:
            try:
                while not self.finished(trials := trials_of(self.database, self.sweep)):
                    self.start_jobs(trials)
                    self.tell(trials)
                    time.sleep(POLL_SECONDS)
                    if self.end_jobs() or interrupts.asked:
                        self.stop()
            finally:
                for job in self.jobs:  # there are some only if something went wrong: they are left behind to go on with
                    job.kill()
                    job.close()
        self.tell(trials)
        best, *others = rank(trials, self.objective)
        if best.score is None:
            error = best.error.splitlines()[-1]
            raise RunError(f"no configuration has a score; #{best.number}: {error} (more in {best.folders[0]}.txt)")
        recipe = self.folder / "best.toml"
        write_atomically(recipe, self.recipe_of(best, recipe))
        return SweepResult(self.config.name, self.settings, [best, *others], recipe)

    def finished(self, trials: Sequence[Trial]) -> bool:
        """No trial is left. Where a rung has come to its end, the trials of the next one are added."""
        rung = max(trial.rung for trial in trials)
        if not all(trial.over for trial in trials):
            return False
        if rung + 1 == self.settings.rungs:
            return True
        count = sizes(self.settings.trials, self.settings.rungs)[rung + 1]
        best = best_of([trial for trial in trials if trial.rung == rung], self.objective, count)
        drawn = {one.number: one.values for one in best}
        with self.database.session() as session:
            of_next = select(Trial.id).where(Trial.sweep_id == self.sweep, Trial.rung == rung + 1)
            if session.scalars(of_next).first() is None:  # no other process was first
                session.add_all(new_trials(self.sweep, self.folder, rung + 1, drawn, self.settings.seeds))
        return not best

    def start_jobs(self, trials: Sequence[Trial]) -> None:
        """Take trials that nobody is at until there is no room for more."""
        for trial in trials:
            if len(self.jobs) < self.parallel and not trial.over and (job := claim(self.database, trial)):
                self.jobs.append(job)
                job.start(self.config_of(trial), threads=max(1, usable_cores() // self.parallel))

    def config_of(self, trial: Trial) -> SpeedrunConfig:
        """The speedrun that a trial is."""
        folder, config = Path(trial.folder), with_values(self.settings.fixed, trial.values, "trial")
        return replace(at_rung(config, trial.rung), seed=trial.seed, run=folder.name, root=folder.parent)

    def end_jobs(self, stopping: bool = False) -> bool:
        """Record what has ended. True when a trial was stopped by someone else than this sweep."""
        stopped = False
        for job in [job for job in self.jobs if job.exit_code is not None]:
            code = job.exit_code or 0
            waits = code in STOPPED or (code != 0 and stopping)  # it was asked to stop before it could say so itself
            stopped = stopped or (waits and not stopping)
            self.record(job, code, waits)
            self.jobs.remove(job)
            job.close()
        return stopped

    def record(self, job: Job, code: int, waits: bool) -> None:
        """Write into the trial's row what became of it."""
        with self.database.session() as session:
            row = session.get_one(Trial, job.trial.id)
            if waits:
                row.status = "waiting"
            elif code:
                row.seconds = time.time() - (job.trial.started or 0.0)
                output = job.output.read_text(encoding="utf-8", errors="replace")
                row.status, row.error = "failed", error_of(output, code)
            else:
                report = json.loads((job.folder / "report.json").read_text(encoding="utf-8"))
                row.seconds, row.metrics = report["wall_s"], metrics_of(report)
                try:
                    row.status, row.score = "done", self.objective.of(row.metrics)
                except RunError as error:
                    row.status, row.error = "failed", str(error)

    def stop(self) -> None:
        """Ask the trials under way to save their state, wait for them, and end. Raises `TrainingInterrupted`."""
        for job in self.jobs:
            job.ask_to_stop()
        while self.jobs:
            self.end_jobs(stopping=True)
            time.sleep(POLL_SECONDS)
        raise TrainingInterrupted(f"stopped; go on with: orrery sweep --name {self.config.name}{_root(self.config)}")

    def tell(self, trials: Sequence[Trial]) -> None:
        """Say where the sweep stands."""
        if self.on_progress is None:
            return
        status = [trial.status for trial in trials]
        planned = sum(sizes(self.settings.trials, self.settings.rungs)) * len(self.settings.seeds)
        done, failed, running = (status.count(name) for name in ("done", "failed", "running"))
        self.on_progress(
            SweepProgress(
                done=done,
                failed=failed,
                running=running,
                left=max(planned - done - failed - running, 0),
                best=next(iter(best_of(trials, self.objective, 1)), None),
                seconds_left=self.seconds_left(trials),
            )
        )

    def seconds_left(self, trials: Sequence[Trial]) -> float | None:
        """A guess from the trials that are done: a trial takes as long as they did, times the steps of its rung."""
        done = [trial for trial in trials if trial.status == "done"]
        if not done:
            return None
        unit = sum(trial.seconds or 0.0 for trial in done) / sum(ETA**trial.rung for trial in done)
        left = 0.0
        for rung, count in enumerate(sizes(self.settings.trials, self.settings.rungs)):
            of_rung = [trial for trial in trials if trial.rung == rung]
            waiting = count * len(self.settings.seeds) - sum(trial.over for trial in of_rung)
            started = [trial.started for trial in of_rung if trial.status == "running" and trial.started]
            gone = sum(min(time.time() - start, unit * ETA**rung) for start in started)
            if waiting > 0:
                left += (waiting * unit * ETA**rung - gone) / min(self.parallel, waiting)
        return left

    def recipe_of(self, best: Configuration, path: Path) -> str:
        """The best configuration as a recipe of the speedrun, to be run with any seed."""
        config = at_rung(with_values(self.settings.fixed, best.values, "trial"), best.rung)
        values = {
            key: value for key, value in as_mapping(config).items() if key not in ("seed", "run", "root", "resume")
        }
        del values["world"]["seed"]  # the run's
        score = f"{self.settings.metric} {best.score:.4g}"
        varied = "".join(f"#   {key} = {value}\n" for key, value in best.values.items())
        return (
            f"# The best of {self.settings.trials} configurations in the sweep '{self.config.name}': {score}, with\n"
            f"{varied}# orrery speedrun --recipe {path}\n"
            f'command = "speedrun"\n{as_toml(values)}'
        )


def _nothing_varies(config: SweepConfig) -> ConfigError:
    return ConfigError(
        f"there is no sweep '{config.name}' in the database to go on with; to begin one say what varies, for instance "
        "--vary pretrain.optimizer.lr=0.005..0.04:log"
    )


def _root(config: SweepConfig) -> str:
    return "" if config.root == RUNS else f" --root {config.root}"
