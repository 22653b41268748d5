"""`orrery serve`: models behind an address, for every program that speaks OpenAI's protocol."""

import asyncio
import ipaddress
import logging
import socket
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from rich.console import Console

from orrery.errors import CheckpointError, ConfigError
from orrery.inference.engine import Precision
from orrery.server.app import make_app
from orrery.server.connection import HTTPServer, protocol_with
from orrery.server.engine_process import EngineProcess
from orrery.server.guard import Access
from orrery.server.limits import Limits
from orrery.server.names import ServedModel, most_bytes, read_models
from orrery.server.protocol import EngineSettings
from orrery.server.service import Service
from orrery.server.studio.studio import Studio
from orrery.tools.available import tools_named

KEEP_ALIVE = 30  # seconds that an idle connection stays open: longer than clients use one again (httpx 5, aiohttp 15)


@dataclass(frozen=True)
class ServeCommand:
    """Serve models to the programs that you have: the openai package, Open WebUI, editors, lm-eval.

    They speak OpenAI's protocol: /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models. A model's name is
    the end of its folder's path. The first is loaded at once, others when they are first asked for. Requests that bring
    no tools of their own get the server's.

    Example: orrery serve --model runs/speedrun/sft
    Example: orrery serve --model runs/speedrun/sft runs/speedrun/base --port 9000 --memory 4
    Example: orrery serve --model runs/speedrun/sft --host 0.0.0.0 --api-key-file keys.txt
    """

    model: tuple[Path, ...]
    """Model folders; only weights in safetensors are read."""
    host: str = "127.0.0.1"
    """The address that is listened at. Others than this machine's own need keys."""
    port: int = 8000
    """0 takes one that is free."""
    api_key_file: Path | None = None
    """A file of keys, a line each: requests must bring one of them (Authorization: Bearer KEY)."""
    allow_host: tuple[str, ...] = ()
    """Further names that this server is called by."""
    allow_origin: tuple[str, ...] = ()
    """Web pages that may ask, such as https://chat.example.org."""
    tools: tuple[str, ...] = ("calculator",)
    """Tools that the server runs itself where a request brings none; `none` for none at all."""
    dtype: Precision = "auto"
    """What models compute in; auto is bfloat16 where this machine has it."""
    memory: float | None = None
    """GB that loaded models and their caches may take; the one unused longest makes room for another."""
    max_tokens: int | None = None
    """Tokens that a request may ask for; by default as many as the model's context has."""
    queue: int = Limits.queue
    """Answers that may wait for their first token; more are refused for the moment."""
    connections: int = Limits.connections
    """Connections at a time."""
    body: int = Limits.body
    """Bytes of a request."""
    drain_seconds: float = 30.0
    """How long answers under way may take when the server is stopped; a second Ctrl-C ends it at once."""
    verbose: bool = False
    """Log every request."""


def serve(config: ServeCommand) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        ConfigError: an address that is not there or taken, other machines without keys, no keys in the file, a memory
            limit below a model's size, a tool that is not there.
        CheckpointError, TokenizerError: a folder is no model.
        ToolError: `python` cannot be isolated here.
    """
    level = logging.INFO if config.verbose else logging.WARNING
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=level)
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of every client that goes away in the middle
    models = read_models(config.model)
    check_memory(models, config)
    memory = None if config.memory is None else int(config.memory * 1e9)
    settings = EngineSettings({name: model.folder for name, model in models.items()}, config.dtype, memory)
    limits = Limits(body=config.body, max_tokens=config.max_tokens, queue=config.queue, connections=config.connections)
    tools = tools_named([name for name in config.tools if name != "none"])
    access = access_of(config)
    with listening(config.host, config.port) as listener:
        asyncio.run(run(Service(models, EngineProcess(settings), tools, limits), access, listener, config))


async def run(service: Service, access: Access, listener: socket.socket, config: ServeCommand) -> None:
    """Serve until a signal comes. Raises CheckpointError when the first model cannot be loaded."""
    server = server_of(service, access, config.drain_seconds, config.verbose)
    ready = asyncio.create_task(announce(service, server, listener))
    try:
        await server.serve(sockets=[listener])
    finally:
        ready.cancel()
        await service.engine.stop()
    if ready.done() and not ready.cancelled():
        ready.result()


def server_of(
    service: Service, access: Access, drain_seconds: float, verbose: bool, studio: Studio | None = None
) -> HTTPServer:
    """The server, not yet running."""
    server = HTTPServer(
        uvicorn.Config(
            make_app(service, access, lambda: len(server.server_state.connections), studio),
            http=protocol_with(service.limits),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=verbose,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE,
        ),
        end_answers=service.engine.stop,
        drain_seconds=drain_seconds,
    )
    return server


async def announce(service: Service, server: HTTPServer, listener: socket.socket) -> None:
    """Say that it is ready when the first model is loaded; where that cannot be, stop the server and raise why."""
    while not service.engine.ready:
        await service.engine.changed.wait()
        service.engine.changed.clear()
    assert service.engine.state is not None
    for reason in service.engine.state.failed.values():
        server.should_exit = True
        raise CheckpointError(reason)
    show(listener, service.models, Console(highlight=False))


def show(listener: socket.socket, models: dict[str, ServedModel], out: Console) -> None:
    """The address, the models, and something to try."""
    address = url_of(listener)
    out.print(f"Orrery serves {', '.join(models)} at [bold]{address}/v1[/]   [dim]Ctrl-C stops it[/]", soft_wrap=True)
    model = next(iter(models.values()))
    if model.assistant:
        path, question = "chat/completions", '"messages": [{"role": "user", "content": "What is 12 times 7?"}]'
    else:
        path, question = "completions", '"prompt": "Once upon a time"'
    command = (
        f"""curl {address}/v1/{path} -H 'Content-Type: application/json' -d '{{"model": "{model.name}", {question}}}'"""
    )
    out.print(command, markup=False, soft_wrap=True)


def access_of(config: ServeCommand) -> Access:
    """Who may ask. Raises ConfigError for an address that others reach, without keys."""
    keys: tuple[str, ...] = ()
    if config.api_key_file is not None:
        if not config.api_key_file.is_file():
            raise ConfigError(f"--api-key-file: there is no file {config.api_key_file}")
        keys = tuple(filter(None, map(str.strip, config.api_key_file.read_text(encoding="utf-8").splitlines())))
        if not keys:
            raise ConfigError(f"--api-key-file: there is no key in {config.api_key_file}; write one a line")
    if not keys and not is_loopback(config.host):
        raise ConfigError(
            f"--host {config.host} can be reached from other machines: give --api-key-file, a file with a key that "
            "requests must bring"
        )
    anywhere = config.host in ("0.0.0.0", "::")
    hosts = [*config.allow_host, *([] if anywhere else [config.host])]
    return Access(keys, [host.lower() for host in hosts], config.allow_origin, addresses=anywhere)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_memory(models: dict[str, ServedModel], config: ServeCommand) -> None:
    """Raise ConfigError for a model that alone is larger than the limit."""
    for model in models.values():
        needs = most_bytes(model.config, config.dtype) / 1e9
        if config.memory is not None and needs > config.memory:
            raise ConfigError(
                f"--memory {config.memory}: {model.name} may take {needs:.3f} GB with its cache; allow more"
            )


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ConfigError when the address is not this machine's, or the port is taken."""
    if not 0 <= port < 2**16:
        raise ConfigError(f"--port {port}: ports are 0 to 65535; 0 takes a free one")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        raise ConfigError(f"cannot listen at {host} port {port}: {error}; --port 0 takes a free one") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """The address that a client on this machine uses."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
