"""GSM8K end to end with a very small model: read, tuned on with the calculator, trained on by GRPO.

No accuracy is expected at this size; that every part fits the next one is.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orrery.training.events import read_events

ORRERY = [sys.executable, "-c", "from orrery.cli import main; main()"]


def run(*words: str, cwd: Path) -> None:
    done = subprocess.run([*ORRERY, *words], cwd=cwd, capture_output=True, text=True, timeout=550)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.real_data
def test_grpo_on_gsm8k(tmp_path: Path, real_data: Path) -> None:
    problems = str(real_data / "gsm8k_train.jsonl")
    rows = [json.loads(line) for line in Path(problems).read_text(encoding="utf-8").splitlines()]
    text = "".join(json.dumps({"text": f"{row['question']}\n{row['answer']}"}) + "\n" for row in rows)
    (tmp_path / "text.jsonl").write_text(text, encoding="utf-8")
    run("pretrain", "--data", "text.jsonl", "--vocab-size", "1024", "--shape.width", "64", "--shape.layers", "2",
        "--shape.heads", "2", "--shape.kv-heads", "2", "--shape.mlp-width", "192", "--shape.context", "1024",
        "--train.steps", "150", "--train.rows", "4", cwd=tmp_path)  # fmt: skip
    run("sft", "--model", "runs/pretrain/base", "--data", problems, "--run", "tuned", "--sft.train.steps", "200",
        "--sft.train.rows", "4", cwd=tmp_path)  # fmt: skip
    run("grpo", "--model", "runs/tuned/sft", "--data", problems, "--run", "solved", "--tools", "--steps", "20",
        "--reward", "numeric", "--reward", "marked=0.2", "--reward", "ended=0.1", cwd=tmp_path)  # fmt: skip
    events = read_events(tmp_path / "runs" / "solved")
    steps = [
        event["values"] for event in events if event["stage"] == "grpo" and "rewards/marked/mean" in event["values"]
    ]
    assert len(steps) == 20
    assert all(0 <= step["rewards/marked/mean"] <= step["rewards/numeric/mean"] <= 1 for step in steps)
    assert (tmp_path / "runs" / "solved" / "grpo" / "model.safetensors").exists()
    samples = [event["values"]["text"] for event in events if event["kind"] == "sample"]
    assert samples
