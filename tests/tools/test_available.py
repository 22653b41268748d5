"""Tools by name: Orrery's, and those that other packages bring by entry points."""

from pathlib import Path

import pytest

from orrery.errors import ConfigError, ToolError
from orrery.tools import available
from orrery.tools.available import tools_named
from orrery.tools.calculator import CALCULATOR
from orrery.tools.registry import call_tool, tool_from_function
from tests.tools.isolation import isolated

MODULE = '''
def forecast(town: str) -> str:
    """Say what the weather will be.

    Args:
        town: where
    """
    return f"sunny in {town}"

def untyped(town):
    return "no"
'''


@pytest.fixture
def weather(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that is installed as pip leaves it, with tools; returns its entry points' file."""
    (tmp_path / "orrery_test_weather.py").write_text(MODULE)
    info = tmp_path / "orrery_test_weather-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: orrery-test-weather\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    return info / "entry_points.txt"


def test_orrerys_own() -> None:
    assert [tool.name for tool in tools_named(["calculator", "final_answer"])] == ["calculator", "final_answer"]


def test_those_at_hand() -> None:
    def look(query: str) -> str:
        """Look somewhere."""
        return query

    tool = tool_from_function(look)
    assert tools_named(["look", "calculator"], {"look": tool}) == [tool, CALCULATOR]


def test_another_packages_tool_under_the_name_of_its_entry_point(weather: Path) -> None:
    weather.write_text("[orrery.tools]\nweather = orrery_test_weather:forecast\n")
    assert call_tool(tools_named(["weather"]), "weather", {"town": "Oslo"}) == "sunny in Oslo"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("orrery_test_weather:untyped", "'weather' cannot be loaded: ToolError.*no docstring"),
        ("orrery_test_weather:gone", "'weather' cannot be loaded: AttributeError"),
        ("orrery_test_gone:forecast", "'weather' cannot be loaded: ModuleNotFoundError"),
    ],
)
def test_another_packages_tool_that_cannot_be_loaded(weather: Path, target: str, message: str) -> None:
    weather.write_text(f"[orrery.tools]\nweather = {target}\n")
    with pytest.raises(ToolError, match=message):
        tools_named(["weather"])
    assert tools_named(["calculator"]) == [CALCULATOR], "a tool that nobody asked for is not loaded"


def test_another_package_cannot_take_the_place_of_a_tool_of_ours(weather: Path) -> None:
    weather.write_text("[orrery.tools]\ncalculator = orrery_test_weather:forecast\n")
    with pytest.raises(ConfigError, match="the tool calculator of orrery_test_weather:forecast"):
        tools_named(["calculator"])


def test_an_unknown_name_gets_a_hint() -> None:
    with pytest.raises(ConfigError, match="there is no tool 'calculater'; did you mean 'calculator'"):
        tools_named(["calculater"])


def test_python_says_how_to_turn_it_on_where_it_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(available, "sandbox_missing", lambda: "running Python is off: install bubblewrap")
    with pytest.raises(ToolError, match="install bubblewrap"):
        tools_named(["python"])


@isolated
def test_python_where_it_is_on() -> None:
    assert call_tool(tools_named(["python"]), "python", {"code": "6 * 7"}) == "42"
