"""Minutes in a crowd: what `orrery serve` answers while clients vanish, talk nonsense, and its engine is killed.

    python benchmarks/endurance.py                                  # ten minutes, 64 clients, 8 kills
    python benchmarks/endurance.py --minutes 0.5 --streams 8 --kills 1              # a trial

The server is started here, with a tiny assistant that is trained first, in seconds, and a model of random weights. What
the clients do, and what they take for wrong, stands in tests/server/endurance.py; `make test` runs 18 seconds of it.
Every answer is compared with the one that is known beforehand. Kills come in the first two thirds; the memory at the
end is of an engine that has served for a third of the time, beside one that was started again in the warm-up, a quarter
of the time. Needs the packages of `pip install -e .[test]`. Ends with exit code 1 where anything was wrong.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # the tests are no package that is installed

from tests.server.endurance import Outcome, endure  # noqa: E402
from tests.server.known import BODY, known_requests  # noqa: E402
from tests.server.running import Running  # noqa: E402
from tests.server.talker import train_talker  # noqa: E402

FLAT = 1.05  # memory at the end over that after warming up


def percentiles(seconds: Sequence[float]) -> str:
    """Half, nine in ten and 99 in 100 of them took no longer than these milliseconds."""
    if not seconds:
        return "none"
    ordered = sorted(seconds)
    return " / ".join(f"{1000 * ordered[int(share * (len(ordered) - 1))]:,.0f}" for share in (0.5, 0.9, 0.99, 1.0))


def show(outcome: Outcome) -> None:
    """Print the table."""
    print("\n| | |\n|---|---:|")
    for name, count in [
        ("requests", outcome.asked), ("answered, all of them right", outcome.answered),
        ("left by their clients", outcome.cancelled), ("broken off by a kill, with an error", outcome.broken),
        *((f"refused: {kind}", count) for kind, count in sorted(outcome.refused.items())),
        ("wrong", outcome.faults), ("engine kills", outcome.kills),
    ]:  # fmt: skip
        print(f"| {name} | {count:,} |")
    print(f"| seconds from a kill to the next engine, longest | {max(outcome.recovery, default=0):.1f} |")
    print(f"| first bytes of a stream, ms: median / 90% / 99% / longest | {percentiles(outcome.first)} |")
    print(f"| whole answer, ms: median / 90% / 99% / longest | {percentiles(outcome.whole)} |")
    print("\n| | started | warmed up | at the end | end / warm |\n|---|---:|---:|---:|---:|")
    for name, unit in (("server", 1e6), ("engine", 1e6), ("files", 1.0)):
        start, warm, end = (getattr(footprint, name) / unit for footprint in outcome.footprints)
        what = "open files" if name == "files" else f"{name}, MB"
        print(f"| {what} | {start:.0f} | {warm:.0f} | {end:.0f} | {end / warm:.3f} |")
    for wrong in outcome.wrong:
        print(f"\nWRONG: {wrong}")


def main() -> None:
    """Serve, endure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--streams", type=int, default=64, help="clients at a time")
    parser.add_argument("--kills", type=int, default=7, help="of the engine, besides the one in the warm-up")
    parser.add_argument("--seed", type=int, default=0, help="of what the clients do")
    given = parser.parse_args()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = known_requests(train_talker(), folder)
        server = Running("--model", folder / "sft", folder / "dice", "--body", str(BODY), "--queue", "48")
        try:
            outcome = endure(server, known, 60 * given.minutes, given.streams, given.kills, given.seed)
        finally:
            server.stop()
    show(outcome)
    _, warm, end = outcome.footprints
    flat = end.server <= FLAT * warm.server and end.engine <= FLAT * warm.engine and end.files == warm.files
    sys.exit(0 if flat and not outcome.wrong else 1)


if __name__ == "__main__":
    main()
