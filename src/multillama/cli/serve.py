"""`multillama serve`, or no verb at all: reads settings, starts the gateway, tells what is up."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from multillama import __version__
from multillama.cli.files import read_file
from multillama.cli.options import Example, Verb, setting_options
from multillama.cli.output import one_line, show_endpoints
from multillama.cli.streams import told
from multillama.cli.title import blank_keys
from multillama.config.load import Flags, literal_keys
from multillama.config.schema import EndpointSetting, Settings
from multillama.config.sources import Loaded, Source, World, load_settings

if TYPE_CHECKING:  # the gateway brings the loop and the parsers with it, which --help does without
    from multillama.app.gateway import Started

NOTHING_FOUND: Final = """\
No endpoint is given with --url, and none was found on this machine: no known key variable is set
(OPENAI_API_KEY, ANTHROPIC_API_KEY, ...) and no local runtime answers on its usual port.

Name one:            multillama --port 3000 --url https://api.openai.com/ --key env:OPENAI_API_KEY
Or a local one:      multillama --port 3000 --url http://localhost:11434/ --key null
Or try without any:  multillama demo
"""

EXPLICIT: Final = "To choose for yourself, give each endpoint as --url URL --key KEY."


def say(text: str) -> None:
    """Tell the operator something; stdout is the log's, and may be JSON."""
    with told():
        click.echo(text, err=True)


def world() -> World:
    """Return what settings are read from: this process's environment and files."""
    from multillama.control.endpoints import judge

    return World(os.environ, read_file, _mode, judge)


def _mode(path: str) -> int | None:
    # Windows has no such permissions, and tells made-up ones
    return Path(path).stat().st_mode & 0o777 if os.name == "posix" else None


def read_settings(flags: Flags, *, default_port: int | None = None) -> Settings:
    """Read the settings of a verb that uses them once; otherwise as `read_loaded`."""
    return read_loaded(flags, default_port=default_port).settings


def read_loaded(flags: Flags, *, default_port: int | None = None) -> Loaded:
    """Read the settings of a verb, and take its keys out of the command line.

    Raises:
        BadSetting: See `config.sources.load_settings`.
    """
    loaded = load_settings(flags, world(), default_port=default_port)
    for warning in loaded.warnings:
        say(f"Warning: {one_line(warning)}")
    keys = literal_keys(flags)
    if keys and not blank_keys(keys):
        say("Note: ps shows the keys of this command line; env:NAME or file:PATH keeps them out.")
    return loaded


def with_endpoints(settings: Settings, environ: Mapping[str, str]) -> Settings | None:
    """Fill in what this machine has where no endpoint was named, and say so.

    Returns:
        None when nothing was named and nothing found; then it has said how to go on.
    """
    if settings.endpoints:
        return settings
    from multillama.app.gateway import detect

    found = detect(environ, own_port=settings.port or None)
    if not found.endpoints:
        say(NOTHING_FOUND)
        return None
    say("No --url is given; found on this machine:")
    for line in found.lines:
        say(f"  {one_line(line)}")
    say(EXPLICIT)
    return msgspec.structs.replace(settings, endpoints=found.endpoints)


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach a listener on that host."""
    from ipaddress import ip_address

    if host.lower() in ("localhost", "ip6-localhost") or host.lower().endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def warn_if_open(settings: Settings) -> None:
    """Warn loudly where strangers on the network can spend the operator's keys."""
    if is_loopback(settings.host) or settings.api_key is not None:
        return
    host = settings.host
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    text = (
        f"WARNING: anyone who can reach {shown}:{settings.port} can use every endpoint with"
        " your keys.\n         Add --api-key env:NAME, or listen on --host localhost."
    )
    say(click.style(text, fg="red", bold=True))


def run_gateway(
    settings: Settings, *, on_started: "Callable[[Started], None]", source: Source | None = None
) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        settings: All of them.
        on_started: Called when the endpoints have answered or failed.
        source: Where the settings come from, if that may change meanwhile.

    Raises:
        click.ClickException: The port cannot be had, with the cure.
    """
    from multillama.app.gateway import StartError, serve

    def on_listening(url: str) -> None:
        say(f"MultiLlama {__version__} listens on {url.rstrip('/')} (stop with Ctrl-C)")
        warn_if_open(settings)

    try:
        serve(settings, on_listening=on_listening, on_started=on_started, source=source)
    except StartError as error:
        raise click.ClickException(str(error)) from error


def show_started(started: "Started") -> None:
    """Show what the first round of discovery found."""
    url = started.url.rstrip("/")
    with told():
        show_endpoints(started.endpoints, sys.stderr)
    if any(report.error is not None for report in started.endpoints):
        say("An endpoint that failed is tried again in the background.")
    for note in started.notes:
        say(f"Note: {one_line(note)}")
    say(f"Base URL for clients: {url}/v1    Web page: {url}/")


def _serve(**flags: str | tuple[str, ...] | None) -> int:
    loaded = read_loaded(flags)
    settings = with_endpoints(loaded.settings, os.environ)
    if settings is None:
        return 2
    found = () if loaded.settings.endpoints else settings.endpoints
    source = Source(loaded, lambda: _load_again(flags, found)) if loaded.file else None
    run_gateway(settings, on_started=show_started, source=source)
    return 0


def _load_again(flags: Flags, found: tuple[EndpointSetting, ...]) -> Loaded:
    """Read the settings for a reload; what was found on this machine stays where none is named."""
    from multillama.control.prices import price_table

    loaded = load_settings(flags, world())
    price_table(loaded.settings)  # here is a thread, which may take its time to import it
    if loaded.settings.endpoints or not found:
        return loaded
    return loaded._replace(settings=msgspec.structs.replace(loaded.settings, endpoints=found))


SERVE: Final = Verb(
    "serve",
    usage="[serve] --port PORT [--config FILE] [--url URL --key KEY]...",
    help="Serve all endpoints behind one URL. This is meant where no command is named.",
    short_help="Serve all endpoints behind one URL (the command if none is named).",
    callback=_serve,
    params=setting_options(),
    examples=(
        Example(
            "One endpoint, with its key from a variable",
            "multillama --port 3000 --url https://api.openai.com/ --key env:OPENAI_API_KEY",
        ),
        Example(
            "Cloud and local side by side; null is an endpoint without a key",
            "multillama --port 3000 \\\n"
            "  --url https://api.anthropic.com/ --key env:ANTHROPIC_API_KEY \\\n"
            "  --url http://localhost:11434/ --key null",
        ),
        Example(
            "Whatever this machine has: keys in variables, local runtimes", "multillama --port 3000"
        ),
        Example("With a configuration file", "multillama --config multillama.yaml"),
        Example(
            "For other machines too, which then need a key",
            "multillama --port 3000 --host 0.0.0.0 --api-key env:TEAM_KEY \\\n"
            "  --url http://localhost:11434/ --key null",
        ),
    ),
)
