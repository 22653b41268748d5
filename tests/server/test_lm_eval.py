"""lm_eval, the harness behind published scores, gets from the server the very numbers that the engine computes.

Its real command, offline, on tasks and documents that are written here; the chat template and the tokenizer are those
of the model folder, read by transformers.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from tests.inference.assistant import ANSWERS, Assistant, user
from tests.server.running import Running

GREETING = ANSWERS["Greet the world"][0]["content"]  # of characters that are several tokens each
CHOICES: list[dict[str, Any]] = [
    {"question": "Hi", "choices": ["Goodbye.", "Hello.", "Hello. You"], "answer": 1},
    {"question": "Greet the world", "choices": [GREETING, "Hello 🌍", "你好!"], "answer": 0},
    {"question": "Greet the world", "choices": ["Hello.", GREETING], "answer": 0},  # what the model gets wrong
    {"question": "Nobody has taught it this", "choices": ["84", "They are 3 and 7.", "Hello."], "answer": 2},
]
BEGUN: list[dict[str, Any]] = [
    {"question": "Hi", "begun": "H", "choices": ["ello.", "i."], "answer": 0},
    {"question": "Greet the world", "begun": "H", "choices": ["ello.", GREETING[1:], "éllo!"], "answer": 1},
]
QUESTIONS = [{"question": question} for question in ("Hi", "Greet the world", "What is 12 times 7?", "Say more")]
TEXTS = [{"text": "Héllo world 🌍, 你好! <tool_call> 12*7"}, {"text": "Ask the moon, step by step.\n\nTwo sums"}]
TASKS: dict[str, tuple[list[dict[str, Any]], str]] = {  # name: documents, what is done with them
    "choose": (
        CHOICES,
        "{output_type: multiple_choice, doc_to_text: '{{question}}', doc_to_choice: '{{choices}}', "
        "doc_to_target: '{{answer}}', target_delimiter: '', metric_list: [{metric: acc}]}",
    ),
    "finish": (
        BEGUN,
        "{output_type: multiple_choice, doc_to_text: '{{question}}', gen_prefix: '{{begun}}', doc_to_choice: "
        "'{{choices}}', doc_to_target: '{{answer}}', target_delimiter: '', metric_list: [{metric: acc}]}",
    ),
    "write": (
        QUESTIONS,
        "{output_type: generate_until, doc_to_text: '{{question}}', doc_to_target: '', metric_list: "
        '[{metric: exact_match}], generation_kwargs: {until: ["\\n"], max_gen_toks: 40, do_sample: false}}',
    ),
    "read": (
        TEXTS,
        "{output_type: loglikelihood_rolling, doc_to_text: '', doc_to_target: '{{text}}', "
        "metric_list: [{metric: bits_per_byte}]}",
    ),
}


@dataclass(frozen=True)
class Report:
    """What lm_eval has written: the scores of each task, and what each of its documents got."""

    scores: dict[str, dict[str, Any]]
    samples: dict[str, list[dict[str, Any]]]


def lm_eval(server: Running, folder: Path, work: Path, tasks: Sequence[str], options: Sequence[str]) -> Report:
    """Write the tasks into `work`, and run lm_eval on them as a person does."""
    for name in tasks:
        documents, task = TASKS[name]
        lines = [json.dumps(document) for document in documents]
        (work / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
        head = f"task: {name}, dataset_path: json, test_split: test, "
        files = f"dataset_kwargs: {{data_files: {{test: {work / f'{name}.jsonl'}}}}}, "
        (work / f"{name}.yaml").write_text("{" + head + files + task[1:], encoding="utf-8")
    arguments = f"model={folder.name},base_url={server.url}/v1/completions,max_length=256,max_retries=1"
    command = [
        sys.executable, "-m", "lm_eval", "run", "--model", "local-completions",
        "--model_args", ",".join([arguments, *options]), "--include_path", str(work), "--tasks", ",".join(tasks),
        "--output_path", str(work / "out"), "--log_samples", "--batch_size", "2",
    ]  # fmt: skip
    if "tokenizer_backend=None" not in options:
        command.append("--apply_chat_template")
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(work / "hf")}
    ended = subprocess.run(command, env=os.environ | offline, cwd=work, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    (results,) = (work / "out").rglob("results_*.json")
    samples = {}
    for name in tasks:
        (path,) = (work / "out").rglob(f"samples_{name}_*.jsonl")
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        samples[name] = sorted(rows, key=lambda row: row["doc_id"])
        assert len(rows) == len(TASKS[name][0])
    return Report(json.loads(results.read_text(encoding="utf-8"))["results"], samples)


@pytest.fixture(scope="module")
def report(server: Running, folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """lm_eval with the tokenizer of the model folder, four requests of two prompts at a time."""
    options = [f"tokenizer={folders / 'sft'}", "tokenizer_backend=huggingface", "num_concurrent=4"]
    return lm_eval(server, folders / "sft", tmp_path_factory.mktemp("lm_eval"), list(TASKS), options)


@pytest.fixture(scope="module")
def engine(assistant: Assistant) -> Engine:
    """The model that is served."""
    return assistant.engine()


def likelihoods(engine: Engine, document: dict[str, Any]) -> list[float]:
    """How likely the engine holds each choice, with the newline before it: lm_eval counts that to the answer."""
    prompt = engine.prompt([user(document["question"])])
    choices = [engine.tokenizer.encode(choice) for choice in document["choices"]]
    scores = engine.logprobs([prompt + choice for choice in choices])
    return [score[-len(choice) - 1 :].sum().item() for score, choice in zip(scores, choices, strict=True)]


def test_the_likelihood_of_every_choice_is_the_engines(report: Report, engine: Engine) -> None:
    for document, sample in zip(CHOICES, report.samples["choose"], strict=True):
        found = [float(response[0][0]) for response in sample["resps"]]
        assert found == pytest.approx(likelihoods(engine, document), abs=1e-3)


def test_its_accuracy_is_what_these_likelihoods_give(report: Report, engine: Engine) -> None:
    right = []
    for document in CHOICES:
        scores = likelihoods(engine, document)
        right.append(scores.index(max(scores)) == document["answer"])
    assert right[:3] == [True, True, False]
    assert report.scores["choose"]["acc,none"] == pytest.approx(sum(right) / len(right))


def test_it_sees_which_ends_of_an_answer_the_model_would_write_itself(report: Report, engine: Engine) -> None:
    tokenizer, seen = engine.tokenizer, []
    for document, sample in zip(BEGUN, report.samples["finish"], strict=True):
        prompt = engine.prompt([user(document["question"])]) + tokenizer.encode(document["begun"])
        for choice, (response,) in zip(document["choices"], sample["resps"], strict=True):
            ids = tokenizer.encode(choice)
            (written,) = engine.generate([prompt], Sampling(max_tokens=len(ids)))
            (score,) = engine.logprobs([prompt + ids])
            assert float(response[0]) == pytest.approx(score[-len(ids) :].sum().item(), abs=1e-3)
            seen.append(response[1] == "True")
            assert seen[-1] == (written.ids == ids)
    assert seen == [True, False, False, True, False]
    assert report.scores["finish"]["acc,none"] == 1.0


def test_what_it_lets_the_model_write_is_what_the_engine_writes(report: Report, engine: Engine) -> None:
    written = engine.generate(
        [engine.prompt([user(document["question"])]) for document in QUESTIONS], Sampling(max_tokens=40, stop=("\n",))
    )
    assert [sample["resps"][0][0] for sample in report.samples["write"]] == [completion.text for completion in written]
    assert [completion.text for completion in written][:2] == ["Hello.", GREETING.split("\n")[0]]


def test_the_likelihood_of_whole_documents_is_the_engines(report: Report, engine: Engine) -> None:
    tokenizer = engine.tokenizer
    scores = engine.logprobs([[tokenizer.eos_id, *document_ids(engine, document["text"])] for document in TEXTS])
    found = [float(sample["resps"][0][0]) for sample in report.samples["read"]]
    assert found == pytest.approx([score.sum().item() for score in scores], abs=1e-3)


def document_ids(engine: Engine, text: str) -> list[int]:
    """The ids of a text as transformers makes them, to which `<tool_call>` is a token wherever it stands."""
    before, call, after = text.partition("<tool_call>")
    tokenizer = engine.tokenizer
    return [*tokenizer.encode(before), *([tokenizer.id_of(call)] if call else []), *tokenizer.encode(after)]


@pytest.mark.slow
def test_without_a_tokenizer_texts_are_sent_and_go_on_as_documents(
    server: Running, folders: Path, engine: Engine, tmp_path: Path
) -> None:
    options = ["tokenizer_backend=None", "tokenized_requests=False", "eos_string=<|endoftext|>"]
    report = lm_eval(server, folders / "sft", tmp_path, ["write"], options)
    prompts = [[engine.tokenizer.eos_id, *engine.tokenizer.encode(document["question"])] for document in QUESTIONS]
    written = engine.generate(prompts, Sampling(max_tokens=40, stop=("\n",)))
    assert [sample["resps"][0][0] for sample in report.samples["write"]] == [completion.text for completion in written]
