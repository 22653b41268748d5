"""From nothing to an assistant in the minutes you have: all stages in a row, fitted to the machine.

    plan → corpus → tokenizer → pretraining → exams → tuning → exams → [post-training → exams] → report

With ``--full`` a reward model, DPO, PPO and GRPO follow tuning (post_training.py), on an assistant that has also read
how sums are done in steps. With ``--agent`` an agent is made instead: its conversations search, calculate, run code and
remember, its exams ask for these, and at the end it practises by GRPO through the loop.

Everything goes into one run directory. Each part leaves its result there under its final name only when it is whole, so
a run that was stopped, even by `kill -9`, goes on with `--resume`: finished parts are read back, the others done again
or, inside training, continued from the newest checkpoint.
"""

import json
import time
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from orrery.config import as_mapping, from_mapping
from orrery.data.prepare import Prepared, prepare_own, prepare_world, read_back
from orrery.data.world.conversations import AGENT_MIX, DEFAULT_CONVERSATION_MIX
from orrery.data.world.corpus import talk
from orrery.data.world.world import World
from orrery.errors import ConfigError, NothingToLearn, RunError
from orrery.evals.exams import Exam, build_exams
from orrery.evals.exams.agent import build_agent_exams
from orrery.evals.report import Report
from orrery.evals.run import Score, not_applicable, run_exams
from orrery.evals.scaling_law import MeasuredLaw, read_law
from orrery.files import write_atomically
from orrery.inference.engine import Engine
from orrery.plan import Plan, Speed, Talk, fit, plan_table, shape_of
from orrery.post_training import LEAST_MINUTES, PostTraining, finished, no_grpo
from orrery.speedrun_config import SpeedrunConfig
from orrery.speedrun_report import (
    Part,
    make_report,
    questions_for_agent,
    questions_for_assistant,
    say_what_next,
)
from orrery.stages.compare import Compared
from orrery.stages.from_world import lookups
from orrery.stages.grpo import grpo
from orrery.stages.pretrain import PretrainConfig, pretrain
from orrery.stages.rewards import rewards_from
from orrery.stages.sft import REPLAY_SHARE, SFTConfig, sft
from orrery.tokenizers.chat import Message
from orrery.tools.calculator import CALCULATOR
from orrery.tools.registry import Tool
from orrery.training.interrupt import TrainingInterrupted
from orrery.training.progress import clock, show_progress
from orrery.training.runs import RUNS, Run

TALK_SAMPLE = 6_000  # conversations that the tokenizer is trained on, besides documents
HELD_OUT_TALK = 200
CHAINS = {"chain": 0.25, "table": 0.06}  # weights of sums of digits among the conversations of a full speedrun
REWARDED = ("story", "chain")  # kinds of conversations that post-training is there to change
REPLAYED = 2_000  # conversations of the other kinds, which it reads again
POST_SHARE = 0.44  # of the minutes that post-training gets, its exams included
AGENT_SHARE = 0.25  # of an agent's minutes, for GRPO and its exams
LOOKUPS = 4_000  # questions that an agent practises on
END_SECONDS = 90.0  # of them for exams, comparison and report
AGENT_END_SECONDS = 85.0
ASSISTANT_TALK = Talk(tokens=52.0, mixed=0.29, replay=REPLAY_SHARE)
# An agent is made of what it does: nearly all that it reads are conversations.
AGENT_TALK = Talk(tokens=172.0, mixed=0.97, replay=0.0)


def speedrun(config: SpeedrunConfig) -> Report:
    """Do all of it; see the module's docstring. Returns the report that was written.

    Raises:
        TrainingInterrupted: Ctrl-C, SIGTERM or `control.jsonl` stopped it; the message says how to go on.
        ConfigError: minutes that are not positive or too few, sizes that do not fit.
        DataError: text of one's own that cannot be read or is too little.
        RunError: the run exists (and `resume` is not set), is in use, or the disk is full.
    """
    began = time.perf_counter()
    if not 0 < config.minutes < float("inf"):
        raise ConfigError(f"--minutes is {config.minutes:g}; it must be above 0, for instance --minutes 10")
    if bool(config.width) != bool(config.layers) or config.width % 32 or min(config.width, config.layers) < 0:
        raise ConfigError("--width (a multiple of 32) and --layers go together: set both, or neither")
    if config.agent and (config.full or config.data):
        raise ConfigError("--agent is a recipe of its own: leave out --full and --data")
    if min(config.pretrain_steps, config.sft_steps) < 0:
        raise ConfigError("--pretrain-steps and --sft-steps cannot be negative; 0 fits them to the minutes")
    console = Console(stderr=True, highlight=False)
    name = choose_name(config)
    config = _stored(config, name) if config.resume else replace(config, run=name)
    config = replace(config, world=replace(config.world, seed=config.seed))
    with ExitStack() as stack:
        run = stack.enter_context(Run.open(name, recipe=as_mapping(config), seed=config.seed, root=config.root))
        stack.enter_context(show_progress(run.events, console))
        stack.enter_context(run.nothing_left_if_refused(run.folder / "data" / "held_out"))
        try:
            return _Speedrun(config, run, console, began).go()
        except KeyboardInterrupt as stopped:
            where = "" if config.root == RUNS else f" --root {config.root}"
            message = f"stopped; go on with: orrery speedrun --resume --run {name}{where}"
            raise TrainingInterrupted(message) from stopped


def plan_for(config: SpeedrunConfig, elapsed: float = 0.0, speed: Speed | None = None) -> Plan:
    """What a speedrun would do here, after so many seconds. Raises ConfigError for minutes that are too few.

    Args:
        speed: what was measured before, see `orrery.plan.fit`.
    """
    return fit(
        config.minutes,
        vocab_size=config.vocab_size,
        context=config.context,
        pretrain=config.pretrain,
        sft=config.sft,
        talk=AGENT_TALK if config.agent else ASSISTANT_TALK,
        elapsed=elapsed,
        size=(config.width, config.layers) if config.width else None,
        steps=(config.pretrain_steps, config.sft_steps),
        exams=not config.data,
        reserved=AGENT_SHARE if config.agent else POST_SHARE if config.full else 0.0,
        law=law_for(config),
        speed=speed,
    )


def law_for(config: SpeedrunConfig) -> MeasuredLaw | None:
    """The scaling law, where this is the recipe of pretraining that it was measured with; --full reads other
    conversations. Raises DataError where it is damaged.
    """
    usual = SpeedrunConfig()
    settings = ("agent", "full", "data", "documents", "conversations", "vocab_size", "context", "pretrain")
    same = all(getattr(config, name) == getattr(usual, name) for name in settings)
    return read_law(config.root) if same and replace(config.world, seed=0) == usual.world else None


def choose_name(config: SpeedrunConfig) -> str:
    """The name of the run to write: a free one, or with `resume` the newest speedrun.

    Raises:
        RunError: the run asked for exists already, or there is none to resume.
    """
    if config.run:
        exists = (config.root / config.run / "run.json").exists()
        if exists and not config.resume:
            raise RunError(f"{config.root / config.run} exists: add --resume to go on with it, or take another --run")
        if config.resume and not exists:
            raise RunError(f"there is no run {config.root / config.run} to resume; `orrery runs` lists them")
        return config.run
    taken = [path.parent for path in config.root.glob("speedrun*/run.json")]
    if config.resume:
        if not taken:
            raise RunError(f"there is no speedrun in {config.root} to resume")
        return max(taken, key=lambda folder: (folder / "run.json").stat().st_mtime).name
    free = next(n for n in range(1, len(taken) + 2) if not (config.root / _numbered(n)).exists())
    return _numbered(free)


def _numbered(number: int) -> str:
    return "speedrun" if number == 1 else f"speedrun-{number}"


def _stored(config: SpeedrunConfig, name: str) -> SpeedrunConfig:
    """The configuration that the run began with: a resumed run does what was planned."""
    path = config.root / name / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    return replace(from_mapping(record["recipe"], SpeedrunConfig, str(path)), root=config.root)


class _Speedrun:
    """One attempt: what the parts share."""

    def __init__(self, config: SpeedrunConfig, run: Run, console: Console, began: float) -> None:
        self.config, self.run, self.console, self.began = config, run, console, began
        self.world = World(config.world)
        self.own_text = bool(config.data)
        self.mix = config.conversations or (AGENT_MIX if config.agent else None)
        if config.full and not self.mix:
            self.mix = {**DEFAULT_CONVERSATION_MIX, **CHAINS}
        self.tools: tuple[Tool, ...] = (CALCULATOR,)
        self.exams: list[Exam] = []
        if config.agent:
            self.exams, self.tools = build_agent_exams(self.world)
        elif not self.own_text:
            self.exams = build_exams(self.world)
        self.before = float(run.record.get("wall_s", 0.0))  # of earlier attempts

    def go(self) -> Report:
        """All parts in order."""
        try:
            plan = self.plan()
            text = self.corpus(plan)
            spoken = self.talk(plan)
            base = self.base(plan, text, spoken[: plan.mixed_conversations])
            assistant = self.assistant(plan, base.result.folder, text, spoken[plan.mixed_conversations :])
            parts, compared = {"base": base, "sft": assistant}, list[Compared]()
            if self.config.agent:
                parts |= self.practice(assistant.result.folder, spoken[-REPLAYED:])
            elif self.config.full:
                after, compared = self.post_training(assistant.result.folder)
                parts |= after
        finally:
            self.keep_time()  # a resumed run goes on counting from here
        recipe = {**as_mapping(self.config), "plan": asdict(plan)}
        report = make_report(
            self.run, recipe, self.config.minutes, self.keep_time(), parts, self.own_text, compared,
            questions_for_agent(self.exams) if self.config.agent else questions_for_assistant(self.world), self.tools,
            plan.expected,
        )  # fmt: skip
        say_what_next(report, self.run.folder)
        return report

    def plan(self) -> Plan:
        """Fit the plan to the machine, once; a resumed run reads it back."""
        if "plan" in self.run.record:
            return from_mapping(self.run.record["plan"], Plan, "run.json: plan")
        config = self.config
        with self.console.status("measuring this machine …"):
            plan = plan_for(config, elapsed=time.perf_counter() - self.began)
        self.run.note(plan=asdict(plan))
        self.status("plan", **asdict(plan))
        self.console.print(plan_table(plan))
        return plan

    def corpus(self, plan: Plan) -> Prepared:
        """Text, vocabulary, tokens."""
        config, folder, start = self.config, self.run.folder / "data", time.perf_counter()
        found = read_back(folder)
        if found is not None:
            return found
        with self.console.status("making the corpus, its tokenizer and its tokens …"):
            spoken = talk(config.world, TALK_SAMPLE, self.mix)
            if self.own_text:
                made = prepare_own(folder, config.data, spoken, plan.vocab_size)
            else:
                genres = config.documents or None
                made = prepare_world(
                    folder, config.world, plan.corpus_bytes, plan.first_bytes, genres, spoken, plan.vocab_size
                )
        info, seconds = made.data.info, time.perf_counter() - start
        self.status("corpus", seconds=seconds, bytes=info.bytes, tokens=info.tokens, removed=made.removed,
                    genres=made.data.summary())  # fmt: skip
        removed = f", {sum(made.removed.values()):,} removed as junk" if made.removed else ""
        self.console.print(
            f"[bold]corpus[/] {info.documents:,} documents, {info.bytes / 1e6:.1f} MB, "
            f"{info.bytes / info.tokens:.2f} bytes a token{removed}, in {clock(seconds)}"
        )
        return made

    def base(self, plan: Plan, text: Prepared, mixed: list[list[Message]]) -> Part:
        """Pretrain, then examine by completion."""
        steps = plan.pretrain_steps
        train = replace(self.config.pretrain, steps=steps, evaluate_every=steps // 8, sample_every=steps // 4)
        settings = PretrainConfig(shape_of(plan.width, plan.layers, self.config.context), train, self.config.seed)
        result = pretrain(
            settings,
            self.run,
            data=text.data,
            held_out=text.held_out,
            tokenizer=text.tokenizer,
            first=text.first,
            conversations=mixed,
            resume="auto",
        )
        finished(result)
        return Part(result, [] if self.config.agent else self.examine("base", result.folder, chat=False))

    def assistant(self, plan: Plan, base: Path, text: Prepared, spoken: list[list[Message]]) -> Part:
        """Tune on conversations, then examine in chat."""
        steps = plan.sft_steps
        train = replace(self.config.sft, steps=steps, evaluate_every=steps // 4, sample_every=steps // 3)
        settings = SFTConfig(train, seed=self.config.seed)
        result = sft(
            settings,
            self.run,
            parent=base,
            conversations=spoken[HELD_OUT_TALK:],
            held_out=spoken[:HELD_OUT_TALK],
            documents=None if self.config.agent else text.data,
            tools=self.tools,
            resume="auto",
        )
        finished(result)
        return Part(result, self.examine("sft", result.folder, chat=True))

    def practice(self, sft: Path, spoken: list[list[Message]]) -> dict[str, Part]:
        """GRPO through the loop: questions are searched for, right answers rewarded, every call costs.

        Nothing where the agent never finds an answer: then there is nothing to reward.
        """
        problems, tools = lookups(LOOKUPS, self.config.seed)
        settings = replace(self.config.post.grpo, seed=self.config.seed)
        minutes = max(LEAST_MINUTES, self.minutes_left(AGENT_END_SECONDS))
        if steps := self.config.post.steps:
            settings, minutes = replace(settings, train=replace(settings.train, steps=steps)), 0.0
        try:
            result = grpo(
                settings, self.run, parent=sft, problems=problems, rewards=rewards_from(["exact"]), tools=tools,
                conversations=spoken, minutes=minutes, resume="auto",
            )  # fmt: skip
        except NothingToLearn as error:
            no_grpo(self.run, self.console, error)
            return {}
        return {"grpo": Part(finished(result), self.examine("grpo", result.folder, chat=True))}

    def minutes_left(self, end_seconds: float) -> float:
        """Of those asked for, what is left when so many seconds are kept for the end."""
        gone = self.before + time.perf_counter() - self.began
        return self.config.minutes - (gone + end_seconds) / 60

    def post_training(self, sft: Path) -> tuple[dict[str, Part], list[Compared]]:
        """Reward model, DPO, PPO and GRPO, then their exams and all of them side by side."""
        config = self.config

        others = {kind: weight for kind, weight in (self.mix or {}).items() if kind not in REWARDED}
        with self.console.status("making conversations to be read again …"):
            replayed = talk(config.world, REPLAYED, others) if others else []
        after = PostTraining(config.post, self.run, self.console, sft, config.world, config.seed, replayed,
                             partial(self.minutes_left, END_SECONDS))  # fmt: skip
        parts = {name: Part(result) for name, result in after.go().items()}
        policies = [name for name in parts if name != "reward"]
        for name in policies:
            parts[name].scores.extend(self.examine(name, parts[name].result.folder, chat=True))
        folders = {"sft": sft, **{name: parts[name].result.folder for name in policies}}
        return parts, after.compare(folders)

    def talk(self, plan: Plan) -> list[list[Message]]:
        """All conversations: those that pretraining reads, the held out ones, and those for tuning."""
        start = time.perf_counter()
        number = plan.mixed_conversations + HELD_OUT_TALK + plan.conversations
        with self.console.status("making conversations …"):
            made = talk(self.config.world, number, self.mix)
        self.status("conversations", seconds=time.perf_counter() - start, count=number)
        return made

    def examine(self, stage: str, folder: Path, chat: bool) -> list[Score]:
        """Exams of one stage; kept in the run, so that they are taken once."""
        path = self.run.folder / f"exams_{stage}.json"
        if path.exists():
            return [Score(**score) for score in json.loads(path.read_text(encoding="utf-8"))]
        if self.own_text:
            return not_applicable(stage)
        start = time.perf_counter()
        columns = (
            TextColumn(f"[bold]examining {stage}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed} questions"),
        )
        with Progress(*columns, console=self.console, transient=True) as bar:
            task = bar.add_task("", total=None)
            taken = run_exams(
                Engine.load(folder, self.tools), self.exams, stage, chat,
                on_progress=lambda done, total: bar.update(task, completed=done, total=total),
            )  # fmt: skip
        transcripts = (json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in taken.transcripts)
        write_atomically(self.run.folder / f"transcripts_{stage}.jsonl", "".join(transcripts))
        write_atomically(path, json.dumps([asdict(score) for score in taken.scores], indent=1))
        self.status(f"exams_{stage}", seconds=time.perf_counter() - start,
                    scores={score.exam: score.score for score in [*taken.scores, *taken.parts]})  # fmt: skip
        return taken.scores

    def keep_time(self) -> float:
        """Write the seconds that have gone, over all attempts, into the run."""
        wall = self.before + time.perf_counter() - self.began
        self.run.note(wall_s=wall)
        return wall

    def status(self, stage: str, **values: Any) -> None:
        """Log that a part that is no training has come to something."""
        self.run.events.append("status", stage, 0, {"status": "done", **values})
