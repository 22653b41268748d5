"""`orrery eval --task` as it is typed: a table, JSON, files of results, and errors that say what to type instead."""

import json
import re
from pathlib import Path

import pytest

from orrery.evals.tasks import read_task, shipped
from tests.evals.tasks.lines import write_lines
from tests.typed import typed


def test_scores_are_printed_and_every_question_is_kept(folder: Path, data: Path, tmp_path: Path) -> None:
    write_lines(tmp_path / "texts.jsonl", [{"text": "The cat sits."}, {"text": "A dog runs."}])
    done = typed(
        "eval", "--task", "hellaswag_llmc", "--data", str(data), "--task", "gsm8k", "--data", str(data / "gsm8k"),
        "--task", "bits_per_byte", "--data", "texts.jsonl", "--limit", "3", "--model", str(folder),
        "--out", "out.json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for said in ("hellaswag_llmc", "acc_norm", "strict", "flexible", "bits_per_byte", "±", "lost their beginning"):
        assert said in done.stdout
    results = json.loads((tmp_path / "out.json").read_text())
    assert results["candidate"]["model"] == str(folder) and len(results["candidate"]["fingerprint"]) == 16
    assert results["versions"]["orrery"] and results["made"].endswith("Z")
    assert [task["fingerprint"] for task in results["tasks"]] == [
        read_task(name).fingerprint for name in ("hellaswag_llmc", "gsm8k", "bits_per_byte")
    ]
    lines = {
        task["task"]: (tmp_path / f"out.{task['task']}.jsonl").read_text().splitlines() for task in results["tasks"]
    }
    assert [len(rows) for rows in lines.values()] == [3, 3, 2]
    assert {"prompt", "choices", "nats", "right", "chosen"} <= json.loads(lines["hellaswag_llmc"][0]).keys()
    assert {"prompt", "written", "found", "right"} <= json.loads(lines["gsm8k"][0]).keys()
    assert not [path for path in tmp_path.iterdir() if "partial" in path.name]


def test_json_is_for_programs(folder: Path, data: Path, tmp_path: Path) -> None:
    done = typed("eval", "--task", "arc_easy", "--data", str(data / "arc_test.jsonl"), "--shots", "1", "--begin",
                 "--model", str(folder), "--json", cwd=tmp_path)  # fmt: skip
    results = json.loads(done.stdout)
    assert results["candidate"]["begin"] is True and results["tasks"][0]["shots"] == 1
    assert [metric["name"] for metric in results["tasks"][0]["metrics"]] == ["acc", "acc_norm"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--task", "hellaswag", "--model", "MODEL"], "--data is missing: .*hellaswag_val.jsonl of github.com"),
        (["--task", "helaswag", "--data", "DATA", "--model", "MODEL"], "did you mean 'hellaswag'"),
        (["--task", "hellaswag", "--data", "DATA"], "--model FOLDER or --endpoint http"),
        (["--task", "hellaswag", "--data", "DATA", "--model", "MODEL", "--endpoint", "http://x/v1"], "one of them"),
        (["--task", "hellaswag", "--data", "DATA", "--model", "nowhere"], "nowhere is no folder"),
        (["--task", "hellaswag", "--data", "DATA", "--model", "MODEL", "--chat"], "is a base model and knows no turns"),
        (["--task", "hellaswag", "--data", "DATA", "--model", "MODEL", "--out", "x"], "a file that ends in .json"),
        (["--task", "hellaswag", "--data", "DATA", "--model", "MODEL", "--agent"], "for the world's exams"),
        (["--task", "hellaswag", "--data", "nowhere", "--model", "MODEL"], "no such file or folder: nowhere"),
        (["--task", "hellaswag", "--data", "DATA", "--endpoint", "http://x/v1", "--begin"], "--begin is for --model"),
        (["--task", "hellaswag", "--data", "DATA", "--model", "MODEL", "--world.seed", "1"], "for the world's exams"),
        (["--task", "hellaswag", "--data", "DATA", "--model", "MODEL", "--shots", "-1"], "it cannot be negative"),
        (["--task", "hellaswag", "--data", "DATA", "--model", "MODEL", "--out", "/dev/null/x.json"], "nothing can be"),
        (["--task", "mine.yaml", "--data", "DATA", "--model", "MODEL"], "there is no such .yaml file"),
        (["--data", "DATA", "--model", "MODEL"], "--data is for tasks: say which with --task"),
        (["--model", "MODEL", "--shots", "0"], "--shots is for tasks"),
        (["--limit", "2"], "say which model is examined"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(folder: Path, data: Path, tmp_path: Path, words: list[str], said: str) -> None:
    typable = {"MODEL": str(folder), "DATA": str(data)}
    done = typed("eval", *(typable.get(word, word) for word in words), cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert re.search(said, done.stderr), done.stderr
    assert not list(tmp_path.iterdir())


def test_help_names_every_task_that_ships(tmp_path: Path) -> None:
    said = typed("eval", "--help", cwd=tmp_path).stdout
    assert all(name in said for name in shipped())
