"""The shell: every page opens, in both themes and on a narrow screen; and other sites' pages can do nothing with it."""

import gzip
import json
import re

import pytest
from playwright.sync_api import Page, expect

from orrery.server.studio.pages import STATIC
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Studio, Visit

SHELL_BYTES = 60_000  # gzipped: what is loaded before any page


def routes(page: Page) -> list[str]:
    """Where the menu leads."""
    links = page.locator("nav a[href^='#/']")
    return [(links.nth(i).get_attribute("href") or "").removeprefix("#/") for i in range(links.count())]


def test_every_page_of_the_menu_opens_reads_well_and_fits(visit: Visit) -> None:
    page = visit("")
    found = routes(page)
    assert len(found) == len(set(found)) > 3
    for route in found:
        page.evaluate("route => { location.hash = `#/${route}` }", route)
        expect(page.locator("main h1").first).to_be_visible()
        expect(page.locator(".waiting")).to_have_count(0)
        assert page.locator("main h1").first.inner_text().strip(), route
        accessible(page)
        page.emulate_media(color_scheme="dark")
        accessible(page)
        page.emulate_media(color_scheme="light")
        fits(page)


def test_the_theme_is_chosen_and_kept(visit: Visit) -> None:
    page = visit("sims")
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_label("Theme").select_option("dark")
    dark = page.evaluate(paper)
    assert dark != light
    page.reload()
    expect(page.get_by_label("Theme")).to_have_value("dark")
    assert page.evaluate(paper) == dark


def test_the_menu_is_folded_on_a_narrow_screen(visit: Visit) -> None:
    page = visit("")
    page.set_viewport_size({"width": 390, "height": 800})
    link = page.get_by_role("navigation").get_by_role("link", name="Simulations")
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Menu").press("Enter")
    link.click()
    expect(page.get_by_role("heading", name="Simulations", level=1)).to_be_visible()
    expect(link).to_be_hidden()


def test_the_source_drawer_opens_and_closes_by_keyboard(visit: Visit) -> None:
    page = visit("sims/softmax")
    page.get_by_role("button", name="microgpt.softmax").press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("def softmax(scores: Vector) -> Vector:")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="microgpt.softmax").press("Enter")
    page.evaluate("location.hash = '#/sims'")  # what it shows belongs to the page that was left
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_the_first_page_asks_the_model_that_is_chosen_and_a_run_that_is_not_there_is_said(visit: Visit) -> None:
    page = visit("")
    page.get_by_label("Model").select_option("tiny/sft")
    expect(page.locator(".badge")).to_contain_text("tiny/sft")
    page.evaluate("location.hash = '#/runs/nothing'")
    expect(page.get_by_role("alert")).to_contain_text("no run nothing")
    page.evaluate("location.hash = '#/%E0%A4'")  # no percent encoding of anything
    expect(page.get_by_role("alert")).to_contain_text("no page")


def test_an_unknown_page_is_said(page: Page, studio: Studio) -> None:
    page.goto("/#/nothing")
    expect(page.get_by_role("alert")).to_contain_text("no page “nothing”")


def test_the_shell_is_small(visit: Visit) -> None:
    page = visit("sims")
    loaded = page.evaluate("performance.getEntriesByType('resource').map((one) => new URL(one.name).pathname)")
    files = [STATIC / path.removeprefix("/static/") for path in loaded if path.startswith("/static/")]
    assert len(files) > 10
    files.append(STATIC / "index.html")
    size = sum(len(gzip.compress(file.read_bytes())) for file in files)
    assert size < SHELL_BYTES, f"{size} bytes: {[(file.name, len(gzip.compress(file.read_bytes()))) for file in files]}"


def test_files_are_asked_for_anew_and_sent_only_where_they_have_changed(studio: Studio) -> None:
    first = studio.http.get("/static/app.js")
    assert first.headers["Cache-Control"] == "no-cache"
    again = studio.http.get("/static/app.js", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd"]
)
def test_nothing_but_the_pages_files_is_served(studio: Studio, path: str) -> None:
    with studio.connect() as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b" 404 " in answer.splitlines()[0]


def test_a_page_of_another_site_can_do_nothing(studio: Studio) -> None:
    asked = {"json": {"logits": [1, 2]}}
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}):
        for method, path in (
            ("POST", "/api/compute/softmax"),
            ("GET", "/api/models"),
            ("POST", "/api/jobs"),
            ("GET", "/"),
        ):
            told = studio.http.request(method, path, headers=headers, **(asked if method == "POST" else {}))
            assert told.status_code == 403, (headers, method, path)
    # Without an Origin, as another site's form could be sent without asking first: it is no JSON, and has no effect.
    form = studio.http.post("/api/compute/softmax", content=b'{"logits": [1]}', headers={"Content-Type": "text/plain"})
    assert form.status_code == 422


def test_a_hostile_page_in_the_same_browser_learns_nothing(page: Page, studio: Studio) -> None:
    """Opened from a file, which is another origin; what it tries fails, and it cannot show the studio in a frame."""
    page.route("https://evil.example/", lambda route: route.fulfill(content_type="text/html", body="<h1>evil</h1>"))
    page.goto("https://evil.example/")
    tried = page.evaluate(
        """async (url) => {
          const refused = () => "refused";
          const body = '{"logits":[1]}';
          const get = await fetch(`${url}/api/models`).then((r) => r.status, refused);
          const sent = fetch(`${url}/api/compute/softmax`, {method: "POST", body, mode: "no-cors"});
          const post = await sent.then((r) => r.type, refused);
          const frame = document.createElement("iframe");
          frame.src = `${url}/`;
          document.body.append(frame);
          await new Promise((done) => { frame.onload = done; setTimeout(done, 2000); });
          let inside = "hidden";
          try {
            inside = frame.contentDocument.body.innerText;
          } catch {
            inside = "hidden";
          }
          return {get, post, inside};
        }""",
        studio.url,
    )
    assert tried["get"] == "refused"
    assert tried["post"] in ("opaque", "refused")  # no-cors shows nothing of the answer, which is a 403
    assert tried["inside"] in ("hidden", "")
    page.problems.clear()  # type: ignore[attr-defined]  # the console says what was refused


def test_the_content_policy_names_no_other_place(studio: Studio) -> None:
    policy = studio.http.get("/").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert not re.search(r"https?:", policy)


def test_the_vendored_files_are_those_of_their_versions() -> None:
    versions = json.loads((STATIC / "vendor" / "versions.json").read_text())
    assert versions["preact"].startswith("10.")
    for licence in ("preact", "signals", "signals-core", "htm", "uplot", "katex"):
        assert (STATIC / "vendor" / f"{licence}.LICENSE").stat().st_size > 500
