"""A real studio over a tiny run, and a real browser that looks at it.

The browser's tests live in this folder and nothing in it uses asyncio: Playwright keeps the thread's event loop.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.once import made_once
from tests.server.running import PATIENCE, Running
from tests.studio.tiny import make_runs, make_slow

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
Visit = Callable[[str], Page]
expect.set_options(timeout=1000 * PATIENCE / 2)


class Studio(Running):
    """`orrery studio`; `root` is its folder of runs."""

    program = "studio"
    says = r"at (http://\S+),"

    def __init__(self, root: Path) -> None:
        self.root = root
        super().__init__("--root", root, "--no-browser")


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run `tiny`: a base model of a few steps, and an assistant that knows some answers by heart."""
    root = tmp_path_factory.mktemp("studio") / "runs"
    shutil.copytree(made_once("studio-runs", make_runs), root)
    return root


@pytest.fixture(scope="module")
def slow(runs: Path) -> Iterator[None]:
    """A run with a base model of random weights that writes until it is stopped; gone after the module's tests."""
    make_slow(runs)
    yield
    shutil.rmtree(runs / "slow")


@pytest.fixture(scope="session")
def studio(runs: Path) -> Iterator[Studio]:
    """The studio over `runs`."""
    running = Studio(runs)
    yield running
    assert running.stop() == 0
    assert not any("Traceback" in line for line in running.lines), "".join(running.lines)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: `apt install chromium` brings one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, studio: Studio) -> Iterator[Page]:
    """A fresh page, with less motion. The test fails for errors on the console and requests that leave the machine."""
    context = browser.new_context(
        base_url=studio.url, viewport={"width": 1200, "height": 900}, reduced_motion="reduce", color_scheme="light"
    )
    context.set_default_timeout(1000 * PATIENCE / 2)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    here = urlsplit(studio.url).netloc
    page.on(
        "request",
        lambda request: (
            None if urlsplit(request.url).netloc in (here, "") else problems.append(f"asked elsewhere: {request.url}")
        ),
    )
    page.problems = problems  # type: ignore[attr-defined]
    yield page
    context.close()
    assert not problems, "\n".join(problems)


@pytest.fixture
def visit(page: Page) -> Visit:
    """Go to a route of the studio, such as "sims/softmax", and wait until its first heading is there."""

    def go(route: str) -> Page:
        page.goto(f"/#/{route}")
        expect(page.locator("main h1").first).to_be_visible()
        return page

    return go
