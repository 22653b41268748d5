"""Task files: what ships can be read, and what is wrong is said with its key."""

from pathlib import Path

import pytest
import yaml

from orrery.errors import ConfigError, DataError
from orrery.evals.tasks.task import Extractor, Task, read_task, shipped, wikihow

CHOICE = {
    "name": "colours", "version": 1, "kind": "multiple_choice", "format": "jsonl", "prompt": "{{ thing }} is",
    "choices": "colours", "right": "right", "metrics": {"acc": "none"},
}  # fmt: skip
WORD = {"pattern": r"(\w+)\."}
WRITE = {
    "name": "sums", "version": 1, "kind": "generation", "format": "jsonl", "prompt": "{{ sum }} =",
    "answer": "{{ result }}", "extract": {"strict": {"pattern": "= (.*)"}, "flexible": WORD},
}  # fmt: skip


def written(folder: Path, task: object) -> str:
    path = folder / "task.yaml"
    path.write_text(task if isinstance(task, str) else yaml.safe_dump(task), encoding="utf-8")
    return str(path)


def test_all_that_ship_can_be_read_and_are_called_like_their_files() -> None:
    tasks = {name: read_task(name) for name in shipped()}
    assert {name: task.name for name, task in tasks.items()} == {name: name for name in tasks}
    assert set(tasks) == {"arc_challenge", "arc_easy", "bits_per_byte", "gsm8k", "hellaswag", "hellaswag_llmc"}
    assert all(task.about and task.source for task in tasks.values())
    assert len({task.fingerprint for task in tasks.values()}) == len(tasks)


def test_a_name_that_is_nearly_right_is_mended() -> None:
    with pytest.raises(ConfigError, match="did you mean 'hellaswag'"):
        read_task("helaswag")


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (CHOICE | {"promt": "x"}, "unknown key 'promt'; did you mean 'prompt'"),
        (CHOICE | {"version": "first"}, "version: .*integer"),
        (CHOICE | {"kind": "multiple"}, "kind: .*'multiple_choice', 'generation' or 'bits_per_byte'"),
        ({key: value for key, value in CHOICE.items() if key != "kind"}, "the key 'kind' is missing"),
        ({key: value for key, value in CHOICE.items() if key != "right"}, "needs the key 'right'"),
        (CHOICE | {"stop": ["."]}, "'stop' has no meaning for a task of the kind multiple_choice"),
        (CHOICE | {"format": "hellaswg"}, "no format 'hellaswg'; did you mean 'hellaswag'"),
        (CHOICE | {"format": "text"}, "the format text and the kind bits_per_byte go together"),
        (CHOICE | {"metrics": {"acc": "letters"}}, "metrics.acc: "),
        (CHOICE | {"prompt": "{{ thing"}, "a template that Jinja cannot read"),
        (CHOICE | {"right": "right +"}, "a template that Jinja cannot read"),
        (CHOICE | {"shots": -1}, "shots cannot be negative"),
        (WRITE | {"extract": {"strict": WORD}}, "extract.flexible needs a pattern"),
        (WRITE | {"extract": {"strict": WORD, "flexible": {"patern": "x"}}}, "unknown key 'extract.flexible.patern'"),
        (WRITE | {"extract": {"strict": {"pattern": "("}, "flexible": WORD}}, "is no regular expression"),
        (WRITE | {"ignore": ["["]}, "ignore: .* is no regular expression"),
        (WRITE | {"stop": [""]}, "an empty text cannot be a stop"),
        ("name: [", "is not valid YAML: .*line 1"),
        ("- a list", "must be keys with values"),
        ("name: !!python/object/apply:os.getcwd []", "is not valid YAML: could not determine a constructor"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_said(tmp_path: Path, task: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        read_task(written(tmp_path, task))
    assert "task.yaml" in str(raised.value)


def test_the_two_patterns_above_are_tasks_otherwise(tmp_path: Path) -> None:
    for task in (CHOICE, WRITE):
        assert read_task(written(tmp_path, task)).name == task["name"]


def test_templates_cannot_reach_outside_and_name_what_a_row_lacks(tmp_path: Path) -> None:
    row = {"thing": "The sky", "colours": ["red", "blue"], "right": 1}
    assert read_task(written(tmp_path, CHOICE)).asks(row) == "The sky is"
    spy = read_task(written(tmp_path, CHOICE | {"prompt": "{{ thing.__class__.__mro__ }}"}))
    with pytest.raises(DataError, match="unsafe"):
        spy.asks(row)
    with pytest.raises(DataError, match=r"prompt: 'thing' is undefined \(the row has name\)"):
        read_task(written(tmp_path, CHOICE)).asks({"name": "x"})
    for change, said in (({"colours": ["red"]}, "not a list of two texts"), ({"right": 2}, "not a number from 0 to 1")):
        with pytest.raises(DataError, match=said):
            read_task(written(tmp_path, CHOICE)).answer_of(row | change)


def test_the_fingerprint_follows_what_decides_scores_and_nothing_else(tmp_path: Path) -> None:
    def fingerprint(**changes: object) -> str:
        return read_task(written(tmp_path, CHOICE | changes)).fingerprint

    assert fingerprint() == fingerprint(about="Colours of things.", source="made up")
    changed = [fingerprint(prompt="{{ thing }}:"), fingerprint(version=2), fingerprint(metrics={"acc": "bytes"})]
    assert len({fingerprint(), *changed}) == 4


def test_extractors_take_the_first_or_the_last_place_and_the_group_that_is_filled() -> None:
    flexible = Extractor(r"(-?[$0-9.,]{2,})|(-?[0-9]+)", "last")
    assert flexible("It costs $1,234.50 or so, for 7") == "7"
    assert flexible("It costs 7, no, $1,234.50") == "$1,234.50"
    assert Extractor(r"#### (\-?[0-9\.\,]+)")("#### 5 or #### 6") == "5"
    assert flexible("none") is None


def test_hellaswags_marks_are_taken_out_as_lm_eval_does() -> None:
    assert wikihow(" How to [title] bake [header] a  cake [step] now ") == "How to. bake a cake now"


def test_gsm8ks_answers_are_the_same_whatever_their_commas_and_dollars() -> None:
    task: Task = read_task("gsm8k")
    answer = "She has 3*4 = <<3*4=12>>12.\n#### 1,234"
    assert task.same("1234", answer) and task.same("$1,234.", answer)
    assert not task.same("12", answer) and not task.same(None, answer)
