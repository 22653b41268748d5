"""The database: one file by default, several writers at once, clear errors."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from orrery.database import URL_VARIABLE, Base, database_exists, open_database
from orrery.errors import ConfigError, RunError


class Count(Base):
    __tablename__ = "counts_of_the_tests"
    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int]


@pytest.fixture(autouse=True)
def no_other_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)


def test_it_is_a_file_among_the_runs_that_is_made_when_it_is_opened(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    assert not database_exists(root) and not root.exists(), "a look makes nothing"
    with open_database(root) as database, database.session() as session:
        session.add(Count(id=1, value=5))
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
    assert (root / "orrery.db").exists() and database_exists(root)
    with open_database(root) as database, database.session() as session:
        found = session.get_one(Count, 1)
    assert found.value == 5, "and can be read after its session"


def test_the_environment_names_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, f"sqlite:///{tmp_path}/elsewhere/all.db")
    with open_database(tmp_path / "runs"):
        pass
    assert (tmp_path / "elsewhere" / "all.db").exists() and not (tmp_path / "runs").exists()


@pytest.mark.parametrize("url", ["what?", "nosuch://host/db", "postgresql+nosuch://user:hidden@host/db"])
def test_an_address_that_cannot_be_is_named_without_its_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, url)
    with pytest.raises(ConfigError, match="ORRERY_DATABASE_URL") as refused:
        open_database(Path("runs"))
    assert "hidden" not in str(refused.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "orrery.db").write_text("these are no tables " * 100)
    with pytest.raises(RunError, match=r"orrery\.db: .*not a database"):
        open_database(tmp_path)


def test_a_session_that_raises_leaves_everything_as_it_was(tmp_path: Path) -> None:
    with open_database(tmp_path) as database:
        with pytest.raises(ZeroDivisionError), database.session() as session:
            session.add(Count(id=1, value=5))
            session.flush()
            raise ZeroDivisionError
        with database.session() as session:
            assert session.get(Count, 1) is None


def test_writers_wait_for_each_other_and_lose_nothing(tmp_path: Path) -> None:
    def count() -> None:
        with open_database(tmp_path) as database:  # all of them make it at once
            for _ in range(20):
                with database.session() as session:
                    row = session.get(Count, 1)
                    if row is None:
                        session.add(Count(id=1, value=1))
                    else:
                        row.value += 1

    threads = [threading.Thread(target=count) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_database(tmp_path) as database, database.session() as session:
        assert session.get_one(Count, 1).value == 120
