"""The command `multillama`: which verb is meant, the help, and how a failure is told.

Nothing here may import what only serving needs: `--help` and `--version` answer in a blink.
"""

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

import click

from multillama import __version__
from multillama.cli.config import CONFIG_GROUP
from multillama.cli.demo import DEMO
from multillama.cli.doctor import DOCTOR
from multillama.cli.explain import EXPLAIN
from multillama.cli.init import INIT
from multillama.cli.models import MODELS
from multillama.cli.options import (
    OTHER,
    WIDTH,
    close_options,
    setting_options,
    write_examples,
    write_options,
)
from multillama.cli.output import one_line
from multillama.cli.serve import SERVE, say
from multillama.cli.streams import open_closed
from multillama.config.load import BadFile, BadSetting
from multillama.config.schema import SETTINGS

INTRODUCTION: Final = "Many LLM servers, local and in the cloud, behind one OpenAI-compatible URL."

CLOSING: Final = (
    "Clients then use http://localhost:3000/v1 as the base URL of OpenAI, and a browser finds the"
    " endpoints and their models at http://localhost:3000/.",
    "All settings, with the time and size limits: multillama serve --help.",
    "Every setting is a variable too: MULTILLAMA_PORT stands for --port. MULTILLAMA_URL and"
    " MULTILLAMA_KEY hold several values with blanks between them. A flag wins.",
    "Exit codes: 0 done, 1 it could not be done, 2 wrong usage.",
)


class Multillama(click.Group):
    """The verbs; `serve` is meant where none is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {name for param in self.get_params(ctx) for name in param.opts}
        if not args or (args[0].startswith("-") and args[0] not in own):
            args = ["serve", *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        verb = self.get_command(ctx, args[0])
        if verb is None and not ctx.resilient_parsing:
            # the word itself is not repeated unless it is nearly a verb: it may be a misplaced key
            close = get_close_matches(args[0], self.commands, n=1)
            hint = f' "{args[0]}". Did you mean {close[0]}?' if close else "."
            raise click.UsageError(f"There is no such command{hint}", ctx)
        return args[0], verb, args[1:]

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(f"{INTRODUCTION}\n\nUsage: multillama [COMMAND] [OPTIONS]\n")
        write_examples([*SERVE.examples, DEMO.examples[0]], formatter)
        with formatter.section("Commands"):
            formatter.write_dl(
                [(verb.name or "", verb.get_short_help_str(WIDTH)) for verb in _VERBS]
            )
        write_options(setting_options(*_MAIN_SETTINGS), ctx, formatter)
        with formatter.section(OTHER):
            records = [param.get_help_record(ctx) for param in self.get_params(ctx)]
            formatter.write_dl([record for record in records if record], col_max=26)
        for paragraph in CLOSING:
            formatter.write_paragraph()
            formatter.write_text(paragraph)


_VERBS: Final[tuple[click.Command, ...]] = (
    SERVE, INIT, CONFIG_GROUP, MODELS, DOCTOR, EXPLAIN, DEMO,
)  # fmt: skip
_MAIN_SETTINGS: Final = [row.name for row in SETTINGS if row.group == SETTINGS[0].group]

COMMAND: Final = Multillama(
    "multillama",
    commands=list(_VERBS),
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=lambda ctx, param, value: _show_version(ctx, asked=value),
            help="Show the version and exit.",
        )
    ],
    context_settings={"max_content_width": WIDTH, "help_option_names": ["-h", "--help"]},
)


def _show_version(ctx: click.Context, *, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        click.echo(f"multillama {__version__}")
        ctx.exit()


def run(args: Sequence[str]) -> int:
    """Do what the arguments say and return the exit code; a failure is one line on stderr."""
    try:
        code = COMMAND.main(list(args), prog_name="multillama", standalone_mode=False)
    except BadFile as error:
        for problem in error.problems:
            say(one_line(problem))
        return 2
    except BadSetting as error:
        return _complain(str(error), code=2)
    except click.ClickException as error:
        return _complain(_explained(error), code=error.exit_code)
    except click.Abort:
        return 130  # what a shell reports for Ctrl-C
    return code if isinstance(code, int) else 0


def _explained(error: click.ClickException) -> str:
    text = (
        _no_such_option(error) if isinstance(error, click.NoSuchOption) else error.format_message()
    )
    if isinstance(error, click.UsageError):
        text += " See multillama --help."
    return text


def _no_such_option(error: click.NoSuchOption) -> str:
    if not error.option_name.startswith("--"):
        return f"{error.message} Options begin with two dashes, like --port."
    params = error.ctx.command.get_params(error.ctx) if error.ctx else []
    close = close_options(error.option_name, [name for param in params for name in param.opts])
    return f"{error.message} Did you mean {' or '.join(close)}?" if close else error.message


def _complain(text: str, *, code: int) -> int:
    say(f"Error: {one_line(text)}")
    return code


def main() -> None:
    """Run as a program."""
    open_closed()
    sys.exit(run(sys.argv[1:]))
