"""Tasks put to models: scores from likelihoods by hand, shots that never give the question away, honest intervals."""

import doctest
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import yaml

from orrery.data.documents import Document
from orrery.data.shards import TokenShards
from orrery.errors import ConfigError, DataError
from orrery.evals.tasks import Local, Paper, TasksConfig, read_papers, read_task, run, run_task, task
from orrery.evals.tasks.candidate import Prompted, Score
from orrery.evals.tasks.run import rate, share
from orrery.inference.engine import Engine
from orrery.training.held_out import HeldOut, measure, token_lengths
from tests.evals.tasks.lines import WORDS, write_lines


class Scripted:
    """A candidate that says and scores what it is told to."""

    def __init__(self, scores: Sequence[Sequence[Score]] = (), texts: Sequence[str] = (), chat: bool = False) -> None:
        self.told, self.texts, self.chat, self.cut, self.known = scores, texts, chat, 0, dict[str, object]()
        self.asked: list[Any] = []

    def scores(self, asked: Sequence[Prompted], on_progress: Any) -> list[list[Score]]:
        self.asked += asked
        return [list(scores) for scores in self.told]

    def write(self, prompts: Sequence[str], stop: Sequence[str], max_tokens: int, on_progress: Any) -> list[str]:
        self.asked += prompts
        return list(self.texts)

    def nats(self, documents: Sequence[str], ends: bool, on_progress: Any) -> list[float]:
        raise AssertionError("no documents are read here")


def things(folder: Path, **keys: Any) -> Path:
    """A multiple-choice task of our own, with three ways to count length."""
    task = {
        "name": "things", "version": 1, "kind": "multiple_choice", "format": "jsonl", "prompt": "{{ thing }} is",
        "choices": ["red", "{{ colour }}"], "right": "right",
        "metrics": {"acc": "none", "by_characters": "characters", "by_bytes": "bytes", "by_tokens": "tokens"},
    }  # fmt: skip
    (folder / "things.yaml").write_text(yaml.safe_dump(task | keys, sort_keys=False), encoding="utf-8")
    return folder / "things.yaml"


def rows(folder: Path, count: int) -> Path:
    return write_lines(
        folder / "rows.jsonl", [{"thing": f"Thing {i}", "colour": "größer", "right": 1} for i in range(count)]
    )


def test_each_metric_divides_by_its_own_length(tmp_path: Path) -> None:
    """red: 3 characters, 3 bytes, 1 token; größer: 6 characters, 8 bytes, 4 tokens."""
    paper = Paper.read(read_task(str(things(tmp_path))), rows(tmp_path, 1))
    shares = {}
    for nats in (-3.0, -6.5, -9.0, -15.0):
        result = run_task(paper, Scripted([[Score(-3.1, 1), Score(nats, 4)]]))
        shares[nats] = [metric.value for metric in result.metrics]
    assert shares == {-3.0: [1, 1, 1, 1], -6.5: [0, 0, 1, 1], -9.0: [0, 0, 0, 1], -15.0: [0, 0, 0, 0]}
    assert [metric.name for metric in result.metrics] == ["acc", "by_characters", "by_bytes", "by_tokens"]
    assert result.chance == 0.5
    assert result.answers[0]["nats"] == [-3.1, -15.0] and result.answers[0]["chosen"]["acc"] == 0


def test_a_choice_stands_behind_the_delimiter_but_begins_a_turn_of_its_own_in_a_chat(tmp_path: Path) -> None:
    paper = Paper.read(read_task(str(things(tmp_path))), rows(tmp_path, 1))
    for chat, texts in ((False, (" red", " größer")), (True, ("red", "größer"))):
        candidate = Scripted([[Score(-1, 1), Score(-2, 1)]], chat=chat)
        run_task(paper, candidate)
        assert candidate.asked == [Prompted("Thing 0 is", texts)]


def test_hellaswag_is_also_scored_as_llm_c_does(data: Path, engine: Engine) -> None:
    """Oracle: its dev/data/hellaswag.py encodes context and endings apart, and takes sum and mean of the losses."""
    result = run_task(Paper.read(read_task("hellaswag_llmc"), data / "hellaswag_val.jsonl"), Local(engine))
    chosen: dict[str, list[int]] = {"acc": [], "acc_norm": []}
    scenes = [json.loads(line) for line in (data / "hellaswag_val.jsonl").read_text().splitlines()]
    scenes = [scene for scene in scenes if len(scene["ctx"].split()) < 40]
    for scene in scenes:
        losses = []
        for ending in scene["endings"]:
            context, end = (engine.tokenizer.encode(text) for text in (scene["ctx"].rstrip(), " " + ending))
            ids = torch.tensor(context + end)
            with torch.no_grad():
                logits = engine.model(ids[None, :-1])[0, -len(end) :]
            losses.append(F.cross_entropy(logits, ids[-len(end) :], reduction="none"))
        chosen["acc"].append(int(np.argmin([loss.sum() for loss in losses])))
        chosen["acc_norm"].append(int(np.argmin([loss.mean() for loss in losses])))
    answers = [answer for answer in result.answers if len(answer["prompt"].split()) < 40]
    assert len(answers) == len(scenes) >= 5 and chosen["acc"] != chosen["acc_norm"]
    assert {name: [answer["chosen"][name] for answer in answers] for name in chosen} == chosen


def test_shots_are_worked_examples_and_never_the_question(tmp_path: Path) -> None:
    repeated = [{"thing": f"Thing {i % 5}", "colour": "blue", "right": 1} for i in range(15)]
    data, task = write_lines(tmp_path / "rows.jsonl", repeated), read_task(str(things(tmp_path, shots=4)))
    paper = Paper.read(task, data)
    for question in paper.questions:
        *shots, asked = question.prompt.split("\n\n")
        assert len(shots) == 4 and asked == f"Thing {question.row % 5} is"
        assert all(shot.endswith(" is blue") and not shot.startswith(asked) for shot in shots)
    prompts = [question.prompt for question in paper.questions]
    assert len({prompt.rsplit("\n\n", 1)[0] for prompt in prompts}) > 10
    assert [question.prompt for question in Paper.read(task, data).questions] == prompts
    assert [question.prompt for question in Paper.read(task, data, seed=1).questions] != prompts
    some = Paper.read(task, data, limit=3).questions
    assert [question.prompt for question in some] == [prompts[question.row] for question in some]


def test_first_shots_are_the_same_for_all_and_too_few_rows_are_refused(tmp_path: Path) -> None:
    data, task = rows(tmp_path, 4), read_task(str(things(tmp_path, pick="first")))
    prompts = [question.prompt for question in Paper.read(task, data, shots=2).questions]
    assert prompts[3] == "Thing 0 is größer\n\nThing 1 is größer\n\nThing 3 is"
    assert prompts[0] == "Thing 1 is größer\n\nThing 2 is größer\n\nThing 0 is"
    with pytest.raises(DataError, match="4 shots need 4 other rows; the data has 4 rows"):
        Paper.read(task, data, shots=4)


def test_in_a_folder_shots_come_from_the_training_split(data: Path) -> None:
    paper = Paper.read(read_task("gsm8k"), data / "gsm8k")
    assert len(paper.questions) == 6 and len(paper.data) == 2
    *shots, asked = paper.questions[0].prompt.split("\n\n")
    assert asked == "Question: test 0: how many?\nAnswer:" and len(shots) == 5
    assert all(shot.startswith("Question: train ") and "\n#### 1,0" in shot for shot in shots)


def test_what_is_written_is_searched_strictly_and_flexibly(data: Path) -> None:
    said = [" so\n#### 1,000", "The answer is 1001.", "#### 3 or 1,002", "$1,003.", "nothing", "#### 1005 and 7"]
    result = run_task(Paper.read(read_task("gsm8k"), data / "gsm8k"), Scripted(texts=said))
    assert [(metric.name, metric.value) for metric in result.metrics] == [("strict", 2 / 6), ("flexible", 4 / 6)]
    assert [answer["right"]["strict"] for answer in result.answers] == [True, False, False, False, False, True]
    assert result.answers[3]["found"] == {"strict": None, "flexible": "$1,003."}


def test_a_model_writes_up_to_the_first_stop(engine: Engine) -> None:
    local, prompts = Local(engine), [f"The {word}" for word in WORDS] + ["A dog " * 60]
    whole = local.write(prompts, (), 40, lambda done, total: None)
    assert local.cut == 1
    cut = local.write(prompts, ("t", "a"), 40, lambda done, total: None)
    assert cut == [re.split("[ta]", text)[0] for text in whole] != whole


def test_bits_per_byte_are_the_losses_over_the_bytes(tmp_path: Path, engine: Engine) -> None:
    """Oracle: each window of each document in one plain pass; and what training measures on the same documents."""
    texts = ["The cat sits. " * 30, "héllo 🌍", "A dog runs and opens the door, slowly."]
    write_lines(tmp_path / "texts.jsonl", [{"text": text} for text in texts])
    result = run_task(Paper.read(read_task("bits_per_byte"), tmp_path / "texts.jsonl"), Local(engine))
    nats, context, eos = 0.0, engine.context, engine.tokenizer.eos_id
    for text in texts:
        ids = torch.tensor([eos, *engine.tokenizer.encode(text), eos])
        for start in range(0, len(ids) - 1, context):
            window = ids[start : start + context + 1]
            with torch.no_grad():
                nats += F.cross_entropy(engine.model(window[None, :-1])[0], window[1:], reduction="sum").item()
    size = sum(len(text.encode()) for text in texts)
    (metric,) = result.metrics
    assert metric.n == 3 and metric.low < metric.value < metric.high
    assert metric.value == pytest.approx(nats / math.log(2) / size, rel=1e-5)
    shards = TokenShards.write(tmp_path / "shards", [Document(text) for text in texts], engine.tokenizer)
    trained = measure(engine.model, HeldOut.from_shards(shards), token_lengths(engine.tokenizer), context)
    assert metric.value == pytest.approx(trained["bits_per_byte"], rel=1e-5)


def test_a_limit_draws_the_same_questions_from_all_parts_of_the_data(tmp_path: Path) -> None:
    data, task = rows(tmp_path, 100), read_task(str(things(tmp_path)))
    drawn = [question.row for question in Paper.read(task, data, limit=10).questions]
    assert drawn == [question.row for question in Paper.read(task, data, limit=10, seed=5).questions] == sorted(drawn)
    assert len(set(drawn)) == 10 and max(drawn) > 50
    assert len(Paper.read(task, data, limit=1000).questions) == 100


def test_a_papers_data_is_one_for_each_task_or_one_for_all(data: Path) -> None:
    names, files = ["hellaswag", "arc_easy"], [data / "hellaswag_val.jsonl", data / "arc_test.jsonl"]
    assert [len(paper.questions) for paper in read_papers(names, files)] == [20, 20]
    assert [paper.data for paper in read_papers(["hellaswag", "hellaswag_llmc"], [data])] == [(str(files[0]),)] * 2
    with pytest.raises(ConfigError, match="3 files or folders for 2 tasks; .*hellaswag_val.jsonl of github.com"):
        read_papers(names, [*files, data])
    with pytest.raises(ConfigError, match="two tasks are called hellaswag: give each once"):
        read_papers(["hellaswag", "hellaswag"], [data])
    with pytest.raises(ConfigError, match="data without names: say which"):
        TasksConfig(data=(data,))
    with pytest.raises(ConfigError, match="--shots is 2: the task bits_per_byte has no shots"):
        read_papers(["bits_per_byte"], files[:1], shots=2)


def test_intervals_hold_what_they_promise() -> None:
    """Of 300 samples from a known share, about 95% of the intervals contain it; likewise for a rate."""
    generator = np.random.default_rng(0)
    inside = 0
    for _ in range(300):
        metric = share("acc", (generator.random(60) < 0.2).tolist())
        inside += metric.low <= 0.2 <= metric.high
        assert metric.low < metric.value < metric.high
    assert 0.92 <= inside / 300 <= 0.98
    assert share("acc", [True] * 9).high == 1.0 and share("acc", [True] * 9).low < 0.75
    sizes = generator.integers(50, 200, 100)
    amounts = sizes * 1.5 + generator.normal(0, 10, 100)
    metric = rate("bits", amounts, sizes)
    assert metric.low < 1.5 < metric.high and metric.error == pytest.approx(10 / sizes.mean() / 10, rel=0.3)


def test_the_examples_in_the_docstrings_are_true() -> None:
    for module in (run, task):
        results = doctest.testmod(module)
        assert results.failed == 0 and results.attempted > 0


def test_results_say_what_was_measured(data: Path, engine: Engine) -> None:
    result = run_task(Paper.read(read_task("arc_easy"), data / "arc_test.jsonl", shots=1, limit=4), Local(engine))
    said = json.loads(json.dumps(result.as_json()))
    task = read_task("arc_easy")
    assert said["fingerprint"] == task.fingerprint and said["version"] == task.version and said["shots"] == 1
    assert said["template"] == task.prompt and said["prompt"].count("Question: ") == 2
    assert said["data"] == [str(data / "arc_test.jsonl")] and said["metrics"][0]["n"] == 4 == len(result.answers)
