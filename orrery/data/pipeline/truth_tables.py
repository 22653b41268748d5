"""What the truth says about a build, as tables in plain text for a terminal.

print(render(score(Path("clean"), Path("crawl.truth.jsonl"))))
"""

from collections.abc import Callable, Sequence

from orrery.data.pipeline.truth import Truth


def render(found: Truth) -> str:
    """The tables, for a terminal or a report in plain text."""
    parts = [
        "What the truth says. found: gone by the end of the step; precision: rejected pages that are bad.",
        _table(
            ("step", "to reject", "found", "recall", "of these here", "rejected", "precision"),
            [
                (one.step, one.wanted, one.found, _percent(one.recall), one.here, one.rejected, _percent(one.precision))
                for one in found.steps
            ],
        ),
        _table(
            ("look of sites", "good pages", "kept", "main text of", "precision", "recall", "F1"),
            [
                (one.look, one.good, one.kept, one.pages, f"{one.precision:.3f}", f"{one.recall:.3f}", f"{one.f1:.3f}")
                for one in found.texts
            ],
        ),
        _table(
            ("private data", "removed", "missed", "harmless, kept", "harmless, lost", "replaced in all"),
            [(one.kind, one.removed, one.missed, one.kept, one.lost, one.replaced) for one in found.spans],
        ),
        *(
            _table(
                (name, "pages", "kept"), [(one.kind, one.pages, one.kept) for one in found.kinds if one.good == good]
            )
            for name, good in (("good pages", True), ("bad pages", False))
        ),
        _table(
            ("good pages lost to", "pages", "such as"),
            [
                (f"{one.step} {one.rule}", one.pages, f"{kind}: {url} ({detail})")
                for one in found.losses
                for url, kind, detail in one.examples[:1]
            ],
        ),
    ]
    return "\n\n".join(parts)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns of text; the first is flush left, those of numbers right, a long last one is not padded."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    align: list[Callable[[str, int], str]] = [str.ljust, *[str.rjust] * (len(head) - 1)]
    if rows and isinstance(rows[0][-1], str) and len(rows[0][-1]) > 12:
        align[-1] = str.ljust
    return "\n".join(
        "  ".join(put(cell, width) for put, cell, width in zip(align, row, widths, strict=True)).rstrip()
        for row in cells
    )
