"""Mixtures: each corpus has its share of the tokens at every moment, epochs of its own, and a cursor that goes on."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from orrery.data import packing
from orrery.data.documents import Document
from orrery.data.mixture import Corpus, Mixture
from orrery.data.packing import Batch, PackedBatches
from orrery.data.shards import TokenShards
from orrery.errors import ConfigError, DataError
from orrery.tokenizers.bpe import BPE

CONTEXT = 64
WEIGHTS = {"web": 0.65, "code": 0.25, "rare": 0.1}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> list[Corpus]:
    """Three of different sizes and lengths; a byte is a token, and each corpus has a letter of its own."""
    folder, bytes_ = tmp_path_factory.mktemp("mixture"), BPE.from_tokens([])
    lengths = np.random.default_rng(0)
    made = []
    for (name, weight), count in zip(WEIGHTS.items(), (400, 120, 10), strict=True):
        texts = [Document(name[0] * int(lengths.integers(5, 150)), name) for _ in range(count)]
        made.append(Corpus(name, TokenShards.write(folder / name, texts, bytes_), weight))
    return made


def mixed(corpora: list[Corpus], rows: int = 8, seed: int = 3) -> Mixture:
    return Mixture(corpora, context=CONTEXT, rows=rows, seed=seed)


def letters(batch: Batch) -> dict[str, int]:
    """Positions of each corpus in a batch: what its documents say, their beginnings (which read a boundary) too."""
    found = {}
    for name in WEIGHTS:
        own = (batch.ids == ord(name[0])).any(1)
        found[name] = int((batch.segments[own] >= 0).sum())
    return found


def test_after_every_batch_each_corpus_has_its_share_of_the_tokens(corpora: list[Corpus]) -> None:
    batches, counted = mixed(corpora), dict.fromkeys(WEIGHTS, 0)
    for _ in range(60):
        batch = next(batches)
        for name, tokens in letters(batch).items():
            counted[name] += tokens
        total = sum(counted.values())
        for name, weight in WEIGHTS.items():
            assert batch.metrics[f"tokens/{name}"] == counted[name]
            assert -2 * weight * CONTEXT <= counted[name] - weight * total <= CONTEXT
        assert total == batches.metrics()["tokens/web"] + counted["code"] + counted["rare"]
    assert total > 20_000


def test_weights_need_not_add_up_to_one(corpora: list[Corpus]) -> None:
    tenfold = [Corpus(corpus.name, corpus.shards, 10 * corpus.weight) for corpus in corpora]
    assert torch.equal(next(mixed(corpora)).ids, next(mixed(tenfold)).ids)


def test_a_small_corpus_begins_anew_in_another_order_while_others_go_on(corpora: list[Corpus]) -> None:
    rare, seen = corpora[2].shards, []
    batches = mixed(corpora, rows=1)
    while batches.metrics()["epochs/rare"] < 3:
        batch = next(batches)
        owners = batch.sequences[(batch.ids == ord("r")) & (batch.segments >= 0)].unique_consecutive() - 520
        seen += owners.tolist()
    assert batches.metrics()["epochs/web"] < 1 and batches.state_dict()["rare"]["rows"]["epoch"] >= 2
    assert {owner for owner in seen} == set(range(len(rare)))
    epochs = _epochs([owner for owner, after in pairwise([*seen, -1]) if owner != after], len(rare))
    assert len(epochs) >= 2 and epochs[0] != epochs[1]


def _epochs(owners: list[int], size: int) -> list[list[int]]:
    """The documents in the order in which each epoch begins them."""
    found: list[list[int]] = [[]]
    for owner in owners:
        if len(found[-1]) == size:
            found.append([])
        if owner not in found[-1]:
            found[-1].append(owner)
    return [epoch for epoch in found if len(epoch) == size]


def test_a_mixture_of_one_is_that_corpus(corpora: list[Corpus]) -> None:
    alone = PackedBatches(corpora[0].shards.sequences(), context=CONTEXT, rows=4, seed=3)
    batches = mixed(corpora[:1], rows=4)
    for _ in range(5):
        one, other = next(alone), next(batches)
        assert torch.equal(one.ids, other.ids) and torch.equal(one.sequences, other.sequences)


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_any_number_of_ranks_goes_on_exactly_in_the_middle_of_epochs(
    corpora: list[Corpus], ranks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "BUFFER", 50)
    alone, before = mixed(corpora), mixed(corpora)
    before.share = (1, 2)  # what is read until then is read by two
    for _ in range(25):
        next(alone)
        next(before)
    group = [mixed(corpora) for _ in range(ranks)]
    for rank, batches in enumerate(group):
        batches.load_state_dict(before.state_dict())
        batches.share = (rank, ranks)
    for _ in range(25):
        whole, parts = next(alone), [next(batches) for batches in group]
        assert torch.equal(torch.cat([part.ids for part in parts]), whole.ids)
        assert all(part.metrics == whole.metrics for part in parts), "of all ranks together"
    assert alone.state_dict() == group[0].state_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda corpora: corpora[:2], "the corpora were"),
        (lambda corpora: [*corpora[:2], Corpus("rare", corpora[2].shards, 0.2)], "the weights were"),
        (lambda corpora: [*corpora[:2], Corpus("rare", corpora[1].shards, 0.1)], "sequences was 10 and now is 120"),
    ],
)
def test_a_cursor_of_another_mixture_is_refused(corpora: list[Corpus], change: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        mixed(change(corpora)).load_state_dict(mixed(corpora).state_dict())


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(corpora: list[Corpus], weight: float) -> None:
    with pytest.raises(ConfigError, match="the weight of web is"):
        mixed([Corpus("web", corpora[0].shards, weight)])


def test_corpora_need_names_of_their_own(corpora: list[Corpus]) -> None:
    for wrong in ([], [corpora[0], corpora[0]]):
        with pytest.raises(ConfigError, match="different names"):
            mixed(wrong)


def test_nothing_is_copied(corpora: list[Corpus]) -> None:
    sources = mixed(corpora)._sources.values()
    for source, corpus in zip(sources, corpora, strict=True):
        assert source.sequences.tokens is corpus.shards.tokens and not corpus.shards.tokens.flags.owndata


def test_a_corpus_is_opened_with_what_is_held_out_of_it(tmp_path: Path) -> None:
    for part in ("tokens", "held_out"):
        TokenShards.write(tmp_path / "web" / part, [Document(part)], BPE.from_tokens([]))
    corpus = Corpus.open(tmp_path / "web", weight=0.5)
    assert (corpus.name, corpus.weight, corpus.tokenizer_folder) == ("web", 0.5, tmp_path / "web" / "tokenizer")
    assert corpus.held_out is not None and corpus.held_out.bytes.tolist() == [8]
