"""What runs inside the sandbox: it gives up what it may not use, then runs /code.py. Started by sandbox.py.

python -I -u sandbox_runner.py MEMORY CPU_SECONDS FILE_SIZE
"""

import ast
import resource
import sys
import traceback


def main() -> None:
    """Set the limits, run the code, print the value of a last line that is an expression."""
    memory, cpu_seconds, file_size = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))  # asked to end, then killed
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.argv = ["/code.py"]
    names = {"__name__": "__main__", "__builtins__": __builtins__}
    try:
        with open("/code.py", encoding="utf-8") as file:
            tree = ast.parse(file.read(), "/code.py")
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr):
            tree.body.pop()
        exec(compile(tree, "/code.py", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "/code.py", "eval"), names)
            if value is not None:
                print(repr(value))
    except Exception as error:
        # As Python shows it, but of this file and the library nothing: what is wrong is in the code.
        shown = traceback.TracebackException.from_exception(error)
        shown.stack = traceback.StackSummary.from_list([at for at in shown.stack if at.filename == "/code.py"])
        print("".join(shown.format(chain=False)), file=sys.stderr, end="")
        sys.exit(1)


if __name__ == "__main__":
    main()
