"""Questions in a person's own words: asked of a model, and judged where a word of the answer can judge.

    python benchmarks/own_words.py runs/speedrun/sft [questions=docs/own-words.jsonl]

A line of the file: {"question", "right" (what would be), "any" (one of these must stand in the answer), "none" (none of
these may), "kind"}. Prints Markdown; where "any" is empty a person has to look, and "?" counts as right until then. The
questions are about seed 0's world.
"""

import json
import sys
from collections import Counter
from pathlib import Path

from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling

DOCS = Path(__file__).parent.parent / "docs"


def main() -> None:
    """Ask all questions in one batch and print the answers."""
    path = Path(sys.argv[2]) if len(sys.argv) > 2 else DOCS / "own-words.jsonl"
    asked = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    engine = Engine.load(Path(sys.argv[1]))
    replies = engine.chat([[{"role": "user", "content": one["question"]}] for one in asked], Sampling(max_tokens=80))
    right, total = Counter[str](), Counter[str]()
    print("| | question | answer |\n|---|---|---|")
    for one, reply in zip(asked, replies, strict=True):
        answer = str(reply[-1].get("content") or "")
        good = any(word in answer for word in one["any"] or [""]) and not any(word in answer for word in one["none"])
        right[one["kind"]] += good
        total[one["kind"]] += 1
        shown = [text.replace("\n", " ").replace("|", "\\|") for text in (one["question"], answer)]
        print(f"| {('+' if one['any'] else '?') if good else '-'} | {shown[0]} | {shown[1]} |")
    kinds = ", ".join(f"{kind} {right[kind]} of {total[kind]}" for kind in total)
    print(f"\n{kinds}; in all {right.total()} of {len(asked)}")


if __name__ == "__main__":
    main()
