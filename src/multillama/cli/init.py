"""`multillama init`: asks, looks at what is there, and writes a configuration file.

A key that stands in a variable is written as its name. Nothing is overwritten unasked.
"""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import click
import msgspec

from multillama.cli.options import Example, Verb
from multillama.cli.output import one_line, show_endpoints
from multillama.cli.serve import say, world
from multillama.cli.streams import told
from multillama.config.load import BadSetting, Given, checked_url, read_secret
from multillama.config.schema import EndpointSetting, Settings, public_url

FILE: Final = "multillama.yaml"
PORT: Final = 3000
KEY_BYTES: Final = 24
_NOTHING: Final = (
    "No endpoint was found: no known key variable is set, and no local runtime answers on its usual"
    " port. Run multillama init without --yes to name one."
)


class Listen(NamedTuple):
    """How the gateway is started that the file describes."""

    file: str
    port: int
    host: str
    api_key: str | None


class Chosen(NamedTuple):
    """One endpoint for the file."""

    setting: EndpointSetting
    key: str | None
    """As it is written: `env:NAME`, `file:PATH`, the key itself, or None."""


def _init(*, output: str, port: int, yes: bool, force: bool) -> int:
    path = Path(output).expanduser()
    if path.exists() and not force:
        raise click.ClickException(
            f"{output} is there already. --force overwrites it, --output names another."
        )
    chosen = _found(yes=yes, port=port)
    host: str = "localhost"
    api_key: str | None = None
    if not yes:
        chosen += _asked()
        if click.confirm("Shall other machines reach it, too?", default=False, err=True):
            import secrets

            host = "0.0.0.0"  # noqa: S104 - asked for
            # some clients want their keys to begin so, and the log knows them by it
            api_key = f"sk-{secrets.token_urlsafe(KEY_BYTES)}"
    if not chosen:
        raise click.ClickException(_NOTHING)
    counts, listen = _probed(chosen), Listen(str(path), port, host, api_key)
    write_private(path, file_text(chosen, counts, listen))
    say(advice(listen))
    return 0


def _found(*, yes: bool, port: int) -> list[Chosen]:
    from multillama.app.gateway import detect

    found = detect(os.environ, own_port=port)
    chosen = []
    for setting, line in zip(found.endpoints, found.lines, strict=True):
        if yes:
            say(one_line(line))
        elif not click.confirm(f"{one_line(line)}. Use it?", default=True, err=True):
            continue
        chosen.append(Chosen(setting, key_as_written(setting.key, os.environ)))
    return chosen


def _asked() -> list[Chosen]:
    """Ask for endpoints until an empty line; what cannot be used is asked for again."""
    chosen: list[Chosen] = []
    while True:
        question = "Base URL of another endpoint (empty: no more)"
        url = click.prompt(question, default="", show_default=False, err=True).strip()
        if not url:
            return chosen
        try:
            checked_url(Given("The URL", url))
            if wrong := world().judge("url", url):
                raise BadSetting(f"The URL cannot be used: {wrong}.")
            one = _looked_at(Chosen(EndpointSetting(url=url), None))
        except BadSetting as error:
            say(one_line(str(error)))
            continue
        if one is not None:
            chosen.append(one)


def _looked_at(one: Chosen) -> Chosen | None:
    """See whether an endpoint is there, and only then ask for its key, if it wants one.

    Returns:
        It, with a key that was not refused or that is wanted all the same; None to leave it out.
    """
    from multillama.app.gateway import look_at

    look = look_at(one.setting)
    while look.wants_key:
        say("It is there, and wants a key." if one.key is None else one_line(look.text))
        key = _asked_key(look.variable)
        if key is None:
            return one if click.confirm("Write it without one?", default=False, err=True) else None
        try:
            here = world()
            secret = read_secret(Given("The key", key), here.environ, here.read_file)
            one = Chosen(EndpointSetting(url=one.setting.url, key=secret), key)
            look = look_at(one.setting)
        except BadSetting as error:
            say(one_line(str(error)))
    say(one_line(f"Found {look.text}." if look.is_listed else look.text))
    if look.is_listed or click.confirm("Write it all the same?", default=False, err=True):
        return one
    return None


def _asked_key(variable: str | None) -> str | None:
    """Ask for a key; Enter takes the variable in which it stands by custom, if it is set."""
    named = f"env:{variable}" if variable and os.environ.get(variable, "").strip() else ""
    key = click.prompt(
        f"Its key: env:NAME, file:PATH, the key itself, or empty for {named or 'none'}",
        default=named, show_default=False, hide_input=sys.stdin.isatty(), err=True,
    ).strip()  # fmt: skip
    return key or None


def advice(listen: Listen) -> str:
    """Return what to do with the file that was written, ready to be copied."""
    file, is_open = shlex.quote(listen.file), listen.api_key is not None
    place = f"http://{'THIS-MACHINE' if is_open else listen.host}:{listen.port}"
    key = "the api_key in the file" if is_open else "any"
    return (
        f"Wrote {listen.file}. Now:\n"
        f"  multillama doctor --config {file}    # what can each endpoint do?\n"
        f"  multillama --config {file}           # serve\n"
        f"Then clients use {place}/v1 (key: {key}); the page is {place}/"
    )


def _probed(chosen: Sequence[Chosen]) -> list[int | None]:
    """List the models of each endpoint and show the outcome; None where there is no list."""
    from multillama.app.gateway import list_models

    settings = Settings(port=PORT, endpoints=tuple(one.setting for one in chosen))
    listed = list_models(
        settings, on_waiting=lambda names: say(f"Waiting for {', '.join(names)} ...")
    )
    with told():
        show_endpoints(listed.endpoints, sys.stderr)
    return [report.models if report.error is None else None for report in listed.endpoints]


def key_as_written(key: str | None, environ: Mapping[str, str]) -> str | None:
    """Return `env:NAME` for a key that was found in the environment under a known name."""
    from multillama.providers.catalog import PROVIDERS

    names = [name for row in PROVIDERS for name in row.keys]
    return next(
        (f"env:{name}" for name in names if key and environ.get(name, "").strip() == key), key
    )


def file_text(
    chosen: Sequence[Chosen],
    counts: Sequence[int | None],
    listen: Listen,
) -> str:
    """Return the file, with comments on what else could stand there."""
    lines = [
        "# MultiLlama's configuration. It is read again when it changes.",
        "# Everything that may stand here: multillama config schema",
        f"# Is it well?                     multillama config check {shlex.quote(listen.file)}",
        "",
        "listen:",
        f"  port: {listen.port}",
        f"  host: {_quoted(listen.host)}",
    ]
    if listen.api_key is not None:
        lines.append(f"  api_key: {_quoted(listen.api_key)}")
    else:
        lines.append("  # api_key: env:TEAM_KEY   # what clients must send")
    lines += ["", "endpoints:"]
    for one, count in zip(chosen, counts, strict=True):
        models = "did not answer" if count is None else f"{count} model{'' if count == 1 else 's'}"
        lines.append(f"  # {one_line(public_url(one.setting.url))}: {models} when this was written")
        lines.append(f"  - url: {_quoted(one.setting.url)}")
        if one.key is not None:
            lines.append(f"    key: {_quoted(one.key)}")
    lines += [
        "    # name: nas             # instead of host and port",
        "    # tier: 1               # only where those of tier 0 are busy or fail",
        "    # max_concurrency: 4",
        "    # local_only: true     # none of its models ever goes to a cloud",
        '    # exclude: ["*embed*"]',
        "",
        "# aliases:",
        "#   fast: [nas/llama3, gpt-4o-mini]   # the second where the first cannot",
        "",
        "# routing:",
        "#   strategy: balanced",
        "#   models:",
        '#     "secret-*": {local_only: true}',
        "",
    ]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """Return a text as JSON writes it, which YAML reads."""
    return msgspec.json.encode(text).decode()


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else may read, at once or not at all.

    Raises:
        click.ClickException: It cannot be written.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        new.chmod(0o600)
        new.replace(path)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written ({error.strerror}).") from error


INIT: Final = Verb(
    "init",
    usage="init [--output FILE] [--yes] [--force]",
    help="Ask what to serve, look at what is there, and write a configuration file.",
    callback=_init,
    params=[
        click.Option(
            ["--output"], default=FILE, metavar="FILE", help=f"File to write. [default: {FILE}]"
        ),
        click.Option(
            ["--port"],
            type=click.IntRange(1, 65535),
            default=PORT,
            metavar="PORT",
            help=f"Port to write into it. [default: {PORT}]",
        ),
        click.Option(["--yes"], is_flag=True, help="Ask nothing: use all that is found."),
        click.Option(["--force"], is_flag=True, help="Overwrite the file."),
    ],
    examples=(
        Example("Ask, and write multillama.yaml", "multillama init"),
        Example("Write what is found, without a question", "multillama init --yes --output m.yaml"),
    ),
)
