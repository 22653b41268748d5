"""What claims that exams measure share: questions about the speedrun's world, each with whether it went right."""

from collections.abc import Sequence

from orrery.data.world.world import World
from orrery.evals.exams import Exam, build_exams
from orrery.evals.run import ExamRun, run_exams
from orrery.inference.engine import Engine
from orrery.ledger.claim import Row, marks, share
from orrery.ledger.lab import Lab

SHOWN = 2  # transcripts of each exam that are kept


def log_exams(lab: Lab, stage: str, names: Sequence[str]) -> None:
    """Let the stage's model sit some of the world's exams; a row for each."""
    exams = [exam for exam in build_exams(World(lab.world)) if exam.name in names]
    sit(lab, stage, Engine.load(lab.model(stage)), exams)


def sit(lab: Lab, who: str, engine: Engine, exams: Sequence[Exam]) -> ExamRun:
    """Let an assistant sit these exams; a row for each, with all its answers."""
    ran = run_exams(engine, exams, who, chat=True)
    for exam in exams:
        mine = [transcript for transcript in ran.transcripts if transcript.exam == exam.name]
        lab.log(who=who, exam=exam.name, right=marks(transcript.right for transcript in mine))
        for transcript in mine[:SHOWN]:
            lab.show(transcript.question, transcript.reply, exam=exam.name, who=who)
    return ran


def score(rows: Sequence[Row], exam: str, who: str = "sft") -> float:
    """Of an exam's questions, the share that counts: right, or failed where lower is better."""
    return share(next(row["right"] for row in rows if row.get("exam") == exam and row["who"] == who))
