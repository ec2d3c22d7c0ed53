"""Decisions and bytes are proved by their own tests: every branch of `core` and `wire`."""

import os
import subprocess
import sys

import pytest

from tests.architecture.rules import ROOT


def covered(package: str, tests: str, folder) -> subprocess.CompletedProcess[str]:
    """Run some tests in a process of their own and demand every branch of a package."""
    return subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests,
            f"--cov=multillama.{package}", "--cov-branch", "--cov-fail-under=100",
            "--cov-report=term-missing:skip-covered",
        ],
        cwd=ROOT,
        env={**os.environ, "COVERAGE_FILE": str(folder / "coverage")},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


@pytest.mark.timeout(300)
@pytest.mark.parametrize("package", ["core", "wire"])
def test_every_branch_is_covered_by_the_packages_own_tests(package, tmp_path):
    done = covered(package, f"tests/{package}", tmp_path)

    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.timeout(60)
def test_a_branch_without_a_test_is_seen(tmp_path):
    done = covered("core", "tests/core/test_auth.py", tmp_path)

    assert done.returncode != 0
    assert "Required test coverage of 100% not reached" in done.stdout + done.stderr
