"""What a start imports: the command line stays light until it has something to serve."""

import subprocess
import sys

import pytest

MAY = {"click", "msgspec", "multillama", "typing_extensions"}
"""All that `import multillama.cli.main` may bring beyond the standard library; the last is msgspec's."""

HEAVY = {
    "httptools", "jinja2", "rich", "sqlalchemy", "starlette", "uvicorn", "uvloop", "xllamacpp", "yaml",
}  # fmt: skip


def imported_by(code: str, *arguments: str) -> set[str]:
    """Top-level names of the outside modules in memory after some code has run in a new process."""
    ending = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('\\n', *sys.modules, sep=' ', file=sys.stderr))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", ending + code, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    names = {name.partition(".")[0] for name in done.stderr.splitlines()[-1].split()}
    return {
        name
        for name in names - sys.stdlib_module_names
        if not name.startswith(("_", "sitecustomize", "usercustomize"))
    }


def test_the_command_line_imports_nothing_heavy():
    imported = imported_by("import multillama.cli.main")

    assert imported - MAY == set()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["models", "--help"], []])
def test_what_only_prints_imports_nothing_heavy(arguments):
    code = (
        "import runpy\n"
        "try:\n"
        "    runpy.run_module('multillama', run_name='__main__', alter_sys=True)\n"
        "except SystemExit:\n"
        "    pass\n"
    )

    imported = imported_by(code, *arguments)

    assert imported & HEAVY == set()


@pytest.mark.parametrize("name", sorted(HEAVY - {"sqlalchemy", "xllamacpp"}))
def test_a_heavy_import_is_seen(name):
    imported = imported_by(f"def late():\n    import {name}\nlate()")

    assert name in imported
