"""After tuning: the assistant's stories are ranked, and four stages learn from that or from sums that can be checked.

    sft ─┬─ rankings ─┬─ reward ── ppo      stories that a reward model likes better
         │            └─ dpo                stories that are liked better, without one
         └─ grpo                            sums by the way of answering that is right most often

dpo, ppo and grpo all start from the assistant. At the end the four are compared on the same wishes and sums.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from orrery.data.world.world import WorldConfig
from orrery.errors import NothingToLearn
from orrery.files import write_atomically
from orrery.models.scalar import load_scalar_model
from orrery.stages.compare import Compared, compare
from orrery.stages.conversations import Conversation
from orrery.stages.dpo import DPOConfig, dpo
from orrery.stages.from_world import TRAINED, gold_score, sums, wishes, world_rankings
from orrery.stages.grpo import GRPOConfig, grpo
from orrery.stages.ppo import PPOConfig, ppo
from orrery.stages.preferences import Ranking, read_rankings
from orrery.stages.reward import RewardConfig, reward
from orrery.stages.rewards import rewards_from
from orrery.training.interrupt import TrainingInterrupted
from orrery.training.loop import TrainResult
from orrery.training.runs import Run

# Of the minutes that are left when a stage begins, what it may take.
SHARES = {"reward": 0.15, "dpo": 0.2, "ppo": 0.5, "grpo": 1.0}
LEAST_MINUTES = 0.2
Settings = TypeVar("Settings", RewardConfig, DPOConfig, PPOConfig, GRPOConfig)


@dataclass(frozen=True)
class PostTrainingConfig:
    """What the stages after tuning learn from, and how; their steps are fitted to the minutes."""

    wishes: int = 1_400
    """Stories that are wished for, to be ranked."""
    completions: int = 4
    """Stories that the assistant writes for each."""
    noise: float = 0.5
    """How much the labeller errs: the scale of what is added to the rubric's score; 0: not at all."""
    prompts: int = 2_000
    """Wishes that PPO answers."""
    problems: int = 5_000
    """Sums that GRPO solves."""
    compared: int = 400
    """Wishes, and sums, that the stages are compared on at the end."""
    steps: int = 0
    """Optimizer steps of each stage; 0: fitted to the minutes."""
    reward: RewardConfig = field(default_factory=RewardConfig)
    dpo: DPOConfig = field(default_factory=DPOConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    grpo: GRPOConfig = field(default_factory=GRPOConfig)


class PostTraining:
    """One attempt, in an open run; every part is read back where it is whole.

    Args:
        sft: the assistant's folder.
        conversations: like those that it was tuned on; policies read them again, so that they forget less.
        minutes_left: how long the stages may still take, all together; asked when each begins. What it comes to is
            written into the run as steps, so that a resumed run does the same.
    """

    def __init__(
        self, config: PostTrainingConfig, run: Run, console: Console, sft: Path, world: WorldConfig, seed: int,
        conversations: Sequence[Conversation], minutes_left: Callable[[], float],
    ) -> None:  # fmt: skip
        self.config, self.run, self.console, self.sft, self.world = config, run, console, sft, world
        self.seed, self.conversations, self.minutes_left = seed, conversations, minutes_left

    def go(self) -> dict[str, TrainResult]:
        """All stages in order -> what each came to, by name."""
        config, run, sft = self.config, self.run, self.sft
        rankings = self.rankings()
        made = reward(
            self.settings(config.reward), run, parent=sft, rankings=rankings,
            minutes=self.minutes("reward"), resume="auto",
        )  # fmt: skip
        results = {"reward": finished(made)}
        results["dpo"] = finished(dpo(
            self.settings(config.dpo), run, parent=sft, rankings=rankings,
            minutes=self.minutes("dpo"), resume="auto",
        ))  # fmt: skip
        asked = wishes(self.world, config.prompts, TRAINED)
        results["ppo"] = finished(ppo(
            self.settings(config.ppo), run, parent=sft, reward_model=made.folder, prompts=asked,
            gold=gold_score, conversations=self.conversations, minutes=self.minutes("ppo"), resume="auto",
        ))  # fmt: skip
        try:
            results["grpo"] = finished(grpo(
                self.settings(config.grpo), run, parent=sft, problems=sums(config.problems, self.seed),
                rewards=rewards_from(["numeric"]), conversations=self.conversations,
                minutes=self.minutes("grpo"), resume="auto",
            ))  # fmt: skip
        except NothingToLearn as error:  # minutes too few for a model that can do a sum now and then
            no_grpo(run, self.console, error)
        return results

    def settings(self, config: Settings) -> Settings:
        """A stage's configuration with the run's seed, and with as many steps as were asked for."""
        train = replace(config.train, steps=self.config.steps) if self.config.steps else config.train
        return replace(config, seed=self.seed, train=train)

    def minutes(self, stage: str) -> float:
        """What a stage may take of the time that is left; 0 where steps were asked for."""
        if self.config.steps:
            return 0.0
        return max(LEAST_MINUTES, SHARES[stage] * self.minutes_left())

    def rankings(self) -> list[Ranking]:
        """The assistant's stories, ranked; kept in the run as a file like any other preferences."""
        config, path = self.config, self.run.folder / "data" / "rankings.jsonl"
        if not path.exists():
            made = ranked_stories(
                self.sft, self.world, config.wishes, config.completions, config.noise, config.ppo.max_tokens, self.seed,
                self.console,
            )  # fmt: skip
            lines = (
                json.dumps({"prompt": one.prompt, "ranking": one.completions, "gold": one.gold}, ensure_ascii=False)
                for one in made
            )
            write_atomically(path, "".join(line + "\n" for line in lines))
        return read_rankings([path])

    def compare(self, folders: Mapping[str, Path]) -> list[Compared]:
        """The stages side by side, once."""
        path = self.run.folder / "compared.json"
        if not path.exists():
            with self.console.status("comparing the stages …"):
                found = compare(folders, load_scalar_model(self.run.folder / "reward"), self.world,
                                self.config.compared)  # fmt: skip
            write_atomically(path, json.dumps([asdict(one) for one in found], indent=1))
        return [Compared(**one) for one in json.loads(path.read_text(encoding="utf-8"))]


def ranked_stories(
    model: Path, world: WorldConfig, count: int, completions: int, noise: float, max_tokens: int, seed: int,
    console: Console,
) -> list[Ranking]:  # fmt: skip
    """As `world_rankings`, with a progress bar."""
    columns = (TextColumn("[bold]writing and ranking stories"), BarColumn(bar_width=24),
               TextColumn("{task.completed} wishes"))  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=count)
        return world_rankings(
            model, world, count, completions, noise, max_tokens, seed,
            lambda done, total: bar.update(task, completed=done, total=total),
        )  # fmt: skip


def no_grpo(run: Run, console: Console, error: NothingToLearn) -> None:
    """Say, in the run's events too, why GRPO is left out."""
    run.events.append("alarm", "grpo", 0, {"message": str(error)})
    console.print(f"[yellow]no grpo:[/] {error}")


def finished(result: TrainResult) -> TrainResult:
    """The result; a stage that was told to stop through ``control.jsonl`` stops the speedrun (TrainingInterrupted)."""
    if not result.finished:
        raise TrainingInterrupted
    return result
