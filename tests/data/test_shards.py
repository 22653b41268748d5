"""Tokenised corpora on disk: they say what was written, in little memory, whole or not at all."""

import doctest
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from orrery.data import encoding, shard_files
from orrery.data.documents import Document
from orrery.data.encoding import chunks
from orrery.data.shard_files import fingerprint, token_type
from orrery.data.shards import TokenShards
from orrery.errors import DataError, RunError
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.imported import Imported

TEXT = "The quick brown fox, aged 12, jumps over the lazy dog's back.\n\nIt doesn't mind  at all; 3 + 4 = 7.\n"


@pytest.fixture(scope="module")
def tokenizer() -> BPE:
    return BPE.train([TEXT * 3], 256 + 30 + 8)


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    return [
        Document("The lazy fox.", "story", "a", bits=20.0),
        Document("", "story", "empty", bits=1.0),
        Document("Über 12 dogs 😀", "news", "b", bits=None),
        Document("The dog's back.", "story", "c", bits=12.5),
    ]


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(encoding).failed == 0


def test_documents_come_back_between_boundaries_with_what_is_known_of_them(
    tmp_path: Path, tokenizer: BPE, documents: list[Document]
) -> None:
    written = TokenShards.write(tmp_path / "corpus", documents, tokenizer)
    opened = TokenShards.open(tmp_path / "corpus")
    kept = [document for document in documents if document.text]
    for corpus in (written, opened):
        assert len(corpus) == 3 and corpus.info.documents == 3
        for index, document in enumerate(kept):
            ids = corpus.document(index).tolist()
            assert ids[0] == ids[-1] == tokenizer.eos_id
            assert ids[1:-1] == tokenizer.encode(document.text)
            assert corpus.info.genres[corpus.genres[index]] == document.genre
            assert corpus.bytes[index] == len(document.text.encode())
        np.testing.assert_array_equal(corpus.bits, [20.0, np.nan, 12.5])
        assert corpus.tokens.dtype == np.uint16 and len(corpus.tokens) == corpus.info.tokens
        assert corpus.info.bytes == sum(len(document.text.encode()) for document in kept)


def test_the_summary_counts_by_genre(tmp_path: Path, tokenizer: BPE, documents: list[Document]) -> None:
    summary = TokenShards.write(tmp_path / "corpus", documents, tokenizer).summary()
    assert summary["story"] == {"documents": 2, "bytes": 28, "floor_bits_per_byte": 32.5 / 28}
    assert summary["news"]["floor_bits_per_byte"] is None


def test_sequences_are_the_documents_with_both_boundaries(
    tmp_path: Path, tokenizer: BPE, documents: list[Document]
) -> None:
    corpus = TokenShards.write(tmp_path / "corpus", documents, tokenizer)
    sequences = corpus.sequences()
    for index in range(len(corpus)):
        ids = sequences.tokens[sequences.starts[index] : sequences.stops[index]]
        assert ids.tolist() == corpus.document(index).tolist()


@pytest.mark.parametrize("size", [7, 64, 1000])
@pytest.mark.parametrize("text", [TEXT * 40, "wörd " * 500, "a\nb " * 300])
def test_cutting_a_long_text_does_not_change_its_tokens(text: str, size: int, tokenizer: BPE) -> None:
    pieces = list(chunks(text, size))
    assert "".join(pieces) == text and max(map(len, pieces)) <= size
    if size > 7:  # seven characters may hold no word's end at all
        assert [token for piece in pieces for token in tokenizer.encode(piece)] == tokenizer.encode(text)


def test_a_text_without_a_blank_is_cut_all_the_same() -> None:
    pieces = list(chunks("x" * 1000, 300))
    assert [len(piece) for piece in pieces] == [300, 300, 300, 100]


def test_documents_of_many_chunks_and_batches_are_whole(
    tmp_path: Path, tokenizer: BPE, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "BATCH", 120)
    monkeypatch.setattr(encoding.chunks, "__defaults__", (50,))
    texts = [TEXT * count for count in (1, 5, 2, 1, 3)]
    corpus = TokenShards.write(tmp_path / "corpus", [Document(text) for text in texts], tokenizer)
    assert [corpus.document(i)[1:-1].tolist() for i in range(5)] == [tokenizer.encode(text) for text in texts]
    assert corpus.bytes.tolist() == [len(text.encode()) for text in texts]


def test_a_large_vocabulary_takes_32_bits() -> None:
    assert token_type(1 << 16) is np.uint16 and token_type((1 << 16) + 1) is np.uint32


def test_an_empty_corpus_is_an_error_and_leaves_nothing(tmp_path: Path, tokenizer: BPE) -> None:
    with pytest.raises(DataError, match="no text to tokenise"):
        TokenShards.write(tmp_path / "corpus", [Document("")], tokenizer)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_source_leaves_the_corpus_of_before(tmp_path: Path, tokenizer: BPE) -> None:
    def failing() -> Iterator[Document]:
        yield Document("new")
        raise DataError("byte 7 is not UTF-8")

    TokenShards.write(tmp_path / "corpus", [Document("old")], tokenizer)
    with pytest.raises(DataError, match="byte 7"):
        TokenShards.write(tmp_path / "corpus", failing(), tokenizer)
    assert TokenShards.open(tmp_path / "corpus").document(0)[1:-1].tolist() == tokenizer.encode("old")


def test_half_a_surrogate_pair_is_an_error_that_names_the_document(tmp_path: Path, tokenizer: BPE) -> None:
    with pytest.raises(DataError, match=r"document notes:3 holds U\+D83D, which is no character"):
        TokenShards.write(tmp_path / "corpus", [Document("ok"), Document("a \ud83d", id="notes:3")], tokenizer)


def test_a_folder_that_is_no_corpus_is_an_error(tmp_path: Path, tokenizer: BPE) -> None:
    with pytest.raises(DataError, match="holds no tokenised text: shards.json is missing"):
        TokenShards.open(tmp_path)
    TokenShards.write(tmp_path / "corpus", [Document(TEXT)], tokenizer)
    tokens = tmp_path / "corpus" / "tokens.bin"
    tokens.write_bytes(tokens.read_bytes()[:-2])
    with pytest.raises(DataError, match=r"tokens\.bin is damaged: it has [\d,]+ bytes, not [\d,]+"):
        TokenShards.open(tmp_path / "corpus")
    tokens.unlink()
    with pytest.raises(DataError, match=r"tokens\.bin is damaged: it has 0 bytes"):
        TokenShards.open(tmp_path / "corpus")
    info = tmp_path / "corpus" / "shards.json"
    info.write_text(json.dumps({"version": 0}))
    with pytest.raises(DataError, match="of version 0, not 2"):
        TokenShards.open(tmp_path / "corpus")
    info.write_text("{")
    with pytest.raises(DataError, match="damaged"):
        TokenShards.open(tmp_path / "corpus")


def test_another_tokenizer_is_noticed(tmp_path: Path, tokenizer: BPE) -> None:
    corpus = TokenShards.write(tmp_path / "corpus", [Document(TEXT)], tokenizer)
    corpus.check_tokenizer(tokenizer)
    other = BPE.from_tokens([b"th", b"the"])
    assert fingerprint(other) != fingerprint(tokenizer)
    with pytest.raises(DataError, match="another tokenizer"):
        corpus.check_tokenizer(other)


def test_progress_is_told(tmp_path: Path, tokenizer: BPE, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_files, "REPORT", 5000)
    told: list[tuple[int, int, int]] = []
    documents = [Document("a dog")] * 2500
    written = TokenShards.write(tmp_path / "c", documents, tokenizer, on_progress=lambda *done: told.append(done))
    assert [done[:2] for done in told] == [(1000, 5000), (2000, 10000)]
    assert told[-1][2] == written.starts[2000]


def named(count: int) -> list[Document]:
    return [Document(f"document {i}: {TEXT * (i % 3)}", "even" if i % 2 else "odd", f"n:{i}") for i in range(count)]


class Killed(Exception):
    """Stands for `kill -9`: what is on the disk then is what another process finds."""


def killed_after(documents: list[Document], count: int) -> Iterator[Document]:
    yield from documents[:count]
    raise Killed


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of some ten documents, tokenised two at a time."""
    monkeypatch.setattr(shard_files, "PART", 500)
    monkeypatch.setattr(encoding, "BATCH", 200)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("after", [30, 31, 59])
def test_what_was_interrupted_goes_on_to_the_same_bytes(tmp_path: Path, tokenizer: BPE, after: int) -> None:
    documents = named(60)
    whole = TokenShards.write_in_parts(tmp_path / "whole", documents, tokenizer)
    assert len(whole.info.parts) > 3
    with pytest.raises(Killed):
        TokenShards.write_in_parts(tmp_path / "c", killed_after(documents, after), tokenizer)
    with pytest.raises(DataError, match="holds no tokenised text"):
        TokenShards.open(tmp_path / "c")
    with (tmp_path / "c" / "tokens.bin").open("ab") as file:
        file.write(b"half of what came next")  # a kill leaves what no part has counted
    gone_on = TokenShards.write_in_parts(tmp_path / "c", iter(documents), tokenizer)
    assert contents(tmp_path / "c") == contents(tmp_path / "whole") and len(gone_on) == 60
    assert contents(tmp_path / "c").keys() == {"tokens.bin", "documents.bin", "shards.json"}
    TokenShards.write(tmp_path / "at once", documents, tokenizer)
    assert contents(tmp_path / "at once") == contents(tmp_path / "whole")


@pytest.mark.usefixtures("small_parts")
def test_a_token_of_its_own_begins_documents_where_the_tokenizer_has_one(tmp_path: Path, tokenizer: BPE) -> None:
    """Llama 3's; then no boundary is shared, in parts and across them."""
    begin, end = tokenizer.im_start_id, tokenizer.eos_id
    other = BPE(tokenizer.vocabulary, Imported({}, {}, None, begins=begin, ends=end, pad=None, stops=()))
    documents = named(30)
    whole = TokenShards.write_in_parts(tmp_path / "whole", documents, other)
    with pytest.raises(Killed):
        TokenShards.write_in_parts(tmp_path / "c", killed_after(documents, 29), other)
    TokenShards.write_in_parts(tmp_path / "c", documents, other)
    assert contents(tmp_path / "c") == contents(tmp_path / "whole") and len(whole.info.parts) > 2
    for index, document in enumerate(documents):
        assert whole.document(index).tolist() == [begin, *other.encode(document.text), end]
    assert (whole.stops[:-1] == whole.starts[1:]).all() and whole.stops[-1] == len(whole.tokens)
    with pytest.raises(DataError, match="another tokenizer"):
        whole.check_tokenizer(tokenizer)


@pytest.mark.usefixtures("small_parts")
def test_finished_shards_are_not_written_again(tmp_path: Path, tokenizer: BPE) -> None:
    TokenShards.write_in_parts(tmp_path / "c", named(20), tokenizer)
    assert len(TokenShards.write_in_parts(tmp_path / "c", killed_after([], 0), tokenizer)) == 20


@pytest.mark.usefixtures("small_parts")
def test_going_on_with_something_else_is_refused(tmp_path: Path, tokenizer: BPE) -> None:
    with pytest.raises(Killed):
        TokenShards.write_in_parts(tmp_path / "c", killed_after(named(60), 50), tokenizer)
    for other in ([Document(TEXT * 2)] * 60, [Document("another first one"), *named(60)[1:]], named(10), []):
        with pytest.raises(DataError, match="begun with other text"):
            TokenShards.write_in_parts(tmp_path / "c", other, tokenizer)
    with pytest.raises(DataError, match="begun with another tokenizer"):
        TokenShards.write_in_parts(tmp_path / "c", named(60), BPE.from_tokens([b"th"]))
    (tmp_path / "c" / "documents.bin").write_bytes(b"")
    with pytest.raises(DataError, match=r"documents\.bin is damaged: it is shorter"):
        TokenShards.write_in_parts(tmp_path / "c", named(60), tokenizer)


def test_what_fails_in_its_first_part_leaves_nothing(tmp_path: Path, tokenizer: BPE) -> None:
    with pytest.raises(Killed):
        TokenShards.write_in_parts(tmp_path / "c", killed_after(named(60), 50), tokenizer)
    assert list(tmp_path.iterdir()) == []


def test_two_at_once_are_refused(tmp_path: Path, tokenizer: BPE) -> None:
    def second() -> Iterator[Document]:
        with pytest.raises(RunError, match="another process writes"):
            TokenShards.write_in_parts(tmp_path / "c", named(3), tokenizer)
        yield from named(3)

    assert len(TokenShards.write_in_parts(tmp_path / "c", second(), tokenizer)) == 3


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("name", ["tokens.bin", "documents.bin"])
def test_one_changed_byte_is_found_and_its_file_named(tmp_path: Path, tokenizer: BPE, name: str) -> None:
    corpus = TokenShards.write(tmp_path / "c", named(60), tokenizer)
    corpus.verify()
    raw = bytearray((tmp_path / "c" / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / "c" / name).write_bytes(raw)
    opened = TokenShards.open(tmp_path / "c")
    with pytest.raises(DataError, match=rf"c/{name} is damaged somewhere in its bytes (?!0)[\d,]+ to [\d,]+"):
        opened.verify()


def test_a_document_of_many_megabytes_on_one_line_takes_bounded_memory(tmp_path: Path, tokenizer: BPE) -> None:
    """The tokens of 20 MB as Python numbers would be some 300 MB; in chunks they are a few."""
    tokenizer.save(tmp_path / "tokenizer")
    code = """
import resource, sys
from pathlib import Path
from orrery.data.documents import Document
from orrery.data.shards import TokenShards
from orrery.tokenizers.bpe import BPE
tokenizer = BPE.load(Path(sys.argv[1]) / "tokenizer")
TokenShards.write(Path(sys.argv[1]) / "warm", [Document("a dog " * 1_000_000)], tokenizer)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
text = "a dog " * 3_400_000
TokenShards.write(Path(sys.argv[1]) / "corpus", [Document(text)], tokenizer)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 20 + 60  # the text itself and some chunks
    assert TokenShards.open(tmp_path / "corpus").bytes.tolist() == [20_400_000]
