"""An index of files: chunks of their text, the words and meanings of each, in one SQLite file.

    with Index(Path("runs/index.db"), IndexSettings()) as index:
        index.update([Path("docs")])                      # again and again: only changed files are read
        for hit in index.search("how is a run resumed?", 5):
            print(hit.file, hit.title, hit.text)

Rankings

    bm25        by words (bm25.py)
    embedding   by cosine between the vectors of query and chunk (embeddings.py)
    hybrid      both lists, merged by reciprocal rank: a chunk at place r of a list gets 1 / (60 + r) from it
                (Cormack, Clarke and Büttcher, SIGIR 2009)

A file is replaced in one transaction, so an update that is stopped has lost nothing and goes on where it was. Vectors
are compared all, exactly, by one product. (An extension such as sqlite-vec does the same inside SQLite, but many
Pythons are built without loading extensions.)
"""

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, Self, get_args

import numpy as np

from orrery.agents.bm25 import bm25, telling, words
from orrery.agents.chunking import OVERLAP, SIZE, Strategy, chunks, strategy_for
from orrery.agents.documents import read_text, text_files
from orrery.agents.embeddings import Embedder, embedder_for
from orrery.errors import ConfigError, DataError

Ranking = Literal["bm25", "embedding", "hybrid"]
RRF = 60  # as in the paper
WAIT = 30.0  # seconds for another process that writes
MERGED = 50  # places of each list that hybrid looks at

TABLES = """
CREATE TABLE settings (made_with TEXT);
CREATE TABLE files (id INTEGER PRIMARY KEY, path TEXT UNIQUE, size INTEGER, changed INTEGER, digest TEXT, text TEXT);
CREATE TABLE chunks (id INTEGER PRIMARY KEY, file INTEGER REFERENCES files ON DELETE CASCADE,
                     start INTEGER, stop INTEGER, title TEXT, words INTEGER, vector BLOB);
CREATE TABLE postings (word TEXT, chunk INTEGER REFERENCES chunks ON DELETE CASCADE, count INTEGER,
                       PRIMARY KEY (word, chunk)) WITHOUT ROWID;
CREATE INDEX chunks_of_file ON chunks (file);
CREATE INDEX postings_of_chunk ON postings (chunk);
"""


@dataclass(frozen=True)
class Hit:
    """A chunk that was found. `score` is that of its ranking: comparable only within one search."""

    file: str
    title: str
    text: str
    score: float
    start: int
    """Where it begins in the file's text (characters)."""


@dataclass
class Updated:
    """What an update did: files by what became of them, and why some were not read."""

    new: int = 0
    changed: int = 0
    same: int = 0
    gone: int = 0
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class IndexSettings:
    """How an index is made; it keeps them."""

    strategy: Strategy | Literal["auto"] = "auto"
    """Where texts are cut (`chunking.py`); "auto" goes by each file's name."""
    size: int = SIZE
    """Words of a chunk at most."""
    overlap: int = OVERLAP
    """Words of one chunk that the next may begin with."""
    embedder: str = ""
    """What makes vectors (`embeddings.py`); without, only words rank."""

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.size:
            raise ConfigError(f"an overlap of {self.overlap} words does not fit into chunks of {self.size}")


class Index:
    """An index in a file; a context manager.

    With settings it is made where there is none, and must have been made with the same where there is one; without
    settings there must be one.

    Raises:
        ConfigError: it was made with other settings, is no index, or is not there.
        DataError: another process has kept it locked for WAIT seconds.
    """

    def __init__(self, path: Path, settings: IndexSettings | None = None) -> None:
        if settings is None and not path.exists():
            raise ConfigError(f"there is no index {path}; make one: orrery index FOLDER --index {path}")
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(path, timeout=WAIT)
        try:
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA foreign_keys = ON")
            self.settings = self._made_with(settings)
        except (sqlite3.DatabaseError, TypeError, ValueError) as error:
            self.db.close()
            if "locked" in str(error):
                raise DataError(f"{path}: {error}: another process is writing into it") from error
            raise ConfigError(f"{path} is no index: {error}") from error
        except ConfigError:
            self.db.close()
            raise

    @cached_property
    def embedder(self) -> Embedder | None:
        """What makes vectors, loaded when it is first wanted."""
        return embedder_for(self.settings.embedder) if self.settings.embedder else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Close it. Raises DataError where another process has kept it locked, or the disk is full."""
        self.db.close()
        if isinstance(error, sqlite3.OperationalError):
            raise DataError(f"{self.path}: {error}; what was indexed before is kept, run it again") from error

    def update(self, paths: Sequence[Path], on_file: Callable[[int, int], None] = lambda done, total: None) -> Updated:
        """Bring the index up to date with these files and folders; what has vanished from them is forgotten.

        Raises:
            DataError: a path does not exist.
        """
        roots = [path.resolve() for path in paths]
        files = list(dict.fromkeys(path.resolve() for path in text_files(roots)))
        done = Updated()
        known = {
            path: (size, changed, digest)
            for path, size, changed, digest in self.db.execute("SELECT path, size, changed, digest FROM files")
        }
        there = {str(path) for path in files}
        for path in known:
            inside = any(Path(path) == root or root in Path(path).parents for root in roots)
            if inside and path not in there:
                done.gone += 1
                self._forget(path)
        for number, path in enumerate(files, 1):
            self._update_file(path, known.get(str(path)), done)
            on_file(number, len(files))
        return done

    def search(self, query: str, count: int, ranking: Ranking | None = None) -> list[Hit]:
        """The best chunks, best first; by default hybrid where there are vectors.

        Raises:
            ConfigError: a ranking by meaning without an embedder.
        """
        ranking = ranking or ("hybrid" if self.settings.embedder else "bm25")
        if ranking not in get_args(Ranking):
            raise ConfigError(f"there is no ranking {ranking!r}; there is {', '.join(get_args(Ranking))}")
        if ranking == "bm25":
            found = self._by_words(query)[:count]
        elif ranking == "embedding":
            found = self._by_meaning(query)[:count]
        else:
            merged: dict[int, float] = {}
            for places in (self._by_words(query)[:MERGED], self._by_meaning(query)[:MERGED]):
                for place, (chunk, _) in enumerate(places, 1):
                    merged[chunk] = merged.get(chunk, 0) + 1 / (RRF + place)
            found = sorted(merged.items(), key=lambda item: (-item[1], item[0]))[:count]
        return [self._hit(chunk, score) for chunk, score in found]

    def titled(self, name: str) -> list[Hit]:
        """The chunks that stand under this very heading, in order; letter case aside."""
        wanted = name.strip().casefold()
        same = [title for title in self.titles() if wanted in (title.casefold(), last_heading(title).casefold())]
        found = [self.db.execute("SELECT id FROM chunks WHERE title = ?", (title,)).fetchall() for title in same]
        return [self._hit(chunk, 1.0) for chunk in sorted(chunk for rows in found for (chunk,) in rows)]

    def titles(self) -> list[str]:
        """All titles: headings with those that they stand under."""
        return [title for (title,) in self.db.execute("SELECT DISTINCT title FROM chunks WHERE title != ''")]

    def name_of(self, path: str) -> str:
        """The shortest end of a file's path that no other file's has: what `read` takes."""
        paths = [path for (path,) in self.db.execute("SELECT path FROM files")]
        parts = path.split("/")
        ends = ("/".join(parts[-count:]) for count in range(1, len(parts)))
        return next((end for end in ends if sum(other.endswith("/" + end) for other in paths) == 1), path)

    def read(self, file: str) -> str:
        """The text of an indexed file, by its path or the end of one.

        Raises:
            DataError: no file, or more than one, is called so.
        """
        rows = self.db.execute("SELECT path, text FROM files ORDER BY path").fetchall()
        found = [(path, text) for path, text in rows if path == file or path.endswith("/" + file.lstrip("/"))]
        if len(found) != 1:
            several = f"{len(found)} files are" if found else "no file is"
            raise DataError(f"{several} called {file!r}" + "".join(f"\n{path}" for path, _ in found[:5]))
        return str(found[0][1])

    def counts(self) -> tuple[int, int]:
        """Files and chunks."""
        [files], [found] = (self.db.execute(f"SELECT count(*) FROM {name}").fetchone() for name in ("files", "chunks"))
        return files, found

    def _made_with(self, wanted: IndexSettings | None) -> IndexSettings:
        """The settings in the file; those that are wanted where it is new, with its tables."""
        with self.db:
            self.db.execute("BEGIN IMMEDIATE")  # of two that make it at once, one waits
            if wanted and not self.db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                for statement in TABLES.split(";"):
                    self.db.execute(statement)
                self.db.execute("INSERT INTO settings VALUES (?)", (json.dumps(asdict(wanted)),))
        made = IndexSettings(**json.loads(self.db.execute("SELECT made_with FROM settings").fetchone()[0]))
        for name, value in asdict(wanted or made).items():
            if (was := getattr(made, name)) != value:
                raise ConfigError(
                    f"{self.path} was made with {name} {was!r}, not {value!r}: delete it, or name another"
                )
        return made

    def _update_file(self, path: Path, known: tuple[int, int, str] | None, done: Updated) -> None:
        try:
            stat = path.stat()
            if known and known[:2] == (stat.st_size, stat.st_mtime_ns):
                done.same += 1
                return
            text = read_text(path)
        except (DataError, OSError) as error:
            done.refused.append(str(error))
            if known:
                self._forget(str(path))
            return
        digest = hashlib.sha256(text.encode()).hexdigest()
        if known and known[2] == digest:
            done.same += 1
            with self.db:
                self.db.execute(
                    "UPDATE files SET size = ?, changed = ? WHERE path = ?", (stat.st_size, stat.st_mtime_ns, str(path))
                )
            return
        strategy = strategy_for(path.name) if self.settings.strategy == "auto" else self.settings.strategy
        cut = chunks(text, strategy, self.settings.size, self.settings.overlap)
        # What a chunk stands under speaks for it as well: a section "Install" need not repeat the word.
        shown = [f"{chunk.title}\n{text[chunk.start : chunk.stop]}".strip() for chunk in cut]
        vectors = self.embedder.embed(shown) if self.embedder and shown else None
        with self.db:
            self.db.execute("DELETE FROM files WHERE path = ?", (str(path),))
            row = (str(path), stat.st_size, stat.st_mtime_ns, digest, text)
            file = self.db.execute(
                "INSERT INTO files (path, size, changed, digest, text) VALUES (?, ?, ?, ?, ?)", row
            ).lastrowid
            for number, (chunk, said) in enumerate(zip(cut, shown, strict=True)):
                counted = Counter(words(said))
                vector = None if vectors is None else vectors[number].astype("<f4").tobytes()
                chunk_id = self.db.execute(
                    "INSERT INTO chunks (file, start, stop, title, words, vector) VALUES (?, ?, ?, ?, ?, ?)",
                    (file, chunk.start, chunk.stop, chunk.title, counted.total(), vector),
                ).lastrowid
                rows = [(word, chunk_id, count) for word, count in counted.items()]
                self.db.executemany("INSERT INTO postings VALUES (?, ?, ?)", rows)
        if known:
            done.changed += 1
        else:
            done.new += 1

    def _forget(self, path: str) -> None:
        with self.db:
            self.db.execute("DELETE FROM files WHERE path = ?", (path,))

    def _by_words(self, query: str) -> list[tuple[int, float]]:
        """(chunk, score), best first, of the chunks that share a word with the query."""
        total, mean = self.db.execute("SELECT count(*), avg(words) FROM chunks").fetchone()
        asked = list(dict.fromkeys(telling(query) or words(query)))
        found: list[dict[int, int]] = [
            dict(self.db.execute("SELECT chunk, count FROM postings WHERE word = ?", (word,))) for word in asked
        ]
        lengths: dict[int, int] = {}
        for word in asked:
            lengths.update(
                self.db.execute("SELECT id, words FROM chunks JOIN postings ON chunk = id WHERE word = ?", (word,))
            )
        scores = bm25([counts for counts in found if counts], lengths, total, max(mean or 0, 1))
        return sorted(scores.items(), key=lambda item: (-item[1], item[0]))

    def _by_meaning(self, query: str) -> list[tuple[int, float]]:
        """(chunk, cosine), best first, of all chunks."""
        if self.embedder is None:
            raise ConfigError("ranking by meaning needs an index with vectors: make one with --embedder")
        rows = self.db.execute("SELECT id, vector FROM chunks ORDER BY id").fetchall()
        if not rows:
            return []
        vectors = np.frombuffer(b"".join(vector for _, vector in rows), "<f4").reshape(len(rows), -1)  # n D
        scores = vectors @ self.embedder.embed([query])[0]
        order = np.argsort(-scores, kind="stable")
        return [(rows[place][0], float(scores[place])) for place in order]

    def _hit(self, chunk: int, score: float) -> Hit:
        path, title, start, stop, text = self.db.execute(
            "SELECT path, title, start, stop, text FROM chunks JOIN files ON file = files.id WHERE chunks.id = ?",
            (chunk,),
        ).fetchone()
        return Hit(path, title, text[start:stop].strip(), score, start)


def last_heading(title: str) -> str:
    """The heading itself, without those that it stands under.

    >>> last_heading("Guide > Install")
    'Install'
    """
    return title.rpartition(" > ")[2]
