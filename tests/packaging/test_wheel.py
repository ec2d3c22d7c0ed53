"""The package as a user gets it: built, installed into an empty environment, and run from there."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import urllib.request
import venv
import zipfile
from collections.abc import Iterator, Mapping

import pytest

import multillama
from multillama.testing.server import ScriptedServer
from tests.gateway import endpoints, environment, free_port
from tests.packaging.test_locks import PACKAGES_AT_MOST, locked

ROOT = pathlib.Path(__file__).parents[2]
MEBIBYTES_AT_MOST = 40

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


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A new environment into which pip has put the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "env", with_pip=True)
    # the locked versions, without hashes, which pip would then want of the wheel as well
    pins = folder / "pins.txt"
    pins.write_text("".join(f"{name}=={version}\n" for name, version in locked("base.txt").items()))
    python = folder / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--retries", "5", "--constraint", pins, wheel)
    return folder / "env"


@pytest.fixture(scope="module")
def served(installed, tmp_path_factory) -> Iterator[str]:
    """The URL of the installed command, which serves one scripted endpoint and must stop well."""
    port = free_port()
    log = tmp_path_factory.mktemp("served") / "log"
    command = [str(installed / "bin" / "multillama"), "--port", str(port)]
    with (
        ScriptedServer(["m1"], text="From the wheel.") as server,
        log.open("wb") as out,
        subprocess.Popen(
            [*command, *endpoints(server.url)],
            cwd=installed,
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
    body = b'{"model": "m1", "messages": []}'

    health, models, chat = (
        json.loads(text)
        for text in (
            get(f"{served}/health"),
            get(f"{served}/v1/models"),
            get(f"{served}/v1/chat/completions", body),
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
