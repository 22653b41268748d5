"""The very scores of lm_eval, the harness behind published ones, on the same files with the same model folder."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orrery.evals.tasks import Local, Paper, read_task, run_task
from orrery.evals.tasks.task import Task
from orrery.inference.engine import Engine

# Run where lm_eval's own tasks are: their definitions, but for where their data is.
PROGRAM = """
import json, re, sys
from pathlib import Path
import lm_eval
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

folder, out, wanted = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
theirs = Path(lm_eval.__file__).parent / "tasks"
(out / "utils.py").write_text((theirs / "hellaswag/utils.py").read_text())
for name, (source, more) in wanted.items():
    text = (theirs / source).read_text()
    for key in ("dataset_path", "dataset_name", "[a-z]+_split", "task", "num_fewshot"):
        text = re.sub(rf"(?m)^{key}:.*\\n", "", text)
    text = re.sub(r"(?m)^tag:\\n(  - .*\\n)+", "", text)
    (out / f"{name}.yaml").write_text(f"{text}\\ntask: {name}\\ndataset_path: json\\ntest_split: test\\n{more}")
model = HFLM(pretrained=folder, device="cpu", batch_size=4, dtype="float32", max_length=96)
manager = TaskManager(include_path=str(out), include_defaults=False)
found = lm_eval.simple_evaluate(
    model, tasks=list(wanted), task_manager=manager, bootstrap_iters=0, gen_kwargs="max_gen_toks=48"
)
resps = {name: {s["doc_id"]: s["resps"] for s in rows} for name, rows in found["samples"].items()}
resps = {name: [rows[number] for number in sorted(rows)] for name, rows in resps.items()}
(out / "found.json").write_text(json.dumps({"results": found["results"], "resps": resps}))
"""


@pytest.fixture(scope="module")
def found(folder: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What lm_eval makes of the three data sets."""
    out = tmp_path_factory.mktemp("lm_eval")

    def on(file: str) -> str:
        return f"dataset_kwargs: {{data_files: {{test: {data / file}}}}}\n"

    shots = "fewshot_config: {sampler: first_n, split: test}\nnum_fewshot: 2\n"
    wanted = {
        "hellaswag": ("hellaswag/hellaswag.yaml", on("hellaswag_val.jsonl")),
        "arc": ("arc/arc_easy.yaml", on("arc_hub_test.jsonl")),
        "arc_shots": ("arc/arc_easy.yaml", on("arc_hub_test.jsonl") + shots),
        "gsm8k": ("gsm8k/gsm8k.yaml", on("gsm8k/test.jsonl") + shots),
    }
    command = [sys.executable, "-c", PROGRAM, str(folder), str(out), json.dumps(wanted)]
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(out / "hf")}
    ended = subprocess.run(command, env=os.environ | offline, cwd=out, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    read: dict[str, Any] = json.loads((out / "found.json").read_text())
    return read


def first_shots(task: Task) -> Task:
    return replace(task, pick="first")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("theirs", "ours", "file", "shots"),
    [
        ("hellaswag", "hellaswag", "hellaswag_val.jsonl", 0),
        ("arc", "arc_easy", "arc_test.jsonl", 0),
        ("arc_shots", "arc_easy", "arc_hub_test.jsonl", 2),
    ],
)
def test_multiple_choice_scores_are_lm_evals(
    found: dict[str, Any], engine: Engine, data: Path, theirs: str, ours: str, file: str, shots: int
) -> None:
    result = run_task(Paper.read(first_shots(read_task(ours)), data / file, shots=shots), Local(engine))
    assert {metric.name: metric.value for metric in result.metrics} == {
        name: pytest.approx(found["results"][theirs][f"{name},none"]) for name in ("acc", "acc_norm")
    }
    for answer, resps in zip(result.answers, found["resps"][theirs], strict=True):
        assert answer["nats"] == pytest.approx([float(resp[0][0]) for resp in resps], abs=1e-3)
    assert (result.cut > 0) == (theirs == "hellaswag")


@pytest.mark.slow
def test_what_a_model_writes_and_its_scores_are_lm_evals(found: dict[str, Any], engine: Engine, data: Path) -> None:
    task = replace(first_shots(read_task("gsm8k")), max_tokens=48)
    result = run_task(Paper.read(task, data / "gsm8k" / "test.jsonl", shots=2), Local(engine))
    written = [re.split("Question:|</s>|<\\|im_end\\|>", resps[0][0])[0] for resps in found["resps"]["gsm8k"]]
    assert [answer["written"] for answer in result.answers] == written
    assert [metric.value for metric in result.metrics] == [
        found["results"]["gsm8k"][f"exact_match,{name}"] for name in ("strict-match", "flexible-extract")
    ]


@pytest.mark.slow
def test_extractors_find_and_compare_what_lm_evals_do() -> None:
    from lm_eval.api.metrics import exact_match_hf_evaluate
    from lm_eval.filters.extraction import RegexFilter

    task, answer = read_task("gsm8k"), "So 2*3 = <<2*3=6>>6.\n#### 1,234"
    said = [
        "#### 1,234", "####1234", "#### $1,234", "The answer is $1,234.", "1234", "1234.0", "it is 1234!", "-1234",
        "no", "#### 5 no #### 1234", "12 34", "1,234.", "(1234)", "$", "...", "x = 1234.\n\nQ 7", "#### -1,234.",
    ]  # fmt: skip
    patterns = {
        "strict": RegexFilter(r"#### (\-?[0-9\.\,]+)"),
        "flexible": RegexFilter(r"(-?[$0-9.,]{2,})|(-?[0-9]+)", group_select=-1),
    }
    ignore = [",", "\\$", "(?s).*#### ", "\\.$"]
    for name, theirs in patterns.items():
        ours = getattr(task.extract, name)
        for text, (extracted,) in zip(said, theirs.apply([[text] for text in said], [{}] * len(said)), strict=True):
            assert (ours(text) or "[invalid]") == extracted
            score = exact_match_hf_evaluate([extracted], [answer], regexes_to_ignore=ignore, ignore_case=True)
            assert task.same(ours(text), answer) == bool(score["exact_match"])
