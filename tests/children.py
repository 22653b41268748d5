"""What processes a test has left behind."""

import psutil


def forked_child() -> bool:
    """Whether there is a process that was forked from this one, or has ended and was not waited for.

    Programs of their own are none: a room's tests may keep a server.
    """
    own = psutil.Process()
    return any(child.status() == psutil.STATUS_ZOMBIE or child.cmdline() == own.cmdline() for child in own.children())
