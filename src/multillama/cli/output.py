"""What the verbs show: tables on a terminal, plain lines elsewhere.

Names and errors come from strangers' servers: they are data here, never markup or control codes.
"""

import os
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:  # rich is 20 ms of every --help otherwise
    from rich.table import Table
    from rich.text import Text

NARROW: Final = 60
"""Columns below which a table of endpoints is a heap of syllables: then they are lines, which the terminal wraps."""
UNBOUNDED: Final = 10_000
"""The width of a terminal that does not tell its own: nothing is wrapped, for we do not know where."""


class Report(Protocol):
    """What one line of the table needs to know of an endpoint."""

    @property
    def name(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def has_key(self) -> bool: ...
    @property
    def models(self) -> int: ...
    @property
    def took_ms(self) -> float | None:
        """How long the newest list took; None before the first one."""

    @property
    def error(self) -> str | None:
        """Why there is no new list, or None."""

    @property
    def note(self) -> str | None:
        """What was done other than expected, or None."""


def one_line(text: str) -> str:
    """Return a stranger's text as one line without control codes."""
    return "".join(char if char.isprintable() else " " for char in text).strip()


def show_endpoints(reports: Sequence[Report], stream: IO[str]) -> None:
    """Show which endpoints answered, with how many models, and why the others did not."""
    if stream.isatty() and width_of(stream) >= NARROW:
        print_table(_endpoints_table(reports), stream)
        return
    for report in reports:
        key = "key given" if report.has_key else "no key"
        stream.write(
            f"endpoint {one_line(report.name)} ({one_line(report.provider)}, {key}):"
            f" {_result(report)}{f' after {time}' if (time := _time(report)) else ''}\n"
        )
    stream.flush()


def width_of(stream: IO[str]) -> int:
    """Return the columns of a terminal; `COLUMNS` wins, as everywhere."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or UNBOUNDED
    except (OSError, ValueError):
        return UNBOUNDED


def show_models(models: Sequence[tuple[str, Sequence[str]]], stream: IO[str]) -> None:
    """Show the models with the endpoints that serve them."""
    if stream.isatty():
        print_table(_models_table(models), stream)
        return
    for model, endpoints in models:
        stream.write(f"{one_line(model)}\t{_joined(endpoints)}\n")
    stream.flush()


def _result(report: Report) -> str:
    if report.error is not None:
        return f"failed: {one_line(report.error)}"
    if report.took_ms is None:
        return "no answer yet"
    note = f" ({one_line(report.note)})" if report.note else ""
    return f"{report.models} model{'' if report.models == 1 else 's'}{note}"


def _style(report: Report) -> str:
    if report.error is not None:
        return "red"
    return "green" if report.took_ms is not None else "yellow"


def _time(report: Report) -> str:
    is_fresh = report.error is None and report.took_ms is not None
    return f"{report.took_ms:.0f} ms" if is_fresh else ""


def _joined(names: Iterable[str]) -> str:
    return ", ".join(one_line(name) for name in names)


def _endpoints_table(reports: Sequence[Report]) -> "Table":
    table = new_table("Endpoint", "Kind", "Key", "Result", "Time")
    table.columns[-1].justify = "right"
    table.columns[-1].no_wrap = True
    for report in reports:
        table.add_row(
            cell(report.name),
            cell(report.provider),
            cell("given" if report.has_key else "none"),
            cell(_result(report), style=_style(report)),
            cell(_time(report)),
        )
    return table


def _models_table(models: Sequence[tuple[str, Sequence[str]]]) -> "Table":
    table = new_table("Model", "Endpoints")
    for model, endpoints in models:
        table.add_row(cell(model), cell(_joined(endpoints)))
    return table


def new_table(*headings: str) -> "Table":
    """Return an empty table in the look of all of them."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def cell(text: str, *, style: str = "") -> "Text":
    """Return a stranger's text as it may stand in a table."""
    from rich.text import Text

    return Text(one_line(text), style=style)


def print_table(table: "Table", stream: IO[str]) -> None:
    """Print a table as wide as the terminal."""
    from rich.console import Console

    # rich asks no terminal that calls itself dumb for its size, unless it is given both
    Console(file=stream, width=width_of(stream), height=25).print(table)
