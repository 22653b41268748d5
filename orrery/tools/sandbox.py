"""Runs Python code that nobody has read: in one process, with no network, no files of yours, and hard limits.

    run("print(6 * 7)").output      # "42\\n"

The walls are the kernel's, set up by two well-kept tools: bubblewrap (https://github.com/containers/bubblewrap) makes
namespaces, libseccomp a filter of system calls.

    what code can see    the Python installation and /usr, read-only; /tmp, an empty one in memory that vanishes
    what it cannot       your files, /etc, /home, /proc, other processes, any network, the terminal, the environment
    what is refused      child processes, sockets, tracing, mounts, keys, and other calls that no calculation needs
    what is bounded      time, CPU time, memory, files, output (`Limits`)

One process only: then its bound on memory is the bound on all memory. It is the first of its process namespace's
children, so that the kernel leaves nothing of it behind at the deadline, or if Orrery is killed.

Not defended against: a hole in the Linux kernel itself. Where namespaces cannot be had (macOS, Windows, most
containers as they are delivered), `sandbox_missing` says what is missing and nothing is ever run.
"""

import contextlib
import errno
import functools
import os
import selectors
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from orrery.errors import ToolError

RUNNER = Path(__file__).with_name("sandbox_runner.py")
MAX_CODE = 32_768  # bytes; a pipe holds them
MEBIBYTE = 2**20


@dataclass(frozen=True)
class Limits:
    """What code may use."""

    seconds: float = 10.0
    """From start to end, whatever it does."""
    cpu_seconds: int = 5
    """Of computing, on all its threads together."""
    memory: int = 512 * MEBIBYTE
    """Bytes of its address space."""
    disk: int = 32 * MEBIBYTE
    """Bytes in /tmp, which is memory too."""
    output: int = 16_384
    """Bytes printed; more end it."""


@dataclass(frozen=True)
class Ran:
    """What code printed, standard output and errors as they came, and how it ended.

    `failure` is None when it ended by itself and well; otherwise why it did not, in words.
    """

    output: str
    failure: str | None
    seconds: float


def run(code: str, limits: Limits = Limits()) -> Ran:  # noqa: B008  (frozen)
    """Run code as a script, and print the value of a last line that is an expression, as notebooks do.

    Raises:
        ToolError: there is no sandbox on this machine, or the code has over 32 KiB.
    """
    if missing := sandbox_missing():
        raise ToolError(missing)
    return _run(code, limits)


@functools.cache
def sandbox_missing() -> str:
    """Why code cannot be isolated on this machine and what to do about it; empty when it can be."""
    off = "running Python is off, because nothing here can isolate it"
    if sys.platform != "linux":
        return f"{off}: the sandbox needs Linux (on Windows: WSL 2)"
    if shutil.which("bwrap") is None:
        return f"{off}: install bubblewrap (Debian, Ubuntu: apt install bubblewrap)"
    try:
        _refused_calls()
    except (ImportError, OSError, RuntimeError) as error:
        return f"{off}: {error}; install libseccomp (Debian, Ubuntu: apt install libseccomp2)"
    ran = _run("print(6 * 7)", Limits())
    if ran.failure is None and ran.output == "42\n":
        return ""
    said = (ran.output.strip() or ran.failure or "").splitlines()
    return (
        f"{off}: bubblewrap could not make a namespace ({said[-1] if said else 'it said nothing'}); allow unprivileged "
        "user namespaces (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu kernel.apparmor_restrict_"
        "unprivileged_userns=0; in Docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined)"
    )


def _run(code: str, limits: Limits) -> Ran:
    source = code.encode("utf-8", "replace")
    if len(source) > MAX_CODE:
        raise ToolError(f"the code has {len(source)} bytes; at most {MAX_CODE} are accepted")
    begun = time.monotonic()
    with contextlib.ExitStack() as stack:
        code_fd = stack.enter_context(_pipe_of(source))
        filter_fd = stack.enter_context(_pipe_of(_refused_calls()))
        process = stack.enter_context(
            subprocess.Popen(
                _command(limits, code_fd, filter_fd),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(code_fd, filter_fd),
                start_new_session=True,
                env={},
            )
        )
        assert process.stdout is not None
        try:
            printed, failure = _watch(process, process.stdout, begun + limits.seconds, limits)
        finally:
            process.kill()  # bubblewrap: the kernel then kills all that is in its namespace (--die-with-parent)
        failure = failure or _failure(process.wait(), limits)
    return Ran(printed.decode("utf-8", "replace"), failure, time.monotonic() - begun)


def _watch(
    process: subprocess.Popen[bytes], stream: IO[bytes], deadline: float, limits: Limits
) -> tuple[bytes, str | None]:
    """Read until it ends, is late or prints too much -> what was printed, and which of the latter two it was."""
    printed = b""
    late = f"it took more than {limits.seconds:g} seconds and was stopped"
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                return printed, late
            piece = os.read(stream.fileno(), 65_536)
            if not piece:  # it has ended, or has closed its output and goes on
                try:
                    process.wait(left)
                except subprocess.TimeoutExpired:
                    return printed, late
                return printed, None
            printed += piece
            if len(printed) > limits.output:
                return printed[: limits.output], f"it printed more than {limits.output} bytes and was stopped"
    return printed, late


def _failure(status: int, limits: Limits) -> str | None:
    """Why code did not end well, from the exit status that bubblewrap passes on: 128 + n where signal n ended it."""
    if status == 0:
        return None
    name = signal.Signals(status - 128).name if status - 128 in set(signal.Signals) else ""
    if name == "SIGXCPU":
        return f"it computed for more than {limits.cpu_seconds} seconds and was stopped"
    return f"it was ended by {name}" if name else f"it ended with exit status {status}"


def _command(limits: Limits, code_fd: int, filter_fd: int) -> list[str]:
    """The command line of bubblewrap, with a root directory that holds nothing but what is named here."""
    bwrap = shutil.which("bwrap")
    assert bwrap is not None
    command = [bwrap, "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    command += ["--uid", "65534", "--gid", "65534", "--hostname", "sandbox", "--clearenv"]
    for name, value in (("HOME", "/tmp"), ("PATH", "/usr/bin"), ("LANG", "C.UTF-8"), ("PYTHONDONTWRITEBYTECODE", "1")):
        command += ["--setenv", name, value]
    for folder in _readable_folders():
        command += ["--ro-bind", folder, folder]
    for name in ("bin", "lib", "lib32", "lib64", "sbin"):  # on most systems links into /usr
        if os.path.islink(f"/{name}"):
            command += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
        elif os.path.isdir(f"/{name}"):
            command += ["--ro-bind", f"/{name}", f"/{name}"]
    command += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    for device in ("/dev/null", "/dev/urandom"):
        command += ["--dev-bind", device, device]
    command += ["--ro-bind", str(RUNNER), "/runner.py", "--ro-bind-data", str(code_fd), "/code.py"]
    command += ["--size", str(limits.disk), "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/"]
    command += ["--seccomp", str(filter_fd), "--", _interpreter(), "-I", "-u", "/runner.py"]
    return [*command, str(limits.memory), str(limits.cpu_seconds), str(limits.disk)]


def _interpreter() -> str:
    """The Python behind this one, without what is installed for Orrery."""
    return os.path.realpath(sys.executable)


def _readable_folders() -> list[str]:
    """/usr, and where this Python is installed if that is elsewhere."""
    installed = {os.path.realpath(sys.base_prefix), os.path.realpath(sysconfig.get_path("stdlib"))}
    return ["/usr", *sorted(folder for folder in installed if not folder.startswith("/usr/") and folder != "/usr")]


@functools.cache
def _refused_calls() -> bytes:
    """The filter of system calls, as the kernel's bytecode.

    Raises ImportError, OSError or RuntimeError where libseccomp is not installed.
    """
    import pyseccomp

    calls = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    refused = pyseccomp.ERRNO(errno.EPERM)
    for name in REFUSED:
        calls.add_rule(refused, name)
    # Threads are made by clone with CLONE_THREAD, processes without. The flags of clone3 lie in memory, where a filter
    # cannot look: "no such call" makes the C library use clone.
    calls.add_rule(refused, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, CLONE_THREAD, 0))
    calls.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    with tempfile.TemporaryFile() as file:
        calls.export_bpf(file)
        file.seek(0)
        return file.read()


@contextlib.contextmanager
def _pipe_of(data: bytes) -> Iterator[int]:
    """A file descriptor from which `data` can be read, at most the 64 KiB that a pipe holds."""
    read, write = os.pipe()
    try:
        with open(write, "wb") as file:
            file.write(data)
        yield read
    finally:
        os.close(read)


CLONE_THREAD = 0x10000  # linux/sched.h

# What no calculation needs: other processes, sockets, memory outside the limit, and doors into the kernel.
REFUSED = """
    fork vfork unshare setns ptrace process_vm_readv process_vm_writev pidfd_open pidfd_getfd pidfd_send_signal
    socket socketpair memfd_create memfd_secret shmget mq_open io_uring_setup
    mount umount2 pivot_root chroot move_mount open_tree fsopen fsmount fspick mount_setattr
    bpf perf_event_open userfaultfd keyctl add_key request_key open_by_handle_at name_to_handle_at
    init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff
    syslog acct quotactl personality
""".split()
