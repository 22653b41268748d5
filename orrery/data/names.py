"""Given names, what the first room trains on: a list of our own, and a larger one to be fetched."""

from pathlib import Path

import pooch
import requests

from orrery.errors import DataError

OUR_NAMES = Path(__file__).with_name("names.txt")
NAMES_URL = "https://raw.githubusercontent.com/karpathy/makemore/988aa59/names.txt"
NAMES_SHA256 = "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d"


def given_names() -> tuple[list[str], str]:
    """Names and where they are from: the fetched 32,033 where they have been fetched, our own list otherwise."""
    fetched = cache() / "names.txt"
    if fetched.is_file():
        return fetched.read_text().split(), str(fetched)
    return OUR_NAMES.read_text().split(), "our own list (`orrery data fetch names` gets a larger one)"


def fetch_names(url: str = NAMES_URL) -> Path:
    """Download the 32,033 names of makemore (MIT licence) into the cache, once -> the file.

    Raises:
        DataError: they cannot be reached, or are not the ones that the checksum knows.
    """
    try:
        return Path(pooch.retrieve(url, NAMES_SHA256, "names.txt", cache()))
    except requests.RequestException as error:
        raise DataError(f"{url} cannot be reached ({type(error).__name__}); without it our own list is used") from error
    except ValueError as error:  # pooch: the checksum is another
        raise DataError(f"{url} is not the file that is expected: {error}") from error


def cache() -> Path:
    """The folder for what was fetched: ~/.cache/orrery on Linux, wherever the system keeps such things elsewhere."""
    return Path(pooch.os_cache("orrery"))
