"""The crawl: the same bytes again, a WARC that others read, and a truth that is true."""

import hashlib
import ipaddress
import json
import os
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from orrery.data.world.crawl import Crawl, write_crawl
from orrery.data.world.crawl.bad import BAD
from orrery.data.world.crawl.good import GOOD, LANGUAGES
from orrery.data.world.crawl.html import broken, render
from orrery.data.world.crawl.pages import ORIGINALS, WEIGHTS, Page
from orrery.data.world.genres.junk import luhn_valid
from orrery.data.world.world import World
from tests.typed import typed

QUESTIONS = (
    "I read this: Ava Bolt keeps the blue key under the third stone beside the well. Where is it?",
    "Which of the seven boats that left the harbour of Fenwick on Monday came back with no fish?",
    "Too short to be found.",
)
COUNT = 1000


@pytest.fixture(scope="module")
def crawl() -> Crawl:
    return Crawl(World(), QUESTIONS)


@pytest.fixture(scope="module")
def pages(crawl: Crawl) -> list[Page]:
    return [crawl.page(index) for index in range(COUNT)]


class Words(HTMLParser):
    """The words that a page shows."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    def handle_data(self, data: str) -> None:
        self.shown += re.findall(r"\w+", data)


def shown(page: Page) -> Counter[str]:
    parser = Words()
    parser.feed(page.body.decode(page.charset))
    return Counter(parser.shown)


def phrases(text: str, length: int) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return set(zip(*(words[start:] for start in range(length)), strict=False))


def test_a_page_is_a_pure_function_of_world_and_index(crawl: Crawl, pages: list[Page]) -> None:
    other = Crawl(World(), QUESTIONS)
    assert [other.page(index) for index in reversed(range(100, 160))] == pages[100:160][::-1]


def test_the_same_crawl_has_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from orrery.data.world.crawl import write_crawl; "
        "from orrery.data.world.world import World; list(write_crawl(World(), Path(sys.argv[1]), 60))"
    )
    subprocess.run(
        [sys.executable, "-c", program, "there.warc.gz"],
        env={**os.environ, "PYTHONHASHSEED": "77"},
        cwd=tmp_path,
        check=True,
    )
    list(write_crawl(World(), tmp_path / "here.warc.gz", 60))
    for name in ("{}.warc.gz", "{}.truth.jsonl"):
        digests = {hashlib.sha256((tmp_path / name.format(place)).read_bytes()).digest() for place in ("here", "there")}
        assert len(digests) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "here.truth.jsonl", "here.warc.gz", "there.truth.jsonl", "there.warc.gz",
    ]  # fmt: skip


def test_another_reader_finds_in_the_warc_what_the_truth_speaks_of(tmp_path: Path) -> None:
    written = list(write_crawl(World(), tmp_path / "crawl.warc.gz", 80, QUESTIONS))
    truth = [json.loads(line) for line in (tmp_path / "crawl.truth.jsonl").read_text().splitlines()]
    responses, ids = [], set()
    with (tmp_path / "crawl.warc.gz").open("rb") as file:
        for record in ArchiveIterator(file, check_digests=True):
            ids.add(record.rec_headers.get_header("WARC-Record-ID"))
            if record.rec_type == "response":
                body = record.content_stream().read()
                assert record.digest_checker.passed is True
                status = int(record.http_headers.get_statuscode())
                responses.append((record.rec_headers.get_header("WARC-Target-URI"), status, body))
    assert responses == [(page.url, page.status, page.body) for page in written]
    assert [row["url"] for row in truth] == [page.url for page in written]
    assert [row["text"] for row in truth] == [page.article.text if page.article else "" for page in written]
    assert len(ids) == 81, "a record for the crawl and one for each page"


def test_every_kind_of_page_comes_about_as_often_as_its_weight_says(pages: list[Page]) -> None:
    counts = Counter(page.kind for page in pages)
    assert counts.keys() == WEIGHTS.keys()
    for kind, weight in WEIGHTS.items():
        wanted = COUNT * weight / sum(WEIGHTS.values())
        assert abs(counts[kind] - wanted) < 5 * wanted**0.5, kind
    assert len({page.url for page in pages}) == COUNT
    assert all(re.match(r"https://[\w.-]+\.example/", page.url) for page in pages)


def test_the_true_text_is_shown_and_what_stands_around_it_is_not_in_the_truth(crawl: Crawl, pages: list[Page]) -> None:
    looks = {site.host: site for site in crawl.sites.good}
    seen = Counter[str]()
    for page in pages[:400]:
        if page.article and page.kind in GOOD:
            words, true = shown(page), Counter(re.findall(r"\w+", page.article.text))
            assert not true - words, page.url
            assert (words - true).total() > 40, "menus and the rest"
            assert "cookie" not in page.article.text and "Archive" not in page.article.text
            seen[looks[page.url.split("/")[2]].look] += 1
    assert len(seen) == 7, "each look was seen"


def test_good_pages_are_as_long_as_pages_are(pages: list[Page]) -> None:
    lengths = {page.index: len(page.article.text.split()) for page in pages if page.good and page.article}
    usual = [length for index, length in lengths.items() if pages[index].kind != "short"]
    assert min(usual) >= 60 and max(usual) <= 700
    assert 180 < sorted(usual)[len(usual) // 2] < 350
    short = [length for index, length in lengths.items() if pages[index].kind == "short"]
    assert min(short) < 30 < 50 < max(short), "some below Gopher's 50 words, some above"


def test_only_good_pages_have_no_step_and_spam_that_breaks_no_rule(pages: list[Page]) -> None:
    for page in pages:
        assert page.good == (page.kind in GOOD)
        if page.step is None:
            assert page.good or page.kind == "spam, sentences"
    steps = {page.step for page in pages}
    assert steps >= {step for _, step, _ in BAD.values()} | {"minhash", "url_filter", "extract", "decontaminate"}


def test_copies_have_their_originals_text_or_nearly(pages: list[Page]) -> None:
    clusters = Counter(page.cluster for page in pages if page.step == "minhash")
    assert max(clusters.values()) > 1, "of some pages there are several copies"
    similar = []
    for page in pages:
        if page.step != "minhash":
            continue
        assert page.cluster is not None and page.cluster < page.index and page.cluster % ORIGINALS == 0
        original = pages[page.cluster]
        assert original.good and original.cluster == original.index
        assert page.article and original.article
        assert page.body != original.body
        assert (page.article == original.article) == (page.kind == "mirror")
        mine, other = phrases(page.article.text, 5), phrases(original.article.text, 5)
        similar.append(len(mine & other) / len(mine | other))
    assert min(similar) > 0.3 and sum(share > 0.75 for share in similar) > 0.8 * len(similar)


def test_planted_strings_are_what_they_are_called(pages: list[Page]) -> None:
    planted = [(page, one) for page in pages for one in page.planted]
    assert {one.kind for _, one in planted if not one.harmless} == {"email", "phone", "ip", "card", "key"}
    assert {one.kind for _, one in planted if one.harmless} == {"phone", "ip", "card"}
    for page, one in planted:
        assert page.article and one.text in page.article.text
        if one.kind == "ip":
            number = re.search(f"(version|release|[Ss]ection|program to) {one.text}", page.article.text)
            assert (ipaddress.ip_address(one.text).is_private or number is not None) == one.harmless
        elif one.kind == "card":
            assert luhn_valid(re.sub(r"\D", "", one.text)) != one.harmless
        elif one.kind == "email":
            assert one.text.endswith(".example")


def test_questions_of_exams_stand_on_their_pages_and_on_no_other(pages: list[Page]) -> None:
    asked = set().union(*(phrases(question, 13) for question in QUESTIONS))
    for page in pages:
        quoted = bool(page.article and asked & phrases(page.article.text, 13))
        assert quoted == (page.kind == "exam")
    without = Crawl(World())
    assert all(without.page(page.index).kind == "entry" for page in pages if page.kind == "exam")


def test_pages_in_other_languages_are_written_in_their_letters(pages: list[Page]) -> None:
    foreign = [page.article for page in pages if page.kind == "language" and page.article]
    assert {article.language for article in foreign} == set(LANGUAGES)
    for article in foreign:
        assert len(article.text) > 150
        assert bool(re.search("[а-я]", article.text)) == (article.language == "ru")
        assert bool(re.search("[一-龥]", article.text)) == (article.language == "zh")


def test_a_broken_page_still_shows_its_text_and_a_truncated_one_does_not(crawl: Crawl, pages: list[Page]) -> None:
    page = next(page for page in pages if page.kind == "entry" and page.article)
    choice, site = crawl._choice("test"), crawl.sites.good[0]
    html = render(crawl.world, page.article, site, choice)
    careless = broken(html, choice)
    assert careless.count("</p>") < html.count("</p>")
    whole = Page(0, "", "", careless.encode())
    assert not Counter(re.findall(r"\w+", page.article.text)) - shown(whole)
    for cut in (page for page in pages if page.kind in ("truncated", "empty shell")):
        assert b"<h1" not in cut.body and cut.article is None


def test_the_command_writes_crawl_and_truth_and_counts_them(tmp_path: Path) -> None:
    done = typed("data", "crawl", "--out", "crawl.warc.gz", "--count", "40", cwd=tmp_path)
    assert done.returncode == 0 and "40 pages" in done.stdout and "to be kept" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crawl.truth.jsonl", "crawl.warc.gz"]
    truth = [json.loads(line) for line in (tmp_path / "crawl.truth.jsonl").read_text().splitlines()]
    assert any(row["kind"] == "exam" for row in truth), "the exams' own questions are planted"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--count", "0"), "at least one"),
        (("--out", "crawl.txt"), "ends in .warc.gz"),
        (("--out", ".warc.gz"), "ends in .warc.gz"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    done = typed("data", "crawl", "--out", "crawl.warc.gz", *words, cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_is_no_crawl_to_be_written_over(tmp_path: Path) -> None:
    (tmp_path / "crawl.warc.gz").mkdir()
    done = typed("data", "crawl", "--out", "crawl.warc.gz", cwd=tmp_path)
    assert done.returncode == 2 and "the name of a file" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["crawl.warc.gz"]


def test_without_warcio_it_says_what_to_install_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "warcio.warcwriter", None)
    done = typed("data", "crawl", "--out", "crawl.warc.gz", cwd=tmp_path)
    assert done.returncode == 2 and "orrery[data]" in done.stderr
    assert not list(tmp_path.iterdir())
