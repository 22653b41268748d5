"""The sandbox: code that wishes harm is contained, and code that means well runs.

Each hostile snippet must end within its limits, in failure or with a refusal that it reports itself, and the world
outside must be as it was: files, processes, a listening server.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from orrery.errors import ToolError
from orrery.tools import sandbox
from orrery.tools.python import PYTHON
from orrery.tools.registry import call_tool
from orrery.tools.sandbox import MEBIBYTE, Limits, run
from tests.tools.isolation import isolated

# Of two limits one must be far away, or a busy machine decides which is met first.
QUICK = Limits(seconds=30, cpu_seconds=1)
LATE = Limits(seconds=1, cpu_seconds=30)


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the user's that must neither be read nor changed."""
    path = tmp_path_factory.mktemp("home") / ".ssh" / "id_ed25519"
    path.parent.mkdir()
    path.write_text("PRIVATE KEY")
    return path


@pytest.fixture(scope="module")
def server() -> Iterator[socket.socket]:
    """Somebody who listens on this machine, and must not be called."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


class TestCodeThatMeansWell:
    pytestmark = isolated

    def test_returns_what_is_printed(self) -> None:
        assert run("for n in range(3):\n    print(n)").output == "0\n1\n2\n"

    def test_shows_the_value_of_a_last_expression(self) -> None:
        assert run("x = 20\nx + 1").output == "21\n"

    def test_shows_nothing_for_a_last_expression_without_value(self) -> None:
        assert run("print('once')").output == "once\n"

    def test_keeps_the_order_of_output_and_errors(self) -> None:
        ran = run("import sys\nprint('first', flush=True)\nprint('second', file=sys.stderr)")
        assert ran.output == "first\nsecond\n"

    def test_has_the_standard_library(self) -> None:
        code = "import collections, fractions, json, math, random, re, statistics\nmath.comb(5, 2)"
        assert run(code).output == "10\n"

    def test_may_write_and_read_in_its_own_folder(self) -> None:
        assert run("open('a.txt', 'w').write('hello')\nopen('/tmp/a.txt').read()").output == "'hello'\n"

    def test_begins_anew_each_time(self) -> None:
        run("open('left.txt', 'w').write('x')")
        assert run("import os\nos.listdir('/tmp')").output == "[]\n"

    def test_may_use_threads(self) -> None:
        code = "from concurrent.futures import ThreadPoolExecutor as P\nlist(P(2).map(abs, [-1, -2]))"
        assert run(code).output == "[1, 2]\n"

    def test_names_what_went_wrong_and_where(self) -> None:
        ran = run("a = 1\nb = a / 0")
        assert ran.failure == "it ended with exit status 1"
        assert "line 2" in ran.output and ran.output.endswith("ZeroDivisionError: division by zero\n")
        assert "runner" not in ran.output

    def test_shows_a_syntax_error_without_the_parser(self) -> None:
        assert run("def f(:").output.splitlines()[-1] == "SyntaxError: invalid syntax"
        assert "ast.py" not in run("def f(:").output

    def test_reads_any_text(self) -> None:
        assert run("print('naïve — 数')").output == "naïve — 数\n"

    def test_passes_on_an_exit_status(self) -> None:
        assert run("raise SystemExit(3)").failure == "it ended with exit status 3"


# name: code that prints REFUSED where it is refused, or is stopped. It may print "GOT" only if it got what it wanted.
ATTEMPT = """
import ctypes, os, signal, socket, subprocess, sys, urllib.request
try:
    {}
    print("GOT")
except (OSError, RuntimeError) as error:
    print("REFUSED", error)
"""


def attempt(*lines: str) -> str:
    """Code that tries something and says whether it could; SECRET, PORT and PARENT are put in when it runs."""
    return ATTEMPT.format("\n    ".join(lines))


REFUSED = {
    "fork": attempt("os.fork()"),
    "fork bomb": attempt("while True: os.fork()"),
    "fork through libc": attempt("libc = ctypes.CDLL(None, use_errno=True)", "if libc.fork() < 0: raise OSError('no')"),
    "vfork": attempt("if ctypes.CDLL(None).vfork() < 0: raise OSError('no')"),
    "clone3 by system call": attempt("if ctypes.CDLL(None).syscall(435, 0, 0) < 0: raise OSError('no')"),
    "a shell": attempt("subprocess.run(['sh', '-c', 'echo hello'], check=True)"),
    "os.system": attempt("if os.system('true'): raise OSError('no')"),
    "posix_spawn": attempt("os.posix_spawn('/usr/bin/true', ['true'], {})"),
    "multiprocessing": attempt("import multiprocessing", "multiprocessing.Process(target=print).start()"),
    "a daemon": attempt("os.setsid()", "os.fork()", "os.fork()"),
    "passwords": attempt("open('/etc/passwd').read()"),
    "shadow passwords": attempt("open('/etc/shadow').read()"),
    "the home folder": attempt("os.listdir('/home')"),
    "a key of the user's": attempt("open('SECRET').read()"),
    "a key through a symbolic link": attempt("os.symlink('SECRET', 'link')", "open('link').read()"),
    "a key through a hard link": attempt("os.link('SECRET', 'link')"),
    "a key up the tree": attempt("open('../../../../..' + 'SECRET').read()"),
    "writing over a key": attempt("open('SECRET', 'w').write('gone')"),
    "the environment of others": attempt("open('/proc/1/environ').read()"),
    "the memory of this process": attempt("open('/proc/self/mem').read()"),
    "kernel settings": attempt("open('/proc/sys/kernel/core_pattern', 'w')"),
    "a disk": attempt("open('/dev/vda', 'rb').read(1)"),
    "the terminal": attempt("os.open('/dev/tty', os.O_RDWR)"),
    "shared memory": attempt("os.listdir('/dev/shm')"),
    "writing to the root": attempt("open('/left', 'w')"),
    "writing to /usr": attempt("open('/usr/left', 'w')"),
    "writing over the interpreter": attempt("open(sys.executable, 'r+b')"),
    "writing over the runner": attempt("open('/runner.py', 'w')"),
    "making a device": attempt("os.mknod('/tmp/disk', 0o60666, os.makedev(254, 0))"),
    "mounting": attempt("if ctypes.CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, 0): raise OSError('no')"),
    "leaving by chroot": attempt("os.chroot('/tmp')"),
    "a namespace of its own": attempt("if ctypes.CDLL(None).unshare(0x10000000): raise OSError('no')"),
    "becoming root": attempt("os.setuid(0)"),
    "a socket": attempt("socket.socket()"),
    "the local server": attempt("socket.create_connection(('127.0.0.1', PORT), 1)"),
    "a web page": attempt("urllib.request.urlopen('http://127.0.0.1:PORT/', timeout=1)"),
    "a raw socket": attempt("socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"),
    "a unix socket": attempt("socket.socketpair()"),
    "the parent": attempt("os.kill(PARENT, signal.SIGKILL)"),
    "everybody by ptrace": attempt("if ctypes.CDLL(None).ptrace(16, 1, 0, 0) < 0: raise OSError('no')"),
    "memory in a file of none": attempt("os.memfd_create('more')"),
    "more memory than it may": attempt(
        "import resource",
        "try: resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
        "except ValueError as e: raise OSError(e)",
    ),
    "filling the disk": attempt("file = open('big', 'wb')", "for _ in range(64): file.write(bytes(2**20))"),
    "files without end": attempt("files = [open(f'/tmp/{n}', 'w') for n in range(10_000)]"),
    "a recursion without end": attempt("def f(): return f()", "f()"),
}

STOPPED = {
    "an endless loop": ("while True:\n    pass", "computed"),
    "an endless loop that ignores signals": (
        "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True:\n    pass",
        "SIGKILL",
    ),
    "endless threads that compute": (
        "import threading\nfor _ in range(8):\n    threading.Thread(target=lambda: list(iter(int, 1))).start()",
        "",
    ),
    "an endless sleep": ("import time\ntime.sleep(1000)", "took more than"),
    "an endless sleep after closing its output": (
        "import os, time\nos.close(1)\nos.close(2)\ntime.sleep(1000)",
        "took more than",
    ),
    "endless output": ("while True:\n    print('x' * 1000)", "printed more than"),
    "endless errors": ("import sys\nwhile True:\n    sys.stderr.write('x' * 1000)", "printed more than"),
    "a great number": ("print(9 ** 9 ** 9)", "computed"),
    "a bomb of memory": ("x = [0] * 10**10", "status 1"),
    "a bomb of memory, little by little": ("x = []\nwhile True:\n    x.append(bytes(2**20))", "status 1"),
    "memory by mmap": ("import mmap\nmmap.mmap(-1, 2**33)", "status 1"),
    "reading what never ends": ("open('/dev/urandom', 'rb').read()", ""),
    "a null pointer": ("import ctypes\nctypes.string_at(0)", "SIGSEGV"),
    "an abort": ("import os\nos.abort()", "SIGABRT"),
    "itself": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
    "a stack without end": (
        "import sys\nsys.setrecursionlimit(10**9)\ndef f():\n    [*map(lambda _: f(), [0])]\nf()",
        "",
    ),
    "code nested without end": ("eval('(' * 5000 + ')' * 5000)", "status 1"),
    "waiting for input": ("input()", "status 1"),
    "another program": ("import os\nos.execv('/usr/bin/sleep', ['sleep', '1000'])", "took more than"),
    "a program that writes outside": ("import os\nos.execv('/usr/bin/touch', ['touch', '/usr/left'])", "status 1"),
}


class TestCodeThatWishesHarm:
    pytestmark = isolated

    @pytest.mark.parametrize("name", REFUSED)
    def test_is_refused(self, name: str, secret: Path, server: socket.socket) -> None:
        code = REFUSED[name].replace("SECRET", str(secret)).replace("PARENT", str(os.getpid()))
        ran = run(code.replace("PORT", str(server.getsockname()[1])), QUICK)
        assert "GOT" not in ran.output
        assert "REFUSED" in ran.output, ran
        self.nothing_happened(secret, server)

    @pytest.mark.parametrize("name", STOPPED)
    def test_is_stopped(self, name: str, secret: Path, server: socket.socket) -> None:
        code, why = STOPPED[name]
        limits = LATE if why == "took more than" else QUICK
        ran = run(code, limits)
        assert ran.failure is not None and why in ran.failure, ran
        assert ran.seconds < limits.seconds + 5
        assert len(ran.output) <= limits.output
        self.nothing_happened(secret, server)

    def test_cannot_kill_what_is_around_it(self) -> None:
        """The first process of its namespace takes no signals from it, and there is no other."""
        ran = run("import os, signal\nos.kill(1, signal.SIGKILL)\nprint('alive')", QUICK)
        assert ran.output == "alive\n"
        ran = run("import os, signal\ntry:\n    os.kill(-1, signal.SIGKILL)\nexcept OSError as e:\n    print(e)", QUICK)
        assert ran.seconds < QUICK.seconds

    def test_sees_no_environment_and_no_arguments(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        ran = run("import os, sys\nprint(dict(os.environ), sys.argv)")
        assert "sk-secret" not in ran.output and "/code.py" in ran.output

    def test_inherits_no_open_file(self, secret: Path) -> None:
        with secret.open() as file:
            os.set_inheritable(file.fileno(), True)
            ran = run("import os\nfor n in range(3, 64):\n    try: print(os.read(n, 99))\n    except OSError: pass")
        assert "PRIVATE" not in ran.output

    def test_is_gone_when_whoever_started_it_is_killed(self) -> None:
        code = "from orrery.tools.sandbox import run, Limits; run('import time; time.sleep(77)', Limits(seconds=90))"
        starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
        assert wait_until(lambda: len(sandboxed_below(starter.pid)) >= 2)
        inside = sandboxed_below(starter.pid)
        starter.kill()
        starter.wait()
        assert wait_until(lambda: not any(process.is_running() for process in inside))

    @staticmethod
    def nothing_happened(secret: Path, server: socket.socket) -> None:
        assert secret.read_text() == "PRIVATE KEY"
        assert not Path("/usr/left").exists() and not Path("/left").exists()
        with pytest.raises(BlockingIOError):
            server.accept()
        assert wait_until(lambda: not sandboxed_below(os.getpid()))


def sandboxed_below(pid: int) -> list[psutil.Process]:
    """The processes that this one has started in sandboxes and that still are."""
    alive = [child for child in psutil.Process(pid).children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in alive if child.name() in ("bwrap", Path(sys.executable).resolve().name)]


def wait_until(condition: object, seconds: float = 10) -> bool:
    """Whether something becomes true in time."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class TestTheTool:
    @isolated
    def test_answers_with_what_was_printed(self) -> None:
        assert call_tool([PYTHON], "python", {"code": "print(6 * 7)"}) == "42"
        assert call_tool([PYTHON], "python", {"code": "x = 1"}) == "(it printed nothing)"

    @isolated
    def test_answers_failures_as_text_that_a_model_can_read(self) -> None:
        answer = call_tool([PYTHON], "python", {"code": "print('so far')\nnothing"})
        assert answer.startswith("error: it ended with exit status 1\nso far\nTraceback")
        assert answer.endswith("NameError: name 'nothing' is not defined")

    @isolated
    def test_is_on_where_this_machine_can_isolate(self) -> None:
        assert sandbox.sandbox_missing() == ""

    @isolated
    def test_refuses_code_that_is_too_long(self) -> None:
        assert "at most 32768" in call_tool([PYTHON], "python", {"code": "#" * 40_000})

    def test_is_off_and_says_how_to_turn_it_on_where_nothing_isolates(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        sandbox.sandbox_missing.cache_clear()
        try:
            with pytest.raises(ToolError, match="install bubblewrap"):
                run("print(1)")
        finally:
            sandbox.sandbox_missing.cache_clear()

    @isolated
    def test_is_off_where_namespaces_are_forbidden(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """A bubblewrap that may not make a namespace, as in most containers, says so and ends."""
        bwrap = tmp_path / "bwrap"
        bwrap.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
        bwrap.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        sandbox.sandbox_missing.cache_clear()
        try:
            with pytest.raises(ToolError, match="No permissions to create new namespace.*user namespaces"):
                run("print(1)")
        finally:
            sandbox.sandbox_missing.cache_clear()

    @isolated
    def test_limits_can_be_set(self) -> None:
        assert run("bytes(200 * 2**20)[0]", Limits(memory=100 * MEBIBYTE)).failure
        assert run("bytes(200 * 2**20)[0]").output == "0\n"
