"""The one database: what people and sweeps make that no run directory holds, through SQLAlchemy 2.

    class Note(Base):                                # tables are declared where they are used
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)

    with open_database(Path("runs")) as database, database.session() as session:
        session.add(Note())

It is the file orrery.db in the folder of the runs unless $ORRERY_DATABASE_URL names another, for instance
postgresql+psycopg://user@host/orrery. SQLite is set to write-ahead logging (https://sqlite.org/wal.html), so that
readers and a writer do not stop each other, and a writer waits for another one.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.orm import DeclarativeBase, Session

from orrery.errors import ConfigError, RunError

URL_VARIABLE = "ORRERY_DATABASE_URL"
BUSY_SECONDS = 30  # that a transaction waits for another process's


class Base(DeclarativeBase):
    """What all tables derive from."""


class Database:
    """An open database; a context manager. Make one with `open_database`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction: kept when the block ends, undone when it raises. Its objects can be read afterwards.

        Raises:
            RunError: the database cannot be reached, is damaged, or stayed locked.
        """
        try:
            with Session(self.engine, expire_on_commit=False) as session, session.begin():
                yield session
        except IntegrityError:
            raise  # a row that must not be: a bug, not the database's state
        except DBAPIError as error:
            raise RunError(f"the database {self.engine.url}: {error.orig}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.engine.dispose()


def open_database(root: Path) -> Database:
    """Open the database of the runs in ``root``; it and its tables are made where they do not exist.

    Raises:
        ConfigError: $ORRERY_DATABASE_URL is no URL, or its driver is not installed.
        RunError: the database cannot be opened.
    """
    url = _url(root)
    if file := _file(url):
        file.parent.mkdir(parents=True, exist_ok=True)
    try:
        engine = create_engine(url)
    except (ArgumentError, ImportError) as error:  # NoSuchModuleError is an ArgumentError
        raise ConfigError(f"${URL_VARIABLE} is {url}: {error}") from error
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediately)
    database = Database(engine)
    with database.session() as session:
        Base.metadata.create_all(session.connection())
    return database


def database_exists(root: Path) -> bool:
    """Whether there can be anything in it: False for a file that is not there, which a look would make."""
    file = _file(_url(root))
    return file is None or file.exists()


def _url(root: Path) -> URL:
    text = os.environ.get(URL_VARIABLE) or f"sqlite:///{root / 'orrery.db'}"
    try:
        return make_url(text)
    except ArgumentError as error:  # the text may hold a password: it is not repeated
        raise ConfigError(f"${URL_VARIABLE} is no database URL such as sqlite:///runs/orrery.db") from error


def _file(url: URL) -> Path | None:
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)) if is_file else None


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Python's driver would begin transactions late, at the first write; here SQLAlchemy begins them, as below.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS}")
    connection.execute("PRAGMA foreign_keys = ON")
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:  # another process makes the same switch: the timeout is not for it
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)


def _begin_immediately(connection: Connection) -> None:
    # A transaction that reads and then writes fails at once, timeout or not, when another wrote in between. One that
    # takes the write lock as it begins waits its turn.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
