"""An index of a real folder: text, Markdown, Python, PDF; again and again; found by words and by meaning."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from orrery.agents import index as index_module
from orrery.agents.bm25 import Postings
from orrery.agents.embeddings import ModelEmbedder, ServerEmbedder, embedder_for
from orrery.agents.index import RRF, Index, IndexSettings, Updated
from orrery.agents.library import Library
from orrery.cli import main
from orrery.errors import ConfigError, DataError
from orrery.tools.registry import call_tool
from tests.agents.test_remote import serving
from tests.inference.assistant import Assistant

SETTINGS = IndexSettings()


def pdf(text: str) -> bytes:
    """A PDF of one page, by hand (PDF 1.4, section 3)."""
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
    ]
    body, places = b"%PDF-1.4\n", []
    for number, value in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, value)
    table = b"xref\n0 5\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return body + table + b"trailer << /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(body)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Four files that are read, and three that are not."""
    notes = tmp_path / "notes"
    (notes / "deep").mkdir(parents=True)
    (notes / "cat.txt").write_text("The cat sleeps on the warm stove all day.")
    (notes / "guide.md").write_text("# Guide\n\n## Install\n\nType make.\n\n## Resume\n\nAdd a flag.")
    (notes / "deep" / "area.py").write_text("def area(r):\n    return 3 * r * r\n")
    (notes / "moon.pdf").write_bytes(pdf("The moon is far away"))
    (notes / ".hidden.txt").write_text("cat")
    (notes / "picture.png").write_bytes(b"cat")
    (notes / ".git").mkdir()
    (notes / ".git" / "config.txt").write_text("cat")
    return notes


def update(tmp_path: Path, *paths: Path, settings: IndexSettings | None = SETTINGS) -> Updated:
    """Update the index in `tmp_path`."""
    with Index(tmp_path / "index.db", settings) as index:
        return index.update(paths)


def found(tmp_path: Path, query: str, **how: object) -> list[str]:
    """The names of the files that are found."""
    with Index(tmp_path / "index.db") as index:
        return [Path(hit.file).name for hit in index.search(query, 5, **how)]  # type: ignore[arg-type]


class TestUpdating:
    def test_text_markdown_python_and_pdf(self, tmp_path: Path, notes: Path) -> None:
        assert update(tmp_path, notes) == Updated(new=4)
        assert found(tmp_path, "cat") == ["cat.txt"]
        assert found(tmp_path, "area") == ["area.py"]
        assert found(tmp_path, "the moon") == ["moon.pdf"], 'the other files have a "the", too'
        assert found(tmp_path, "the") == ["cat.txt", "moon.pdf"], "where there is nothing else to go by"
        with Index(tmp_path / "index.db") as index:
            assert [hit.title for hit in index.search("resume", 3)] == ["Guide > Resume"]
            assert index.counts() == (4, 6)

    def test_again_reads_only_what_has_changed(self, tmp_path: Path, notes: Path) -> None:
        update(tmp_path, notes)
        assert update(tmp_path, notes) == Updated(same=4)
        (notes / "cat.txt").write_text("The dog sleeps on the cold stove all day.")
        (notes / "new.txt").write_text("A cat again.")
        (notes / "guide.md").unlink()
        assert update(tmp_path, notes) == Updated(new=1, changed=1, same=2, gone=1)
        assert found(tmp_path, "cat") == ["new.txt"]
        assert found(tmp_path, "dog") == ["cat.txt"]
        assert found(tmp_path, "install") == []

    def test_a_file_that_was_only_touched_is_the_same(self, tmp_path: Path, notes: Path) -> None:
        update(tmp_path, notes)
        os.utime(notes / "cat.txt", (1, 1))
        assert update(tmp_path, notes) == Updated(same=4)

    def test_other_folders_are_left_alone(self, tmp_path: Path, notes: Path) -> None:
        other = tmp_path / "other.txt"
        other.write_text("An owl.")
        update(tmp_path, notes)
        assert update(tmp_path, other) == Updated(new=1)
        assert found(tmp_path, "cat") == ["cat.txt"] and found(tmp_path, "owl") == ["other.txt"]

    def test_the_same_as_if_made_at_once(self, tmp_path: Path, notes: Path) -> None:
        """After any changes an index holds what a new one of the same files would."""
        update(tmp_path, notes)
        (notes / "cat.txt").write_text("Nothing of the kind.")
        (notes / "moon.pdf").unlink()
        update(tmp_path, notes)
        contents = []
        for name in ("index.db", "anew.db"):
            with Index(tmp_path / name, SETTINGS) as index:
                index.update([notes])
                contents.append(
                    index.db.execute(
                        "SELECT path, start, title, words, word, count FROM postings JOIN chunks ON chunk = chunks.id "
                        "JOIN files ON file = files.id ORDER BY path, start, word"
                    ).fetchall()
                )
        assert contents[0] == contents[1]

    def test_what_cannot_be_read_is_named_and_the_rest_is_there(self, tmp_path: Path, notes: Path) -> None:
        (notes / "latin.txt").write_bytes(b"caf\xe9")
        (notes / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
        (notes / "zeros.txt").write_bytes(b"a\0b")
        done = update(tmp_path, notes)
        assert done.new == 4 and len(done.refused) == 3
        assert any("latin.txt is no UTF-8 text (byte 3)" in why for why in done.refused)

    def test_a_path_that_does_not_exist(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="nowhere does not exist"):
            update(tmp_path, tmp_path / "nowhere")

    def test_an_update_that_is_killed_is_gone_on_with(self, tmp_path: Path) -> None:
        folder = tmp_path / "many"
        folder.mkdir()
        for number in range(400):
            (folder / f"{number}.txt").write_text(f"number{number} " * 500)
        command = [sys.executable, "-m", "orrery", "index", str(folder), "--index", str(tmp_path / "index.db")]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if (tmp_path / "index.db").exists():
                with Index(tmp_path / "index.db", SETTINGS) as index:
                    if index.counts()[0] >= 3:
                        break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with Index(tmp_path / "index.db", SETTINGS) as index:
            files = index.counts()[0]
            done = index.update([folder])
            assert (done.same, done.new) == (files, 400 - files) and files >= 3
            assert index.search("number399", 1)[0].file.endswith("/399.txt")


class TestSettings:
    def test_are_kept(self, tmp_path: Path, notes: Path) -> None:
        update(tmp_path, notes, settings=IndexSettings(strategy="fixed", size=3, overlap=1))
        with Index(tmp_path / "index.db") as index:
            assert index.settings.size == 3
            assert index.search("cat", 1)[0].text == "The cat sleeps"

    def test_others_are_refused(self, tmp_path: Path, notes: Path) -> None:
        update(tmp_path, notes)
        with pytest.raises(ConfigError, match="made with size 120, not 50"):
            update(tmp_path, notes, settings=IndexSettings(size=50))

    def test_an_overlap_as_long_as_a_chunk(self) -> None:
        with pytest.raises(ConfigError, match="does not fit"):
            IndexSettings(size=10, overlap=10)

    def test_a_file_that_is_no_index_is_left_as_it_is(self, tmp_path: Path) -> None:
        path = tmp_path / "index.db"
        path.write_text("my diary, and more than a hundred bytes of it, so that SQLite looks at its head " * 3)
        before = path.read_bytes()
        with pytest.raises(ConfigError, match="is no index"):
            Index(path, SETTINGS)
        assert path.read_bytes() == before

    def test_an_index_that_another_process_keeps_locked_is_said_and_keeps_what_it_has(
        self, tmp_path: Path, notes: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(index_module, "WAIT", 0.05)
        update(tmp_path, notes)
        (notes / "new.txt").write_text("new")
        other = sqlite3.connect(tmp_path / "index.db")
        with pytest.raises(DataError, match="locked; what was indexed before is kept"):  # noqa: SIM117
            with Index(tmp_path / "index.db", SETTINGS) as index:
                other.execute("BEGIN IMMEDIATE")
                index.update([notes])
        with pytest.raises(DataError, match="locked: another process is writing"):
            update(tmp_path, notes)
        other.close()
        assert update(tmp_path, notes).new == 1

    def test_no_index(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="there is no index"):
            Index(tmp_path / "index.db")


class TestSearching:
    def test_by_words_as_bm25_scores_them(self, tmp_path: Path) -> None:
        texts = ["a cat and a cat", "a dog", "the cat of the dog and its friend", "nothing"]
        postings = Postings()
        for number, text in enumerate(texts):
            (tmp_path / f"{number}.txt").write_text(text)
            postings.add(text)
        update(tmp_path, *sorted(tmp_path.glob("*.txt")))
        with Index(tmp_path / "index.db") as index:
            hits = index.search("cat or dog", 5, "bm25")
        expected = postings.rank("cat or dog", 5)
        assert [Path(hit.file).stem for hit in hits] == [str(number) for number, _ in expected]
        assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected])

    def test_by_meaning_and_both(self, tmp_path: Path, notes: Path, model: str) -> None:
        update(tmp_path, notes, settings=IndexSettings(embedder=model))
        query = "The moon is far away"
        with Index(tmp_path / "index.db") as index:
            by_meaning = index.search(query, 10, "embedding")
            by_words = index.search(query, 10, "bm25")
            both = index.search(query, 10)
        assert Path(by_meaning[0].file).name == "moon.pdf" and by_meaning[0].score == pytest.approx(1, abs=1e-4)
        scores: dict[str, float] = {}
        for hits in (by_meaning, by_words):
            for place, hit in enumerate(hits, 1):
                scores[hit.text] = scores.get(hit.text, 0) + 1 / (RRF + place)
        assert {hit.text: hit.score for hit in both} == pytest.approx(scores)
        assert [hit.score for hit in both] == sorted(scores.values(), reverse=True)

    def test_by_meaning_without_vectors(self, tmp_path: Path, notes: Path) -> None:
        update(tmp_path, notes)
        with pytest.raises(ConfigError, match="--embedder"):
            found(tmp_path, "cat", ranking="embedding")

    def test_an_empty_index(self, tmp_path: Path, notes: Path, model: str) -> None:
        (tmp_path / "empty").mkdir()
        update(tmp_path, tmp_path / "empty", settings=IndexSettings(embedder=model))
        assert found(tmp_path, "cat") == [] and found(tmp_path, "!?") == []


class TestEmbedders:
    def test_a_models_vectors_are_the_means_of_its_hidden_states(self, assistant: Assistant) -> None:
        embedder = ModelEmbedder(assistant.model, assistant.tokenizer)
        texts = ["Hi", "What is 12 times 7?", "", "word " * 400]
        vectors = embedder.embed(texts)
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
        for text, vector in zip(texts, vectors, strict=True):
            ids = torch.tensor([[assistant.tokenizer.eos_id, *assistant.tokenizer.encode(text)][:256]])
            with torch.no_grad():
                mean = assistant.model.hidden(ids)[0].mean(0)
            assert vector == pytest.approx((mean / mean.norm()).numpy(), abs=1e-5)

    def test_a_servers(self) -> None:
        answer = {"data": [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [3, 4]}]}
        with serving((200, {"data": [{"id": "m"}]}), (200, answer)) as (endpoint, received):
            vectors = embedder_for(endpoint).embed(["a", "b"])
        np.testing.assert_allclose(vectors, [[0.6, 0.8], [0, 1]], rtol=1e-6)
        assert received[1]["body"] == {"model": "m", "input": ["a", "b"]}
        assert ServerEmbedder("http://127.0.0.1:1/v1#other").model == "other"

    def test_a_library_that_is_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "sentence_transformers", None)
        with pytest.raises(ConfigError, match="pip install sentence-transformers"):
            embedder_for("sentence-transformers/all-MiniLM-L6-v2")

    def test_a_library_that_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The library's interface, without its weights."""

        class SentenceTransformer:
            def __init__(self, name: str) -> None:
                assert name == "sentence-transformers/tiny"

            def encode(self, texts: list[str]) -> np.ndarray:
                return np.array([[len(text), 0.0] for text in texts])

        library = types.SimpleNamespace(SentenceTransformer=SentenceTransformer)
        monkeypatch.setitem(sys.modules, "sentence_transformers", library)
        np.testing.assert_allclose(embedder_for("sentence-transformers/tiny").embed(["abc"]), [[1, 0]])


class TestTheTools:
    def test_search_and_read(self, tmp_path: Path, notes: Path) -> None:
        update(tmp_path, notes)
        (notes / "long.txt").write_text("a " * 1500)
        update(tmp_path, notes)
        with Index(tmp_path / "index.db") as index:
            tools = Library(index).tools()
            said = call_tool(tools, "search", {"query": "resume"})
            assert said == "guide.md (Guide > Resume):\nAdd a flag."
            assert call_tool(tools, "search", {"query": "zebra"}) == "nothing found"
            assert call_tool(tools, "read", {"file": "notes/cat.txt"}).startswith("(page 1 of 1)\nThe cat sleeps")
            assert call_tool(tools, "read", {"file": "long.txt", "page": 2}).startswith("(page 2 of 2)\na a")
            assert call_tool(tools, "read", {"file": "long.txt", "page": 3}) == "error: long.txt has pages 1 to 2"
            assert call_tool(tools, "read", {"file": "/etc/passwd"}) == "error: no file is called '/etc/passwd'"

    def test_a_name_that_is_a_heading_finds_what_stands_under_it_alone(self, tmp_path: Path, notes: Path) -> None:
        (notes / "more.md").write_text("# Other\n\nHow to install and resume, and install again.\n")
        with Index(tmp_path / "index.db", SETTINGS) as index:
            index.update([notes])
            library = Library(index)
            assert library.search("install") == "guide.md (Guide > Install):\nType make."
            assert library.search("Other") == "more.md (Other):\nHow to install and resume, and install again."
            assert library.search("instal") == 'nothing found; did you mean "Install"?'
            assert "more.md" in library.search("again install") and "guide.md" in library.search("again install")

    def test_headings_of_any_language_are_found_and_no_words_find_no_page(self, tmp_path: Path, notes: Path) -> None:
        (notes / "more.md").write_text("# Île-de-France\n\nParis lies there.\n")
        with Index(tmp_path / "index.db", SETTINGS) as index:
            index.update([notes])
            library = Library(index)
            assert library.search(" île-de-france ") == "more.md (Île-de-France):\nParis lies there."
            assert library.search("") == library.search("  ") == "nothing found"

    def test_a_file_is_called_by_the_shortest_end_of_its_path(self, tmp_path: Path, notes: Path) -> None:
        (notes / "deep" / "guide.md").write_text("# Deep\n\nOnly here.\n")
        with Index(tmp_path / "index.db", SETTINGS) as index:
            index.update([notes])
            assert Library(index).search("deep").startswith("deep/guide.md (Deep):")
            assert index.read("deep/guide.md").startswith("# Deep")


class TestTheCommands:
    def test_index_and_search(
        self, tmp_path: Path, notes: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "200")
        index = ["--index", str(tmp_path / "index.db")]

        def orrery(*words: str) -> str:
            with pytest.raises(SystemExit) as ended:
                main([*words, *index])
            printed = capsys.readouterr()
            return printed.out if not ended.value.code else f"{ended.value.code}: {printed.err}"

        assert "there is no index" in orrery("search", "cat")
        assert "4 new, 0 changed, 0 unchanged, 0 gone" in orrery("index", str(notes), "--size", "50")
        assert "4 files, 6 chunks" in orrery("index", str(notes))
        shown = orrery("search", "resume", "--count", "1").splitlines()
        assert shown[0].endswith("guide.md  Guide > Resume") and shown[1:] == ["   ## Resume", "   ", "   Add a flag."]
        assert orrery("search", "zebra") == "nothing found\n"
        for words, message in [
            (["index"], "say what to index"),
            (["search"], "say what to search"),
            (["search", "cat", "--count", "0"], "--count is 0"),
            (["index", str(notes), "--size", "60"], "made with size 50, not 60"),
            (["index", str(tmp_path / "gone")], "gone does not exist"),
        ]:
            assert (said := orrery(*words)).startswith("2: ") and message in said
