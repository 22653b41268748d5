"""What the studio costs while something trains, and how smoothly it draws.

    python benchmarks/studio.py stream          # a training, now and then with a reader of its events who discards them
    python benchmarks/studio.py frames          # a chart of 10,000 points that grows, in Chromium
    python benchmarks/studio.py live            # the page of a run that trains: frames, and the longest task
    python benchmarks/studio.py pages --root runs    # every page over these runs: bytes, and until it stands

stream: one training process; in every other window of some seconds a client is connected to the stream. Compared are
the median times of a step with and without it. The server runs all the time, in both. It wants an idle machine.
frames: milliseconds between frames, and the longest task of the main thread, while points are added eight times a
second. live: the same of a real page, whose training takes its share of the machine. pages: each is loaded anew by a
browser that has seen none of it; it stands when nothing on it is being waited for.
"""

import argparse
import gzip
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from playwright.sync_api import Browser, sync_playwright

from orrery.server.studio.pages import STATIC
from orrery.training.events import read_events

ORRERY = [sys.executable, "-m", "orrery"]
TRAIN = "--vocab-size 1024 --world-megabytes 2 --shape.width 128 --train.rows 8 --train.steps 1000000"
EDGE = 1.0  # seconds at both ends of a window that do not count
WATCH = """async (seconds) => {
  const [gaps, tasks] = [[], []];
  const note = (list) => list.getEntries().forEach((entry) => tasks.push(entry.duration));
  new PerformanceObserver(note).observe({ type: "longtask" });
  let last = 0;
  const end = performance.now() + 1000 * seconds;
  await new Promise((done) => {
    const frame = (now) => {
      if (last) gaps.push(now - last);
      last = now;
      if (now < end) requestAnimationFrame(frame); else done();
    };
    requestAnimationFrame(frame);
  });
  return { gaps, tasks };
}"""
GROW = """async (points) => {
  const { html, render } = await import("/static/kit/html.js");
  const { Chart } = await import("/static/kit/chart.js");
  const box = document.createElement("div");
  document.body.replaceChildren(box);
  const x = Array.from({ length: points }, (_, i) => i);
  const y = x.map((i) => 6 / (1 + i / 500) + Math.random());
  const lines = () => [
    { label: "raw", values: [...y], faint: true },
    { label: "smooth", values: y.map((v) => v - 0.5), colour: 2 },
  ];
  const draw = () => render(html`<${Chart} label="loss" x=${[...x]} lines=${lines()} xLabel="step" />`, box);
  draw();
  setInterval(() => { x.push(x.length); y.push(Math.random()); draw(); }, 125);
}"""
STANDS = """async () => {
  const ready = () => document.querySelector("main h1") && !document.querySelector(".waiting");
  while (!ready()) await new Promise((next) => setTimeout(next, 5));
  return performance.now();
}"""
LOADED = "performance.getEntriesByType('resource').map((one) => new URL(one.name).pathname)"
ROUTES = """async () => {
  const { chapters, menu, simulations } = await import("/static/pages.js");
  const listed = menu.flatMap((group) => group.items.map(([path]) => path));
  const sims = simulations.map((one) => `sims/${one.name}`);
  return ["", ...new Set([...listed, ...sims, ...chapters.map((one) => `course/${one.number}`)])];
}"""


class Studio:
    """`orrery studio` over a folder, while the block runs; `url` is where."""

    def __init__(self, root: Path) -> None:
        command = [*ORRERY, "studio", "--root", str(root), "--port", "0", "--no-browser", "--no-sample"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split("at ")[1].split(",")[0].strip()

    def __enter__(self) -> "Studio":
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.terminate()
        self.process.wait()


class Trainer:
    """A training that goes on while the block runs, from its fiftieth event; `folder` is its run."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "measured"
        command = [*ORRERY, "pretrain", "--run", "measured", "--root", str(root), *TRAIN.split()]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not (self.folder / "events.jsonl").exists() or len(read_events(self.folder)) < 50:
            time.sleep(0.5)

    def __enter__(self) -> "Trainer":
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.terminate()
        self.process.wait()


def stream(root: Path, seconds: float, rounds: int) -> None:
    """Print the median time of a step without and with a reader, and the share by which they differ."""
    with Studio(root) as studio, Trainer(root) as trainer:
        windows: list[tuple[bool, float, float]] = []
        for number in range(2 * rounds):
            began, stop = time.time(), threading.Event()
            reader = threading.Thread(target=discard, args=(studio.url, stop))
            if number % 2:
                reader.start()
            time.sleep(seconds)
            windows.append((bool(number % 2), began + EDGE, time.time() - EDGE))
            stop.set()
            if number % 2:
                reader.join()
    times = [event["time"] for event in read_events(trainer.folder) if "loss" in event["values"]]
    steps: dict[bool, list[float]] = {False: [], True: []}
    for read, first, last in windows:
        inside = [at for at in times if first <= at <= last]
        steps[read].append((inside[-1] - inside[0]) / (len(inside) - 1))
    alone, watched = statistics.median(steps[False]), statistics.median(steps[True])
    for name, found in (("alone", steps[False]), ("watched", steps[True])):
        print(f"{name:8} {', '.join(f'{1000 * one:.2f}' for one in found)} ms a step")
    print(f"medians {1000 * alone:.2f} and {1000 * watched:.2f} ms: {watched / alone - 1:+.1%}")


def discard(url: str, stop: threading.Event) -> None:
    """Read the stream of the run, and of the list, and do nothing with it."""
    with httpx2.stream("GET", f"{url}/api/events?watch=runs,run:measured", timeout=None) as answer:
        for _ in answer.iter_raw():
            if stop.is_set():
                return


def frames(root: Path, seconds: float, points: int) -> None:
    """Print how long frames take while a chart of so many points grows."""
    with Studio(root) as studio, browser() as chromium:
        page = chromium.new_page()
        page.goto(studio.url)
        page.evaluate(GROW, points)
        page.wait_for_selector(".chart canvas")
        tell(page.evaluate(WATCH, seconds), f"{points:,} points")


def live(root: Path, seconds: float) -> None:
    """Print how long frames take on the page of a run while it trains."""
    with Studio(root) as studio, Trainer(root), browser() as chromium:
        page = chromium.new_page()
        page.goto(f"{studio.url}/#/runs/measured")
        page.wait_for_timeout(3000)
        tell(page.evaluate(WATCH, seconds), "the page of a run that trains")


def pages(root: Path) -> None:
    """Print for every page what is loaded beyond the shell, gzipped, and when it stands."""
    with Studio(root) as studio, browser() as chromium:
        first = chromium.new_page()
        first.goto(f"{studio.url}/#/sims")
        first.wait_for_selector("main h1")
        shell, routes = set(first.evaluate(LOADED)), first.evaluate(ROUTES)
        print(f"the shell: {size(shell):,} bytes")
        first.goto(f"{studio.url}/#/sims/attention")
        first.wait_for_selector(".badge button")  # the process that computes is there
        print(f"{'page':24} {'bytes':>8} {'stands, ms':>10} {'longest task':>12}")
        for route in routes:
            page = chromium.new_context(reduced_motion="reduce").new_page()
            page.add_init_script(
                "window.tasks = []; new PerformanceObserver((list) => list.getEntries().forEach((one) => "
                "window.tasks.push(one.duration))).observe({type: 'longtask', buffered: true})"
            )
            page.goto(f"{studio.url}/#/{route}")
            stands = page.evaluate(STANDS)
            page.wait_for_timeout(500)
            more, longest = size(set(page.evaluate(LOADED)) - shell), max(page.evaluate("window.tasks"), default=0)
            print(f"{route or 'home':24} {more:8,} {stands:10.0f} {longest:12.0f}")
            page.context.close()


def size(paths: set[str]) -> int:
    """Bytes of these files of the pages, gzipped; the first page itself is not among them."""
    files = [STATIC / path.removeprefix("/static/") for path in paths if path.startswith("/static/")]
    return sum(len(gzip.compress(file.read_bytes())) for file in files)


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium, while the block runs."""
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        started = playwright.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        yield started
        started.close()


def tell(found: dict[str, Any], what: str) -> None:
    """Print the frames and the longest task."""
    gaps = sorted(found["gaps"])
    at = [gaps[int(share * (len(gaps) - 1))] for share in (0.5, 0.95, 0.99)]
    rate, longest = 1000 * len(gaps) / sum(gaps), max(found["tasks"], default=0)
    print(f"{what}: {rate:.1f} frames a second; longest task {longest:.0f} ms")
    print(f"a frame takes {at[0]:.1f} ms, 95% at most {at[1]:.1f}, 99% {at[2]:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["stream", "frames", "live", "pages"])
    parser.add_argument("--seconds", type=float, default=10.0, help="of a window")
    parser.add_argument("--rounds", type=int, default=6, help="pairs of windows")
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--root", type=Path, default=Path("runs"), help="of the runs that pages show")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.what == "stream":
            stream(Path(folder), asked.seconds, asked.rounds)
        elif asked.what == "live":
            live(Path(folder), asked.seconds)
        elif asked.what == "pages":
            pages(asked.root)
        else:
            frames(Path(folder), asked.seconds, asked.points)
