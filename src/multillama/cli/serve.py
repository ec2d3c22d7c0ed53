"""`multillama serve`, or no verb at all: reads settings, starts the gateway, tells what is up."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from multillama import __version__
from multillama.cli.options import Example, Verb, setting_options
from multillama.cli.output import one_line, show_endpoints
from multillama.cli.streams import told
from multillama.cli.title import blank_keys
from multillama.config.load import Flags, literal_keys, load
from multillama.config.schema import Settings

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


def read_file(path: str) -> str:
    """Read the file of a `file:PATH` key; no shell expands a `~` that follows a colon."""
    return Path(path).expanduser().read_text(encoding="utf-8")


def say(text: str) -> None:
    """Tell the operator something; stdout is the log's, and may be JSON."""
    with told():
        click.echo(text, err=True)


def read_settings(flags: Flags, *, default_port: int | None = None) -> Settings:
    """Read the settings of a verb, and take its keys out of the command line.

    Raises:
        BadSetting: See `config.load.load`.
    """
    settings = load(flags, os.environ, read_file, default_port=default_port)
    keys = literal_keys(flags)
    if keys and not blank_keys(keys):
        say("Note: ps shows the keys of this command line; env:NAME or file:PATH keeps them out.")
    return settings


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


def run_gateway(settings: Settings, *, on_started: "Callable[[Started], None]") -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises:
        click.ClickException: The port cannot be had, with the cure.
    """
    from multillama.app.gateway import StartError, serve

    def on_listening(url: str) -> None:
        say(f"MultiLlama {__version__} listens on {url.rstrip('/')} (stop with Ctrl-C)")
        warn_if_open(settings)

    try:
        serve(settings, on_listening=on_listening, on_started=on_started)
    except StartError as error:
        raise click.ClickException(str(error)) from error


def show_started(started: "Started") -> None:
    """Show what the first round of discovery found."""
    url = started.url.rstrip("/")
    with told():
        show_endpoints(started.endpoints, sys.stderr)
    if any(report.error is not None for report in started.endpoints):
        say("An endpoint that failed is tried again in the background.")
    say(f"Base URL for clients: {url}/v1    Web page: {url}/")


def _serve(**flags: str | tuple[str, ...] | None) -> int:
    settings = with_endpoints(read_settings(flags), os.environ)
    if settings is None:
        return 2
    run_gateway(settings, on_started=show_started)
    return 0


SERVE: Final = Verb(
    "serve",
    usage="[serve] --port PORT [--url URL --key KEY]...",
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
        Example(
            "For other machines too, which then need a key",
            "multillama --port 3000 --host 0.0.0.0 --api-key env:TEAM_KEY \\\n"
            "  --url http://localhost:11434/ --key null",
        ),
    ),
)
