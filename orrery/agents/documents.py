"""Finding files that hold text, and reading them: text, Markdown, Python and other source, PDF."""

from collections.abc import Iterator
from pathlib import Path

from orrery.errors import DataError

SUFFIXES = frozenset(
    ".txt .md .markdown .rst .py .pyi .pdf .toml .json .jsonl .yaml .yml .ini .cfg .csv .tsv .html .css .js .ts .c .h "
    ".cc .cpp .hpp .rs .go .java .sh .sql .tex".split()
)
MOST_BYTES = 20 * 2**20  # of a file; larger ones are data and no reading


def text_files(paths: list[Path]) -> Iterator[Path]:
    """The files that are named, and in folders those whose suffix is known; hidden ones are left out.

    Raises:
        DataError: a path does not exist.
    """
    for path in paths:
        if path.is_file():
            yield path
        elif path.is_dir():
            for inside in sorted(path.rglob("*")):
                hidden = any(part.startswith(".") for part in inside.relative_to(path).parts)
                if inside.is_file() and not hidden and inside.suffix.lower() in SUFFIXES:
                    yield inside
        else:
            raise DataError(f"{path} does not exist")


def read_text(path: Path) -> str:
    """The text of a file; of a PDF what can be extracted, page by page.

    Raises:
        DataError: it is too large, no text, or cannot be read.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path} has over {MOST_BYTES // 2**20} MiB")
        if path.suffix.lower() == ".pdf":
            return _read_pdf(path)
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if "\0" in text:
        raise DataError(f"{path} holds NUL bytes: it is no text")
    return text


def _read_pdf(path: Path) -> str:
    import pypdf
    from pypdf.errors import PyPdfError

    try:
        with pypdf.PdfReader(path) as reader:
            return "\n\n".join(page.extract_text() for page in reader.pages)
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError) as error:  # what broken files have led to
        raise DataError(f"{path} is no PDF that can be read: {error}") from error
