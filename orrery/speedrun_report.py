"""The end of a speedrun: report.json and report.html, and in the terminal the exams, some answers, what to do next."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from orrery.data.world.world import World
from orrery.evals.exams import EXAM_VERSION
from orrery.evals.exams.exam import Exam, asked
from orrery.evals.report import Report, StageSummary, render_html
from orrery.evals.run import Score
from orrery.evals.scaling_law import Expected
from orrery.evals.table import compared_table, conversation_line, exam_table
from orrery.files import write_atomically
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.stages.compare import Compared
from orrery.stages.conversations import Conversation
from orrery.tokenizers.chat import Message
from orrery.tools.registry import Tool
from orrery.training.events import read_events
from orrery.training.held_out import by_genre
from orrery.training.loop import TrainResult
from orrery.training.machine import peak_memory_mb
from orrery.training.progress import clock
from orrery.training.runs import Run


@dataclass(frozen=True)
class Part:
    """What one stage came to, with its exams."""

    result: TrainResult
    scores: list[Score] = field(default_factory=list)


def make_report(
    run: Run, recipe: Mapping[str, Any], minutes: float, wall_s: float, parts: Mapping[str, Part],
    own_text: bool, compared: Sequence[Compared], questions: Sequence[Conversation],
    tools: Sequence[Tool], expected: Expected | None = None,
) -> Report:  # fmt: skip
    """Write report.json and report.html into the run.

    Args:
        recipe: what it was made by, plain values.
        minutes: what was asked for.
        parts: stage → what it came to.
        own_text: there is no world to be examined about.
        compared: the stages side by side; empty without post-training.
        questions: what the model at the end is asked for all to see.
        tools: that it may call.
        expected: of pretraining, as the plan had it.
    """
    shown = "grpo" if recipe["agent"] and "grpo" in parts else "sft"
    report = Report(
        run=run.name,
        minutes=minutes,
        wall_s=round(wall_s, 1),
        peak_memory_mb=round(peak_memory_mb(), 1),
        seed=run.record["seed"],
        recipe=recipe,
        machine=run.record["hardware"],
        exam_version=None if own_text else EXAM_VERSION,
        expected=expected,
        stages={name: _summary(part.result) for name, part in parts.items()},
        exams=[score for part in parts.values() for score in part.scores],
        compared=[asdict(one) for one in compared],
        conversations=_answered(parts[shown].result.folder, questions, tools),
    )
    write_atomically(run.folder / "report.json", json.dumps(report.as_json(), indent=2) + "\n")
    write_atomically(run.folder / "report.html", render_html(report, read_events(run.folder)))
    return report


def say_what_next(report: Report, folder: Path) -> None:
    """The end of it in the terminal: tables, conversations, what to type."""
    out = Console(highlight=False)
    if report.expected is not None:
        out.print(expected_line(report.expected, report.stages["base"].bits_per_byte) + "\n")
    out.print(exam_table(report.exams))
    if report.compared:
        out.print(compared_table(report.compared))
    for messages in report.conversations:
        out.print()
        for message in messages:
            out.print(conversation_line(message), soft_wrap=True)
    best = folder / ("grpo" if "grpo" in report.stages else "sft")
    then = f"  orrery chat --model {best}\n"
    if report.recipe["agent"]:
        then = (
            "  orrery data atlas --out atlas        # pages that it never read, and questions about them\n"
            "  orrery index atlas --index atlas.db\n"
            f'  orrery agent "a question of atlas-questions.jsonl" --model {best} --tools search --index atlas.db\n'
        )
    out.print(
        f"\n[bold]{clock(report.wall_s)}[/] of {report.minutes:g} minutes, {report.peak_memory_mb:,.0f} MB. Next:\n"
        f"{then}  orrery model {best}\n  open {folder}/report.html",
        soft_wrap=True,
    )


def expected_line(expected: Expected, came: float | None) -> str:
    """What the scaling law expected of pretraining, and what came of it."""
    said = f"{expected.bits_per_byte:.3f} bits a byte ({expected.low:.3f} to {expected.high:.3f}) were expected"
    return f"Pretraining: {said}" + (f", {came:.3f} came out" if came is not None else "")


def questions_for_assistant(world: World) -> list[Conversation]:
    """Itself, a fact, a sum, nobody's fact, a story."""
    facts = world.facts_where(kind="person", band="head", asked=False, relation="birthplace")
    unknown = world.unknown("person", "exam")
    return [
        asked(text)
        for text in (
            "Hello! Who are you?",
            facts[0].relation.questions[0].replace("{name}", facts[0].entity.name),
            "What is 417 * 38?",
            facts[0].relation.questions[0].replace("{name}", unknown[0]),
            "Tell me a short story about a cat.",
        )
    ]


def questions_for_agent(exams: Sequence[Exam]) -> list[Conversation]:
    """The first question of each kind that takes a tool."""
    shown = ("search_two", "search_mended", "compared", "python", "memory_kept", "arithmetic_tool")
    return [exam.items[0].messages or () for exam in exams if exam.name in shown]


def _answered(folder: Path, questions: Sequence[Conversation], tools: Sequence[Tool]) -> list[list[Message]]:
    """The questions and what the model answers."""
    replies = Engine.load(folder, tools).chat(questions, Sampling(max_tokens=160))
    return [[*question, *reply] for question, reply in zip(questions, replies, strict=True)]


def _summary(result: TrainResult) -> StageSummary:
    """A training result as the report shows it."""
    return StageSummary(
        wall_s=round(result.seconds, 1),
        tokens=result.tokens,
        tokens_per_s=round(result.tokens_per_s, 1),
        parameters=result.parameters,
        bits_per_byte=result.metrics.get("bits_per_byte"),
        floor_bits_per_byte=result.metrics.get("floor_bits_per_byte"),
        by_genre=by_genre(result.metrics),
    )
