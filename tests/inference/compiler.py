"""Whether this machine can compile the kernel: asked of the machine, not of the code under test."""

import os
import shutil

COMPILER = bool(os.environ.get("CXX")) or any(map(shutil.which, ("c++", "g++", "clang++")))
