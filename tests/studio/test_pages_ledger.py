"""The ledger's pages: verdicts, numbers and pictures are those of the findings."""

import re

from playwright.sync_api import expect

from orrery.ledger.experiment import read_finding
from orrery.server.studio.ledger import PUBLISHED
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit

FINDINGS = {path.stem: read_finding(path) for path in PUBLISHED.glob("*.json")}


def test_the_list_shows_every_verdict_and_finds_words(visit: Visit) -> None:
    page = visit("ledger")
    expect(page.locator(".claims li")).to_have_count(len(FINDINGS))
    for verdict in ("holds", "refuted", "unclear"):
        expected = sum(finding.verdict == verdict for finding in FINDINGS.values())
        expect(page.locator(f".claims [data-verdict={verdict}]")).to_have_count(expected)
    page.get_by_role("radio", name=re.compile("^Refuted")).press("Space")
    refuted = [name for name, finding in FINDINGS.items() if finding.verdict == "refuted"]
    expect(page.locator(".claims li")).to_have_count(len(refuted))
    page.get_by_label("Words in it").fill("working memory")
    expect(page.locator(".claims li")).to_have_count(1)
    accessible(page)
    fits(page)
    page.wait_for_url("**ledger.words=working*")  # the address follows a moment later
    page.locator(".claims a").press("Enter")
    expect(page.locator("h1")).to_contain_text("used as it stands")


def test_a_claim_shows_its_rule_its_numbers_and_its_experiment(visit: Visit) -> None:
    finding = FINDINGS["reversal"]
    page = visit("ledger/reversal")
    expect(page.locator("h1")).to_contain_text(finding.claim)
    expect(page.locator(".claim-verdict [data-verdict]")).to_have_text(finding.verdict)
    expect(page.locator(".claim-rule")).to_contain_text(finding.rule)
    picture = page.locator(".claim-picture")
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 0, "the picture is there"
    page.get_by_role("button", name="Show as table").click()
    for seed, measured in finding.measured.items():
        column = 1 + finding.seeds.index(int(seed))
        shown = page.locator(f".claim tbody tr td:nth-child({column + 1})").all_inner_texts()
        assert [float(text) for text in shown] == [float(f"{value:.6g}") for value in measured.values()]
    expect(page.locator(".samples li").first).to_contain_text(str(finding.samples["0"][0]["text"]))
    expect(page.locator(".claim .source")).to_contain_text("def judge")
    expect(page.locator(".claim-command")).to_have_text("orrery ledger reversal --seeds 3")
    accessible(page)
    fits(page)
    page.emulate_media(color_scheme="dark")
    accessible(page)
