"""Puts this folder on the path, so that tests (and processes that they start) can share the toy stage."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
