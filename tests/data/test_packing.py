"""Packing: every piece exactly once, full rows, sequences kept apart, and a cursor that resumes exactly."""

import doctest
import time
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from orrery.data import packing
from orrery.data.packing import IGNORE, Batch, PackedBatches, Sequences, best_fit, cut, packed_once
from orrery.errors import DataError


def make(lengths: list[int], seed: int = 0) -> Sequences:
    """Documents of these lengths in one stream; neighbours share the boundary token 0, as in shards."""
    starts = np.concatenate([[0], np.cumsum(np.array(lengths) + 1)])
    tokens = np.random.default_rng(seed).integers(1, 1000, starts[-1] + 1).astype(np.uint16)
    tokens[starts] = 0
    return Sequences(tokens, starts[:-1], starts[1:] + 1)


def world_like(count: int) -> Sequences:
    """Lengths as the embedded world's documents have them: 100 to 700 characters, some 3 a token."""
    return make(np.random.default_rng(1).integers(33, 234, count).tolist())


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(packing).failed == 0


@given(st.lists(st.integers(1, 64), max_size=200))
def test_best_fit_places_each_piece_once_and_never_overfills(lengths: list[int]) -> None:
    rows = best_fit(np.array(lengths, dtype=np.int64), 64)
    assert sorted(piece for row in rows for piece in row) == list(range(len(lengths)))
    assert all(sum(lengths[piece] for piece in row) <= 64 for row in rows)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=60))
def test_best_fit_is_best_fit_decreasing(lengths: list[int]) -> None:
    """The oracle searches all rows for the least room that fits."""
    room: list[int] = []
    for length in sorted(lengths, reverse=True):
        fitting = [row for row in range(len(room)) if room[row] >= length]
        if fitting:
            room[min(fitting, key=lambda row: room[row])] -= length
        else:
            room.append(20 - length)
    assert len(best_fit(np.array(lengths), 20)) == len(room)


def test_one_epoch_trains_on_every_token_exactly_once() -> None:
    data = make([5, 300, 1, 64, 63, 17, 0, 128] * 20)
    batches, seen = PackedBatches(data, context=64, rows=4, seed=3), []
    while batches.epoch == 0:
        batch = next(batches)
        seen.append(batch.targets[batch.targets != IGNORE].numpy())
    counted = np.bincount(np.concatenate(seen), minlength=1000)
    once = np.concatenate([data.tokens[a + 1 : b] for a, b in zip(data.starts, data.stops, strict=True)])
    expected = np.bincount(once, minlength=1000)
    extra = counted - expected  # the last batch may reach into the second epoch
    assert (extra >= 0).all() and extra.sum() <= 4 * 64


def test_a_document_reads_the_boundary_first_and_predicts_it_last() -> None:
    data = Sequences(np.array([0, 7, 8, 9, 0, 5, 0]), np.array([0, 4]), np.array([5, 7]))
    (batch,) = packed_once(data, context=8, rows=1)
    assert batch.ids.tolist() == [[0, 7, 8, 9, 0, 5, 0, 0]]
    assert batch.targets.tolist() == [[7, 8, 9, 0, 5, 0, IGNORE, IGNORE]]
    assert batch.segments.tolist() == [[0, 0, 0, 0, 1, 1, -1, -1]]
    assert batch.sequences.tolist() == [[0, 0, 0, 0, 1, 1, -1, -1]]


def test_every_target_follows_its_input_in_the_same_sequence() -> None:
    data = world_like(500)
    for batch in packed_once(data, context=128, rows=8):
        inside = (batch.segments[:, 1:] == batch.segments[:, :-1]) & (batch.segments[:, 1:] >= 0)
        assert torch.equal(batch.targets[:, :-1][inside], batch.ids[:, 1:][inside])
        assert inside.any()


def test_rows_of_world_like_documents_are_over_95_percent_full() -> None:
    batches = PackedBatches(world_like(5000), context=256, rows=16, seed=0)
    filled = [next(batches).tokens / (16 * 256) for _ in range(80)]
    assert sum(filled) / len(filled) > 0.95


def test_masks_decide_what_is_trained_on() -> None:
    data = Sequences(np.arange(6), np.array([0]), np.array([6]), np.array([False, False, True, True, False, True]))
    (batch,) = packed_once(data, context=8, rows=1)
    assert batch.targets[0, :5].tolist() == [IGNORE, 2, 3, IGNORE, 5]
    assert batch.supervised == 3


def test_long_texts_are_cut_into_windows_that_shift_between_epochs() -> None:
    data = make([1000])
    first, second = (cut(data, 64, np.random.default_rng([0, epoch])) for epoch in (0, 1))
    for pieces in (first, second):
        assert pieces.lengths.sum() == 1001 and pieces.lengths.max() == 64
        assert (pieces.starts[1:] == pieces.starts[:-1] + pieces.lengths[:-1]).all()
        assert (pieces.lengths[1:-1] == 64).all()
    assert first.starts[1] != second.starts[1]


def in_epoch(data: Sequences, epoch: int = 0, seed: int = 5) -> list[Batch]:
    """Exactly the rows of an epoch, one a batch."""
    batches = PackedBatches(data, context=256, rows=1, seed=seed)
    batches.load_state_dict({**batches.state_dict(), "epoch": epoch})
    made = []
    while (batch := next(batches)) and batches.epoch == epoch:
        made.append(batch)
    return made


def owners(batches: list[Batch]) -> list[int]:
    """Which sequences come in order of their rows, each once."""
    rows = torch.cat([batch.sequences for batch in batches])
    return list(dict.fromkeys(rows[rows >= 0].tolist()))


def test_what_is_to_come_first_does_row_by_row() -> None:
    """Even where all of it and much of the rest would fit one packing."""
    data = world_like(300).after(make([30, 90, 700, 44] * 25, seed=1))
    batches = in_epoch(data)
    rows = torch.cat([batch.sequences for batch in batches])
    early = [bool(((row >= 0) & (row < 100)).any()) for row in rows]
    assert sum(early) > 50 and early == sorted(early, reverse=True)
    assert not any((row >= 100).any() for row in rows[: sum(early)])
    assert set(owners(batches)) == set(range(400))  # and nothing is missing


def test_what_comes_first_decides_the_order_of_the_first_epoch_alone() -> None:
    plain = make(np.random.default_rng(1).integers(33, 234, 200).tolist())
    ordered = replace(plain, first=100)
    begins = [in_epoch(data) for data in (plain, ordered)]
    assert not torch.equal(begins[0][0].ids, begins[1][0].ids)
    assert set(owners(begins[0])) == set(owners(begins[1])) == set(range(200))
    for epoch in (1, 2):
        later = [in_epoch(data, epoch) for data in (plain, ordered)]
        assert len(later[0]) == len(later[1]) > 10
        for one, other in zip(*later, strict=True):
            assert torch.equal(one.ids, other.ids) and torch.equal(one.sequences, other.sequences)


def test_the_seed_decides_the_order_of_both_parts() -> None:
    data = world_like(100).after(world_like(60))
    orders = [owners(in_epoch(data, seed=seed)) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert {*orders[0][:60]} == {*orders[2][:60]} == {*range(60)}


def test_joined_sequences_keep_every_token_and_what_is_trained_of_each() -> None:
    base, early, more = make([5, 300, 0, 17]), make([40, 3], seed=1), make([9, 60], seed=2)
    more = replace(more, trained=np.arange(len(more.tokens)) % 3 == 0)
    data = base.after(early).joined(more)
    parts = [part.tokens[a:b] for part in (early, base, more) for a, b in zip(part.starts, part.stops, strict=True)]
    found = [data.tokens[a:b] for a, b in zip(data.starts, data.stops, strict=True)]
    assert len(found) == len(parts) == 8 and all(map(np.array_equal, found, parts))
    assert data.first == 2 and base.after(early).trained is None
    assert data.trained is not None and more.trained is not None
    plain = len(early.tokens) + len(base.tokens)
    assert data.trained[:plain].all() and np.array_equal(data.trained[plain:], more.trained)
    batches = in_epoch(data)
    assert sum(batch.tokens for batch in batches) == data.positions()
    predicted = sum(int(more.trained[a + 1 : b].sum()) for a, b in zip(more.starts, more.stops, strict=True))
    assert sum(batch.supervised for batch in batches) == base.after(early).positions() + predicted


def test_a_cursor_of_another_order_is_refused() -> None:
    plain = world_like(50)
    cursor = PackedBatches(plain, context=256, rows=3, seed=5).state_dict()
    with pytest.raises(DataError, match="first was 0 and now is 20"):
        PackedBatches(replace(plain, first=20), context=256, rows=3, seed=5).load_state_dict(cursor)


@pytest.mark.parametrize("after", [0, 1, 37, 150])
@pytest.mark.parametrize("ordered", [False, True])
def test_a_cursor_resumes_exactly_across_buffers_and_epochs(
    after: int, ordered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "BUFFER", 50)
    data = world_like(220)
    if ordered:
        data = world_like(150).after(make([44] * 70))
    whole, resumed = (PackedBatches(data, context=256, rows=3, seed=5) for _ in range(2))
    for _ in range(after):
        next(whole)
    resumed.load_state_dict(whole.state_dict())
    for _ in range(60):
        one, other = next(whole), next(resumed)
        assert torch.equal(one.ids, other.ids) and torch.equal(one.targets, other.targets)
        assert whole.state_dict() == resumed.state_dict()
    assert after < 100 or whole.epoch > 0


def test_a_cursor_of_other_data_is_refused() -> None:
    state = PackedBatches(world_like(100), context=256, rows=3, seed=5).state_dict()
    with pytest.raises(DataError, match="sequences was 100 and now is 101"):
        PackedBatches(world_like(101), context=256, rows=3, seed=5).load_state_dict(state)


def test_epochs_and_seeds_differ_in_their_order() -> None:
    data = world_like(100)
    orders = [next(PackedBatches(data, context=256, rows=4, seed=seed)).ids for seed in (1, 1, 2)]
    assert torch.equal(orders[0], orders[1]) and not torch.equal(orders[0], orders[2])


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
def test_ranks_share_the_rows_of_each_batch_whatever_their_number(ranks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "BUFFER", 50)
    data = world_like(220)
    alone = PackedBatches(data, context=256, rows=4, seed=5)
    sharing = [PackedBatches(data, context=256, rows=4, seed=5) for _ in range(ranks)]
    for rank, batches in enumerate(sharing):
        batches.share = (rank, ranks)
    while alone.epoch < 2:
        whole, parts = next(alone), [next(batches) for batches in sharing]
        assert max(part.rows for part in parts) - min(part.rows for part in parts) <= 1
        for name in ("ids", "targets", "segments", "sequences"):
            assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(whole, name))
        assert sum(part.supervised for part in parts) == whole.supervised
        assert all(batches.state_dict() == alone.state_dict() for batches in sharing)


def test_from_two_ranks_to_three_in_the_middle_of_an_epoch_nothing_is_lost_or_doubled() -> None:
    data = world_like(300)
    epoch = in_epoch(data)
    rows = (len(epoch) // 12) * 12  # whole batches of six rows, half of them on two ranks and half on three
    seen: list[Batch] = []
    state = PackedBatches(data, context=256, rows=6, seed=5).state_dict()
    for ranks in (2, 3):
        group = [PackedBatches(data, context=256, rows=6, seed=5) for _ in range(ranks)]
        for rank, batches in enumerate(group):
            batches.load_state_dict(state)
            batches.share = (rank, ranks)
        for _ in range(rows // 12):
            seen += [next(batches) for batches in group]
        state = group[0].state_dict()
    assert rows > 50
    assert torch.equal(torch.cat([one.ids for one in seen]), torch.cat([one.ids for one in epoch[:rows]]))


def test_only_the_rows_of_a_rank_are_read() -> None:
    """On a thousand ranks nobody reads the whole corpus."""

    class Counted(np.ndarray):
        read = 0

        def __getitem__(self, key: Any) -> Any:
            Counted.read += key.stop - key.start if isinstance(key, slice) else 0
            return np.asarray(super().__getitem__(key))

    data = world_like(500)
    counted = replace(data, tokens=data.tokens.view(Counted))
    batches = PackedBatches(counted, context=256, rows=16, seed=0)
    batches.share = (3, 8)
    batch = next(batches)
    assert batch.rows == 2 and batch.tokens < Counted.read < 2 * (256 + 8)


def test_ten_million_documents_are_numbers_until_they_are_read() -> None:
    """What is kept of each document is two numbers, and one of each piece; here a fiftieth of so many."""
    count = 200_000
    lengths = np.random.default_rng(1).integers(300, 1500, count)
    starts = np.concatenate([[0], np.cumsum(lengths + 1)])
    tokens = np.broadcast_to(np.uint16(7), starts[-1] + 1)  # no memory at all
    sequences = Sequences(tokens, starts[:-1], starts[1:] + 1)
    tracemalloc.start()
    batches = PackedBatches(sequences, context=1024, rows=8, seed=0)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert next(batches).rows == 8
    assert kept / count < 40 and peak / count < 80


def test_microbatches_are_the_rows_in_order() -> None:
    batch = next(PackedBatches(world_like(100), context=256, rows=5, seed=0))
    parts = batch.split(2)
    assert [len(part.ids) for part in parts] == [2, 2, 1]
    assert torch.equal(torch.cat([part.targets for part in parts]), batch.targets)
    assert isinstance(parts[0], Batch) and sum(part.supervised for part in parts) == batch.supervised


def test_nothing_to_train_on_is_an_error() -> None:
    with pytest.raises(DataError, match="nothing to train on"):
        PackedBatches(Sequences(np.array([0]), np.array([0]), np.array([1])), context=8, rows=1, seed=0)


def test_packing_is_far_faster_than_training() -> None:
    """A core trains a 0.9M model on 20,000 tokens a second; packing must not take 5% of that time."""
    batches = PackedBatches(world_like(5000), context=256, rows=16, seed=0)
    start = time.perf_counter()
    tokens = sum(next(batches).tokens for _ in range(100))
    assert tokens / (time.perf_counter() - start) > 20 * 20_000
