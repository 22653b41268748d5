"""The truth about a build: counted by hand on a small one, and what the real steps reach on a real crawl."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orrery.commands.data_build import BuildCommand, chosen
from orrery.commands.data_crawl import questions
from orrery.data.pipeline.build import BuildConfig, build
from orrery.data.pipeline.truth import KindScore, SpanScore, StepScore, Truth, overlap, score
from orrery.data.pipeline.truth_tables import render
from orrery.data.world.crawl import truth_path, write_crawl
from orrery.data.world.world import World
from orrery.errors import DataError
from orrery.evals.exams import build_exams

STEPS = ("url_filter", "extract", "language", "minhash", "decontaminate")


class Made:
    """A build and the truth about it, written page by page."""

    def __init__(self, folder: Path) -> None:
        self.build, self.truth, self.count = folder / "clean", folder / "truth.jsonl", 0
        self.build.mkdir()
        (self.build / "build.json").write_text(json.dumps({"order": STEPS}))
        self.truth.touch()

    def page(
        self,
        kind: str,
        step: str | None,
        end: str | None,
        text: str = "",
        true: str = "",
        detail: str = "",
        **more: Any,
    ) -> None:
        """A page that ``step`` should reject and ``end`` did: "" where it was kept, None where it was not read."""
        url = f"https://a.example/{self.count}"
        true = true or text
        row = {"url": url, "kind": kind, "step": step, "good": kind == "good", "cluster": None, "look": "blog"}
        row |= {"language": "en", "text": true, "planted": [], **more}
        private = row.pop("private", {})
        with self.truth.open("a") as file:
            file.write(json.dumps(row) + "\n")
        self.count += 1
        if end is None:
            return
        document = {"text": text, "genre": "text", "id": f"crawl:{self.count}", "provenance": {"url": url}}
        if private:
            document["provenance"] = {"url": url, "private": private}
        if end:
            document["rejected"] = {"step": end, "rule": f"rule_of_{end}", "detail": detail}
        folder = self.build / "rejected" / end if end else self.build / "documents"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "00000.jsonl").open("a") as file:
            file.write(json.dumps(document) + "\n")


def step(found: Truth, name: str) -> StepScore:
    return next(one for one in found.steps if one.step == name)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def test_a_step_is_held_to_its_own_pages_and_to_the_good_ones(made: Made) -> None:
    made.page("language", "language", "language")
    made.page("language", "language", "url_filter")  # gone before: found all the same
    made.page("language", "language", "decontaminate")  # too late
    made.page("language", "language", "")
    made.page("spam", None, "language")  # bad, though no step is made for it
    made.page("good", None, "language", detail="la 0.3")
    made.page("good", None, "")
    found = score(made.build, made.truth)
    assert step(found, "language") == StepScore("language", wanted=4, here=1, found=2, rejected=3, bad=2)
    assert step(found, "language").precision == 2 / 3 and step(found, "language").recall == 0.5
    (loss,) = found.losses
    assert (loss.step, loss.rule, loss.pages) == ("language", "rule_of_language", 1)
    assert loss.examples == (("https://a.example/5", "good", "la 0.3"),)
    assert found.kinds == (
        KindScore("good", True, 2, 1), KindScore("language", False, 4, 1), KindScore("spam", False, 1, 0),
    )  # fmt: skip
    assert "extract" not in {one.step for one in found.steps}, "a step with nothing to do has no row"


def test_what_is_no_page_is_found_when_the_reader_passed_it_over(made: Made) -> None:
    made.page("no page", "source", None)
    made.page("no page", "source", "extract")
    made.page("good", None, "")
    assert step(score(made.build, made.truth), "source") == StepScore("source", 2, 1, 1, 1, 1)


def test_copies_are_judged_by_their_clusters(made: Made) -> None:
    made.page("good", None, "", cluster=0)  # crawl:1
    made.page("mirror", "minhash", "minhash", detail="of crawl:1", cluster=0)
    made.page("mirror", "minhash", "", cluster=0)  # not recognised
    made.page("mirror", "minhash", "language", cluster=0)  # did not come so far: nothing to find
    made.page("good", None, "language", cluster=4)  # the original is gone: of its two copies one should stay
    made.page("mirror", "minhash", "", cluster=4)  # crawl:6
    made.page("mirror", "minhash", "minhash", detail="of crawl:6", cluster=4)
    made.page("good", None, "minhash", detail="of crawl:1", cluster=7)  # two pages mistaken for one
    made.page("spam", None, "minhash", detail="of crawl:6")  # one spammer's pages are copies too
    assert step(score(made.build, made.truth), "minhash") == StepScore("minhash", 3, 2, 2, rejected=4, bad=3)


def test_the_main_text_is_measured_on_pages_worth_reading_that_were_extracted(made: Made) -> None:
    made.page("good", None, "", text="Home. The cat sat.", true="The cat sat there.")
    made.page("good", None, "language", text="The dog ran.", true="The dog ran.", look="wiki")
    made.page("good", None, "extract", text="<p>The dog", true="The dog ran.")
    made.page("spam", None, "", text="Buy", true="Buy now")
    everything, blog, wiki = score(made.build, made.truth).texts
    assert (everything.look, everything.good, everything.kept, everything.pages) == ("all", 3, 1, 2)
    assert (everything.precision, everything.recall, everything.f1) == (0.875, 0.875, 0.875)
    assert (blog.look, blog.f1, wiki.look, wiki.f1) == ("blog", 0.75, "wiki", 1.0)
    assert overlap("", "a") == (0, 0, 0) and overlap("a a b", "a b b") == (2 / 3, 2 / 3, 2 / 3)


def test_private_strings_are_missed_where_they_stand_and_unknown_where_their_sentence_is_gone(made: Made) -> None:
    mail, local = (
        {"kind": "email", "text": "a@b.example", "harmless": False},
        {"kind": "ip", "text": "10.0.0.1", "harmless": True},
    )
    true = "Please write to a@b.example today. Its address is 10.0.0.1 at home."
    planted = {"true": true, "planted": [mail, local]}
    made.page("good", None, "", text=true.replace("a@b.example", "[email]"), private={"email": 1}, **planted)
    made.page("good", None, "", text=true.replace("10.0.0.1", "[ip]"), private={"ip": 2}, **planted)
    made.page("good", None, "", text="Another text.", **planted)
    made.page("good", None, "language", text=true, **planted)
    assert score(made.build, made.truth).spans == (
        SpanScore("email", removed=1, missed=1, replaced=1), SpanScore("ip", kept=1, lost=1, replaced=2),
    )  # fmt: skip


def test_a_truth_that_is_none_or_is_of_another_crawl_is_refused(made: Made, tmp_path: Path) -> None:
    made.page("good", None, "")
    (tmp_path / "other.jsonl").write_text(made.truth.read_text().replace("a.example", "b.example"))
    with pytest.raises(DataError, match="belongs to another crawl"):
        score(made.build, tmp_path / "other.jsonl")
    (tmp_path / "text.jsonl").write_text('{"text": "a", "url": "https://a.example/0"}\n')
    for file in ("text.jsonl", "absent.jsonl"):
        with pytest.raises(DataError, match="is not the truth about a crawl"):
            score(made.build, tmp_path / file)


def test_a_build_that_is_not_finished_is_refused(made: Made) -> None:
    made.page("good", None, "language")
    with pytest.raises(DataError, match="not a finished build"):
        score(made.build, made.truth)


def test_documents_that_the_truth_does_not_know_are_counted(made: Made) -> None:
    made.page("good", None, "")
    lines = (made.build / "documents" / "00000.jsonl").read_text()
    (made.build / "documents" / "00001.jsonl").write_text(lines.replace("a.example", "c.example"))
    assert score(made.build, made.truth).unknown == 1


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """What all steps at their defaults make of a crawl."""
    folder = tmp_path_factory.mktemp("crawl")
    crawl, out = folder / "crawl.warc.gz", folder / "clean"
    world = World()
    list(write_crawl(world, crawl, 320, questions(build_exams(world))))
    build(BuildConfig((str(crawl),), out, engine="process"), chosen(BuildCommand(out=out)))
    return score(out, truth_path(crawl))


def test_the_real_steps_find_what_they_are_made_for(measured: Truth) -> None:
    least = {
        "source": 1.0, "url_filter": 1.0, "extract": 0.7, "language": 0.95, "gopher_repetition": 0.95,
        "gopher_quality": 0.7, "c4_quality": 0.95, "fineweb_quality": 0.95, "minhash": 0.75, "decontaminate": 0.95,
    }  # fmt: skip
    assert [one.step for one in measured.steps] == list(least)
    for one in measured.steps:
        assert one.wanted > 3 and one.recall is not None and one.recall >= least[one.step], one


def test_the_real_steps_take_few_good_pages_but_for_those_known_to_be_hard(measured: Truth) -> None:
    precision = {one.step: one.precision for one in measured.steps}
    for name in ("source", "url_filter", "extract", "language", "c4_quality", "minhash", "decontaminate"):
        assert precision[name] is not None and precision[name] > 0.9, name
    kept = {one.kind: one.kept / one.pages for one in measured.kinds}
    for kind in ("entry", "story", "news"):
        assert kept[kind] > 0.7, kind
    bad = [
        one for one in measured.kinds if not one.good and one.kind not in ("mirror", "syndicated", "spam, sentences")
    ]
    assert len(bad) > 10 and sum(one.kept for one in bad) < 0.05 * sum(one.pages for one in bad)
    everything = measured.texts[0]
    assert everything.pages > 150 and everything.precision > 0.95 and everything.recall > 0.9
    assert (
        sum(one.removed for one in measured.spans) >= 0.8 * sum(one.removed + one.missed for one in measured.spans) > 0
    )


def test_the_tables_show_every_number_once_more_for_people(measured: Truth) -> None:
    shown = render(measured)
    rows: Sequence[str] = shown.splitlines()
    for one in measured.steps:
        row = next(row for row in rows if row.startswith(f"{one.step} "))
        assert f"{one.wanted}" in row and f"{one.recall:.1%}" in row
    for loss in measured.losses:
        assert any(row.startswith(f"{loss.step} {loss.rule}") and loss.examples[0][0] in row for row in rows)
