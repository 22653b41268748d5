"""Problems from files: plain or as conversations, and every line that is none is refused by its number."""

import json
from pathlib import Path
from typing import Any

import pytest
from copying_task import tokenizer

from orrery.errors import DataError
from orrery.stages.problems import Problem, check_lengths, read_problems, read_prompts
from orrery.stages.rollouts import prompt_ids
from orrery.stages.verifiers import marked, numeric

ASKED = [{"role": "user", "content": "What is 12 + 30?"}]
FORM = 'expected {"prompt": …, "truth": …}'


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_prompt_of_plain_text_is_what_a_user_says(tmp_path: Path) -> None:
    file = write(tmp_path / "p.jsonl", {"prompt": "What is 12 + 30?", "truth": 42}, {"prompt": ASKED, "truth": "42"})
    first, second = read_problems([file])
    assert first.prompt == second.prompt == ASKED
    assert (first.truth, second.truth) == (42, "42")
    assert first.text == "What is 12 + 30?"


def test_for_a_base_model_it_is_gone_on_with(tmp_path: Path) -> None:
    file = write(tmp_path / "p.jsonl", {"prompt": "12 + 30 =", "truth": 42}, {"prompt": ASKED, "truth": 42})
    assert [problem.prompt for problem in read_problems([file], plain=True)] == ["12 + 30 =", ASKED]


def test_a_conversation_may_be_long_and_its_last_question_is_what_rewards_see(tmp_path: Path) -> None:
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello!"},
        {"role": "assistant", "content": "Hi."},
        *ASKED,
    ]
    (problem,) = read_problems([write(tmp_path / "p.jsonl", {"prompt": talk, "truth": 42})])
    assert problem.prompt == talk and problem.text == "What is 12 + 30?"


def test_truths_are_kept_as_they_are_and_other_keys_are_not_looked_at(tmp_path: Path) -> None:
    truths = [1, 1.5, "a", None, ["a", "b"], {"x": 1}, True, 0, ""]
    file = write(tmp_path / "p.jsonl", *({"prompt": "x", "truth": truth, "source": "y"} for truth in truths))
    assert [problem.truth for problem in read_problems([file])] == truths


def test_several_files_blank_lines_and_any_line_breaks(tmp_path: Path) -> None:
    """U+2028 and its like are allowed within JSON's strings, and break no line."""
    file = tmp_path / "p.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"prompt": "a", "truth": 1}\r\n\r\n  \n{"prompt": "b", "truth": 2}')
    odd = write(tmp_path / "odd.jsonl", {"prompt": "one\u2028two\u0085three", "truth": 3})
    assert [(problem.text, problem.truth) for problem in read_problems([file, odd])] == [
        ("a", 1), ("b", 2), ("one\u2028two\u0085three", 3)
    ]  # fmt: skip


def test_prompts_need_no_truth(tmp_path: Path) -> None:
    file = write(tmp_path / "p.jsonl", {"prompt": "Tell me a story."}, {"prompt": ASKED})
    assert read_prompts([file]) == [[{"role": "user", "content": "Tell me a story."}], ASKED]
    assert read_prompts([file], plain=True) == ["Tell me a story.", ASKED]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"prompt": "x"}', f"{FORM}, found an object with prompt"),
        ('{"truth": 1}', f"{FORM}, found an object with truth"),
        ("{}", f"{FORM}, found an object with nothing"),
        ("[1, 2]", f"{FORM}, found [1, 2]"),
        ('"x"', f'{FORM}, found "x"'),
        ("null", f"{FORM}, found null"),
        ("{", "not JSON: Expecting property name"),
        ('{"prompt": "x", "truth": }', "not JSON: Expecting value at column 26"),
        ('{"prompt": "x", "truth": 1} {}', "not JSON: Extra data"),
        ('{"prompt": "x", "truth": 1' + "0" * 5000 + "}", "not JSON that can be read"),
        ("[" * 100_000, "not JSON that can be read"),
        ('{"prompt": "", "truth": 1}', "must end with what the user says"),
        ('{"prompt": "  ", "truth": 1}', "must end with what the user says"),
        ('{"prompt": 5, "truth": 1}', "the prompt must be text or a list of messages"),
        ('{"prompt": null, "truth": 1}', "the prompt must be text or a list of messages"),
        ('{"prompt": [], "truth": 1}', "messages is empty"),
        ('{"prompt": ["x"], "truth": 1}', "messages[0] must be an object with role and content"),
        ('{"prompt": [{"role": "robot", "content": "x"}], "truth": 1}', "messages[0].role is 'robot'"),
        ('{"prompt": [{"role": "user"}], "truth": 1}', "messages[0].content is missing"),
        ('{"prompt": [{"role": "assistant", "content": "x"}], "truth": 1}', "must end with what the user says"),
        ('{"prompt": "half a character: \\ud800", "truth": 1}', "half of a surrogate pair"),
    ],
)
@pytest.mark.parametrize("plain", [False, True])
def test_a_line_that_is_no_problem_is_named(tmp_path: Path, line: str, message: str, plain: bool) -> None:
    good = write(tmp_path / "good.jsonl", {"prompt": "x", "truth": 1})
    bad = tmp_path / "bad.jsonl"
    bad.write_text(f'{{"prompt": "x", "truth": 1}}\n\n{line}\n')
    with pytest.raises(DataError) as error:
        read_problems([good, bad], plain)
    assert f"{bad} line 3: " in str(error.value) and message in str(error.value)
    assert len(str(error.value).replace(str(tmp_path), "")) < 250 and "\n" not in str(error.value)


def test_files_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file: .*nowhere\.jsonl"):
        read_problems([tmp_path / "nowhere.jsonl"])
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(DataError, match=r"no prompt in .*empty\.jsonl: a \.jsonl file"):
        read_problems([tmp_path / "empty.jsonl"])
    (tmp_path / "latin.jsonl").write_bytes('{"prompt": "é", "truth": 1}'.encode("latin-1"))
    with pytest.raises(DataError, match="latin.jsonl: byte 12 .* is not UTF-8"):
        read_problems([tmp_path / "latin.jsonl"])


def test_a_prompt_that_leaves_no_room_is_found_by_its_words() -> None:
    given = [Problem("abcd>", 1), Problem(ASKED, 42), Problem("b" * 60, 1)]
    prompts = [problem.prompt for problem in given]
    lengths = [len(prompt_ids(prompt, tokenizer())) for prompt in prompts]
    assert lengths[0] == 6 and lengths[2] == 61
    check_lengths(prompts, tokenizer(), 61 + 8, 8)
    with pytest.raises(DataError, match=r"prompt 3 has 61 tokens \('b{40}'\); with 8 .* context of 68: shorten"):
        check_lengths(prompts, tokenizer(), 68, 8)
    with pytest.raises(DataError, match=rf"prompt 2 has {lengths[1]} tokens \('What is 12 \+ 30\?'\)"):
        check_lengths(prompts[:2], tokenizer(), lengths[1] + 7, 8)


# GSM8K


def test_gsm8ks_form_is_read_and_what_has_no_answer_is_refused(tmp_path: Path) -> None:
    row = {"question": "How many?", "answer": "4+3 = <<4+3=7>>7.\n#### 1,007"}
    (problem,) = read_problems([write(tmp_path / "one.jsonl", row)])
    assert problem.prompt == [{"role": "user", "content": "How many?"}] and problem.truth == "1,007"
    (plain,) = read_problems([tmp_path / "one.jsonl"], plain=True)
    assert plain.prompt == "How many?"
    file = write(tmp_path / "two.jsonl", row, {"question": "How many?", "answer": "7"})
    with pytest.raises(DataError, match="two.jsonl line 2: the answer has no line that begins with ####"):
        read_problems([file])


@pytest.mark.real_data
def test_gsm8k_is_read_as_it_comes_and_its_own_solutions_are_right(real_data: Path) -> None:
    rows = [json.loads(line) for line in (real_data / "gsm8k_train.jsonl").read_text(encoding="utf-8").splitlines()]
    found = read_problems([real_data / "gsm8k_train.jsonl"])
    assert len(found) == len(rows) > 7000
    for problem, row in zip(found, rows, strict=True):
        assert problem.text == row["question"] and problem.truth == row["answer"].rpartition("#### ")[2]
        assert numeric(problem.text, row["answer"], problem.truth) == marked("", row["answer"], problem.truth) == 1.0
        assert numeric(problem.text, f"The answer is {problem.truth}.", problem.truth) == 1.0
        assert marked(problem.text, f"The answer is {problem.truth}.", problem.truth) == 0.0
        assert numeric(problem.text, f"{row['answer']}1", problem.truth) == 0.0
