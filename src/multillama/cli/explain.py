"""`multillama explain`: why a request went where it went, asked of the gateway that runs."""

import sys
import time
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import quote, urlencode, urlsplit

import click
import msgspec

from multillama.cli.options import Example, Verb, setting_options
from multillama.cli.output import NARROW, cell, new_table, one_line, print_table, width_of
from multillama.cli.serve import read_settings

if TYPE_CHECKING:
    from rich.table import Table

    from multillama.core.decision import Choice, Decision
    from multillama.core.record import Record

DEFAULT_PORT: Final = 3000
TIMEOUT_S: Final = 10.0
MAX_BYTES: Final = 16 * 1024 * 1024
PAGES: Final = "/multillama"


def _explain(
    *,
    id: str | None,
    gateway_url: str | None,
    model: str | None,
    as_json: bool,
    **flags: str | tuple[str, ...] | None,
) -> int:
    if id is not None and model is not None:
        raise click.UsageError("Give an ID, or --dry-run MODEL, not both.")
    settings = read_settings(flags, default_port=DEFAULT_PORT)
    url = (gateway_url or f"http://localhost:{settings.port}").rstrip("/")
    body = _ask(url, _path(id, model), settings.api_key)
    try:
        if as_json:
            click.echo(msgspec.json.format(body, indent=2).decode())
        else:
            _show(body, sys.stdout, id=id, model=model)
    except msgspec.MsgspecError as error:
        raise click.ClickException(_stranger(url)) from error
    return 0


def _path(id: str | None, model: str | None) -> str:
    if model is not None:
        return f"{PAGES}/plan?{urlencode({'model': model})}"
    return f"{PAGES}/exchanges" if id is None else f"{PAGES}/exchanges/{quote(id, safe='')}.json"


# ---- asking


def _ask(url: str, path: str, api_key: str | None) -> bytes:
    """Return the JSON that the gateway answers.

    Raises:
        click.ClickException: With what to do about it.
    """
    import http.client

    parts = urlsplit(url)
    kind = {
        "http": http.client.HTTPConnection,
        "https": http.client.HTTPSConnection,
    }.get(parts.scheme)
    try:
        port = parts.port
    except ValueError:
        kind = None
    if kind is None or not parts.hostname:
        raise click.UsageError("--url needs the gateway's address, like http://localhost:3000.")
    headers = {"accept": "application/json"}
    if api_key is not None:
        headers["authorization"] = f"Bearer {api_key}"
    connection = kind(parts.hostname, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", parts.path + path, headers=headers)
        answer = connection.getresponse()
        status, body = answer.status, bytes(answer.read(MAX_BYTES))
    except (OSError, http.client.HTTPException) as error:
        reason = one_line(getattr(error, "strerror", None) or str(error) or type(error).__name__)
        raise click.ClickException(
            f"No gateway answers at {url}: {reason}. Start it, or name its address with --url."
        ) from error
    finally:
        connection.close()
    if status != 200:
        raise click.ClickException(_refusal(url, body, has_key=api_key is not None))
    return body


def _refusal(url: str, body: bytes, *, has_key: bool) -> str:
    """Say what to do about an answer that is an error."""
    try:
        error = msgspec.json.decode(body)["error"]
        kind, text = str(error["code"]), str(error["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return _stranger(url)
    if kind == "invalid_api_key":
        cure = "--api-key is wrong" if has_key else "it asks for its key"
        return f"{url}: {cure}. Give the one it was started with: --api-key env:NAME."
    if kind == "path_not_found":
        return _stranger(url)
    return text


def _stranger(url: str) -> str:
    return f"What answers at {url} is no MultiLlama that can explain. Check --url and its version."


# ---- showing


def _show(body: bytes, stream: IO[str], *, id: str | None, model: str | None) -> None:
    from multillama.core.decision import Choice, Decision
    from multillama.core.record import Record

    if model is not None:
        show_choice(msgspec.json.decode(body, type=Choice), stream)
    elif id is not None:
        show_story(msgspec.json.decode(body, type=Decision), stream)
    else:
        listed = msgspec.json.decode(body, type=dict[str, list[Record]])
        show_list(listed["exchanges"], stream)
    stream.flush()


def show_list(records: "Sequence[Record]", stream: IO[str]) -> None:
    """Show the newest exchanges: when, which, how they ended."""
    from multillama.observe.lines import duration

    rows = [
        (
            _clock(row.at),
            row.id,
            str(row.status),
            row.model or "-",
            row.endpoint or "-",
            duration(row.total_ms),
            (row.outcome if row.error is None else f"{row.outcome}: {row.error}")
            + ("" if row.queue_ms is None else f", waited {duration(row.queue_ms)}"),
        )
        for row in records
    ]
    if not rows:
        stream.write("No request yet.\n")
        return
    _table(("Time", "ID", "Status", "Model", "Endpoint", "Total", "End"), rows, stream)


def show_story(decision: "Decision", stream: IO[str]) -> None:
    """Show all that is known of one exchange."""
    from multillama.observe import telling

    lines = [f"{decision.id} at {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(decision.at))}"]
    lines.append(telling.ending(decision))
    lines += [f"  {fact.name}: {fact.text}" for fact in telling.facts(decision)]
    _write(lines, stream)
    rows = telling.attempts(decision)
    if rows:
        stream.write("\nAttempts, times since the request began\n")
        names = ("Attempt", "Endpoint", "Begun", "First byte", "Over", "Status", "What happened")
        _table(names, [(*row[:6], " → ".join(filter(None, row[6:8]))) for row in rows], stream)
    _show_candidates(
        telling.choice(decision.strategy, decision.remembered, decision.considered),
        decision.considered,
        stream,
    )


def show_choice(choice: "Choice", stream: IO[str]) -> None:
    """Show what would be tried."""
    from multillama.observe import telling

    _write([f"A request for {choice.model} now; nothing was sent."], stream)
    text = telling.choice(choice.strategy, choice.remembered, choice.considered)
    _show_candidates(text, choice.considered, stream)


def _show_candidates(text: str, considered: "Sequence[object]", stream: IO[str]) -> None:
    from multillama.observe import telling

    if considered:
        stream.write("\n")
        _write([text], stream)
        rows = telling.candidates(considered)  # type: ignore[arg-type]
        _table(
            ("Place", "Endpoint", "Its model", "Score", "Why"), [tuple(row) for row in rows], stream
        )


def _write(lines: Sequence[str], stream: IO[str]) -> None:
    stream.writelines(
        f"{'  ' if line.startswith('  ') else ''}{one_line(line)}\n" for line in lines
    )


def _table(names: Sequence[str], rows: Sequence[Sequence[str]], stream: IO[str]) -> None:
    """Show a table on a terminal that is wide enough, lines with tabs elsewhere."""
    if stream.isatty() and width_of(stream) >= NARROW:
        print_table(_rich(names, rows), stream)
        return
    for row in rows:
        stream.write("\t".join(one_line(text) for text in row) + "\n")


def _rich(names: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    table = new_table(*names)
    for row in rows:
        table.add_row(*(cell(text) for text in row))
    return table


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


EXPLAIN: Final = Verb(
    "explain",
    usage="explain [ID | --dry-run MODEL] [--url URL] [--api-key KEY] [--json]",
    help="Tell why a request went where it went, or where one would go now."
    " The ID is in the log, and in the answer's header x-multillama-id or x-request-id."
    " Without one the newest requests are listed.",
    short_help="Tell why a request went where it went, or where one would go.",
    callback=_explain,
    params=[
        click.Argument(["id"], required=False, metavar="[ID]"),
        click.Option(
            ["--dry-run", "model"],
            metavar="MODEL",
            help="Tell who would serve this model now; nothing is sent.",
        ),
        click.Option(
            ["--url", "gateway_url"],
            metavar="URL",
            help="The gateway's address, if it is not on this machine at the port of --config or"
            f" MULTILLAMA_PORT. [default: http://localhost:{DEFAULT_PORT}]",
        ),
        *setting_options("config", "api_key"),
        click.Option(["--json", "as_json"], is_flag=True, help="Print JSON, for programs."),
    ],
    examples=(
        Example("The newest requests, with their IDs", "multillama explain"),
        Example("The story of one of them", "multillama explain 5f3a9c1e-2a"),
        Example("Who would serve a model now", "multillama explain --dry-run llama3"),
    ),
)
