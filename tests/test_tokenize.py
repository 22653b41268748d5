"""Tokens on the disk from the command line: made once, checked, trained on, mixed by weight."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from orrery.commands import data_tokenize
from orrery.commands.pretrain import tokenised
from orrery.data import encoding, prepare, shard_files
from orrery.data.documents import Document
from orrery.data.mixture import Corpus
from orrery.data.sources import hold_out, read_documents
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.hf_format import byte_characters
from orrery.training.events import read_events
from tests.typed import typed

SMALL = (
    *("--shape.width", "32", "--shape.layers", "1", "--shape.heads", "2", "--shape.kv-heads", "2"),
    *("--shape.head-width", "16", "--shape.mlp-width", "32", "--shape.context", "64"),
    *("--train.steps", "4", "--train.rows", "10", "--train.device", "cpu"),
)


def sentences(name: str, count: int) -> str:
    return "".join(
        json.dumps({"text": f"The {name} number {n} sat on a mat. " * (1 + n % 4)}) + "\n" for n in range(count)
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two corpora, `web` and `code`, tokenised with the same vocabulary."""
    folder = tmp_path_factory.mktemp("tokens")
    (folder / "cats.jsonl").write_text(sentences("cat", 200))
    (folder / "dogs.jsonl").write_text(sentences("dog", 60))
    (folder / "other.jsonl").write_text(sentences("bird", 60))
    for words in (
        ("cats.jsonl", "--out", "web", "--vocab-size", "280"),
        ("dogs.jsonl", "--out", "code", "--tokenizer", "web/tokenizer"),
        ("other.jsonl", "--out", "foreign", "--vocab-size", "275"),
    ):
        done = typed("data", "tokenize", *words, cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder


def test_text_is_tokenised_a_tenth_held_out_and_the_tokenizer_beside_it(made: Path) -> None:
    corpus, tokenizer = Corpus.open(made / "web"), BPE.load(made / "web" / "tokenizer")
    kept, unseen = hold_out(read_documents([str(made / "cats.jsonl")]))
    for shards, documents in ((corpus.shards, list(kept)), (corpus.held_out, unseen)):
        assert shards is not None and len(shards) == len(documents) > 0
        texts = [tokenizer.decode(shards.document(index)[1:-1].tolist()) for index in range(len(shards))]
        assert texts == [document.text for document in documents]
    assert corpus.held_out is not None and len(corpus.held_out) == 20 and corpus.shards.tokens.dtype == np.uint16


def test_the_same_command_again_writes_nothing_and_another_one_is_refused(made: Path) -> None:
    before = (made / "web" / "tokens" / "tokens.bin").stat().st_mtime_ns
    again = typed("data", "tokenize", "cats.jsonl", "--out", "web", "--vocab-size", "280", cwd=made)
    assert again.returncode == 0 and "180 documents" in again.stdout and "web is there already" in again.stderr
    assert (made / "web" / "tokens" / "tokens.bin").stat().st_mtime_ns == before
    for words, message in (
        (("dogs.jsonl", "--out", "web", "--vocab-size", "280"), "web is of another text or tokenizer"),
        (("cats.jsonl", "--out", "web"), "web is of another text or tokenizer"),
        (("dogs.jsonl", "--out", "code", "--tokenizer", "foreign/tokenizer"), "code is of another text or tokenizer"),
        ((), "--out"),
        (("--out", "new"), "nothing to tokenise"),
        (("nowhere.jsonl", "--out", "new"), "no such file"),
        (("cats.jsonl", "--out", "new", "--vocab-size", "9000"), "the text allows a vocabulary of at most"),
        (("cats.jsonl", "--out", "new", "--tokenizer", "nowhere"), "nowhere"),
        (("cats.jsonl", "--out", "new", "--tokenizer", "a", "b", "c"), "takes a folder"),
    ):
        refused = typed("data", "tokenize", *words, cwd=made)
        assert refused.returncode == 2 and message in refused.stderr
        assert not (made / "new").exists(), "nothing half-written"


def test_a_folder_of_something_else_is_left_alone(made: Path, tmp_path: Path) -> None:
    (tmp_path / "mine" / "tokens").mkdir(parents=True)
    refused = typed("data", "tokenize", str(made / "cats.jsonl"), "--out", "mine", cwd=tmp_path)
    assert refused.returncode == 2 and "has not made" in refused.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "tokens"]


def test_an_interrupted_command_goes_on_to_the_same_files(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_files, "PART", 1000)
    monkeypatch.setattr(encoding, "BATCH", 500)
    words = ("data", "tokenize", "cats.jsonl", "--tokenizer", "web/tokenizer", "--out")
    assert typed(*words, str(tmp_path / "whole"), cwd=made).returncode == 0
    read = prepare.read_documents

    def interrupted(sources: list[str]) -> Iterator[Document]:
        for number, document in enumerate(read(sources)):
            if number == 150:
                raise KeyboardInterrupt
            yield document

    monkeypatch.setattr(prepare, "read_documents", interrupted)
    stopped = typed(*words, str(tmp_path / "two"), cwd=made)
    assert stopped.returncode == 130 and "the same command goes on" in stopped.stderr
    trained = typed("pretrain", "--data", str(tmp_path / "two"), cwd=made)
    assert trained.returncode == 2 and "is not finished" in trained.stderr
    monkeypatch.setattr(prepare, "read_documents", read)
    (tmp_path / "two" / ".held_out.partial-killed").mkdir()
    (tmp_path / "two" / "tokens" / ".unfinished.json.partial-killed").write_text("{")
    assert typed(*words, str(tmp_path / "two"), cwd=made).returncode == 0
    one, two = ({str(p.relative_to(tmp_path / d)): p.read_bytes() for p in (tmp_path / d).rglob("*") if p.is_file()}
                for d in ("whole", "two"))  # fmt: skip
    assert one == two and len(json.loads(one["tokens/shards.json"])["parts"]) > 2
    (tmp_path / "two" / "tokens" / "unfinished.json").write_bytes(one["tokens/shards.json"])  # killed at the very end
    assert len(tokenised([str(tmp_path / "two")])) == 1


def test_damage_is_found_and_named(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "web", tmp_path / "web")
    fine = typed("data", "tokenize", "--out", "web", "--verify", cwd=tmp_path)
    assert fine.returncode == 0 and "tokens are what was written" in fine.stdout
    tokens = tmp_path / "web" / "held_out" / "tokens.bin"
    raw = bytearray(tokens.read_bytes())
    raw[7] ^= 1
    tokens.write_bytes(raw)
    damaged = typed("data", "tokenize", "--out", "web", "--verify", cwd=tmp_path)
    assert damaged.returncode == 2 and "held_out/tokens.bin is damaged somewhere in its bytes" in damaged.stderr


def test_gpt2s_two_files_are_a_tokenizer(made: Path, tmp_path: Path) -> None:
    """Of 256 bytes and one merge; its document boundary is its last id."""
    characters = byte_characters().values()
    names = {name: index for index, name in enumerate([*characters, "at", "<|endoftext|>"])}
    (tmp_path / "encoder.json").write_text(json.dumps(names))
    (tmp_path / "vocab.bpe").write_text("#version: 0.2\na t\n")
    words = ("--tokenizer", "encoder.json", "vocab.bpe", "--out", "tokens")
    done = typed("data", "tokenize", str(made / "cats.jsonl"), *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Corpus.open(tmp_path / "tokens").shards.document(0)[0] == 257
    assert BPE.load(tmp_path / "tokens" / "tokenizer").vocab_size == 258


def metrics(folder: Path) -> list[dict[str, float]]:
    return [event["values"] for event in read_events(folder) if event["kind"] == "metric"]


def test_a_mixture_by_weight_is_trained_on_and_each_part_measured(made: Path, tmp_path: Path) -> None:
    words = ("--data", "web=0.75", "code=0.25", "--run", "mix", "--root", str(tmp_path))
    done = typed("pretrain", *words, *SMALL, cwd=made)
    assert done.returncode == 0, done.stderr
    *_, last, final = metrics(tmp_path / "mix")
    assert last["tokens/web"] + last["tokens/code"] == last["tokens"] > 2000
    assert abs(last["tokens/web"] - 0.75 * last["tokens"]) <= 64
    assert {"bits_per_byte", "bits_per_byte/web", "bits_per_byte/code"} <= final.keys()
    assert not (tmp_path / "mix" / "data").exists(), "nothing is copied"


def test_without_weights_the_shares_are_those_of_the_sizes(made: Path) -> None:
    corpora = tokenised([str(made / "web"), str(made / "code")])
    assert [corpus.weight for corpus in corpora] == [corpus.shards.info.tokens for corpus in corpora]
    assert [corpus.name for corpus in corpora] == ["web", "code"]
    same = tokenised([f"{made}/web=1", f"{made}/../{made.name}/web=2"])
    assert [corpus.weight for corpus in same] == [1, 2] and len({corpus.name for corpus in same}) == 2
    assert tokenised([str(made / "cats.jsonl"), "a=b.txt"]) == [] == tokenised([])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (["web", "cats.jsonl"], "cats.jsonl is no tokenised text"),
        (["cats.jsonl=0.5"], "cats.jsonl=0.5 is no tokenised text"),
        (["web=0.5", "code"], "give every folder a weight"),
        (["web=0", "code=1"], "the weight of web is 0"),
        (["web/tokens"], "give the folder above it"),
        (["web", "foreign"], "was made with another tokenizer"),
    ],
)
def test_what_cannot_be_mixed_is_refused_and_leaves_no_run(made: Path, data: list[str], message: str) -> None:
    refused = typed("pretrain", "--data", *data, "--run", "bad", *SMALL, cwd=made)
    assert refused.returncode == 2 and message in refused.stderr
    assert not (made / "runs" / "bad").exists()


def test_progress_is_shown_where_there_is_no_terminal(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_files, "REPORT", 1000)
    monkeypatch.setattr(data_tokenize, "PLAIN_SECONDS", 0.0)
    done = typed(
        "data", "tokenize", "cats.jsonl", "--tokenizer", "web/tokenizer", "--out", str(tmp_path / "t"), cwd=made
    )
    assert "documents, " in done.stderr and "tokens/s" in done.stderr
