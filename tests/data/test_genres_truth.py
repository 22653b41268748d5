"""What the pages of a genre say is true: every sum is worked out again, every letter counted, every program run, and
every answer looked up in its text.
"""

import ast
import codecs
import contextlib
import io
import operator
import re
from collections import Counter
from functools import cache

import pytest

from orrery.data.world.choice import Choice
from orrery.data.world.genres import Page, code, copying, deeds, dialogue, news, reading, spelling, words, worksheet
from orrery.data.world.splits import exam_word
from orrery.data.world.world import World
from orrery.evals.exams.checks import says_unknown

GENRES = {
    "dialogue": dialogue, "copying": copying, "worksheet": worksheet, "spelling": spelling, "news": news, "code": code,
}  # fmt: skip
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


# Copying: reading, echo, lookup, ends, sums


def test_every_answer_stands_in_its_text_once_beside_the_name() -> None:
    """It is the sentence that holds what is given and what is wanted, on seven pages of ten; or only what is wanted."""
    styles = Counter[str]()
    for page in kinds("copying", "reading"):
        text = page.provenance["text"]
        sentences = re.split(r"(?<=\.) ", text)
        given = set()
        for asked in page.provenance["questions"]:
            (sentence,) = [one for one in sentences if f" {asked['given']}" in f" {one}" and asked["wanted"] in one]
            assert asked["given"] in asked["question"] and asked["wanted"] not in asked["question"]
            after = page.text.split(asked["question"], 1)[1]
            answer = re.match(r"\s*(?:\w+: )?(.*?\.)(?:\s|$)", after)
            ways = {sentence: "sentence", f"It is {asked['wanted']}.": "It is", f"{asked['wanted']}.": "value"}
            assert answer is not None and answer[1] in ways, page.text
            given.add(ways[answer[1]])
        (style,) = given
        styles[style] += 1
    assert set(styles) == {"sentence", "It is", "value"}
    assert 0.6 < styles["sentence"] / styles.total() < 0.85


def test_reading_has_all_difficulties() -> None:
    shapes = {(page.provenance["people"], page.provenance["attributes"]) for page in kinds("copying", "reading")}
    assert shapes == set(reading._SHAPES)


def test_names_and_values_to_copy_follow_a_space() -> None:
    for page in kinds("copying", "reading"):
        for asked in page.provenance["questions"]:
            for copied in (asked["given"], asked["wanted"]):
                places = [found.start() for found in re.finditer(rf"\b{re.escape(copied)}\b", page.text)]
                assert len(places) >= 2 and all(page.text[place - 1] == " " for place in places), page.text


def test_echo_repeats_word_for_word() -> None:
    for page in kinds("copying", "echo"):
        assert 1 <= len(page.provenance["items"]) <= 3
        for items in page.provenance["items"]:
            assert page.text.count(f" {items}") >= 2
            assert 1 <= len(set(items.split(", "))) == len(items.split(", ")) <= 5


def test_lookup_gives_every_pair_twice() -> None:
    reordered = 0
    for page in kinds("copying", "lookup"):
        first, second = page.text.splitlines()
        pairs = page.provenance["pairs"]
        assert 2 <= len(pairs) <= 6 and all(len(set(of)) == len(pairs) for of in zip(*pairs, strict=True))
        for key, value in pairs:
            pair = rf" {key}(:| =| means| is| costs) {value}\b"
            assert len(re.findall(pair, first)) == len(re.findall(pair, second)) == 1, page.text
        reordered += first != second
    assert reordered > 0.7 * len(kinds("copying", "lookup"))


def test_what_comes_first_and_last_of_a_list_is_told_right() -> None:
    told = Counter[str]()
    for page in kinds("copying", "ends"):
        items = page.provenance["items"]
        assert 2 <= len(set(items)) == len(items) <= 5
        listed = ", ".join(items)
        head, tail = page.text.split(listed)  # the list stands there once, and its ends follow it
        assert not any(item in head for item in items), page.text
        for which, item in re.findall(r"(?:The )?([Ff]irst|[Ll]ast)(?: of them)?(?: is|:) ([^.]+)\.", tail):
            assert item == (items[0] if which.lower() == "first" else items[-1]), page.text
            told[which.lower()] += 1
        if asked := re.search(r"Which comes (first|last)\?", head):
            assert tail == f".\nOrrery: {items[0] if asked[1] == 'first' else items[-1]}.", page.text
            told[f"asked {asked[1]}"] += 1
    assert set(told) == {"first", "last", "asked first", "asked last"}


def test_expressions_are_those_of_their_questions() -> None:
    """With the very operands, the first one first, unless the words turn them round; and never with a result."""
    signs = {"plus": "+", "add": "+", "minus": "-", "take": "-", "times": "*", "multiply": "*", "divide": "/"}
    seen = Counter[str]()
    for page in kinds("copying", "sums"):
        expressions = page.provenance["expressions"]
        lines = page.text.split("\n")
        step = len(lines) // len(expressions)
        assert 1 <= len(expressions) <= 4 and len(lines) == step * len(expressions), page.text
        for i, expression in enumerate(expressions):
            block = "\n".join(lines[i * step : (i + 1) * step])
            assert re.fullmatch(r"\d+ [-+*/] \d+", expression) and block.count(expression) in (1, 2), block
            question = re.split(r"\n| \{", block)[0]
            numbers, (a, sign, b) = re.findall(r"\d+", question), expression.split()
            said = next((of for word, of in signs.items() if word in question.lower()), None)
            said = said or re.findall(r" ([-+*/]) ", question)[0]
            assert said == sign and numbers == ([b, a] if "Take" in question else [a, b]), block
            assert re.findall(r"\d+", block) == [*numbers, a, b], block
            seen[sign] += 1
    assert set(seen) == set("+-*/")


# Dialogues


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
            assert says_unknown(turn["answer"]) == (turn["turn"] in ("unknown", "beyond"))
            if turn["turn"] == "unknown":
                assert not any(name in turn["question"] for name in known)
    assert seen == {"small_talk", "identity", "refusal", "lookalike", "unknown", "beyond"}


def test_a_page_of_deeds_condemns_the_wrong_ones_alone() -> None:
    condemned = re.compile(
        r"\b(wrong and|is wrong|very wrong|crime\. It|a crime$|does harm|Never|must not|guilty|prison)"
    )
    judged = 0
    for page in kinds("dialogue", "deeds"):
        named = {f"{do} {obj}": wrong for do, obj, wrong in page.provenance["deeds"]}
        assert 4 <= len(page.provenance["deeds"]) <= 8
        for question, answer in re.findall(r"(?:Is it wrong to|May people) ([^?]+)\? (Yes|No)", page.text):
            asked_wrong = f"Is it wrong to {question}?" in page.text
            assert (answer == "Yes") == (named[question] == asked_wrong), page.text
            judged += 1
        if not any(named.values()):
            assert not condemned.search(page.text), page.text
    assert judged > 50


def test_deeds_are_many_and_their_verbs_stand_in_three_forms() -> None:
    assert min(len(deeds.DEEDS[True]), len(deeds.DEEDS[False])) >= 180
    for wrong in (True, False):
        verbs = [deed.do for deed in deeds.DEEDS[wrong]]
        assert len(set(verbs)) == len(verbs)
        for deed in deeds.DEEDS[wrong]:
            assert "ing" in deed.doing and deed.do[0] == deed.doing[0] and deed.objects and deed.means
    both = {deed.do for deed in deeds.DEEDS[True]} & {deed.do for deed in deeds.DEEDS[False]}
    assert len(both) >= 15  # so that the object counts too


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


def test_two_words_of_five_are_made_up_and_none_of_these_is_kept_for_exams() -> None:
    of_words = [
        record["word"]
        for page in pages("spelling")
        for record in page.provenance["lines"]
        if record["asks"] in ("spell", "length") and record["word"].islower()  # given names are spelled too
    ]
    made_up = [word for word in of_words if word not in spelling.WORDS]
    assert len(made_up) / len(of_words) == pytest.approx(spelling.MADE_UP_SHARE, abs=0.03)
    assert len(set(made_up)) > 0.9 * len(made_up) > 1000
    assert all(re.fullmatch(r"[a-z]{3,14}", word) and not exam_word(word) for word in made_up)
    assert {letter for word in made_up for letter in word} == set("abcdefghijklmnopqrstuvwxyz")
    drawn = {spelling.made_up_word(Choice(seed)) for seed in range(5000)}
    assert len(drawn) > 4500 and not any(map(exam_word, drawn))


def test_no_made_up_word_holds_a_rude_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table spells them in rot13, so that nobody has to read them; without it some of them are made up indeed."""
    rude = [codecs.decode(word, "rot13") for word in words.word_list("words_rude.txt")]
    assert len(rude) == len(set(rude)) >= 40 and all(re.fullmatch("[a-z]{3,8}", word) for word in rude)
    assert not set(rude) & set(words.word_list("words_rude.txt"))

    def drawn() -> list[str]:
        made = (spelling.made_up_word(Choice(seed)) for seed in range(20_000))
        return [word for word in made if any(bad in word for bad in rude)]

    assert drawn() == []
    monkeypatch.setattr(spelling, "_RUDE", re.compile("(?!)"))  # which nothing matches
    assert len(drawn()) > 20


def test_words_kept_for_exams_are_never_spelled() -> None:
    for page in pages("spelling"):
        for record in page.provenance["lines"]:
            assert not exam_word(record["word"])
        for letters in re.findall(r"\b\w(?:-\w)+\b", page.text):
            assert not exam_word(letters.replace("-", ""))


def test_every_letter_is_counted_right() -> None:
    """And spelled before it is counted, but where the number is wanted at once or comes first."""
    asked = set()
    count = Counter[str]()
    for page in pages("spelling"):
        lines = page.text.splitlines()[-len(page.provenance["lines"]) :]
        for line, record in zip(lines, page.provenance["lines"], strict=True):
            word, asks, answer = record["word"], record["asks"], record["answer"]
            asked.add(asks)
            assert re.search(rf"\b{word}\b", line), line
            for letters in re.findall(r"\b\w(?:-\w)+\b", line):
                assert letters == "-".join(word), line
            if asks in ("length", "count"):
                letters, at_once = "-".join(word), line.startswith("The word ")
                assert re.findall(r"\d+", line) == [str(answer)], line
                if at_once:
                    assert asks == "length" and line == f"The word {word} has {answer} letters: {letters}."
                else:
                    ending = rf"[?.] ({letters}\. )?(There|It) [a-z ]*{answer}( times?| letters)?\.$"
                    assert re.search(ending, line), line
                count[f"{asks}, {'number first' if at_once else 'spelled' if letters in line else 'bare'}"] += 1
            if asks == "length":
                assert answer == len(word)
            elif asks == "count":
                assert answer == word.count(record["letter"])
                assert re.search(rf"(There {'is' if answer == 1 else 'are'} {answer}|\b{answer} times?)\.$", line), line
                assert (" times." in line) == ("time" in line.split(word)[-1] and answer != 1), line
            elif asks == "ends":
                assert answer == f"{word[0]} {word[-1]}"
                first = re.findall(r"(?:first letter of \w+ is|first letter of \w+\? It is|begins with) (\w)\b", line)
                last = re.findall(r"(?:last letter of \w+ is|last letter of \w+\? It is|ends with) (\w)\b", line)
                assert first + last, line
                assert set(first) <= {word[0]} and set(last) <= {word[-1]}, line
            elif asks == "place":
                assert answer == word[record["place"]] and line.split("is ")[-1][0] == answer, line
    assert asked == {"spell", "length", "count", "ends", "place"}
    assert set(count) == {"length, spelled", "length, number first", "count, spelled", "count, bare"}
    assert count["length, spelled"] > 2 * count["length, number first"] > 0
    assert count["count, spelled"] > 1.5 * count["count, bare"] > 0
    assert count.total() > COUNT


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
