"""GET /api/machine: the studio as an operating system would show it: memory, devices, disk.

Memory are the contexts of the models that are loaded, with the bytes that their key/value caches take; devices are the
tools that models may call; disk is what lasts, the folder of the runs and the rows of the database.
"""

from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter
from sqlalchemy import func, inspect, select

from orrery.database import Base, database_exists
from orrery.models.explain import cache_bytes_per_token
from orrery.models.hf_config import config_from_hf
from orrery.server.protocol import ModelState
from orrery.server.service import in_thread
from orrery.server.studio.talk import Talk

NUMBER = 4  # bytes: the studio computes in float32 unless --dtype says otherwise


@dataclass(frozen=True)
class Memory:
    """A loaded model. `held`: tokens in its cache now; `capacity`: that it can hold, all rows together; `bytes`: all
    that it takes; `token_bytes`: of the cache, for each token."""

    model: str
    context: int
    running: int
    waiting: int
    held: int
    capacity: int
    token_bytes: int
    bytes: int


@dataclass(frozen=True)
class Device:
    """A tool."""

    name: str
    about: str


@dataclass(frozen=True)
class Disk:
    """Something that lasts. `rows`: of a table, None for folders; `bytes`: None where only the database knows."""

    what: str
    rows: int | None
    bytes: int | None


@dataclass(frozen=True)
class Machine:
    """Everything."""

    memory: list[Memory]
    devices: list[Device]
    disk: list[Disk]


def router(talk: Talk) -> APIRouter:
    """The address."""
    found = APIRouter()

    @found.get("/machine", summary="Memory, devices and disk of the studio")
    async def machine() -> Machine:
        await talk.models()  # so that whatever a page shows can also be asked
        state = talk.service.engine.state
        loaded = dict(state.loaded) if state else {}
        return await in_thread(lambda: look(talk, loaded))

    return found


def look(talk: Talk, loaded: dict[str, ModelState]) -> Machine:
    """As it is now."""
    memory = [
        Memory(name, state.context, state.running, state.waiting, state.held, state.capacity,
               cache_bytes_per_token(config_from_hf(talk.service.model(name).folder), NUMBER), state.bytes)
        for name, state in loaded.items()
    ]  # fmt: skip
    devices = [Device(tool.name, tool.description) for tool in talk.service.tools]
    return Machine(memory, devices, [*folders(talk.studio.root), *tables(talk)])


def folders(root: Path) -> list[Disk]:
    """The runs, and the database's own file where it is one."""
    runs = [path for path in root.glob("*") if (path / "run.json").is_file()]
    size = sum(path.stat().st_size for run in runs for path in run.rglob("*") if path.is_file())
    return [Disk(f"{len(runs)} runs" if len(runs) != 1 else "1 run", None, size)]


def tables(talk: Talk) -> list[Disk]:
    """The tables that have rows; a look makes no database."""
    if not database_exists(talk.studio.root):
        return []
    with talk.database.session() as session:
        there = set(inspect(session.connection()).get_table_names())
        known = [table for table in Base.metadata.sorted_tables if table.name in there]
        counts = [(table.name, session.scalar(select(func.count()).select_from(table))) for table in known]
    return [Disk(name, count, None) for name, count in counts if count]
