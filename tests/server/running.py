"""`orrery serve` in a process of its own, as people run it, and what tests ask of it."""

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import openai
import psutil

PATIENCE = 60.0  # seconds until something that must happen is held not to: other tests may have all cores


class Running:
    """A server that is up: `url` ends before /v1; `lines` are what it has printed."""

    program = "serve"
    says = r"at (http://\S+)/v1"

    def __init__(self, *arguments: str | Path) -> None:
        command = [sys.executable, "-m", "orrery", self.program, "--port", "0", "--dtype", "float32"]
        command += map(str, arguments)
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if found := re.search(self.says, line):
                self.url = found[1]
                break
        else:
            raise AssertionError(f"the server did not start: {''.join(self.lines)}")
        # A server that logs into a full pipe would stop for good.
        self.reader = threading.Thread(target=self.lines.extend, args=(self.process.stdout,))
        self.reader.start()
        self.http = httpx2.Client(base_url=self.url, timeout=PATIENCE)

    def client(self, **options: Any) -> openai.OpenAI:
        """OpenAI's own client, which asks once and does not try again."""
        return openai.OpenAI(base_url=f"{self.url}/v1", **{"api_key": "none", "max_retries": 0, **options})

    def connect(self) -> socket.socket:
        """A bare connection."""
        host, port = self.url.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), timeout=PATIENCE)

    def metric(self, name: str, **headers: str) -> float:
        """The sum of a metric's values over its labels."""
        text = self.http.get("/metrics", headers=headers).text
        return sum(float(value) for value in re.findall(rf"^{re.escape(name)}(?:{{.*}})? (\S+)$", text, re.MULTILINE))

    def engines(self) -> list[psutil.Process]:
        """Its engine processes: one, unless something is wrong or it is just restarting."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]

    def stop(self) -> int:
        """End it as Ctrl-C does -> its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE)
        self.http.close()
        self.reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def eventually(true: Callable[[], bool], what: str) -> None:
    """Wait until it is true."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"{what}: not within {PATIENCE} s"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process still runs."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
