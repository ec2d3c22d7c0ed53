"""The words of make, the scripts behind them, and what CI runs."""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[2]
WORDS = ["setup", "test", "check", "fix", "docs", "bench", "demo", "help"]


@pytest.fixture
def programs(tmp_path):
    """A folder of programs that tests make up; `run` finds them first."""
    return tmp_path


def add(programs, name, script):
    path = programs / name
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)


def run(programs, *command, path="/usr/bin:/bin"):
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PATH": f"{programs}:{path}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_alone_lists_the_words(programs):
    done = run(programs, "make")

    assert [word for word in WORDS if f"\n{word} " not in f"\n{done.stdout}"] == []


def test_the_first_python_that_is_new_enough_is_found(programs):
    for name in ("python3", "python3.14", "python3.13"):
        add(programs, name, "exit 1")
    add(programs, "python3.12", "exit 0")

    done = run(programs, "scripts/find-python")

    assert done.stdout == "python3.12\n"


def test_a_machine_with_an_old_python_is_told_what_to_do(programs):
    for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11"):
        add(programs, name, "exit 1")

    done = run(programs, "scripts/find-python")

    assert (done.returncode, done.stdout) == (1, "")
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "apt-get install python3" in done.stderr


def test_programs_that_are_there_need_nothing(programs):
    add(programs, "apt-get", "echo installed >&2; exit 1")

    done = run(programs, "scripts/need", "bash=bash", "make=make", "libc.so.6=libc6")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_whoever_may_not_install_is_told_the_line_to_run(programs):
    add(programs, "id", "echo 1000")

    done = run(programs, "scripts/need", "bash=bash", "no-such-program=its-package")

    assert done.returncode == 1
    assert "sudo apt-get install its-package" in done.stderr


def test_a_missing_library_is_seen(programs):
    add(programs, "id", "echo 1000")

    done = run(programs, "scripts/need", "libc.so.6=libc6", "libnone.so.1=libnone1")

    assert done.returncode == 1
    assert "sudo apt-get install libnone1\n" in done.stderr


def test_root_installs_what_is_missing_and_only_that(programs):
    add(programs, "id", "echo 0")
    add(programs, "apt-get", f'echo "$DEBIAN_FRONTEND $*" >> {programs}/log')

    done = run(programs, "scripts/need", "bash=bash", "no-such-program=its-package")

    lines = (programs / "log").read_text().splitlines()
    assert done.returncode == 0
    assert lines[-1].startswith("noninteractive ")
    assert lines[-1].endswith("--no-install-recommends its-package")


def test_ci_runs_the_checks_and_then_the_tests(programs):
    add(programs, "make", f'echo "$*" >> {programs}/log')

    done = run(programs, ".ci/run")

    assert (done.returncode, (programs / "log").read_text()) == (0, "check\ntest\n")
    assert re.fullmatch(r"make check: \d+ s\nmake test: \d+ s\n", done.stdout)


def test_ci_stops_at_the_first_failure(programs):
    add(programs, "make", f'echo "$*" >> {programs}/log; exit 2')

    done = run(programs, ".ci/run")

    assert (done.returncode, (programs / "log").read_text()) == (2, "check\n")
