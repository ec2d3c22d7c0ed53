"""Clients from npm, in the versions of `package-lock.json`: fetched when the tests first need them, and kept.

They lie outside the repository, in a folder named after what is in it. No script of a package is run.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LISTS = [HERE / "package.json", HERE / "package-lock.json"]
STAMPS = HERE.parents[2] / ".stamps"
PROGRAMS = ("node", "npm")
PACKAGES = "nodejs npm"
"""Of Debian and Ubuntu."""
DONE = ".installed"
"""Written last: a folder without it was left half full."""


def need_node() -> None:
    """Fails the test where Node.js is missing, with the line to run."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        text = f"{' and '.join(missing)} missing. Run: sudo apt-get install {PACKAGES}"
        pytest.fail(text, pytrace=False)


def installed() -> Path:
    """Returns the folder with `node_modules`."""
    need_node()
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in LISTS)).hexdigest()
    folder = STAMPS / f"npm-{digest[:16]}"
    if not (folder / DONE).exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for path in LISTS:
            shutil.copy(path, folder)
        _fetch(folder)
        (folder / DONE).touch()
    return folder


def _fetch(folder: Path) -> None:
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(
        command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
