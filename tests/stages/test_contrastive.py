"""The embedder: InfoNCE as in the papers, and a model whose vectors find what belongs together."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from resuming import assert_resumed_is_whole

from orrery.agents.embeddings import ModelEmbedder, embedder_for
from orrery.agents.index import Index, IndexSettings
from orrery.cli import main
from orrery.errors import ConfigError, DataError
from orrery.models.hf import save_model
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.stages.contrastive import ContrastiveConfig, ContrastiveStage, info_nce, read_passages
from orrery.tokenizers.bpe import BPE
from orrery.training.optim import OptimizerConfig
from orrery.training.stage import TrainConfig

THINGS = [f"{a}{b}" for a in ("ka", "mo", "ri", "tu", "be") for b in ("lan", "dor", "min", "sup", "gat")]
TRAIN = TrainConfig(steps=8, rows=2, precision="float32", optimizer=OptimizerConfig(kind="adamw", lr=3e-3))


def passages(count: int, seed: int = 0) -> list[str]:
    """Texts about two of 25 things each, whatever else they say."""
    rng = random.Random(seed)
    filler = "the old dog saw a red house and went by the river with some bread".split()
    found = []
    for _ in range(count):
        two = rng.sample(THINGS, 2)
        found.append(" ".join(rng.choice(two if rng.random() < 0.5 else filler) for _ in range(30)))
    return found


TOKENIZER = BPE.train(passages(400), 340)


def model() -> Transformer:
    config = TransformerConfig(TOKENIZER.vocab_size, width=32, layers=2, heads=2, kv_heads=2, head_width=16,
                               mlp_width=64, context=128)  # fmt: skip
    return Transformer(config, torch.Generator().manual_seed(0))


def stage(config: ContrastiveConfig | None = None, count: int = 400) -> ContrastiveStage:
    return ContrastiveStage(
        config or ContrastiveConfig(TRAIN, block=4, span=16), model(), TOKENIZER, passages(count), ""
    )


def test_the_loss_is_cross_entropy_both_ways() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (F.normalize(torch.randn(3, 5, 8, generator=generator), dim=-1) for _ in range(2))
    losses, found = info_nce(a, b, 0.1)
    for block in range(3):
        scores = a[block] @ b[block].T / 0.1
        for side, logits in enumerate((scores, scores.T)):
            expected = F.cross_entropy(logits, torch.arange(5), reduction="none")
            assert torch.allclose(losses[block, side], expected, atol=1e-5)
            assert torch.equal(found[block, side], logits.argmax(1) == torch.arange(5))


def test_spans_are_of_their_own_passage_and_begin_like_a_text() -> None:
    one = stage()
    batch = next(one.batches(None))
    assert batch.ids.shape[:3] == (2, 2, 4) and batch.rows == 2
    texts = {tuple(ids) for ids in one.ids}
    for row in range(2):
        for place in range(4):
            spans = [batch.ids[row, side, place, : batch.lengths[row, side, place]].tolist() for side in range(2)]
            assert all(span[0] == TOKENIZER.eos_id and 6 <= len(span) - 1 <= 16 for span in spans)
            within = [text for text in texts if all(contained(span[1:], text) for span in spans)]
            assert within, "both spans stand in one passage"


def contained(span: list[int], text: tuple[int, ...]) -> bool:
    return any(list(text[i : i + len(span)]) == span for i in range(len(text)))


def test_k_microbatches_are_one_batch() -> None:
    gradients = []
    for rows in (4, 1):
        one = stage(ContrastiveConfig(TrainConfig(rows=4, precision="float32"), block=4, span=16))
        batch = next(one.batches(None))
        denominators = one.denominators(batch)
        for part in batch.split(rows):
            one.loss(one.models, part, denominators)[0].backward()
        gradients.append([weight.grad for weight in one.model.parameters()])
    for whole, parts in zip(*gradients, strict=True):
        assert torch.allclose(whole, parts, atol=1e-5)


def test_a_resumed_run_is_the_run_that_was_never_stopped(tmp_path: Path) -> None:
    assert_resumed_is_whole(tmp_path, stage, TRAIN)


def test_padding_changes_no_vector() -> None:
    embedder = ModelEmbedder(model(), TOKENIZER)
    together = embedder.embed(["kalan", "kalan modor and the old dog by the river"])
    assert np.allclose(together[0], embedder.embed(["kalan"])[0], atol=1e-6)


def test_a_tuned_model_finds_what_belongs_together(tmp_path: Path) -> None:
    """As a user does it: files, `orrery embedder`, `orrery index --embedder`, a search that shares no word's place."""
    save_model(model(), tmp_path / "parent", tokenizer=TOKENIZER, eos_ids=[TOKENIZER.eos_id], card="")
    (tmp_path / "notes").mkdir()
    for number, text in enumerate(passages(300)):
        (tmp_path / "notes" / f"{number}.txt").write_text(text)
    words = ["embedder", "--model", str(tmp_path / "parent"), "--data", str(tmp_path / "notes"), "--steps", "80",
             "--contrastive.block", "8", "--contrastive.train.optimizer.lr", "0.003", "--root", str(tmp_path / "runs"),
             "--contrastive.train.precision", "float32"]  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0
    tuned, raw = tmp_path / "runs/embedder/embedder", tmp_path / "parent"
    found = {}
    for folder in (raw, tuned):
        with Index(tmp_path / f"{folder.name}.db", IndexSettings(embedder=str(folder))) as index:
            index.update([tmp_path / "notes"])
            hits = [index.search(f"{thing} {thing}", 3, "embedding") for thing in THINGS]
        found[folder] = np.mean([thing in hit.text for thing, some in zip(THINGS, hits, strict=True) for hit in some])
    assert found[tuned] > 0.4 and found[tuned] > found[raw] + 0.3, found
    assert embedder_for(str(tuned)).embed(["a", "b"]).shape == (2, 32)


def test_too_little_to_learn_from_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="too few"):
        stage(count=3)
    with pytest.raises(ConfigError, match="temperature"):
        ContrastiveConfig(temperature=0)
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match="UTF-8"):
        read_passages([tmp_path / "bad.txt"])
    assert read_passages([tmp_path]) == [], "in a folder it is passed over"
