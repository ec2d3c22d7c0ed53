"""Makes click's options and the help they stand in from the rows of `config/schema.py`.

Every value reaches `config/load.py` as the text that was typed, so that bounds and complaints have
one home and are the same for flags and variables.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple

import click

from multillama.config.schema import SETTINGS, Setting

WIDTH: Final = 80
OTHER: Final = "Other"
_SUGGESTIONS: Final = 3


class Example(NamedTuple):
    """One command of the help, ready to be copied."""

    purpose: str
    command: str
    """May have several lines; it is shown as it is."""


class SettingOption(click.Option):
    """The option of one row; it remembers the heading it stands under."""

    def __init__(self, row: Setting) -> None:
        super().__init__(
            [row.flag, row.name], multiple=row.repeats, metavar=metavar(row), help=sentence(row)
        )
        self.group = row.group


def setting_options(*names: str) -> list[click.Parameter]:
    """Return the options of the settings with these names, of all settings where none is named."""
    return [SettingOption(row) for row in SETTINGS if not names or row.name in names]


def metavar(row: Setting) -> str:
    """Return the word that stands for the value, e.g. `SECONDS`."""
    if row.name == "config":
        return "FILE"
    return "|".join(row.choices) or (row.unit or row.name).upper()


def sentence(row: Setting) -> str:
    """Return the help of a setting together with its default."""
    return row.help if row.default is None else f"{row.help} [default: {default_text(row)}]"


def default_text(row: Setting) -> str:
    """Return the default as one would type it."""
    return f"{row.default:g}" if isinstance(row.default, float) else str(row.default)


class Verb(click.Command):
    """A command whose help has examples, and whose complaints never repeat a stray key."""

    def __init__(
        self, name: str, *, examples: Sequence[Example] = (), usage: str, **attributes: object
    ) -> None:
        super().__init__(
            name,
            context_settings={
                "allow_extra_args": True,
                "max_content_width": WIDTH,
                "help_option_names": ["-h", "--help"],
            },
            **attributes,  # type: ignore[arg-type]
        )
        self.examples = examples
        self.usage = usage

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        if ctx.args and not ctx.resilient_parsing:
            raise click.UsageError(
                f"{len(ctx.args)} of the words stand alone. Each value needs its flag before it,"
                " like --url URL --key KEY.",
                ctx,
            )
        return rest

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(f"Usage: multillama {self.usage}\n")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(self.examples, formatter)
        write_options(self.get_params(ctx), ctx, formatter)


def close_options(name: str, known: Sequence[str]) -> list[str]:
    """Return the options that were likely meant, best first, at most three.

    The dashes are left aside: they are alike in all of them, and made `--bogus` look like `--host`.
    """
    word = name.strip("-").lower()
    names = {option.strip("-"): option for option in known if option.startswith("--")}
    alike = get_close_matches(word, names, n=_SUGGESTIONS, cutoff=0.65)
    parts = [option for option in names if word in option.split("-")]
    begun = [option for option in names if option.startswith(word)]
    return [names[found] for found in dict.fromkeys([*alike, *parts, *begun])][:_SUGGESTIONS]


def write_examples(examples: Iterable[Example], formatter: click.HelpFormatter) -> None:
    """Write commands unwrapped, so that a copied one works."""
    formatter.write("\nExamples:\n")
    for example in examples:
        formatter.write_paragraph()
        formatter.write(f"  # {example.purpose}\n")
        for line in example.command.splitlines():
            formatter.write(f"  {line}\n")


def write_options(
    params: Iterable[click.Parameter], ctx: click.Context, formatter: click.HelpFormatter
) -> None:
    """Write the options under their headings, in the order of the table."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for param in params:
        record = param.get_help_record(ctx)
        if record is not None:
            heading = param.group if isinstance(param, SettingOption) else OTHER
            groups.setdefault(heading, []).append(record)
    for heading, records in groups.items():
        with formatter.section(heading):
            formatter.write_dl(records, col_max=26)
