"""What all addresses of the studio need: the folder of the runs and a process to compute in.

studio = Studio(Path("runs"))
make_app(service, access, studio=studio)     # app.py mounts its addresses beside the /v1 ones
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orrery.server.studio.forms import Command
from orrery.server.studio.models import StudioModel, find_models, model_named
from orrery.server.studio.pool import Pool


@dataclass
class Studio:
    """A studio over one folder of runs. `commands`: those of the command line, of which forms are made."""

    root: Path
    commands: Sequence[Command] = ()
    pool: Pool = field(default_factory=Pool)

    def models(self) -> list[StudioModel]:
        """The models that the runs have made so far."""
        return find_models(self.root)

    def model(self, name: str) -> StudioModel:
        """The one of this name. Raises Problem 404 when there is none."""
        return model_named(self.root, name)

    def close(self) -> None:
        """End the process that computes."""
        self.pool.close()
