"""Simulation 6, the tokenizer: chips, merges and totals on the screen are those of the package."""

from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, expect

from orrery.models.hf import load_tokenizer
from orrery.server.studio.sims.small_bpe import SmallBPERequest, small_bpe
from orrery.server.studio.sims.tokenizer import MergesRequest, TokenizeRequest, merges, tokenize
from orrery.tokenizers.bpe import BPE
from tests.server.running import PATIENCE
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Visit

TEXT = "capital of Peru: 12 naïve 👩‍👩‍👧\n"
ENCODE = """async ([words, learnt, merges]) => {
    const {encodeWord, ranksOf, chipsOf} = await import('/static/sims/tokenizer.model.js');
    const ranks = ranksOf(learnt);
    return words.map((word) => chipsOf(encodeWord(word, ranks, merges), ranks).flatMap(({ids}) => ids));
}"""


def chips(page: Page, pane: str) -> list[tuple[str, str]]:
    """The chips of a pane: text and ids."""
    found = page.get_by_role("region", name=pane).locator(".token")
    expect(found.first).to_be_visible(timeout=1000 * PATIENCE)  # the process that computes starts
    return [(one.locator(".token-text").inner_text(), one.locator("small").inner_text()) for one in found.all()]


def expected(text: str, tokenizer: BPE | None) -> list[tuple[str, str]]:
    answer = tokenize(TokenizeRequest("any", text), tokenizer)
    ids = [token.id for token in answer.tokens]
    return [(one.shown, " ".join(map(str, ids[one.first : one.first + one.count]))) for one in answer.chips]


def test_text_shows_as_the_tokens_of_both_vocabularies_and_a_word_is_followed_merge_by_merge(
    visit: Visit, runs: Path
) -> None:
    page = visit(f"sims/tokenizer?tokenizer.text={quote(TEXT)}&tokenizer.chosen=0&tokenizer.right=tiny/base")
    base, sft = (load_tokenizer(runs / "tiny" / stage) for stage in ("base", "sft"))
    right = page.get_by_role("region", name="In the second vocabulary")
    assert chips(page, "In the first vocabulary") == expected(TEXT, None)
    assert chips(page, "In the second vocabulary") == expected(TEXT, base)
    # by keyboard through the merges of the word that is chosen
    steps = merges(MergesRequest("any", "capital"), base).steps
    assert len(steps) > 2
    parts = page.locator(".merge-part")
    expect(parts).to_have_count(7)
    page.get_by_role("button", name="Merge the next pair").press("Enter")
    expect(parts).to_have_count(6)
    assert [part.locator("small").inner_text() for part in parts.all()] == [str(id_) for id_ in steps[1].ids]
    shown = [rank.get_attribute("data-value") for rank in page.locator(".merge-rank").all()]
    assert shown == ["" if rank is None else str(rank) for rank in steps[1].ranks]
    page.get_by_role("slider", name="step").press("End")
    expect(page.locator("[data-name=merge]")).to_contain_text("No pair has a rank any more")
    expect(parts).to_have_count(len(steps[-1].ids))
    page.wait_for_url(f"**tokenizer.step={len(steps) - 1}*")
    # another vocabulary changes the screen
    total = right.locator("[data-name=tokens]")
    right.get_by_role("combobox").select_option("tiny/sft")
    expect(total).to_have_attribute("data-value", str(len(sft.encode(TEXT))))
    assert chips(page, "In the second vocabulary") == expected(TEXT, sft)
    right.get_by_role("combobox").select_option("bytes")
    expect(total).to_have_attribute("data-value", str(len(TEXT.encode())))
    assert "�" not in page.locator("main").inner_text()
    # the chip under the mouse is found on the other side, and in the ids
    page.get_by_role("region", name="In the first vocabulary").locator(".token", has_text="ï").hover()
    expect(right.locator(".token.linked")).to_have_text("ï195 175")
    expect(right.locator(".tokenizer-ids .linked")).to_have_text("195, 175")
    accessible(page)
    fits(page)


def test_a_vocabulary_is_learnt_from_the_readers_text_and_the_page_encodes_as_python_does(visit: Visit) -> None:
    page = visit("sims/tokenizer?small-bpe.from=own&small-bpe.merges=512")
    text = "low lower newest widest, low slow naïve é " * 4
    page.get_by_label("Your text").fill(text)
    answer = small_bpe(SmallBPERequest(text, 512))
    total = page.locator("[data-name=total]")
    expect(total).to_have_attribute("data-value", str(answer.totals[-1]))
    page.get_by_role("slider", name="merges").press("Home")
    expect(total).to_have_attribute("data-value", str(len(text.encode())))
    page.get_by_role("slider", name="merges").press("ArrowRight")
    expect(total).to_have_attribute("data-value", str(answer.totals[1]))
    expect(page.locator("main")).to_contain_text(f"they stood together {answer.learnt[0].count} times")
    learnt = [{"bytes": one.bytes} for one in answer.learnt]
    tokens = [bytes.fromhex(one.bytes) for one in answer.learnt]
    for made in (0, 3, len(tokens)):
        tokenizer = BPE.from_tokens(tokens[:made])
        assert page.evaluate(ENCODE, [answer.words, learnt, made]) == [tokenizer.encode(word) for word in answer.words]
