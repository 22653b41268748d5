"""Chapters 12, 19, 20, A and B: pretraining, knowledge, the system around a model, rules and what finds them."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.ledger.experiment import read_finding
from orrery.models.explain import cache_bytes_per_token
from orrery.models.hf_config import config_from_hf
from orrery.server.studio.compute import loaded
from orrery.server.studio.ledger import PUBLISHED
from orrery.server.studio.sims.program_search import SearchRequest, program_search
from orrery.server.studio.sims.three_softwares import SoftwareRequest, three_softwares
from orrery.server.studio.sims.writing import WritingRequest, writing
from orrery.tokenizers.chat import render
from tests.server.running import PATIENCE
from tests.studio.checks import accessible, fits, source_is_the_packages
from tests.studio.conftest import Visit

# Each quiz by a part of its question, with a part of the right option.
QUIZZES = {
    12: {"512 tokens in its vocabulary": "One cannot tell", "Three sizes give a fit": "Almost nothing"},
    19: {"Who is called Olive": "before the question", "1,000 expert answers": "It makes up more"},
    "A": {"loss of nearly zero": "One cannot tell"},
    "B": {"gets the same question wrong": "In the rules", "no labelled example": "The rules or the prompt"},
    20: {"takes 100 tokens": "Half as many key", "fetched page": "no tool"},
}


def choose(page: Page, question: str, option: str) -> None:
    quiz = page.get_by_role("group", name=re.compile(question))
    quiz.get_by_role("radio", name=re.compile(option)).press("Space")
    expect(quiz.locator(".quiz-reason")).to_contain_text("Right.", timeout=1000 * PATIENCE)


def read(page: Page, chapter: int | str) -> None:
    """What holds of every chapter."""
    for question, option in QUIZZES[chapter].items():
        choose(page, question, option)
    source_is_the_packages(page)
    expect(page.locator(".exercise")).to_have_count(int(isinstance(chapter, int)))
    accessible(page)
    fits(page)


def test_a_base_model_goes_on_with_what_the_reader_begins(visit: Visit, runs: Path) -> None:
    page = visit("course/12?continue.model=tiny/base&continue.text=Once upon a time")
    model, written = loaded(runs / "tiny" / "base"), page.locator("[data-written]")
    expected = writing(WritingRequest("tiny/base", "Once upon a time", 60), model).text
    expect(written).to_have_attribute("data-written", expected, timeout=1000 * PATIENCE)
    page.get_by_role("slider", name="temperature").press("ArrowRight")
    expect(written).not_to_have_attribute("data-written", expected)
    question = "What is the capital of France?"
    ended = writing(WritingRequest("tiny/base", question, 60), model).ended
    choose(page, "A base model of yours", "It ends within" if ended else "It is still writing")
    read(page, 12)


def test_the_numbers_of_chapter_19_are_the_ledgers(visit: Visit) -> None:
    page = visit("course/19")
    for title, claim, names in (
        ("The same facts, asked both ways", "reversal", ["forward", "backward", "chance"]),
        ("About people whom nobody ever wrote of", "hallucination", ["nobody, invented, as it was"]),
        ("Where the answer comes from", "working_memory", ["from memory", "the fact in the context"]),
    ):
        measured = read_finding(PUBLISHED / f"{claim}.json").measured.values()
        values = page.get_by_role("figure", name=title).locator("[data-value]")
        expect(values.first).to_be_visible()
        shown = [float(value.get_attribute("data-value") or "nan") for value in values.all()]
        assert shown[: len(names)] == pytest.approx(
            [sum(one[name] for one in measured) / len(measured) for name in names]
        )
    page.get_by_role("radio", name=re.compile("^(Yes|No), ")).first.press("Space")
    reason = page.get_by_role("group", name=re.compile("once bare")).locator(".quiz-reason")
    expect(reason).to_contain_text("tiny/sft says", timeout=1000 * PATIENCE)
    read(page, 19)


def test_memory_devices_and_disk_are_those_of_the_running_system(visit: Visit, runs: Path) -> None:
    page = visit("course/20?machine.model=tiny/sft&machine.text=Hi")
    expect(page.locator(".machine")).to_contain_text("calculator")
    page.get_by_role("button", name="Ask").press("Enter")
    read_model = loaded(runs / "tiny" / "sft")
    memory = page.locator("[data-model='tiny/sft']")
    expect(memory.locator("[data-name=conversation]")).to_be_visible(timeout=1000 * PATIENCE)
    token_bytes = cache_bytes_per_token(config_from_hf(runs / "tiny" / "sft"), 4)
    assert memory.get_attribute("data-token-bytes") == str(token_bytes)
    engine = Engine(read_model.model, read_model.tokenizer, tools=())
    (reply,) = engine.chat([[{"role": "user", "content": "Hi"}]], Sampling(max_tokens=96))
    whole = render([{"role": "user", "content": "Hi"}, *reply], read_model.tokenizer).ids
    shown = int(memory.locator("[data-name=conversation]").get_attribute("data-value") or 0)
    assert abs(shown - len(whole)) <= 2, "the end of the turn, and the line behind it, need not be in the cache"
    size = sum(path.stat().st_size for path in (runs / "tiny").rglob("*") if path.is_file())
    assert int(page.locator("[data-disk$=runs], [data-disk='1 run']").get_attribute("data-value") or 0) >= size
    choose(page, "How much do all runs", "Less than 50 MB")
    read(page, 20)


def test_rules_behind_a_table_are_searched_and_tried_on_rows_that_were_kept_back(visit: Visit) -> None:
    page = visit("course/A?search.table=triangles&search.given=4")
    first = page.locator("[data-rule]").first
    values = [n * (n + 1) // 2 for n in range(1, 9)]
    rules = program_search(SearchRequest([1, 2, 3, 4], values[:4], [5, 6, 7, 8])).rules
    expect(first).to_have_attribute("data-rule", rules[0].text, timeout=1000 * PATIENCE)
    right = [int(cell.get_attribute("data-right") or -1) for cell in page.locator("[data-right]").all()]
    assert right == [sum(a == b for a, b in zip(rule.next, values[4:], strict=True)) for rule in rules]
    shortest = program_search(SearchRequest([1, 2], [3, 5], [3, 4, 20])).rules[0]
    choose(page, "two rows only", "^41" if shortest.next[2] == 41 else "Something else")
    read(page, "A")


def test_rules_weights_and_a_prompt_answer_the_same_questions(visit: Visit, runs: Path) -> None:
    page = visit("course/B?softwares.model=tiny/base&softwares.examples=12")
    bars = page.get_by_role("list", name="Right answers of 30").locator("[data-value]")
    expect(bars).to_have_count(3, timeout=1000 * PATIENCE)
    rules = page.get_by_label("First line with a word").input_value()

    def expected(rules: str, examples: int) -> list[str]:
        asked = SoftwareRequest("tiny/base", rules, examples)
        questions = three_softwares(asked, loaded(runs / "tiny" / "base")).questions
        return [
            str(sum(getattr(one, kind) == one.truth for one in questions)) for kind in ("rules", "weights", "prompt")
        ]

    def shown(numbers: list[str]) -> None:
        for bar, number in zip(bars.all(), numbers, strict=True):
            expect(bar).to_have_attribute("data-value", number, timeout=1000 * PATIENCE)

    shown(expected(rules, 12))
    page.get_by_label("First line with a word").fill(rules + ", employs\nemployer: employs")
    page.get_by_role("spinbutton", name="labelled questions").fill("59")
    page.get_by_role("spinbutton", name="labelled questions").press("Enter")
    more = expected(rules + ", employs\nemployer: employs", 59)
    shown(more)
    assert int(more[1]) == 30, "with all examples the weights know every question"
    page.get_by_label("First line with a word").fill("nonsense")
    expect(page.get_by_role("alert")).to_contain_text("is no rule")
    page.problems[:] = [problem for problem in page.problems if "422" not in problem]  # type: ignore[attr-defined]
    page.get_by_label("First line with a word").fill(rules)
    expect(page.get_by_role("alert")).to_have_count(0, timeout=1000 * PATIENCE)
    read(page, "B")
