"""What the commands of the first room share: documents from lines, and plots that can be written."""

from pathlib import Path

from orrery.data.sources import decode
from orrery.errors import ConfigError, DataError

PLOTS = (".svg", ".png", ".pdf")


def read_text(file: Path) -> str:
    """The text of a file. Raises `DataError` when there is no such file, or it is not UTF-8."""
    if not file.is_file():
        raise DataError(f"no such file: {file}")
    return decode(file.read_bytes(), str(file))


def read_lines(file: Path) -> list[str]:
    """The lines of a text file, without white space around them; blank ones are passed over.

    Raises:
        DataError: no such file, not UTF-8, or no line in it.
    """
    lines = [line.strip() for line in read_text(file).splitlines()]
    if not any(lines):
        raise DataError(f"{file} is empty: give it one document a line")
    return [line for line in lines if line]


def check_plot(file: Path | None) -> None:
    """Raises `ConfigError` for a plot that could not be written when the work is done."""
    if file is None:
        return
    if file.suffix not in PLOTS:
        raise ConfigError(f"--plot {file}: give a file that ends in {', '.join(PLOTS)}")
    if not file.parent.is_dir():
        raise ConfigError(f"--plot {file}: there is no folder {file.parent}")
