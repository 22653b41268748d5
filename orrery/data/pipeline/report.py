"""What a build says about itself: a dictionary for programs, Markdown and a table for people.

    report = as_report(tally, ["gopher_quality", "minhash"], ["crawl/"], shards=12)
    print(markdown(report))

All numbers but seconds and MB/s depend on the sources and the steps alone. Seconds are the processor's, of all workers
together; MB/s is what a step was given in them, so what one core does.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from orrery import __version__

RULES = 2  # of a step, in the terminal; the page has all
_MARKUP = re.compile(r"[\\`*_~<>\[\]!|&#]")
COLUMNS = ("step", "documents", "left", "MB", "left", "s", "MB/s", "rejected")


def as_report(tally: Mapping[str, Any], steps: Sequence[str], sources: Sequence[str], shards: int) -> dict[str, Any]:
    """The report of a build whose shards' tallies add up to ``tally``.

    Each step has documents and bytes in and out, rejected and examples by rule, seconds, and megabytes that it was
    given a second (None where that was too short to tell).
    """
    rows = [{"step": step, **tally["steps"][step]} for step in steps]
    for row in rows:
        row["rejected"] = dict(sorted(row["rejected"].items(), key=lambda rule: (-rule[1], rule[0])))
        row["seconds"] = round(row["seconds"], 3)
        row["mb_per_s"] = round(row["bytes_in"] / row["seconds"] / 1e6, 2) if row["seconds"] else None
    read = {**tally["read"], "seconds": round(tally["read"]["seconds"], 3)}
    return {
        "orrery": __version__,
        "sources": list(sources),
        "shards": shards,
        "read": read,
        "damaged": tally["damaged"],
        "steps": rows,
        "documents": rows[-1]["documents_out"] if rows else read["documents"],
        "bytes": rows[-1]["bytes_out"] if rows else read["bytes"],
    }


def cells(report: Mapping[str, Any], rules: int | None = None) -> list[tuple[str, ...]]:
    """The rows of the table, as text under `COLUMNS`: what was read, then a row a step, with so many of its rules."""
    read = report["read"]
    rows: list[tuple[str, ...]] = [
        (
            "read",
            "",
            f"{read['documents']:,}",
            "",
            _mb(read["bytes"]),
            *_pace(read["bytes"], read),
            _counts(read["unread"], rules),
        )
    ]
    for step in report["steps"]:
        rows.append((
            step["step"], f"{step['documents_in']:,}", f"{step['documents_out']:,}",
            _mb(step["bytes_in"]), _mb(step["bytes_out"]), *_pace(step["bytes_in"], step),
            _counts(step["rejected"], rules),
        ))  # fmt: skip
    return rows


def table(report: Mapping[str, Any]) -> Table:
    """The report for the terminal."""
    made = Table(box=None, padding=(0, 2, 0, 0))
    for name in COLUMNS:
        made.add_column(name, justify="left" if name in ("step", "rejected") else "right", overflow="fold")
    for row in cells(report, rules=RULES):
        made.add_row(*row)
    return made


def markdown(report: Mapping[str, Any]) -> str:
    """The report as a page: what was kept, the table, and examples of what went by every rule."""
    read, kept = report["read"], report["documents"]
    share = f" ({kept / read['documents']:.1%})" if read["documents"] else ""
    lines = [
        f"# {kept:,} documents from {', '.join(report['sources'])}", "",
        f"{read['documents']:,} documents ({_mb(read['bytes'])} MB) were read, {kept:,}{share} are left "
        f"({_mb(report['bytes'])} MB). s: processor seconds of all workers; MB/s: what a step was given in them.", "",
        f"| {' | '.join(COLUMNS)} |", "|---|---:|---:|---:|---:|---:|---:|---|",
        *(f"| {' | '.join(row)} |" for row in cells(report)),
    ]  # fmt: skip
    if report["damaged"]:
        lines += ["", "Damaged, among others:", "", *(f"- {_inline(one)}" for one in report["damaged"])]
    for step in report["steps"]:
        for rule, examples in sorted(step["examples"].items()):
            lines += ["", f"## {step['step']}: {rule} ({step['rejected'][rule]:,})", ""]
            for example in examples:
                said = f" ({_inline(example['detail'])})" if example["detail"] else ""
                lines.append(f"- {_inline(example['name'])}{said}: {_inline(example['text'])}")
    return "\n".join(lines) + "\n"


def _counts(counts: Mapping[str, int], most: int | None) -> str:
    ordered = sorted(counts.items(), key=lambda rule: (-rule[1], rule[0]))
    more = f", {len(ordered) - most} more" if most and len(ordered) > most else ""
    return ", ".join(f"{rule} {count:,}" for rule, count in ordered[:most]) + more


def _mb(size: int) -> str:
    return f"{size / 1e6:,.2f}"


def _pace(size: int, timed: Mapping[str, Any]) -> tuple[str, str]:
    seconds = timed["seconds"]
    return f"{seconds:,.1f}", f"{size / seconds / 1e6:,.1f}" if seconds else ""


def _inline(text: str) -> str:
    """Text of others on one line of Markdown, with nothing in it that is markup."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))
