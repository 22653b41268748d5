"""Whether this machine can isolate a process: asked of the kernel and its tools, never of the code that is tested.

So a sandbox that is broken fails its tests; they are skipped only where no sandbox could be, say on a Mac.
"""

import ctypes.util
import shutil
import subprocess

import pytest


def can_isolate() -> bool:
    """Bubblewrap makes all namespaces around `true`, and libseccomp is there."""
    if shutil.which("bwrap") is None or ctypes.util.find_library("seccomp") is None:
        return False
    command = ["bwrap", "--unshare-all", "--unshare-user", "--ro-bind", "/", "/", "true"]
    return subprocess.run(command, capture_output=True).returncode == 0


isolated = pytest.mark.skipif(not can_isolate(), reason="needs bubblewrap, libseccomp and user namespaces")
