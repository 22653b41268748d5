"""What every page must be: usable without a mouse and a keen eye, and on a narrow screen."""

from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

import orrery

ROOT = Path(orrery.__file__).parents[1]


def accessible(page: Page) -> None:
    """Assert that axe finds no serious violation on the page as it stands."""
    axe = Axe("") if page.evaluate("'axe' in window") else Axe()  # its half megabyte is read once a document
    found = axe.run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    told = [f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes'][:3]]}" for one in serious]
    assert not told, "\n".join(told)


def fits(page: Page, width: int = 390) -> None:
    """Assert that nothing sticks out to the right where the window is narrow; the old width is set again.

    Charts are drawn anew a moment after the window has changed.
    """
    before = page.viewport_size
    assert before is not None
    page.set_viewport_size({"width": width, "height": 800})
    for _ in range(20):
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide <= width:
            break
        page.wait_for_timeout(100)
    page.set_viewport_size(before)
    assert wide <= width, f"the page is {wide} pixels wide in a window of {width}"


def source_is_the_packages(page: Page, at_least: int = 1) -> None:
    """Assert that what a chapter shows as source stands in the package's files, but for how far a line is indented."""
    expect(page.locator("figure.source").first).to_be_visible()
    expect(page.locator(".source-wait")).to_have_count(0)
    shown = page.locator("figure.source code").all()
    assert len(shown) >= at_least
    for source in shown:
        file = source.locator("xpath=ancestor::figure//figcaption/span[1]").inner_text()
        assert _plain(source.inner_text()) in _plain((ROOT / file).read_text(encoding="utf-8"))


def _plain(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())
