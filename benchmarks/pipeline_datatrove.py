"""The other side of `pipeline.py`: datatrove's filters, in whatever Python has them.

    PYTHON benchmarks/pipeline_datatrove.py DOCUMENTS.json LISTS.json MODEL.ftz

It is started by `pipeline.py`. A line on standard input names a filter; the answer on standard output is one line of
JSON: the seconds that all documents took, and for each whether it was kept. Main texts are not extracted: both sides
take that from the same library. For the language datatrove downloads fastText's full model; here it is given the
compressed one, which is what Orrery reads, and for the words of an address Orrery's table.

Its rule that 80% of the words must have letters takes marks for words and rejects most of Wikipedia, which would leave
it little to do after that; the limit is 60% here.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
    URLFilter,
)
from datatrove.pipeline.formatters import PIIFormatter
from fasttext.FastText import _FastText
from tldextract import TLDExtract


def keep(filter_: Any) -> Callable[[Document], bool]:
    """Whether a filter keeps a document; it answers with a truth value, or with that and a reason."""

    def run(document: Document) -> bool:
        kept = filter_.filter(document)
        return bool(kept[0] if isinstance(kept, tuple) else kept)

    return run


def contenders(lists: dict[str, list[str]], model: str, folder: str) -> dict[str, Callable[[Document], bool]]:
    """Each filter by the name that Orrery gives it."""
    urls = URLFilter(
        extra_domains=lists["hosts"],
        banned_words=lists["words"],
        banned_subwords=lists["parts"],
        soft_banned_words=lists["soft words"],
        use_integrated_lists=False,
    )
    urls.tldextractor = TLDExtract(suffix_list_urls=())  # the list that comes with it, no download
    language = LanguageFilter(["en"])
    language.model._model = _FastText(model)
    private = PIIFormatter()
    signature = MinhashDedupSignature(folder, MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8))

    def replace(document: Document) -> bool:
        document.text = private.format(document.text)
        return True

    def sign(document: Document) -> bool:
        shingles = signature.get_shingles(document.text)
        if shingles.size:
            signature.get_signature(shingles)
        return True

    return {
        "url_filter": keep(urls),
        "language": keep(language),
        "gopher_repetition": keep(GopherRepetitionFilter()),
        "gopher_quality": keep(GopherQualityFilter(max_non_alpha_words_ratio=0.6)),
        "c4_quality": keep(C4QualityFilter(filter_no_terminal_punct=False)),
        "fineweb_quality": keep(FineWebQualityFilter(char_duplicates_ratio=0.1)),
        "minhash": sign,
        "private_data": replace,
    }


def main() -> None:
    rows = json.loads(Path(sys.argv[1]).read_text())
    lists = json.loads(Path(sys.argv[2]).read_text())
    with tempfile.TemporaryDirectory() as folder:
        steps = contenders(lists, sys.argv[3], folder)
        for step in steps.values():  # load what each needs
            step(Document(text=rows[0]["text"], id="", metadata={"url": rows[0]["url"]}))
        print(json.dumps(list(steps)), flush=True)
        for line in sys.stdin:
            names = line.split()
            documents = [Document(text=row["text"], id="", metadata={"url": row["url"]}) for row in rows]
            started = time.perf_counter()
            kept = [all(steps[name](document) for name in names) for document in documents]
            print(json.dumps({"seconds": time.perf_counter() - started, "kept": kept}), flush=True)


if __name__ == "__main__":
    main()
