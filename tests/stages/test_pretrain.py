"""Pretraining from text to a model folder that transformers reads, and on real text to a published loss."""

import json
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from resuming import assert_resumed_is_whole

from orrery.data.documents import Document
from orrery.data.mixture import Corpus
from orrery.data.packing import IGNORE
from orrery.data.shards import TokenShards
from orrery.data.world.conversations.conversation import exchange
from orrery.errors import ConfigError, DataError
from orrery.models.hf import load_model, load_tokenizer
from orrery.stages.pretrain import ModelShape, PretrainConfig, PretrainStage, pretrain
from orrery.tokenizers.bpe import BPE
from orrery.training.events import read_events
from orrery.training.runs import Run
from orrery.training.schedule import ScheduleConfig
from orrery.training.stage import TrainConfig

SMALL = ModelShape(width=32, layers=2, heads=2, kv_heads=1, head_width=16, mlp_width=64, context=64)
COLOURS = ("red", "green", "blue", "white", "black")


def sentences(count: int, start: int = 0) -> list[Document]:
    """Documents that are easy to learn: each thing has its one colour."""
    things = ("fox", "dog", "cat", "bird", "fish", "horse", "mouse", "bear")
    texts = [
        " ".join(f"The {things[(i * 7 + j) % 8]} is {COLOURS[(i * 7 + j) % 8 % 5]}." for j in range(1 + i % 4))
        for i in range(start, start + count)
    ]
    return [Document(text, "even" if i % 2 else "odd", bits=16.0) for i, text in enumerate(texts)]


@pytest.fixture(scope="module")
def tokenizer() -> BPE:
    return BPE.train([document.text for document in sentences(40)], 300)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, tokenizer: BPE) -> tuple[TokenShards, TokenShards]:
    folder = tmp_path_factory.mktemp("shards")
    return (
        TokenShards.write(folder / "train", sentences(300), tokenizer),
        TokenShards.write(folder / "held_out", sentences(40, start=1000), tokenizer),
    )


def config(steps: int, **changes: object) -> PretrainConfig:
    train = TrainConfig(
        steps=steps, rows=4, evaluate_every=20, sample_every=20, device="cpu", schedule=ScheduleConfig(warmup_steps=5)
    )
    return PretrainConfig(**{"shape": SMALL, "train": train, "evaluate_tokens": 200, **changes})  # type: ignore[arg-type]


def test_the_loss_is_the_papers(corpus: tuple[TokenShards, TokenShards], tokenizer: BPE) -> None:
    """Oracle: each document by itself, one forward pass, the mean over all predicted tokens of the batch."""
    stage = PretrainStage(config(1), corpus[0], None, tokenizer, None, (), "")
    batch = next(stage.batches(None))  # type: ignore[call-overload]
    loss, _ = stage.loss(stage.models, batch, stage.denominators(batch))
    nats, tokens = 0.0, 0
    for row in range(len(batch.ids)):
        for segment in range(int(batch.segments[row].max()) + 1):
            here = batch.segments[row] == segment
            logits = stage.model(batch.ids[row][here][None])[0]
            nats += F.cross_entropy(logits, batch.targets[row][here], reduction="sum").item()
            tokens += int(here.sum())
    assert loss.item() == pytest.approx(nats / tokens, rel=1e-5)
    assert batch.supervised == tokens > 200


def test_a_token_sees_earlier_documents_of_its_row_only_where_that_is_asked_for(
    corpus: tuple[TokenShards, TokenShards], tokenizer: BPE
) -> None:
    for across in (False, True):
        stage = PretrainStage(config(1, across_documents=across), *corpus, tokenizer, None, (), "")
        batch = next(iter(stage.batches(None)))
        assert int(batch.segments.max()) > 0
        segments = None if across else batch.segments
        expected = F.cross_entropy(
            stage.model(batch.ids, segments=segments).flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORE
        )
        loss, _ = stage.loss(stage.models, batch, stage.denominators(batch))
        torch.testing.assert_close(loss, expected)


def test_documents_may_come_before_all_others(
    tmp_path: Path, corpus: tuple[TokenShards, TokenShards], tokenizer: BPE
) -> None:
    first = TokenShards.write(tmp_path / "first", [Document("green green green green.", "copying")] * 40, tokenizer)
    stage = PretrainStage(config(40), corpus[0], None, tokenizer, first, (), "")
    batches = stage.batches(None)  # type: ignore[call-overload]
    seen: list[bool] = []
    while len(seen) < 200:
        batch = next(batches)
        for row in range(len(batch.ids)):
            for segment in range(int(batch.segments[row].max()) + 1):
                seen.append("green green" in tokenizer.decode(batch.ids[row][batch.segments[row] == segment].tolist()))
    assert seen == [True] * 40 + [False] * (len(seen) - 40)


def test_conversations_stand_between_the_documents_and_only_the_assistant_is_predicted(
    tmp_path: Path, corpus: tuple[TokenShards, TokenShards], tokenizer: BPE
) -> None:
    first = TokenShards.write(tmp_path / "first", [Document("green green green green.", "copying")] * 40, tokenizer)
    talk = [exchange("What is red?", "Nobody knows.")] * 200
    stage = PretrainStage(config(40), corpus[0], None, tokenizer, first, talk, "")
    batches = stage.batches(None)  # type: ignore[call-overload]
    predicted: list[str] = []
    for _ in range(40):
        batch = next(batches)
        talks = (batch.ids == tokenizer.im_start_id).any(dim=1)
        for row in talks.nonzero()[:, 0].tolist():
            for segment in range(int(batch.segments[row].max()) + 1):
                here = batch.segments[row] == segment
                if (batch.ids[row][here] == tokenizer.im_start_id).any():
                    targets = batch.targets[row][here]
                    predicted.append(tokenizer.decode(targets[targets != IGNORE].tolist()))
    assert len(predicted) > 20 and {text.replace("<|im_end|>", "").strip() for text in predicted} == {"Nobody knows."}
    assert stage.sequences.first == 40


def corpora(folder: Path, tokenizer: BPE) -> list[Corpus]:
    """Two, three parts to one; the second is read through several times."""
    made = []
    for name, texts, weight in (("many", sentences(200), 0.75), ("few", sentences(12, start=500), 0.25)):
        shards = TokenShards.write(folder / name / "tokens", texts, tokenizer)
        unseen = TokenShards.write(folder / name / "held_out", sentences(20, start=1000), tokenizer)
        made.append(Corpus(name, shards, weight, unseen))
    return made


def test_a_mixture_is_drawn_by_weight_and_measured_corpus_by_corpus(tmp_path: Path, tokenizer: BPE) -> None:
    stage = PretrainStage(config(1), corpora(tmp_path, tokenizer), None, tokenizer, None, (), "")
    batches = stage.batches(None)
    tokens = 0
    for _ in range(30):
        batch = next(batches)
        tokens += batch.tokens
        assert abs(batch.metrics["tokens/many"] - 0.75 * tokens) <= 64
    assert batch.metrics["epochs/few"] > 2 > batch.metrics["epochs/many"]
    measured = stage.evaluate(full=True)
    assert measured["bits_per_byte/few"] == pytest.approx(measured["bits_per_byte/many"]), "here they are the same text"
    assert measured["bits_per_byte"] == pytest.approx(measured["bits_per_byte/few"])
    assert len(stage.samples()) == 5, "from nothing, and two of each corpus"


def test_a_mixture_resumes_in_the_middle_of_its_epochs_bit_for_bit(tmp_path: Path, tokenizer: BPE) -> None:
    made, settings = corpora(tmp_path / "corpora", tokenizer), config(7)
    assert_resumed_is_whole(
        tmp_path, lambda: PretrainStage(settings, made, None, tokenizer, None, (), ""), settings.train
    )


def test_a_base_model_learns_and_its_folder_is_one_for_transformers(
    tmp_path: Path, corpus: tuple[TokenShards, TokenShards], tokenizer: BPE
) -> None:
    with Run.open("first", recipe={}, root=tmp_path) as run:
        result = pretrain(config(80), run, data=corpus[0], held_out=corpus[1], tokenizer=tokenizer)
    events = read_events(tmp_path / "first")
    losses = [e["values"]["loss"] for e in events if e["kind"] == "metric" and "loss" in e["values"]]
    assert abs(losses[0] - math.log(300)) < 0.3 and losses[-1] < 0.25 * losses[0]
    assert not [event for event in events if event["kind"] == "alarm"]
    bits = [e["values"]["bits_per_byte"] for e in events if "bits_per_byte" in e["values"]]
    assert len(bits) == 4 and bits[-1] == result.metrics["bits_per_byte"] < bits[0]
    assert {"floor_bits_per_byte", "bits_per_byte/odd", "floor_bits_per_byte/even"} <= set(result.metrics)
    samples = [event["values"] for event in events if event["kind"] == "sample"]
    assert {len(sample["prompt"]) > 0 for sample in samples} == {True, False} and all("text" in s for s in samples)

    assert result.folder == tmp_path / "first" / "base"
    generation = json.loads((result.folder / "generation_config.json").read_text())
    assert generation["eos_token_id"] in (tokenizer.eos_id, [tokenizer.eos_id])
    assert load_tokenizer(result.folder).encode("The fox") == tokenizer.encode("The fox")
    assert "first" in (result.folder / "README.md").read_text()
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(result.folder, dtype=torch.float32)
    ids = torch.tensor([[tokenizer.eos_id, *tokenizer.encode("The fox is")]])
    with torch.no_grad():
        torch.testing.assert_close(theirs(ids).logits, load_model(result.folder)(ids), atol=1e-4, rtol=1e-4)


def test_the_same_configuration_gives_the_same_run(
    tmp_path: Path, corpus: tuple[TokenShards, TokenShards], tokenizer: BPE
) -> None:
    def weights(name: str, seed: int) -> torch.Tensor:
        with Run.open(name, recipe={}, root=tmp_path) as run:
            result = pretrain(config(6, seed=seed), run, data=corpus[0], held_out=None, tokenizer=tokenizer)
        assert result.metrics == {}
        return load_model(result.folder).token_embedding.weight

    first, second, other = weights("a", 1), weights("b", 1), weights("c", 2)
    assert torch.equal(first, second) and not torch.equal(first, other)


def test_shards_of_another_tokenizer_are_refused(
    tmp_path: Path, corpus: tuple[TokenShards, TokenShards], tokenizer: BPE
) -> None:
    other = BPE.from_tokens([b"Th", b"The"])
    with Run.open("first", recipe={}, root=tmp_path) as run, pytest.raises(DataError, match="another tokenizer"):
        pretrain(config(6), run, data=corpus[0], held_out=None, tokenizer=other)


def test_a_shape_that_cannot_be_is_refused(corpus: tuple[TokenShards, TokenShards], tokenizer: BPE) -> None:
    with pytest.raises(ConfigError, match="kv_heads"):
        PretrainStage(config(1, shape=ModelShape(heads=4, kv_heads=3)), corpus[0], None, tokenizer, None, (), "")


@pytest.mark.slow
@pytest.mark.timeout(1800)  # two minutes of a core that is its own
@pytest.mark.real_data
def test_shakespeare_at_character_level_beats_nanogpts_published_loss(tmp_path: Path, real_data: Path) -> None:
    """nanoGPT's CPU setting (4 layers, 128 wide, context 64, 2,000 steps of 12 rows) reaches 1.88 nats a character."""
    text = (real_data / "tinyshakespeare.txt").read_text()
    cut = int(0.9 * len(text))
    characters = BPE.from_tokens([])  # a byte is a token
    data = TokenShards.write(tmp_path / "train", [Document(text[:cut])], characters)
    held_out = TokenShards.write(tmp_path / "held_out", [Document(text[cut:])], characters)
    settings = PretrainConfig(
        shape=ModelShape(context=64),
        train=TrainConfig(steps=2000, rows=12, device="cpu", log_every=50, evaluate_every=500, sample_every=500),
    )
    with Run.open("shakespeare", recipe={}, root=tmp_path) as run:
        result = pretrain(settings, run, data=data, held_out=held_out, tokenizer=characters)
    nats_a_character = result.metrics["bits_per_byte"] * math.log(2)
    assert nats_a_character <= 1.65, "nanoGPT's is 1.88; this was 1.57 when it was written"
