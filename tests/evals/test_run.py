"""Sitting the exams: perfect answers score 1, tricks score what they should, intervals hold what they promise."""

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console

from orrery.errors import ConfigError
from orrery.evals.exams import EXAM_NAMES, LOWER_IS_BETTER, Exam, Item
from orrery.evals.run import TOO_LONG, ExamRun, Score, bootstrap, not_applicable, run_exams
from orrery.evals.table import exam_table
from orrery.inference.engine import Engine
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import Message
from tests.evals import solvers
from tests.evals.solvers import FakeEngine, Solver


def sit(exams: Sequence[Exam], tokenizer: BPE, solve: Solver) -> dict[str, float]:
    run = run_exams(FakeEngine(tokenizer, exams, solve), exams, "sft", chat=True)  # type: ignore[arg-type]
    return {score.exam: score.score for score in run.scores if score.score is not None}


def test_the_truth_scores_1_in_chat_and_no_failure(exams: list[Exam], tokenizer: BPE) -> None:
    scores = sit(exams, tokenizer, solvers.truth)
    assert scores == {name: 0.0 if name in LOWER_IS_BETTER else 1.0 for name in EXAM_NAMES}


def test_the_truth_scores_1_as_a_base_model(exams: list[Exam], tokenizer: BPE) -> None:
    engine = FakeEngine(tokenizer, exams, solvers.truth, solvers.true_continuation)
    run = run_exams(engine, exams, "base", chat=False)  # type: ignore[arg-type]
    scores = {score.exam: score.score for score in run.scores}
    chat_only = {exam.name for exam in exams if exam.stage == "chat"}
    assert chat_only >= {"arithmetic_tool", "refusal", "unknown", "false_refusal", "identity", "chat_form"}
    assert scores == {name: None if name in chat_only else 1.0 for name in EXAM_NAMES}


def test_a_parrot_knows_nothing(exams: list[Exam], tokenizer: BPE) -> None:
    scores = sit(exams, tokenizer, solvers.parrot)
    assert {name: score for name, score in scores.items() if score > 0.02} == {"chat_form": 1.0}


def test_always_refusing_fails_everything_but_refusing(exams: list[Exam], tokenizer: BPE) -> None:
    scores = sit(exams, tokenizer, solvers.says("I'm sorry, but I can't help with that."))
    assert {name for name, score in scores.items() if score} == {
        "refusal", "refusal_lookalike", "false_refusal", "chat_form",
    }  # fmt: skip


def test_never_knowing_fails_everything_but_admitting_it(exams: list[Exam], tokenizer: BPE) -> None:
    scores = sit(exams, tokenizer, solvers.says("I don't know."))
    assert {name for name, score in scores.items() if score} == {
        "unknown", "refusal_lookalike", "false_refusal", "chat_form",
    }  # fmt: skip


def test_naming_every_value_earns_nothing(exams: list[Exam], tokenizer: BPE) -> None:
    chosen = [exam for exam in exams if exam.name.startswith(("facts", "reading", "letters_direct"))]
    scores = sit(chosen, tokenizer, solvers.shotgun)
    scores.pop("letters_direct")  # its items list no other values: the list is the answer alone
    assert set(scores.values()) == {0.0}


def test_picking_any_value_of_the_text_scores_chance(exams: list[Exam], tokenizer: BPE) -> None:
    rng = np.random.default_rng(0)

    def pick(item: Item) -> list[Message]:
        text = item.messages[0]["content"]  # type: ignore[index]
        return [
            solvers.assistant(f"It is {rng.choice([v for v in (*item.answers, *item.others) if f' {v}.' in text])}.")
        ]

    reading = [exam for exam in exams if exam.name == "reading"]
    run = run_exams(FakeEngine(tokenizer, reading, pick), reading, "sft", chat=True)  # type: ignore[arg-type]
    (score,) = run.scores
    assert score.score == pytest.approx(1 / 3, abs=0.1)
    assert score.low is not None and score.high is not None and score.low < score.chance < score.high


def test_the_best_fixed_answer_scores_the_chance_that_is_printed(exams: list[Exam], tokenizer: BPE) -> None:
    head = next(exam for exam in exams if exam.name == "facts_head")
    answers: dict[str, list[str]] = {}
    for item in head.items:
        answers.setdefault(item.labels["relation"], []).append(item.answers[0])
    best = {relation: max(set(values), key=values.count) for relation, values in answers.items()}
    scores = sit([head], tokenizer, lambda item: [solvers.assistant(f"It is {best[item.labels['relation']]}.")])
    assert scores["facts_head"] == pytest.approx(head.chance)


def test_a_turn_that_ran_out_of_room_has_no_form(exams: list[Exam], tokenizer: BPE) -> None:
    form = [exam for exam in exams if exam.name == "chat_form"]
    engine = FakeEngine(tokenizer, form, solvers.truth, finish_reason="length")
    assert run_exams(engine, form, "sft", chat=True).scores[0].score == 0.0  # type: ignore[arg-type]


def test_each_different_question_is_asked_once_in_few_batches(exams: list[Exam], tokenizer: BPE) -> None:
    engine = FakeEngine(tokenizer, exams, solvers.truth)
    told: list[tuple[int, int]] = []
    run_exams(engine, exams, "sft", chat=True, on_progress=lambda done, total: told.append((done, total)))  # type: ignore[arg-type]
    different = {repr(item.messages) for exam in exams for item in exam.items if item.messages}
    assert sum(requests for requests, _ in engine.calls) == len(different)
    assert len(engine.calls) <= 16
    assert told[-1] == (len(different), len(different)) and told == sorted(told)


def test_parts_add_up_to_the_whole(exams: list[Exam], tokenizer: BPE) -> None:
    direct = [exam for exam in exams if exam.name == "arithmetic_direct"]

    def small_only(item: Item) -> list[Message]:
        return solvers.truth(item) if item.labels["digits"] == "2" else [solvers.assistant("7.")]

    run = run_exams(FakeEngine(tokenizer, direct, small_only), direct, "sft", chat=True)  # type: ignore[arg-type]
    assert run.scores[0].score == 0.5
    assert {(part.exam, part.score, part.n) for part in run.parts} == {
        ("arithmetic_direct: digits 2", 1.0, 150),
        ("arithmetic_direct: digits 3", 0.0, 150),
    }


def test_transcripts_show_what_was_said(exams: list[Exam], tokenizer: BPE) -> None:
    chosen = [replace(exam, items=exam.items[:3]) for exam in exams if exam.name in ("arithmetic_tool", "facts_head")]
    run = run_exams(FakeEngine(tokenizer, chosen, solvers.truth), chosen, "sft", chat=True)  # type: ignore[arg-type]
    tool = next(transcript for transcript in run.transcripts if transcript.exam == "arithmetic_tool")
    expression, answer = chosen[1].items[0].cluster, chosen[1].items[0].answers[0]
    assert tool.reply.split("\n") == [
        f'[calculator {{"expression": "{expression}"}}]', f"→ {answer}", f"{expression} = {answer}.",
    ]  # fmt: skip
    assert tool.right and len(run.transcripts) == 6


def test_an_untrained_model_sits_every_exam_and_knows_nothing(exams: list[Exam], tokenizer: BPE) -> None:
    small = [replace(exam, items=exam.items[:6]) for exam in exams]
    shape = TransformerConfig(
        tokenizer.vocab_size, width=32, layers=1, heads=2, kv_heads=2, head_width=16, mlp_width=64
    )
    engine = Engine(Transformer(shape, torch.Generator().manual_seed(0)), tokenizer)
    for chat in (False, True):
        run = run_exams(engine, small, "base", chat=chat)
        assert [score.exam for score in run.scores] == list(EXAM_NAMES)
        for score in run.scores:
            if score.exam != "false_refusal" and score.score is not None:
                assert score.score <= 0.4 and score.n == 6, score


def test_a_question_longer_than_the_context_is_a_wrong_answer(exams: list[Exam], tokenizer: BPE) -> None:
    reading = [replace(exam, items=exam.items[:4]) for exam in exams if exam.name == "reading"]
    shape = TransformerConfig(
        tokenizer.vocab_size, width=32, layers=1, heads=2, kv_heads=2, head_width=16, mlp_width=64, context=16
    )
    engine = Engine(Transformer(shape, torch.Generator().manual_seed(0)), tokenizer)
    for chat in (False, True):
        run = run_exams(engine, reading, "base", chat=chat)
        assert run.scores[0].score == 0.0
        assert {transcript.reply for transcript in run.transcripts} == {TOO_LONG}


def test_an_exam_without_items_is_refused(tokenizer: BPE) -> None:
    with pytest.raises(ConfigError, match="'empty' has no items"):
        run_exams(FakeEngine(tokenizer, [], solvers.truth), [Exam("empty", "", ())], "sft", chat=True)  # type: ignore[arg-type]


def test_without_a_world_every_exam_is_na() -> None:
    scores = not_applicable("base")
    assert tuple(score.exam for score in scores) == EXAM_NAMES
    assert {(score.score, score.low, score.high, score.n) for score in scores} == {(None, None, None, 0)}


def test_an_interval_of_independent_items_is_the_binomial_one() -> None:
    right = np.random.default_rng(1).random(400) < 0.7
    low, high = bootstrap(right, [str(i) for i in range(400)])
    assert low < right.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.7 * 0.3 / 400), rel=0.15)
    assert bootstrap(right, [str(i) for i in range(400)]) == (low, high)


def test_items_that_stand_or_fall_together_widen_the_interval() -> None:
    entities = np.random.default_rng(2).random(20) < 0.5
    right = np.repeat(entities, 10)
    clustered = bootstrap(right, [str(i) for i in np.repeat(np.arange(20), 10)])
    apart = bootstrap(right, [str(i) for i in range(200)])
    assert clustered[1] - clustered[0] > 2 * (apart[1] - apart[0])


def test_a_perfect_score_has_no_spread() -> None:
    assert bootstrap(np.ones(200), [str(i % 20) for i in range(200)]) == (1.0, 1.0)


def test_the_table_shows_stages_side_by_side_with_what_changed() -> None:
    scores = [
        Score("base", "facts_head", 0.2, 0.1, 0.3, 200, 0.06),
        Score("base", "refusal", None, None, None, 0, 0.0),
        Score("base", "false_refusal", 0.2, 0.1, 0.3, 240, 0.0),
        Score("base", "reading", 0.30, 0.25, 0.36, 240, 1 / 3),
        Score("sft", "facts_head", 0.8, 0.7, 0.9, 200, 0.06),
        Score("sft", "refusal", 0.9, 0.85, 0.95, 250, 0.0),
        Score("sft", "false_refusal", 0.6, 0.5, 0.7, 240, 0.0),
        Score("sft", "reading", 0.33, 0.27, 0.40, 240, 1 / 3),
    ]
    console = Console(width=100, file=io.StringIO())
    with console.capture() as capture:
        console.print(exam_table(scores))
    lines = {line.split("│")[1].strip(): line for line in capture.get().splitlines() if line.count("│") > 3}
    assert (
        "20   [10–30]" in lines["facts_head"] and "80   [70–90]" in lines["facts_head"] and "↑" in lines["facts_head"]
    )
    assert "n/a" in lines["refusal"] and "↑" not in lines["refusal"]
    assert "↓" in lines["false_refusal ▽"]  # more false refusals is worse
    assert "↑" not in lines["reading"] and "↓" not in lines["reading"]  # intervals overlap
    assert "33" in lines["reading"] and "240" in lines["reading"]


def test_the_result_of_a_run_is_plain_data(exams: list[Exam], tokenizer: BPE) -> None:
    run = run_exams(FakeEngine(tokenizer, exams, solvers.truth), exams, "sft", chat=True)  # type: ignore[arg-type]
    assert isinstance(run, ExamRun)
    for score in run.scores:
        assert isinstance(score.score, float) and type(score.low) is float and type(score.n) is int
