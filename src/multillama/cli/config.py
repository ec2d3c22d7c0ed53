"""`multillama config`: looks at a configuration file without serving it."""

import os
from typing import TYPE_CHECKING, Final

import click
import msgspec

from multillama.cli.options import WIDTH, Example, Verb, setting_options, write_examples
from multillama.cli.output import one_line
from multillama.cli.serve import read_loaded, say, world
from multillama.config.check import did_you_mean
from multillama.config.load import Given, given_for
from multillama.config.sources import CONFIG, read_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from multillama.control.effective import Fact

NO_PORT: Final = 0


def _check(*, file: str | None) -> int:
    given = Given("FILE", file) if file else given_for(CONFIG, {}, os.environ)
    if given is None:
        raise click.UsageError(f"Name the file, or set {CONFIG.variable}.")
    config, _ = read_file(given.text, world(), source=given.source)
    for warning in config.warnings:
        say(f"Warning: {one_line(warning)}")
    from multillama.control.prices import note_on_table

    if note := note_on_table(config.given):
        say(f"Note: {note}")
    parts = [
        _count(len(config.given.endpoints), "endpoint", "endpoints"),
        _count(len(config.given.aliases), "alias", "aliases"),
        _count(len(config.given.routing.models), "policy", "policies"),
    ]
    click.echo(f"{one_line(given.text)}: well, with {', '.join(parts)}")
    return 0


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _show(*, as_json: bool, **flags: str | tuple[str, ...] | None) -> int:
    from multillama.control.effective import effective

    facts = effective(read_loaded(flags, default_port=NO_PORT), flags, os.environ)
    click.echo(json_text(facts) if as_json else table_text(facts))
    return 0


def json_text(facts: "Sequence[Fact]") -> str:
    """Return the values as one JSON object, for programs."""
    rows = [{"name": fact.path, "value": fact.value, "from": fact.source} for fact in facts]
    return msgspec.json.format(msgspec.json.encode({"settings": rows}), indent=2).decode()


def table_text(facts: "Sequence[Fact]") -> str:
    """Return the values as aligned lines: name, value, and who said so."""
    rows = [(one_line(fact.path), _value(fact.value), one_line(fact.source)) for fact in facts]
    names, values = (max((len(row[place]) for row in rows), default=0) for place in (0, 1))
    values = min(values, WIDTH // 2)
    return "\n".join(
        f"{name:<{names}}  {value:<{values}}  {source}" for name, value, source in rows
    )


def _value(value: object) -> str:
    return "-" if value is None else one_line(msgspec.json.encode(value).decode())


def _schema() -> int:
    from multillama.control.json_schema import schema_text

    click.echo(schema_text(), nl=False)
    return 0


class Group(click.Group):
    """Verbs below a verb."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(f"Usage: multillama {self.name} COMMAND [OPTIONS]\n\n  {self.help}\n")
        verbs = [verb for verb in self.commands.values() if isinstance(verb, Verb)]
        write_examples([verb.examples[0] for verb in verbs], formatter)
        with formatter.section("Commands"):
            formatter.write_dl(
                [(verb.name or "", verb.get_short_help_str(WIDTH)) for verb in verbs]
            )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        verb = self.get_command(ctx, args[0])
        if verb is None and not ctx.resilient_parsing:
            raise click.UsageError(
                f"multillama {self.name} has the commands {', '.join(self.commands)}"
                f"{did_you_mean(args[0], list(self.commands)) or '.'}",
                ctx,
            )
        return args[0], verb, args[1:]


CHECK: Final = Verb(
    "check",
    usage="config check [FILE]",
    help="Check a configuration file; every fault is a line, and the exit code is then 2.",
    callback=_check,
    params=[click.Argument(["file"], required=False)],
    examples=(Example("Is the file well?", "multillama config check multillama.yaml"),),
)
SHOW: Final = Verb(
    "show",
    usage="config show [--config FILE] [--json]",
    help="Show the values that count, and where each came from. Secrets are masked.",
    callback=_show,
    params=[
        *setting_options(),
        click.Option(["--json", "as_json"], is_flag=True, help="Print JSON, for programs."),
    ],
    examples=(
        Example("What counts, and who said so", "multillama config show --config multillama.yaml"),
    ),
)
SCHEMA: Final = Verb(
    "schema",
    usage="config schema",
    help="Print the JSON Schema of the file, for editors.",
    callback=_schema,
    examples=(Example("The schema, for an editor", "multillama config schema > schema.json"),),
)

CONFIG_GROUP: Final = Group(
    "config",
    commands=[CHECK, SHOW, SCHEMA],
    help="Look at a configuration file without serving it: check, show, schema.",
    short_help="Check a configuration file, or show which values count.",
    context_settings={"max_content_width": WIDTH, "help_option_names": ["-h", "--help"]},
)
