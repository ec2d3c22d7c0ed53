"""`multillama models`: which models the endpoints have, without serving them."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click
import msgspec

from multillama.cli.options import Example, Verb, setting_options
from multillama.cli.output import one_line, show_endpoints, show_models
from multillama.cli.serve import read_settings, say, with_endpoints
from multillama.cli.streams import told

if TYPE_CHECKING:
    from multillama.app.gateway import Listed

NO_PORT: Final = 0
"""Nothing is listened on here."""


def _models(*, as_json: bool, **flags: str | tuple[str, ...] | None) -> int:
    settings = with_endpoints(read_settings(flags, default_port=NO_PORT), os.environ)
    if settings is None:
        return 2
    from multillama.app.gateway import list_models

    listed = list_models(settings, on_waiting=_say_waiting)
    if as_json:
        click.echo(json_text(listed))
    else:
        show_models(listed.models, sys.stdout)
        with told():
            show_endpoints(listed.endpoints, sys.stderr)
    if all(report.error is not None for report in listed.endpoints):
        raise click.ClickException(
            "No endpoint listed its models. multillama doctor tries each step of the way."
        )
    return 0


def _say_waiting(names: Sequence[str]) -> None:
    say(f"Waiting for {', '.join(one_line(name) for name in names)} ...")


def json_text(listed: "Listed") -> str:
    """Return the models and the state of every endpoint as one JSON object, for programs."""
    found = {
        "models": [{"id": model, "endpoints": names} for model, names in listed.models],
        "endpoints": [
            {
                "name": report.name,
                "url": report.url,
                "kind": report.provider,
                "has_key": report.has_key,
                "models": report.models,
                "took_ms": report.took_ms,
                "error": report.error,
                "note": report.note,
            }
            for report in listed.endpoints
        ],
    }
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode()


MODELS: Final = Verb(
    "models",
    usage="models [--config FILE] [--url URL --key KEY]... [--json]",
    help="List the models of all endpoints, and which endpoints have them.",
    callback=_models,
    params=[
        *setting_options("config", "url", "key"),
        click.Option(["--json", "as_json"], is_flag=True, help="Print JSON, for programs."),
    ],
    examples=(
        Example(
            "The models of one endpoint",
            "multillama models --url http://localhost:11434/ --key null",
        ),
        Example("The names alone, for other programs", "multillama models | cut -f1"),
    ),
)
