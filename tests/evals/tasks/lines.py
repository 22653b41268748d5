"""Files of rows, and words to fill them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WORDS = (
    "the a cat dog child man woman runs sits mixes opens looks bowl door water slowly then and héllo 🌍 2 48 ,".split()
)


def write_lines(path: Path, rows: Sequence[Any]) -> Path:
    """Write a JSONL file."""
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n", encoding="utf-8")
    return path
