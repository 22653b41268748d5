"""Fine-tuning: only what the assistant says is learned, from conversations of one's own too."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from orrery.data.documents import Document
from orrery.data.packing import IGNORE, packed_once
from orrery.data.shards import TokenShards
from orrery.errors import CheckpointError, DataError
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.models.hf import load_model, load_tokenizer, save_model
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.stages.conversations import questions, render_all
from orrery.stages.sft import REPLAY_SHARE, SFTConfig, SFTStage, read_conversations, sft, with_replay
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import render
from orrery.training.events import read_events
from orrery.training.optim import OptimizerConfig
from orrery.training.runs import Run
from orrery.training.stage import TrainConfig

CAPITALS = {"France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Japan": "Tokyo", "Peru": "Lima", "Cuba": "Havana"}


def ask(country: str) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": f"Capital of {country}?"},
        {"role": "assistant", "content": f"It is {CAPITALS[country]}."},
    ]


@pytest.fixture(scope="module")
def tokenizer() -> BPE:
    return BPE.train([message["content"] for country in CAPITALS for message in ask(country)] * 3, 300)


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory, tokenizer: BPE) -> Path:
    shape = TransformerConfig(
        tokenizer.vocab_size, width=48, layers=2, heads=2, kv_heads=1, head_width=16, mlp_width=64, context=64
    )
    folder = tmp_path_factory.mktemp("parent") / "base"
    model = Transformer(shape, torch.Generator().manual_seed(0))
    save_model(model, folder, tokenizer=tokenizer, eos_ids=[tokenizer.eos_id])
    return folder


def config(steps: int, lr: float = 5e-3, **changes: Any) -> SFTConfig:
    optimizer = OptimizerConfig(kind="adamw", lr=lr)
    train = TrainConfig(
        steps=steps, rows=2, optimizer=optimizer, device="cpu", evaluate_every=50, sample_every=0, **changes
    )
    return SFTConfig(train=train)


def stage_on(conversations: list[Any], parent: Path, steps: int = 1) -> SFTStage:
    return SFTStage(config(steps), load_model(parent), load_tokenizer(parent), conversations, [], None, "")


def test_documents_are_read_again_between_the_conversations(tmp_path: Path, parent: Path, tokenizer: BPE) -> None:
    texts = [f"{country} has {CAPITALS[country]}." for country in CAPITALS] * 20
    shards = TokenShards.write(tmp_path / "tokens", [Document(text, "facts") for text in texts], tokenizer)
    spoken = [ask(country) for country in CAPITALS] * 6
    stage = SFTStage(config(1), load_model(parent), tokenizer, spoken, [], shards, "")
    both, talk = stage.sequences, stage.rendered.sequences
    assert len(talk.tokens) / len(both.tokens) == pytest.approx(1 - REPLAY_SHARE, abs=0.03)
    assert both.trained is not None and talk.trained is not None
    assert np.array_equal(both.trained[: len(talk.tokens)], talk.trained) and both.trained[len(talk.tokens) :].all()
    read = [
        tokenizer.decode(both.tokens[start + 1 : stop - 1].tolist())
        for start, stop in zip(both.starts[len(spoken) :], both.stops[len(spoken) :], strict=True)
    ]
    assert len(read) > 20 and set(read) <= set(texts)
    batch = next(stage.batches(None))  # type: ignore[call-overload]
    assert batch.supervised > 0
    few = with_replay(talk, TokenShards.write(tmp_path / "few", [Document("Peru.", "x")], tokenizer), 0.5, 0)
    assert len(few.starts) <= len(talk.starts) + 1


def test_the_loss_is_that_of_the_assistants_tokens_alone(parent: Path) -> None:
    """Oracle: each conversation by itself, log-probabilities of the tokens that `render` marks, their mean."""
    conversations = [ask(country) for country in CAPITALS]
    stage = stage_on(conversations, parent)
    batches = list(packed_once(stage.rendered.sequences, context=64, rows=100))
    (batch,) = batches
    loss, _ = stage.loss(stage.models, batch, stage.denominators(batch))
    nats, tokens = 0.0, 0
    for messages in conversations:
        rendered = render(messages, stage.tokenizer)
        ids, mask = torch.tensor(rendered.ids), torch.tensor(rendered.mask)
        losses = F.cross_entropy(stage.model(ids[None, :-1])[0], ids[1:], reduction="none").detach()
        nats += losses[mask[1:]].sum().item()
        tokens += int(mask.sum())
    assert loss.item() == pytest.approx(nats / tokens, rel=1e-5)


def test_what_is_trained_on_reads_as_the_assistants_words(parent: Path, tokenizer: BPE) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        *ask("Peru"),
        {"role": "user", "content": "Thanks"},
        {"role": "assistant", "content": "Yes."},
    ]
    (batch,) = packed_once(render_all([messages], tokenizer, 128).sequences, context=128, rows=4)
    trained = batch.targets[batch.targets != IGNORE].tolist()
    assert tokenizer.decode(trained) == "It is Lima.<|im_end|>Yes.<|im_end|>"


def test_an_assistant_learns_its_answers_and_ends_its_turn(tmp_path: Path, parent: Path) -> None:
    conversations = [ask(country) for country in CAPITALS] * 20
    with Run.open("mine", recipe={}, root=tmp_path) as run:
        result = sft(config(150), run, parent=parent, conversations=conversations)
    assert result.folder == tmp_path / "mine" / "sft"
    assert result.metrics["held_out_loss"] < 0.1 and "bits_per_byte" in result.metrics
    generation = json.loads((result.folder / "generation_config.json").read_text())
    tokenizer = load_tokenizer(result.folder)
    assert generation["eos_token_id"] == [tokenizer.eos_id, tokenizer.im_end_id]
    engine = Engine(load_model(result.folder), tokenizer)
    replies = engine.chat([ask(country)[:1] for country in CAPITALS], Sampling(max_tokens=20))
    assert [reply[-1]["content"] for reply in replies] == [f"It is {capital}." for capital in CAPITALS.values()]
    events = read_events(tmp_path / "mine")
    assert not [event for event in events if event["kind"] == "alarm"]
    samples = [event["values"] for event in events if event["kind"] == "sample"]
    assert samples[0]["prompt"].startswith("Capital of") and samples[0]["text"].startswith("It is")


def test_epochs_decide_the_steps(tmp_path: Path, parent: Path) -> None:
    conversations = [ask(country) for country in CAPITALS] * 20
    settings = SFTConfig(train=config(999).train, epochs=2.0)
    with Run.open("mine", recipe={}, root=tmp_path) as run:
        result = sft(settings, run, parent=parent, conversations=conversations, held_out=[])
    tokens = sum(len(render(messages, load_tokenizer(parent)).ids) - 1 for messages in conversations)
    assert result.steps == math.ceil(2 * tokens / (2 * 64))
    assert result.tokens == pytest.approx(2 * tokens, rel=0.15)


def test_a_resumed_tuning_is_the_undisturbed_one(tmp_path: Path, parent: Path) -> None:
    conversations = [ask(country) for country in CAPITALS] * 5
    settings = config(12, checkpoint_every=4, checkpoint_seconds=0.0)
    for name, stop in (("whole", None), ("stopped", 6)):
        with Run.open(name, recipe={}, root=tmp_path) as run:
            if stop:

                def raise_at(event: Any, stop: int = stop) -> None:
                    if event["kind"] == "metric" and event["step"] == stop:
                        raise ZeroDivisionError

                run.events.listeners.append(raise_at)
                with pytest.raises(ZeroDivisionError):
                    sft(settings, run, parent=parent, conversations=conversations, held_out=[])
                run.events.listeners.clear()
            sft(settings, run, parent=parent, conversations=conversations, held_out=[], resume="auto")
    losses = [
        [event["values"]["loss"] for event in read_events(tmp_path / name) if "loss" in event["values"]]
        for name in ("whole", "stopped")
    ]
    assert losses[0] == losses[1] and len(losses[0]) == 12


def test_conversations_longer_than_the_context_are_cut_and_counted(
    tmp_path: Path, parent: Path, tokenizer: BPE
) -> None:
    long_answer = [ask("Peru")[0], {"role": "assistant", "content": "It is Lima. " * 40}]
    long_question = [{"role": "user", "content": "Capital of Peru? " * 40}, ask("Peru")[1]]
    rendered = render_all([ask("Cuba"), long_answer, long_question], tokenizer, 64)
    assert (rendered.cut, rendered.dropped) == (2, 1)
    assert (rendered.sequences.stops - rendered.sequences.starts).max() == 65
    with Run.open("mine", recipe={}, root=tmp_path) as run:
        sft(config(1), run, parent=parent, conversations=[ask("Cuba"), long_answer, long_question])
    alarms = [e["values"]["message"] for e in read_events(tmp_path / "mine") if e["kind"] == "alarm"]
    assert alarms[0].startswith("of 3 conversations 2 are longer than the context of 64 tokens and were cut; 1 had")


def test_nothing_to_train_on_is_an_error(parent: Path) -> None:
    with pytest.raises(DataError, match="none of the 1 conversations has an assistant's message within 64 tokens"):
        stage_on([[{"role": "user", "content": "Hello?"}]], parent)


def test_a_parent_that_is_no_model_is_an_error(tmp_path: Path) -> None:
    with Run.open("mine", recipe={}, root=tmp_path) as run, pytest.raises(CheckpointError):
        sft(config(1), run, parent=tmp_path, conversations=[ask("Peru")])


def test_a_tokenizer_with_more_tokens_than_the_model_is_an_error(parent: Path) -> None:
    other = BPE.from_tokens([bytes([97, letter]) for letter in range(97, 97 + 46)])
    with pytest.raises(CheckpointError, match="310 tokens and the model 300: they do not belong together"):
        SFTStage(config(1), load_model(parent), other, [ask("Peru")], [], None, "")


def test_a_shorter_context_than_the_models_cuts_rows_and_conversations(parent: Path, tokenizer: BPE) -> None:
    conversations = [ask(country) for country in CAPITALS]
    stage = SFTStage(
        replace(config(1), context=32), load_model(parent), tokenizer, conversations, conversations, None, ""
    )
    batch = next(stage.batches(None))  # type: ignore[call-overload]
    assert batch.ids.shape == (2, 32)
    assert math.isfinite(stage.evaluate(full=True)["held_out_loss"])


def test_samples_ask_the_first_questions_that_fit(tokenizer: BPE) -> None:
    system = {"role": "system", "content": "Be brief."}
    too_long = [{"role": "user", "content": "Capital of Peru? " * 40}, ask("Peru")[1]]
    found = questions([too_long, [system, *ask("Cuba")], [system], *map(ask, CAPITALS)], tokenizer, most=2, tokens=60)
    assert found == [[system, ask("Cuba")[0]], ask("France")[:1]]


def test_conversations_are_read_from_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"messages": ask(c), "id": 7}) for c in ("Peru", "Cuba")))
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.jsonl").write_text(json.dumps({"messages": ask("Japan")}) + "\n\n")
    assert read_conversations([tmp_path / "a.jsonl", str(tmp_path / "more")]) == [*map(ask, ("Peru", "Cuba", "Japan"))]


def test_tools_of_a_line_are_described_in_its_system_turn(tmp_path: Path, tokenizer: BPE) -> None:
    schema = {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {}}}
    told = [{"role": "system", "content": "Be brief."}, *ask("Cuba")]
    rows = [{"messages": ask("Peru"), "tools": [schema]}, {"messages": told, "tools": [schema]}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for read, messages in zip(read_conversations([tmp_path / "a.jsonl"]), (ask("Peru"), told), strict=True):
        assert render(read, tokenizer) == render(messages, tokenizer, tools=[schema])
    (tmp_path / "a.jsonl").write_text(json.dumps({"messages": ask("Peru"), "tools": [{"name": "look"}]}))
    with pytest.raises(DataError, match='line 1: field "tools" must be a list'):
        read_conversations([tmp_path / "a.jsonl"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"chats.jsonl line 2: not JSON: .* at column 1"),
        ("[]", r'chats.jsonl line 2: field "messages" is missing'),
        ('{"messages": "hi"}', r'chats.jsonl line 2: field "messages" is missing or no list'),
        ('{"messages": [{"role": "user", "content": "hi"}]}', r"chats.jsonl line 2: .*assistant"),
        ('{"messages": [{"role": "robot", "content": "hi"}]}', r"chats.jsonl line 2: messages\[0\].role is 'robot'"),
        (
            '{"messages": [{"role": "user", "content": 3}]}',
            r"chats.jsonl line 2: messages\[0\].content must be a string",
        ),
    ],
)
def test_a_malformed_conversation_is_an_error_that_names_file_line_and_field(
    tmp_path: Path, line: str, message: str
) -> None:
    (tmp_path / "chats.jsonl").write_text(json.dumps({"messages": ask("Peru")}) + "\n" + line + "\n")
    with pytest.raises(DataError, match=message):
        read_conversations([tmp_path / "chats.jsonl"])


def test_files_that_cannot_be_read_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        read_conversations([tmp_path / "chats.jsonl"])
    with pytest.raises(DataError, match=r"holds no .jsonl file"):
        read_conversations([tmp_path])
    (tmp_path / "chats.jsonl").write_text("\n")
    with pytest.raises(DataError, match="no conversation in"):
        read_conversations([tmp_path / "chats.jsonl"])
    (tmp_path / "chats.jsonl").write_bytes(b'{"messages": "\xff"}')
    with pytest.raises(DataError, match="line 1: byte 14 .* is not UTF-8"):
        read_conversations([tmp_path / "chats.jsonl"])
