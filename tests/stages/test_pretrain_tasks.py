"""Tasks that a base model sits while it is trained: as often as asked, with the scores that its folder gets."""

import json
from pathlib import Path
from typing import Any

import pytest

from orrery.data.documents import Document
from orrery.data.shards import TokenShards
from orrery.errors import ConfigError
from orrery.evals.tasks import Local, TasksConfig, run_task
from orrery.inference.engine import Engine
from orrery.stages.pretrain import ModelShape, PretrainConfig, PretrainStage, pretrain
from orrery.tokenizers.bpe import BPE
from orrery.training.events import read_events
from orrery.training.runs import Run
from orrery.training.stage import TrainConfig

SHAPE = ModelShape(width=32, layers=1, heads=2, kv_heads=1, head_width=16, mlp_width=64, context=32)
TEXTS = [f"The {thing} is {colour}." for thing, colour in (("fox", "red"), ("sea", "blue"), ("leaf", "green"))] * 40


@pytest.fixture
def tasks(tmp_path: Path) -> TasksConfig:
    """What colour a thing has; every second evaluation."""
    lines = [{"thing": text[4:-1].split()[0], "right": i} for i, text in enumerate(TEXTS[:3])]
    (tmp_path / "colours.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "colours.yaml").write_text(
        "{name: colours, version: 1, kind: multiple_choice, format: jsonl, prompt: 'The {{ thing }} is', "
        "choices: [red., blue., green.], right: right, metrics: {acc: none, acc_norm: tokens}}"
    )
    return TasksConfig((str(tmp_path / "colours.yaml"),), (tmp_path / "colours.jsonl",), every=2)


@pytest.fixture(scope="module")
def tokenizer() -> BPE:
    return BPE.train(TEXTS, 280, workers=1)


@pytest.fixture
def data(tmp_path: Path, tokenizer: BPE) -> TokenShards:
    return TokenShards.write(tmp_path / "tokens", [Document(text) for text in TEXTS], tokenizer)


def test_scores_stand_beside_the_loss_and_are_those_of_the_folder(
    tmp_path: Path, tasks: TasksConfig, tokenizer: BPE, data: TokenShards
) -> None:
    train = TrainConfig(steps=150, rows=8, evaluate_every=30, sample_every=0, device="cpu")
    with Run.open("run", recipe={}, root=tmp_path) as run:
        result = pretrain(PretrainConfig(SHAPE, train, tasks=tasks), run, data=data, held_out=data, tokenizer=tokenizer)
    found = {
        event["step"]: event["values"]
        for event in read_events(tmp_path / "run")
        if event["kind"] == "metric" and "held_out_loss" in event["values"]
    }
    assert [step for step, values in found.items() if "colours/acc_norm" in values] == [60, 120, 150]
    assert list(found) == [30, 60, 90, 120, 150]
    (paper,) = tasks.papers()
    scores = run_task(paper, Local(Engine.load(result.folder))).metrics
    assert {f"colours/{metric.name}": metric.value for metric in scores} == {
        name: value for name, value in result.metrics.items() if name.startswith("colours/")
    }
    assert result.metrics["colours/acc"] == 1.0


def test_their_turn_comes_at_the_same_evaluation_after_a_resume(
    tasks: TasksConfig, tokenizer: BPE, data: TokenShards
) -> None:
    def stage(state: dict[str, Any] | None) -> PretrainStage:
        made = PretrainStage(PretrainConfig(SHAPE, tasks=tasks), data, None, tokenizer, None, (), "")
        made.batches(state)
        return made

    whole, first = stage(None), stage(None)
    expected = [sorted(whole.evaluate(full=False)) for _ in range(4)]
    assert expected == [[], ["colours/acc", "colours/acc_norm"]] * 2
    found = [sorted(first.evaluate(full=False))]
    again = stage(first.state_dict())
    assert found + [sorted(again.evaluate(full=False)) for _ in range(3)] == expected


def test_what_cannot_be_is_refused_before_anything_is_trained(tmp_path: Path, tasks: TasksConfig) -> None:
    with pytest.raises(ConfigError, match="every is 0"):
        TasksConfig(every=0)
    with pytest.raises(ConfigError, match="0 files or folders for 1 tasks"):
        TasksConfig(tasks.names).papers()
    assert TasksConfig().papers() == []
