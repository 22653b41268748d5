"""`orrery studio`: the course and the lab in your browser, on this machine alone."""

import asyncio
import logging
import socket
import webbrowser
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from orrery.commands.serve import listening, server_of, url_of
from orrery.commands.table import COMMANDS
from orrery.inference.engine import Precision
from orrery.server.connection import HTTPServer
from orrery.server.engine_process import EngineProcess
from orrery.server.guard import Access
from orrery.server.protocol import EngineSettings
from orrery.server.service import Service
from orrery.server.studio.forms import Forms
from orrery.server.studio.jobs import Jobs
from orrery.server.studio.studio import Studio
from orrery.tools.available import tools_named
from orrery.training.runs import RUNS

DRAIN_SECONDS = 2.0


@dataclass(frozen=True)
class StudioCommand:
    """Open the studio: a course on how language models work and are made, and a lab for your own runs.

    What it shows is computed here, by the models in your runs folder; what was measured elsewhere is marked so. No
    network is needed. It is also a server as `orrery serve` is one. Trainings started in it go on when it is closed.

    Example: orrery studio
    Example: orrery studio --root runs --port 9000 --no-browser
    """

    root: Path = RUNS
    """The folder that holds the runs."""
    port: int = 8321
    """Where to listen, on this machine; 0 takes one that is free."""
    browser: bool = True
    """Open it in the browser."""
    sample: bool = True
    """Where there is no run yet, train a small one at once, so that there is something to look at in a minute."""
    dtype: Precision = "float32"
    """What models compute in; auto is bfloat16 where this machine has it, which is faster and less exact."""
    memory: float | None = None
    """GB that loaded models and their caches may take; the one unused longest makes room for another."""


def studio(config: StudioCommand) -> None:
    """Serve the studio until Ctrl-C. Raises ConfigError for a port that is taken, or a root that is a file."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of every client that goes away in the middle
    config.root.mkdir(parents=True, exist_ok=True)
    memory = None if config.memory is None else int(config.memory * 1e9)
    service = Service({}, EngineProcess(EngineSettings({}, config.dtype, memory)), tools_named(["calculator"]))
    with listening("127.0.0.1", config.port) as listener:
        asyncio.run(run(service, Studio(config.root, COMMANDS), listener, config))


async def run(service: Service, studio: Studio, listener: socket.socket, config: StudioCommand) -> None:
    """Serve until a signal comes."""
    server = server_of(service, Access(), DRAIN_SECONDS, verbose=False, studio=studio)
    ready = asyncio.create_task(announce(server, listener, config))
    try:
        await server.serve(sockets=[listener])
    finally:
        ready.cancel()
        await service.engine.stop()


async def announce(server: HTTPServer, listener: socket.socket, config: StudioCommand) -> None:
    """Say where it is, train the first run where there is none, and open it."""
    address = url_of(listener)
    while not server.started:
        await asyncio.sleep(0.02)
    Console(highlight=False).print(
        f"The studio is at [bold]{address}[/], its runs in {config.root}/   [dim]Ctrl-C stops it[/]", soft_wrap=True
    )
    if config.sample:
        await asyncio.to_thread(Jobs(config.root, Forms(COMMANDS)).start_samples)
    if config.browser:
        await asyncio.to_thread(webbrowser.open, address)
