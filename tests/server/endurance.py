"""A crowd at the server's door: many clients at once, some of whom vanish or talk nonsense, while its engine is killed.

    outcome = endure(server, known, seconds=30, streams=64)
    assert outcome.wrong == []

Every client asks, compares what it gets with what it knows, and asks again. An answer is right, or refused in
OpenAI's form with the status that fits, or it breaks off with an error because the engine was killed meanwhile;
everything else is counted in `Outcome.faults` and, at first, described in `Outcome.wrong`. The server is measured when
nobody asks: before, after a first part that warms everything up, and at the end; the last third of each part goes by
without a kill, so that a leak would show.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import cycle
from random import Random

import httpx2
import psutil

from tests.server.known import BODY, NONSENSE, Known
from tests.server.running import Running, eventually

DEADLINE = 60.0  # seconds within which everything is answered or refused
MOST_WRONG = 20  # no more of them are described
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Footprint:
    """What the server holds when nobody asks: bytes of both processes, open files of the first, engine processes."""

    server: int
    engine: int
    files: int
    engines: int


@dataclass
class Outcome:
    """What came of it: each request is counted once. `first`, `whole`: seconds to a first piece, and to the end."""

    asked: int = 0
    answered: int = 0
    cancelled: int = 0
    broken: int = 0
    kills: int = 0
    faults: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    recovery: list[float] = field(default_factory=list)
    footprints: list[Footprint] = field(default_factory=list)

    def blame(self, what: str) -> None:
        """Note something that must not be."""
        self.faults += 1
        if len(self.wrong) < MOST_WRONG:
            self.wrong.append(what[:1000])


def endure(
    server: Running, known: Sequence[Known], seconds: float, streams: int = 64, kills: int = 2, seed: int = 0
) -> Outcome:
    """Let `streams` clients ask for about so many seconds, a quarter of them to warm up; kill the engine so many times.

    One more kill begins the warm-up, so that an engine that was started again is compared with another.
    """
    outcome = Outcome()
    outcome.footprints.append(measured(server))
    for part, (length, times) in enumerate([(seconds / 4, min(1, kills)), (seconds * 3 / 4, kills)]):
        asyncio.run(Crowd(server, known, outcome, 2 * seed + part).stay(length, streams, times))
        outcome.footprints.append(measured(server))
    return outcome


def measured(server: Running) -> Footprint:
    """The server's footprint once it is idle; that it becomes idle is part of the bargain."""
    gauges = ("orrery_requests_running", "orrery_requests_waiting", "orrery_kv_cache_ratio")
    eventually(lambda: all(server.metric(gauge) == 0 for gauge in gauges), "no slot is held and nobody waits")
    process = psutil.Process(server.process.pid)
    eventually(lambda: len(process.net_connections("tcp")) == 2, "only this client's connection is open")
    engines = server.engines()
    rss = [engine.memory_info().rss for engine in engines]
    return Footprint(process.memory_info().rss, sum(rss), process.num_fds(), len(engines))


class Crowd:
    """Clients who come and go for a while."""

    def __init__(self, server: Running, known: Sequence[Known], outcome: Outcome, seed: int) -> None:
        self.server, self.known, self.outcome, self.seed = server, known, outcome, seed
        self.down, self.over = False, False
        self.nonsense = cycle(NONSENSE)  # all of it has its turn, however short the stay

    async def stay(self, seconds: float, streams: int, kills: int) -> None:
        """All of them at once, until the time is over and the last of the killed engines was followed by some calm."""
        limits = httpx2.Limits(max_connections=None)
        async with (
            httpx2.AsyncClient(base_url=self.server.url, timeout=DEADLINE, limits=limits) as self.http,
            asyncio.TaskGroup() as group,
        ):
            for number in range(streams):
                group.create_task(self.visit(Random(f"{self.seed} {number}")))
            begin = time.monotonic()
            for number in range(kills):
                await until(begin + seconds * 2 / 3 * number / kills)
                await self.attempt(self.kill())
            calm = seconds / 3 if kills else 0.0
            await until(max(begin + seconds, time.monotonic() + calm))
            self.over = True

    async def visit(self, rng: Random) -> None:
        """One client, who does something else every time."""
        ways = {self.ask: 30, self.follow: 40, self.vanish: 12, self.hurry: 6, self.babble: 10, self.flood: 2}
        while not self.over:
            (way,) = rng.choices(list(ways), list(ways.values()))
            self.outcome.asked += 1
            if await self.attempt(way(rng)):
                await asyncio.sleep(rng.uniform(0.1, 0.5))

    async def attempt(self, way: Coroutine[None, None, bool]) -> bool:
        """Do it, but not for longer than the deadline -> whether to come back later, as all that follow say."""
        try:
            async with asyncio.timeout(DEADLINE):
                return await way
        except (TimeoutError, httpx2.TimeoutException):
            self.outcome.blame(f"{way.__name__}: neither answered nor refused within {DEADLINE} s")
        except httpx2.HTTPError as error:
            self.outcome.blame(f"{way.__name__}: the connection failed: {error!r}")
        return False

    async def kill(self) -> bool:
        """Kill the engine, and wait until another is there."""
        killed, self.down = time.monotonic(), True
        for engine in self.server.engines():
            engine.kill()
        self.outcome.kills += 1
        for status in (503, 200):
            while (await self.http.get("/health")).status_code != status:
                await asyncio.sleep(0.02)
        self.down = False
        self.outcome.recovery.append(time.monotonic() - killed)
        return False

    async def ask(self, rng: Random) -> bool:
        """A request that is answered as a whole."""
        one, excuse = rng.choice(self.known), self.excuse()
        begin = time.monotonic()
        response = await self.http.post(one.path, json=one.body)
        if response.status_code != 200:
            return self.turned_away(response, excuse)
        said = [choice.get("message", choice) for choice in response.json()["choices"]]
        texts = tuple(message.get("content", message.get("text")) for message in said)
        if texts == one.answers:
            self.outcome.answered += 1
            self.outcome.whole.append(time.monotonic() - begin)
        else:
            self.outcome.blame(f"asked {one.body}, expected {one.answers}, got {texts}")
        return False

    async def hurry(self, rng: Random) -> bool:
        """A request whose client does not wait for long."""
        asking = asyncio.create_task(self.ask(rng))
        if not (await asyncio.wait([asking], timeout=rng.uniform(0, 0.2)))[0]:
            asking.cancel()
            await asyncio.wait([asking])
        if not asking.cancelled():
            return await asking
        self.outcome.cancelled += 1
        return False

    async def follow(self, rng: Random) -> bool:
        """A stream that is read to its end."""
        return await self.stream(rng, most=None)

    async def vanish(self, rng: Random) -> bool:
        """A stream whose client goes away in the middle."""
        return await self.stream(rng, most=rng.randint(1, 12))

    async def stream(self, rng: Random, most: int | None) -> bool:
        """A stream that is read, perhaps slowly, until its end or until it has brought so many events."""
        one, excuse = rng.choice(self.known), self.excuse()
        begin, texts, slow = time.monotonic(), [""] * len(one.answers), rng.random() < 0.1
        async with self.http.stream("POST", one.path, json=one.body | {"stream": True}) as response:
            if response.status_code != 200:
                await response.aread()
                return self.turned_away(response, excuse)
            self.outcome.first.append(time.monotonic() - begin)
            ended = ""
            async with aclosing(events(response)) as coming:
                async for event in coming:
                    if event == "[DONE]":
                        ended = "done"
                    elif "error" in (chunk := json.loads(event)):
                        ended = chunk["error"]["code"]
                    else:
                        for choice in chunk["choices"]:
                            piece = choice.get("delta", choice)
                            texts[choice["index"]] += piece.get("content") or piece.get("text") or ""
                    if slow:
                        await asyncio.sleep(0.02)
                    if most is not None:
                        most -= 1
                        if not most:
                            break
        parts = all(answer.startswith(text) for answer, text in zip(one.answers, texts, strict=True))
        if ended == "done" and tuple(texts) == one.answers:
            self.outcome.answered += 1
            self.outcome.whole.append(time.monotonic() - begin)
        elif ended == "engine_unavailable" and parts and self.excused(excuse):
            self.outcome.broken += 1
        elif most == 0 and not ended and parts:
            self.outcome.cancelled += 1
        else:
            self.outcome.blame(f"followed {one.body}, expected {one.answers}, got {texts}, ended {ended!r}")
        return False

    async def babble(self, rng: Random) -> bool:
        """Something that is no request."""
        path, content, statuses = next(self.nonsense)
        headers = JSON | ({"Host": "evil.example"} if statuses == {403} else {})
        excuse = self.excuse()
        response = await self.http.post(path, content=content, headers=headers)
        if response.status_code in (429, 503):  # it was not looked at closely
            return self.turned_away(response, excuse)
        self.refused(response, statuses)
        return False

    async def flood(self, rng: Random) -> bool:
        """A request that is larger than the server takes, its size said beforehand or not."""
        body = json.dumps({"model": "sft", "prompt": "flood " * (BODY // 4)}).encode()

        async def pieces() -> AsyncIterator[bytes]:
            for place in range(0, len(body), 8192):
                yield body[place : place + 8192]

        said = rng.random() < 0.5
        response = await self.http.post("/v1/completions", content=body if said else pieces(), headers=JSON)
        self.refused(response, {413})
        return False

    def turned_away(self, response: httpx2.Response, excuse: tuple[int, bool]) -> bool:
        """Too many ask, or the engine was killed; the answer says when to come back."""
        if "retry-after" in response.headers:
            self.refused(response, {429, 503} if self.excused(excuse) else {429})
        else:
            self.outcome.blame(f"refused with {response.status_code} but not told when to come back")
        return True

    def refused(self, response: httpx2.Response, statuses: set[int]) -> None:
        """Check that a request was refused as it should be, in OpenAI's form."""
        status = response.status_code
        try:
            error = response.json()["error"]
            well_formed = error["message"] and error.keys() == {"message", "type", "param", "code"}
        except (ValueError, LookupError, TypeError):
            well_formed = False
        if status in statuses and well_formed:
            self.outcome.refused[f"{status} {error['code']}"] += 1
        else:
            self.outcome.blame(f"refused with {status}, expected {sorted(statuses)}: {response.text[:500]}")

    def excuse(self) -> tuple[int, bool]:
        """What `excused` wants to know of the moment at which a request is sent."""
        return self.outcome.kills, self.down

    def excused(self, excuse: tuple[int, bool]) -> bool:
        """Whether the engine was away at any time since then."""
        kills, down = excuse
        return down or self.down or self.outcome.kills != kills


async def until(moment: float) -> None:
    """Sleep until then."""
    await asyncio.sleep(max(0.0, moment - time.monotonic()))


async def events(response: httpx2.Response) -> AsyncIterator[str]:
    """The data of server-sent events."""
    async for line in response.aiter_lines():
        if line.startswith("data: "):
            yield line.removeprefix("data: ")
