"""The layers of pyproject.toml hold, and each contract has been seen to break on an offender."""

import os
import pathlib
import shutil
import subprocess
import sys
import tomllib

import pytest

from tests.architecture.rules import ROOT

PYPROJECT = ROOT / "pyproject.toml"
CONTRACTS = [
    contract["name"]
    for contract in tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]["contracts"]
]
OFFENDERS = [
    ("Imports point down", "wire/peek.py", "import multillama.core.record"),
    ("Imports point down", "dataplane/pool.py", "import multillama.web.app"),
    (
        "The data plane knows decisions and bytes, nothing else",
        "dataplane/pool.py",
        "def load():\n    import multillama.providers.catalog",
    ),
    (
        "Decisions touch no socket, file, clock, dice or loop",
        "core/routing.py",
        "def now():\n    import time",
    ),
    (
        "Dialects touch no socket, file, clock or dice",
        "dialects/catalog.py",
        "def now():\n    import time",
    ),
]
"""Contract, and a module with a line that breaks it."""


def lint(folder: pathlib.Path) -> str:
    """What lint-imports says of the package in a folder, with this project's contracts."""
    command = (
        "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    done = subprocess.run(
        [sys.executable, "-c", command, "--config", str(PYPROJECT), "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path):
    """A copy of the package, free to be spoilt."""
    shutil.copytree(
        ROOT / "src" / "multillama",
        tmp_path / "multillama",
        ignore=shutil.ignore_patterns("__pycache__", "static", "templates"),
    )
    return tmp_path


def test_every_contract_is_kept(copy):
    said = lint(copy)

    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in said


@pytest.mark.parametrize(("contract", "module", "offence"), OFFENDERS)
def test_an_offender_breaks_its_contract(copy, contract, module, offence):
    with (copy / "multillama" / module).open("a") as file:
        file.write(f"\n\n{offence}\n")

    said = lint(copy)

    assert f"{contract} BROKEN" in said


def test_a_new_package_must_find_its_layer_first(copy):
    (copy / "multillama" / "unplaced").mkdir()
    (copy / "multillama" / "unplaced" / "__init__.py").write_text("")

    said = lint(copy)

    assert "multillama.unplaced" in said
    assert "0 broken" not in said


def test_every_contract_has_an_offender():
    seen = {contract for contract, _, _ in OFFENDERS}

    assert seen == set(CONTRACTS)
