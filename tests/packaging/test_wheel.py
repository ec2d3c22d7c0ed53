"""The package as a user gets it: built, installed into an empty environment, and run from there."""

import contextlib
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping

import pytest

import multillama
from multillama.testing.server import ScriptedServer
from tests.gateway import endpoints, environment, free_port
from tests.packaging.test_locks import PACKAGES_AT_MOST, locked

ROOT = pathlib.Path(__file__).parents[2]
MEBIBYTES_AT_MOST = 42
"""See docs/decisions/size.md."""
CHAT = b'{"model": "m1", "messages": []}'
OLDEST = (3, 11)

pytestmark = pytest.mark.timeout(300)


def without_ours(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without what leads Python to this process's packages."""
    lent = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    return {name: value for name, value in environ.items() if name not in lent}


def run(*command: str | pathlib.Path, cwd: pathlib.Path = ROOT) -> str:
    """Run a command without what this process's environment would lend it."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=without_ours(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with the sdist, and the wheel made from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    return path


def install(wheel: pathlib.Path, python: str, folder: pathlib.Path) -> pathlib.Path:
    """A new environment of that Python, into which pip has put the wheel and what it asks for."""
    run(python, "-m", "venv", folder / "env")
    # the locked versions, without hashes, which pip would then want of the wheel as well
    pins = folder / "pins.txt"
    pins.write_text("".join(f"{name}=={version}\n" for name, version in locked("base.txt").items()))
    inside = folder / "env" / "bin" / "python"
    run(inside, "-m", "pip", "install", "--quiet", "--retries", "5", "--constraint", pins, wheel)
    return folder / "env"


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    return install(wheel, sys.executable, tmp_path_factory.mktemp("installed"))


@contextlib.contextmanager
def serving(env: pathlib.Path, log: pathlib.Path) -> Iterator[str]:
    """Gives the URL of an installed command, which serves one scripted endpoint and must stop well."""
    port = free_port()
    command = [str(env / "bin" / "multillama"), "--port", str(port)]
    with (
        ScriptedServer(["m1"], text="From the wheel.") as server,
        log.open("wb") as out,
        subprocess.Popen(
            [*command, *endpoints(server.url)],
            cwd=env,
            env=without_ours(environment()),
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            assert process.stderr is not None
            assert any("Base URL" in line for line in process.stderr)
            yield f"http://localhost:{port}"
        finally:
            process.terminate()
            said = process.communicate(timeout=15)[1]
    assert (process.returncode, "Traceback" in said + log.read_text()) == (0, False)


@pytest.fixture(scope="module")
def served(installed, tmp_path_factory) -> Iterator[str]:
    with serving(installed, tmp_path_factory.mktemp("served") / "log") as url:
        yield url


def get(url: str, data: bytes | None = None) -> str:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with direct.open(request, timeout=15) as answer:
        return answer.read().decode()


def test_the_wheel_holds_the_pages_the_types_mark_and_the_licence(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    web = ROOT / "src" / "multillama" / "web"
    files = [
        f"multillama/{path.relative_to(web.parent)}"
        for folder in ("templates", "static")
        for path in (web / folder).rglob("*")
        if path.is_file()
    ]
    assert files != []
    assert set(files) - set(names) == set()
    assert "multillama/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    strangers = [name for name in names if not name.startswith(("multillama/", "multillama-"))]
    assert strangers == []
    assert [name for name in names if name.endswith(".pyc") or "/tests/" in name] == []


def test_the_sdist_holds_what_its_tests_need(built):
    (path,) = built.glob("*.tar.gz")

    with tarfile.open(path) as archive:
        tops = {name.split("/")[1] for name in archive.getnames() if "/" in name}

    assert {
        "src",
        "tests",
        "docs",
        "bench",
        "requirements",
        "scripts",
        "Makefile",
        "LICENSE",
    } <= tops
    assert {".venv", ".git"} & tops == set()


@pytest.mark.network
def test_the_installed_command_says_its_version(installed):
    said = run(installed / "bin" / "multillama", "--version", cwd=installed)

    assert said.split()[-1] == multillama.__version__


@pytest.mark.network
def test_the_installed_command_prints_help_from_the_wheel(installed):
    said = run(installed / "bin" / "multillama", "--help", cwd=installed)
    home = run(
        installed / "bin" / "python",
        "-c",
        "import multillama as m; print(m.__file__)",
        cwd=installed,
    )

    assert "--url" in said
    assert home.startswith(str(installed))


@pytest.mark.network
def test_the_installed_command_serves_health_models_and_a_chat(served):
    health, models, chat = (
        json.loads(text)
        for text in (
            get(f"{served}/health"),
            get(f"{served}/v1/models"),
            get(f"{served}/v1/chat/completions", CHAT),
        )
    )

    assert health["status"] == "ok"
    assert [model["id"] for model in models["data"]] == ["m1"]
    assert chat["choices"][0]["message"]["content"] == "From the wheel."


@pytest.mark.network
def test_the_installed_command_serves_the_page_and_its_files(served):
    page = get(f"{served}/")

    files = re.findall(r'"(/multillama/static/[^"?]+)["?]', page)
    assert "m1" in page
    assert {pathlib.PurePath(path).suffix for path in files} >= {".css", ".js"}
    assert [path for path in files if get(served + path) == ""] == []


@pytest.mark.network
def test_an_installation_has_few_packages_that_agree(installed):
    listed = run(installed / "bin" / "python", "-m", "pip", "freeze", "--all", cwd=installed)

    names = {line.partition("==")[0].split(" ")[0].lower() for line in listed.splitlines()}
    assert len(names - {"pip", "setuptools"}) <= PACKAGES_AT_MOST
    assert "No broken requirements" in run(installed / "bin" / "python", "-m", "pip", "check")


@pytest.mark.network
def test_an_installation_is_small(installed):
    (library,) = (installed / "lib").glob("python*/site-packages")

    of_pip = ("pip", "setuptools", "_distutils_hack", "pkg_resources")
    size = sum(
        path.stat().st_size
        for path in library.rglob("*")
        if path.is_file() and not path.relative_to(library).parts[0].startswith(of_pip)
    )

    assert size <= MEBIBYTES_AT_MOST * 1024**2


# every Python of this machine


def pythons(environ: Mapping[str, str]) -> dict[str, str]:
    """The plain releases that are new enough, version to command: the running one, and those of pyenv."""
    root = pathlib.Path(environ.get("PYENV_ROOT") or pathlib.Path.home() / ".pyenv")
    found = {platform.python_version(): sys.executable}
    for path in sorted((root / "versions").glob("3.*/bin/python3")):
        version = path.parts[-3]
        numbers = re.fullmatch(r"(\d+)\.(\d+)\.\d+", version)
        if numbers and (int(numbers[1]), int(numbers[2])) >= OLDEST:
            found.setdefault(version, str(path))
    return found


@pytest.fixture(scope="module", params=sorted(pythons(os.environ)))
def environment_of_each(request, wheel, tmp_path_factory):
    """Version of a Python, and the environment of its own with the wheel."""
    if request.param == platform.python_version():
        return request.param, request.getfixturevalue("installed")
    folder = tmp_path_factory.mktemp("python")
    return request.param, install(wheel, pythons(os.environ)[request.param], folder)


@pytest.mark.network
def test_the_wheel_starts_and_serves_on_every_python_that_is_found(
    environment_of_each, tmp_path, capsys
):
    version, env = environment_of_each
    with capsys.disabled():
        print(f" [the wheel on Python {version}] ", end="", flush=True)

    said = run(env / "bin" / "multillama", "--version", cwd=env)
    with serving(env, tmp_path / "log") as url:
        chat = json.loads(get(f"{url}/v1/chat/completions", CHAT))
    inside = run(env / "bin" / "python", "-c", "import platform as p; print(p.python_version())")

    assert said == f"multillama {multillama.__version__}\n"
    assert chat["choices"][0]["message"]["content"] == "From the wheel."
    assert inside.strip() == version


def test_every_python_that_is_new_enough_is_found(tmp_path):
    for version in ("2.7.18", "3.9.18", "3.10.13", "3.11.99", "3.14.0", "3.13.0t", "3.12.1/envs"):
        command = tmp_path / "versions" / version / "bin" / "python3"
        command.parent.mkdir(parents=True)
        command.touch()

    found = pythons({"PYENV_ROOT": str(tmp_path)})

    assert found.pop(platform.python_version()) == sys.executable
    assert sorted(found) == ["3.11.99", "3.14.0"]
