"""`multillama doctor`: what each endpoint can do, tried for real, and the cure for what it cannot."""

import os
import sys
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Final

import click
import msgspec

from multillama.cli.models import NO_PORT
from multillama.cli.options import Example, Verb, setting_options
from multillama.cli.output import cell, new_table, one_line, print_table
from multillama.cli.serve import read_settings, say, with_endpoints

if TYPE_CHECKING:  # the gateway brings the loop and the parsers with it, which --help does without
    from rich.text import Text

    from multillama.app.doctor import Check, Examined

COSTS: Final = (
    "Asking each endpoint a few small questions, up to some hundred tokens of its smallest model;"
    " --no-spend only lists."
)
_WAY: Final = ("dns", "tcp", "tls")
_COLUMNS: Final = (
    "key", "list", "chat", "stream", "tools", "embeddings", "messages", "responses",
)  # fmt: skip
_STYLES: Final = {"ok": "green", "no": "yellow", "failed": "red", "skipped": "dim"}


def _doctor(
    *,
    endpoints: tuple[str, ...],
    as_json: bool,
    no_spend: bool,
    **flags: str | tuple[str, ...] | None,
) -> int:
    settings = with_endpoints(read_settings(flags, default_port=NO_PORT), os.environ)
    if settings is None:
        return 2
    if not no_spend:
        say(COSTS)
    from multillama.app.doctor import examine_all

    found = examine_all(settings, endpoints, spend=not no_spend)
    if as_json:
        click.echo(json_text(found))
    else:
        show(found, sys.stdout)
    return 0 if all(one.is_well(was_asked=not no_spend) for one in found) else 1


def json_text(found: "Sequence[Examined]") -> str:
    """Return all that was found out as one JSON object, for programs."""
    rows = [
        {
            "name": one.name,
            "url": one.url,
            "kind": one.provider,
            "can_chat": one.can("chat"),
            "tokens": one.tokens,
            "checks": [
                {
                    "name": check.name,
                    "outcome": check.outcome.value,
                    "took_ms": check.took_ms,
                    "text": check.text,
                }
                for check in one.checks
            ],
        }
        for one in found
    ]
    return msgspec.json.format(msgspec.json.encode({"endpoints": rows}), indent=2).decode()


def show(found: "Sequence[Examined]", stream: IO[str]) -> None:
    """Show a table on a terminal, lines with tabs elsewhere; then the cures, one line each."""
    if stream.isatty():
        table = new_table("Endpoint", "Reach", *(name.capitalize() for name in _COLUMNS))
        for one in found:
            cells = [_way(one), *(one.check(name) for name in _COLUMNS)]
            table.add_row(cell(one.name), *(_cell(check) for check in cells))
        print_table(table, stream)
        for line in _cures(found):
            stream.write(f"{line}\n")
        stream.write(f"{_spent(found)}\n")
    else:
        for one in found:
            for check in one.checks:
                facts = (one.name, check.name, check.outcome.value, _time(check), check.text)
                stream.write("\t".join(one_line(fact) for fact in facts) + "\n")
    stream.flush()


def _way(one: "Examined") -> "Check | None":
    """Return the steps of the way as one check: the one that failed, or the last with all the time."""
    steps = [check for check in one.checks if check.name in _WAY]
    if not steps:
        return None
    return steps[-1]._replace(took_ms=sum(check.took_ms or 0.0 for check in steps))


def _cell(check: "Check | None") -> "Text":
    if check is None or check.outcome == "skipped":
        return cell("-", style="dim")
    if check.outcome == "ok":
        return cell(_time(check) or "yes", style=_STYLES["ok"])
    return cell("no" if check.outcome == "no" else "failed", style=_STYLES[check.outcome.value])


def _cures(found: "Sequence[Examined]") -> Iterator[str]:
    for one in found:
        for check in one.checks:
            if check.outcome in ("failed", "no") and check.text:
                yield one_line(f"{one.name}: {check.name}: {check.text}")


def _spent(found: "Sequence[Examined]") -> str:
    return f"Spent: {sum(one.tokens for one in found)} tokens."


def _time(check: "Check") -> str:
    return "" if check.took_ms is None else f"{check.took_ms:.0f} ms"


DOCTOR: Final = Verb(
    "doctor",
    usage="doctor [--config FILE] [--url URL --key KEY]... [--no-spend] [--json] [ENDPOINT]...",
    help="Try what each endpoint can do, and tell how to cure what fails.",
    callback=_doctor,
    params=[
        click.Argument(["endpoints"], nargs=-1, metavar="[ENDPOINT]..."),
        *setting_options("config", "url", "key"),
        click.Option(
            ["--no-spend"], is_flag=True, help="List the models only, which costs no token."
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Print JSON, for programs."),
    ],
    examples=(
        Example(
            "All that is found on this machine: keys in the environment, local runtimes",
            "multillama doctor",
        ),
        Example(
            "One endpoint",
            "multillama doctor --url https://api.openai.com/ --key env:OPENAI_API_KEY",
        ),
    ),
)
