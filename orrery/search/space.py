"""The space of a search: which settings of a speedrun vary, over what, and the values that each trial draws.

    pretrain.optimizer.lr=0.005..0.04:log   a range, even on a logarithmic scale
    sft.optimizer.lr=1e-4..1e-3             a range
    pretrain.rows=4,8,16                    a list
    documents.dialogue=14..30               one weight of a mix; the other weights are the usual ones

Values are drawn independently of each other and of earlier trials: random search, which finds better settings than a
grid of as many trials because few settings matter and every trial tries a new value of each (Bergstra and Bengio 2012,
https://jmlr.org/papers/v13/bergstra12a.html).
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count as counted_from
from typing import Any

from orrery.config import as_mapping, from_mapping, nearest
from orrery.data.world.conversations import DEFAULT_CONVERSATION_MIX
from orrery.data.world.generate import DEFAULT_MIX
from orrery.errors import ConfigError
from orrery.speedrun_config import SpeedrunConfig

# A mix that is given takes the place of the usual one, so one of its weights alone would be the whole mix.
MIXES: Mapping[str, Mapping[str, float]] = {"documents": DEFAULT_MIX, "conversations": DEFAULT_CONVERSATION_MIX}
OF_THE_SWEEP = ("seed", "world.seed", "run", "root", "resume")  # settings of a speedrun that a sweep decides itself


@dataclass(frozen=True)
class Choices:
    """A setting drawn from a list of values, each as likely."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return ",".join(str(value) for value in self.values)

    @property
    def size(self) -> float:
        """How many different values there are."""
        return len(self.values)

    def draw(self, rng: random.Random) -> Any:
        """One of the values."""
        return rng.choice(self.values)


@dataclass(frozen=True)
class Range:
    """A number drawn between two, both included: whole where both are ints, else of four digits."""

    low: float
    high: float
    log: bool = False

    def __str__(self) -> str:
        return f"{self.low}..{self.high}" + (":log" if self.log else "")

    @property
    def whole(self) -> bool:
        """The setting takes whole numbers."""
        return isinstance(self.low, int)

    @property
    def size(self) -> float:
        """How many different values there are."""
        return self.high - self.low + 1 if self.whole else math.inf

    def draw(self, rng: random.Random) -> float:
        """A number of the range."""
        room = 0.5 if self.whole else 0.0  # so that rounding leaves the two ends as likely as the others
        low, high = self.low - room, self.high + room
        drawn = math.exp(rng.uniform(math.log(low), math.log(high))) if self.log else rng.uniform(low, high)
        rounded = round(drawn) if self.whole else float(f"{drawn:.4g}")
        return min(max(rounded, self.low), self.high)


Space = Mapping[str, Choices | Range]


def parse_space(vary: Sequence[str]) -> Space:
    """Read ``KEY=a,b,c`` and ``KEY=low..high[:log]``, each KEY a dotted setting of the speedrun.

    >>> space = parse_space(["pretrain.optimizer.lr=0.005..0.04:log", "pretrain.rows=4,8,16"])
    >>> space["pretrain.rows"], str(space["pretrain.optimizer.lr"])
    (Choices(values=(4, 8, 16)), '0.005..0.04:log')

    Raises:
        ConfigError: no ``=``, an unknown key (the nearest known one is named), a value of the wrong type, a range that
            is empty or not of numbers, a key given twice.
    """
    space: dict[str, Choices | Range] = {}
    for text in vary:
        key, values = _split(text, "--vary")
        if key in space:
            raise ConfigError(f"--vary gives '{key}' twice")
        space[key] = _range(key, values) if ".." in values else _choices(key, values)
    return space


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Read ``KEY=VALUE`` of ``--set``. Raises `ConfigError` as `parse_space` does."""
    pairs = [_split(text, "--set") for text in settings]
    return {key: _typed(key, value, "--set") for key, value in pairs}


def draw(space: Space, seed: int, trials: int) -> list[dict[str, Any]]:
    """The values of the first ``trials`` trials: a pure function of seed, space and the trial's number.

    More trials are the same ones and then others. Where there are only so many different points, none is drawn twice.

    Raises:
        ConfigError: the space has fewer different points than that.
    """
    if trials > (size := math.prod(dimension.size for dimension in space.values())):
        raise ConfigError(f"--vary has {size:.0f} different combinations, fewer than --trials {trials}")
    found: list[dict[str, Any]] = []
    for attempt in counted_from():
        if len(found) == trials:
            break
        values = {key: where.draw(random.Random(f"{seed} {attempt} {key}")) for key, where in space.items()}
        if math.isinf(size) or values not in found:
            found.append(values)
    return found


def with_values(config: SpeedrunConfig, values: Mapping[str, Any], where: str) -> SpeedrunConfig:
    """``config`` with dotted settings replaced; a weight of a mix that is not given yet joins the usual mix.

    Raises:
        ConfigError: an unknown key or a value that cannot be; ``where`` says who gave it.
    """
    changed = as_mapping(config)
    for key, value in values.items():
        *path, last = key.split(".")
        if path and path[0] in MIXES:
            mix = MIXES[path[0]]
            if len(path) > 1 or last not in mix:
                raise ConfigError(f"{where}: '{key}' is no weight of a mix; {nearest(last, mix)}")
            changed[path[0]] = changed[path[0]] or dict(mix)
        inner = changed
        for name in path:
            inner = inner.setdefault(name, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"{where}: '{key}' is no setting: '{name}' is a single value")
        inner[last] = value
    return from_mapping(changed, SpeedrunConfig, where)


def _split(text: str, flag: str) -> tuple[str, str]:
    key, equals, values = (part.strip() for part in text.partition("="))
    if not (key and equals and values):
        raise ConfigError(f"{flag} is '{text}'; it must be KEY=VALUES, for instance {flag} pretrain.rows=8")
    if key in OF_THE_SWEEP:
        raise ConfigError(f"{flag} {key}: the sweep itself decides this; --seeds gives the seeds of the runs")
    return key, values


def _typed(key: str, text: str, flag: str) -> Any:
    """``text`` as the type that the setting has, checked as a recipe's value is."""
    found: Any = with_values(SpeedrunConfig(), {key: text}, flag)
    for name in key.split("."):
        found = found[name] if isinstance(found, Mapping) else getattr(found, name)
    if isinstance(found, float) and not math.isfinite(found):
        raise ConfigError(f"{flag} {key} is {text}; it must be finite")
    return found


def _choices(key: str, text: str) -> Choices:
    values = tuple(_typed(key, value.strip(), "--vary") for value in text.split(","))
    return Choices(tuple(dict.fromkeys(values)))


def _range(key: str, text: str) -> Range:
    ends, _, scale = text.partition(":")
    low, high = (_typed(key, end.strip(), "--vary") for end in ends.split("..", 1))
    if any(isinstance(end, bool) or not isinstance(end, int | float) for end in (low, high)):
        raise ConfigError(f"--vary {key}={text}: a range needs numbers; give a list a,b,c")
    if scale not in ("", "log"):
        raise ConfigError(f"--vary {key}={text}: after a range only ':log' may stand")
    if not low < high:
        raise ConfigError(f"--vary {key}={text}: the range must go from the lower number to the higher one")
    if scale and low <= 0:
        raise ConfigError(f"--vary {key}={text}: a logarithmic range must begin above 0")
    return Range(low, high, bool(scale))
