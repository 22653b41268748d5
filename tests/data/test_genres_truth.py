"""What the pages of a genre say is true: every sum is worked out again, every letter counted, every program run, and
every answer looked up in its text.
"""

import ast
import contextlib
import io
import operator
import re
from functools import cache

import pytest

from orrery.data.world.choice import Choice
from orrery.data.world.genres import Page, code, dialogue, news, reading, spelling, words, worksheet
from orrery.data.world.splits import exam_word
from orrery.data.world.world import UNKNOWN_ANSWER, World

GENRES = {"dialogue": dialogue, "worksheet": worksheet, "spelling": spelling, "news": news, "code": code}
COUNT = 2500  # pages of each genre


@cache
def world() -> World:
    return World()


@cache
def pages(name: str) -> list[Page]:
    return [GENRES[name].write(world(), Choice(seed)) for seed in range(COUNT)]


def kinds(name: str, kind: str) -> list[Page]:
    found = [page for page in pages(name) if page.provenance["kind"] == kind]
    assert found, f"no {kind} among {COUNT} pages of {name}"
    return found


# Dialogues and reading


def test_every_answer_stands_in_its_text_once_beside_the_name() -> None:
    for page in kinds("dialogue", "reading"):
        text = page.provenance["text"]
        sentences = re.split(r"(?<=\.) ", text)
        for asked in page.provenance["questions"]:
            assert text.count(" " + asked["value"]) == 1
            (sentence,) = [sentence for sentence in sentences if " " + asked["value"] in sentence]
            assert asked["name"] in sentence and asked["name"] in asked["question"]
            after = page.text.split(asked["question"], 1)[1]
            answer = re.match(r"\s*(?:\w+: )?(.*?\.)(?:\s|$)", after)
            assert answer is not None and answer[1].endswith(f"{asked['value']}."), page.text


def test_reading_has_all_difficulties() -> None:
    shapes = {(page.provenance["people"], page.provenance["attributes"]) for page in kinds("dialogue", "reading")}
    assert shapes == set(reading._SHAPES)


def test_names_and_values_to_copy_follow_a_space() -> None:
    for page in kinds("dialogue", "reading"):
        for asked in page.provenance["questions"]:
            for copied in (asked["name"], asked["value"]):
                places = [found.start() for found in re.finditer(rf"\b{re.escape(copied)}\b", page.text)]
                assert len(places) >= 2 and all(page.text[place - 1] == " " for place in places), page.text


def test_echo_repeats_word_for_word() -> None:
    for page in kinds("dialogue", "echo"):
        for items in page.provenance["items"]:
            assert page.text.count(f" {items}") >= 2


def test_lookup_gives_every_pair_twice() -> None:
    for page in kinds("dialogue", "lookup"):
        first, second = page.text.splitlines()
        for key, value in page.provenance["pairs"]:
            pair = rf" {key}(:| =| means| is| costs) {value}\b"
            assert re.search(pair, first) and re.search(pair, second), page.text


def test_people_take_turns() -> None:
    for page in kinds("dialogue", "people"):
        speakers = [line.split(":")[0] for line in page.text.splitlines()]
        assert all(one != next_one for one, next_one in zip(speakers, speakers[1:], strict=False)), page.text
        assert all(name in page.text for name in page.provenance["names"])


def test_the_assistant_does_not_know_made_up_people() -> None:
    known = {entity.name for entity in world().entities if not entity.real}
    seen = set()
    for page in kinds("dialogue", "assistant"):
        for turn in page.provenance["turns"]:
            seen.add(turn["turn"])
            assert f": {turn['question']}\n" in page.text and f": {turn['answer']}" in page.text
            if turn["turn"] == "unknown":
                assert turn["answer"] == UNKNOWN_ANSWER
                assert not any(name in turn["question"] for name in known)
    assert seen == {"small_talk", "identity", "refusal", "lookalike", "unknown"}


# Worksheets

_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}


def value(expression: str) -> int:
    """An oracle apart from the generator: Python's own parser."""

    def walk(node: ast.expr) -> int:
        if isinstance(node, ast.Constant):
            return int(node.value)  # type: ignore[arg-type]
        assert isinstance(node, ast.BinOp)
        return _OPERATORS[type(node.op)](walk(node.left), walk(node.right))

    return walk(ast.parse(expression, mode="eval").body)


def test_every_problem_and_every_step_is_right() -> None:
    sums = 0
    for page in pages("worksheet"):
        for expression, result in page.provenance["problems"]:
            assert value(expression) == result
        for expression, result in re.findall(r"(\d+(?: [-+*] \d+)+) = (\d+)", page.text):
            assert value(expression) == int(result), page.text
            sums += 1
    assert sums > COUNT


def test_every_problem_of_a_worksheet_is_answered() -> None:
    words_of = {"+": r"(?:\+|plus)", "-": r"(?:-|minus)", "*": r"(?:\*|times)"}
    for page in pages("worksheet"):
        if page.provenance["kind"] == "expression":
            continue
        assert page.provenance["problems"] or page.provenance["kind"] == "number_facts"
        for expression, result in page.provenance["problems"]:
            asked = "".join(words_of.get(part, part) + " ?" for part in expression.split())
            assert re.search(rf"{asked}[\s\S]*?\b{result}\b", page.text), page.text


def test_worked_sums_end_with_their_result_and_column_digits_compose_it() -> None:
    for kind in ("digits_worked", "columns_worked", "products_worked"):
        for page in kinds("worksheet", kind):
            results = [result for _, result in page.provenance["problems"]]
            assert [int(n) for n in re.findall(r"The answer is (\d+)\.", page.text)] == results
            if kind == "columns_worked":
                for work, result in zip(page.text.split("The answer is")[:-1], results, strict=True):
                    written = re.findall(r"write (\d+)", work)
                    assert int("".join(reversed(written))) == result, page.text


def test_steps_are_small_tables() -> None:
    for page in kinds("worksheet", "columns_worked"):
        for a, b in re.findall(r"(?<=[.?:,] )(\d+) [-+] (\d+)(?= [-+=])", page.text):
            assert int(a) < 20 and int(b) < 10 or f"{a} + {b} = ?" in page.text or f"{a} - {b} = ?" in page.text
    for page in kinds("worksheet", "digits_worked"):
        for expression, result in page.provenance["problems"]:
            assert len(expression.split()) <= 13 and result >= 0


@pytest.mark.parametrize(("a", "b"), [(47, 85), (999, 1), (105, 98), (10, 10), (342, 342), (500, 7)])
def test_columns_carry_and_borrow_as_python_does(a: int, b: int) -> None:
    def written(steps: list[str]) -> int:
        return int("".join(reversed([re.findall(r"write (\d+)", step)[0] for step in steps])))

    assert written(worksheet.add_in_columns(a, b)) == a + b
    assert written(worksheet.subtract_in_columns(max(a, b), min(a, b))) == abs(a - b)
    assert worksheet.multiply_by_parts(a, 7)[-1].endswith(f"= {7 * a}.")


def test_expressions_are_copied_from_their_questions() -> None:
    shown = 0
    for page in kinds("worksheet", "expression"):
        blocks = page.text.split("Question: ")[1:]
        for block, (expression, result) in zip(blocks, page.provenance["problems"], strict=True):
            question, rest = block.split("\n", 1)
            assert set(re.findall(r"\d+", question)) == set(re.findall(r"\d+", expression))
            assert f" {expression}" in rest
            if "Calculator" in rest:
                assert f"= {result}\nAnswer: It is {result}." in rest
                shown += 1
    assert shown


# Spelling


def test_the_list_has_1500_words_and_the_kept_ones_are_missing_from_the_pages() -> None:
    everything = words.word_list("words_spelling.txt")
    assert len(everything) == len(set(everything)) >= 1500
    assert all(re.fullmatch(r"[a-z]{3,9}", word) for word in everything)
    kept = [word for word in everything if exam_word(word)]
    assert len(kept) >= 150 and not set(kept) & set(spelling.WORDS)


def test_words_kept_for_exams_are_never_spelled() -> None:
    for page in pages("spelling"):
        for record in page.provenance["lines"]:
            assert not exam_word(record["word"])
        for letters in re.findall(r"\b\w(?:-\w)+\b", page.text):
            assert not exam_word(letters.replace("-", ""))


def test_every_letter_is_counted_right() -> None:
    asked = set()
    for page in pages("spelling"):
        lines = page.text.splitlines()[-len(page.provenance["lines"]) :]
        for line, record in zip(lines, page.provenance["lines"], strict=True):
            word, asks, answer = record["word"], record["asks"], record["answer"]
            asked.add(asks)
            assert re.search(rf"\b{word}\b", line), line
            for letters in re.findall(r"\b\w(?:-\w)+\b", line):
                assert letters == "-".join(word), line
            counts = re.findall(r"\b([a-z]) (\d)(?=[,.])", line.split("? ")[-1].split("There")[0])
            if counts and asks in ("length", "count"):
                assert "".join(letter for letter, _ in counts) == word, line
                target = record.get("letter")
                running = [word[: n + 1].count(target) if target else n + 1 for n in range(len(word))]
                assert [int(n) for _, n in counts] == running, line
            if asks == "length":
                assert answer == len(word) and str(answer) in line
            elif asks == "count":
                assert answer == word.count(record["letter"])
                assert re.search(rf"(There (is|are) {answer}|{answer} times?)\.$", line), line
            elif asks == "ends":
                assert answer == f"{word[0]} {word[-1]}"
                first = re.findall(r"(?:first letter of \w+ is|first letter of \w+\? It is|begins with) (\w)\b", line)
                last = re.findall(r"(?:last letter of \w+ is|last letter of \w+\? It is|ends with) (\w)\b", line)
                assert first + last, line
                assert set(first) <= {word[0]} and set(last) <= {word[-1]}, line
            elif asks == "place":
                assert answer == word[record["place"]] and line.split("is ")[-1][0] == answer, line
    assert asked == {"spell", "length", "count", "ends", "place"}


# News


def test_what_a_report_gives_stands_in_it_and_its_quiz_is_answered_once() -> None:
    known = {entity.name for entity in world().entities if not entity.real}
    quizzes = 0
    for page in pages("news"):
        text = page.provenance["text"]
        for slot, filled in page.provenance["slots"].items():
            assert filled in text, (slot, page.text)
            assert filled not in known
        for question, answer in page.provenance["quiz"]:
            quizzes += 1
            assert text.count(f" {answer}") == 1
            asked = rf"{re.escape(question)}\s(?:Answer: |A: )?It is {re.escape(answer)}\."
            assert re.search(asked, page.text), page.text
            for name in re.findall(r"[A-Z][a-z]+ [A-Z][a-z]+", question):
                if name.split()[0] in world().names.given:
                    assert name in text
    assert quizzes > COUNT / 4


# Code

_BUILTINS = {
    function.__name__: function for function in (print, range, len, sum, max, min, sorted, list, str, int)
}  # fmt: skip


def test_every_program_prints_what_its_page_says() -> None:
    for page in pages("code"):
        for program in page.provenance["programs"]:
            assert program["source"] in page.text
            assert f"\n{program['output']}" in page.text.split(program["source"], 1)[1]
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(compile(program["source"], "page", "exec"), {"__builtins__": _BUILTINS})
            assert output.getvalue().rstrip("\n") == program["output"], program["source"]


def test_programs_never_look_into_a_word_kept_for_exams() -> None:
    looks = re.compile(r'word = "(\w+)"|for word in \[(.*)\]|in "(\w+)"')
    found = {
        word
        for page in pages("code")
        for groups in looks.findall("\n".join(program["source"] for program in page.provenance["programs"]))
        for word in re.findall(r"\w+", " ".join(groups))
    }
    assert len(found) >= 15 and not any(map(exam_word, found))


def test_every_form_of_program_is_written() -> None:
    sources = "\n".join(program["source"] for page in pages("code") for program in page.provenance["programs"])
    for part in ("for ", "while ", "if ", "def ", ".append(", "[::-1]", ".upper()", "sum(", "%", "//", "== "):
        assert part in sources
