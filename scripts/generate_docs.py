"""The generated parts of the docs, made from the tables of the code.

A part stands in any Markdown file between `<!-- generated:NAME -->` and `<!-- end:NAME -->`.
Without an argument all parts are written anew; `--check` names the stale ones and changes nothing.
"""

import json
import pathlib
import re
import runpy
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import click

from multillama.config.file import ON_TOP
from multillama.config.schema import SETTINGS, Setting
from multillama.core.causes import CAUSES, Scope, cause_of_error
from multillama.core.operations import OPERATIONS, Body
from multillama.core.strategies import STRATEGIES
from multillama.core.wishes import HEADERS
from multillama.errors import CURES, FAILURES, GatewayError
from multillama.providers.catalog import PROVIDERS, Provider

ROOT: Final = pathlib.Path(__file__).parents[1]
PART: Final = re.compile(
    r"(?P<start><!-- generated:(?P<name>[a-z-]+) -->\n).*?(?P<end><!-- end:(?P=name) -->)", re.S
)


TROUBLES: Final = (
    "invalid_api_key", "bad_wish", "not_capable", "no_endpoint", "no_target", "queue_full", "queue_timeout",
    "endpoint_unreachable", "first_byte_timeout", "deadline_exceeded",
)  # fmt: skip
"""Failures that the README cures."""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    names = list(head)
    lines = [
        names,
        ["---"] * len(names),
        *([cell.replace("|", "\\|") for cell in row] for row in rows),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(text: str) -> str:
    return f"`{text}`"


def flags() -> str:
    """The flags in short, for the README."""
    of_settings = _by_group(
        ("flag", "default", "meaning"),
        lambda row: (code(row.flag), _default(row), row.help),
    )
    of_verbs = table(("flag", "default", "meaning"), verb_flags())
    return f"{of_settings}\n**Of one command alone**\n\n{of_verbs}"


def verb_flags() -> list[tuple[str, str, str]]:
    """The flags that are no settings, with the command that takes them."""
    from multillama.cli.main import COMMAND
    from multillama.cli.options import SettingOption

    rows = []
    for name, command in commands_of("multillama", COMMAND):
        for param in command.params:
            if isinstance(param, click.Option) and not isinstance(param, SettingOption):
                meaning, _, default = (param.help or "").partition(" [default: ")
                default = default.rstrip("]")
                rows.append((code(f"{name} {param.opts[0]}"), default and code(default), meaning))
    return rows


def commands_of(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """A command with its full name, and those below it."""
    yield name, command
    for below, verb in command.commands.items() if isinstance(command, click.Group) else ():
        yield from commands_of(f"{name} {below}", verb)


def settings() -> str:
    """The settings in full."""
    return _by_group(
        ("flag", "variable", "default", "bounds", "meaning"),
        lambda row: (
            code(row.flag),
            code(row.variable),
            _default(row),
            _bounds(row),
            _meaning(row),
        ),
    )


_NAMED_BY: Final = {
    Body.JSON: "the member `model`",
    Body.MULTIPART: "the form field `model`",
    Body.PATH: "the path",
}


def operations() -> str:
    """What is served, a row of the table each."""
    return table(
        ("operation", "dialect", "the model is named by", "also served under"),
        (
            (
                code(f"POST {row.public_path}"),
                code(row.dialect),
                _NAMED_BY[row.body],
                ", ".join(code(prefix or "no prefix") for prefix in row.prefixes[1:]) or "-",
            )
            for row in OPERATIONS
        ),
    )


def failures() -> str:
    """Every failure: whose it is, its status, and what happens next."""
    return table(
        ("`error.code`", "status", "whose", "`error.type`", "another endpoint is tried"),
        (
            (
                code(kind),
                str(row.status),
                row.origin.value,
                code(row.error_type),
                "yes, until the client has a byte"
                if CAUSES[cause_of_error(GatewayError(kind, ""))].next
                else "no",
            )
            for kind, row in FAILURES.items()
        ),
    )


def cures() -> str:
    """What to do about each failure."""
    return _cures(FAILURES)


def troubles() -> str:
    """What to do about the failures that people meet first, for the README."""
    return _cures(TROUBLES)


def _cures(kinds: Iterable[str]) -> str:
    return table(
        ("`error.code`", "do"),
        ((f"{FAILURES[kind].status} {code(kind)}", CURES[kind]) for kind in kinds),
    )


def causes() -> str:
    """Why an attempt fails, and what follows."""
    return table(
        ("cause", "what happened", "same target again", "next target", "the breaker learns"),
        (
            (
                code(row.name),
                row.meaning,
                _yes(row.same),
                _yes(row.next),
                "" if row.condition.scope is Scope.NONE else code(row.condition.name),
            )
            for row in CAUSES.values()
        ),
    )


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def strategies() -> str:
    """The ways to choose a target."""
    return table(
        ("strategy", "who is first", "warm first"),
        ((code(row.name), row.text, _yes(row.warm_first)) for row in STRATEGIES.values()),
    )


def wishes() -> str:
    """What a client may ask of routing."""
    return table(
        ("header", "for example", "meaning"),
        ((code(row.name), code(row.example), row.text) for row in HEADERS),
    )


def providers() -> str:
    """The servers we know."""
    return table(
        ("server", "base URL", "key looked for in"),
        ((row.title, code(_base(row)), _key_variables(row)) for row in PROVIDERS),
    )


def command_line() -> str:
    """The help of every verb, as it is printed."""
    from click.testing import CliRunner

    from multillama.cli.main import COMMAND

    texts = []
    for name, _ in commands_of("multillama", COMMAND):
        arguments = [*name.split()[1:], "--help"]
        said = CliRunner().invoke(COMMAND, arguments, prog_name="multillama", terminal_width=80)
        lines = "\n".join(line.rstrip() for line in said.output.splitlines()).strip("\n")
        texts.append(f"```\n$ multillama {' '.join(arguments)}\n{lines}\n```\n")
    return "\n".join(texts)


def config_file() -> str:
    """Everything that may stand in the configuration file, by section."""
    from multillama.control.json_schema import json_schema

    schema = json_schema()
    parts = schema["$defs"]
    sections = [
        ("listen", "Listen"),
        ("endpoints, each", "EndpointSetting"),
        ("endpoints, each: timeouts", "EndpointTimeouts"),
        ("aliases, each in its long form", "AliasSetting"),
        ("aliases, each: targets, in their long form", "AliasTarget"),
        ("routing; routing.models, each; aliases, each", "RoutingSetting"),
        ("retry", "RetrySetting"),
        ("breaker", "BreakerSetting"),
        ("queue", "QueueSetting"),
        ("timeouts", "Timeouts"),
        ("limits", "Limits"),
    ]
    texts = [
        f"**`{section}`**\n\n"
        + table(
            ("name", "what it takes", "default", "meaning"),
            [
                (code(member), _takes(one), _shown(one.get("default")), _told(one))
                for member, one in parts[part]["properties"].items()
                if (part != "AliasSetting" or member == "targets") and member != "models"
            ],
        )
        for section, part in sections
    ]
    for name in sorted(ON_TOP, reverse=True):
        top = parts["FileSettings"]["properties"][name]
        texts.insert(
            1, f"**`{name}`** ({_takes(top)}): {_told(top)} Default: `{top['default']:g}`.\n"
        )
    return "\n".join(texts)


def _takes(one: dict[str, Any]) -> str:
    if "anyOf" in one:
        kinds = dict.fromkeys(_takes(kind) for kind in one["anyOf"] if kind != {"type": "null"})
        return " or ".join(kinds)
    if "$ref" in one:
        return "names with values"
    values = one.get("enum") or [row["const"] for row in one.get("oneOf", ())]
    if values:
        return ", ".join(map(code, values))
    if "maximum" in one:
        low = one.get("minimum", one.get("exclusiveMinimum"))
        above = "above " if "exclusiveMinimum" in one else ""
        return f"{above}{low:.15g} to {one['maximum']:.15g}"
    plain = {"array": "a list", "object": "names with values", "string": "text"}
    return plain.get(one["type"], "true or false")


def _shown(default: object) -> str:
    if default is None:
        return ""
    return code(f"{default:.15g}" if isinstance(default, float) else json.dumps(default).strip('"'))


def _told(one: dict[str, Any]) -> str:
    return str(one.get("description", ""))


def figures() -> str:
    """What the gateway costs, from the newest runs of the bench."""
    if (results := _measured("results.json")) is None:
        return "No figures have been kept yet: `make bench` takes them.\n"
    machine = results["machine"]
    rows = results["figures"].values()
    where = f"{machine['cores']} cores ({machine['processor']}), Python {machine['python']}."
    return f"{where}\n\n" + table(
        ("what", "figure", "promised at most"),
        ((row["title"], f"{_short(row['value'])} {row['unit']}", _bar(row)) for row in rows),
    )


def peers() -> str:
    """The same of other gateways."""
    measured = _measured("peers.json") or {"rows": []}
    rows = [_peer(f"{row['name']} {row['version']}", row["what"], row) for row in measured["rows"]]
    if results := _measured("results.json"):
        ours, nginx = (min(runs) for runs in results["figures"]["chat"]["samples"].values())
        facts = {**measured["ours"], "cpu_us": ours, "nginx_cpu_us": nginx}
        rows.insert(0, _peer("**MultiLlama**", "everything on: key, routing, records, log", facts))
    head = ("", "what it is", "CPU per request", "memory", "packages", "installed")
    return table(head, rows)


def compatibility() -> str:
    """Which client can do what with which endpoint, from the table of the tests."""
    table_of_tests = runpy.run_path(str(ROOT / "tests" / "e2e" / "compat" / "table.py"))
    return str(table_of_tests["markdown"]())


def losses() -> str:
    """What is lost between two dialects, as counted over recorded traffic."""
    counts = json.loads((ROOT / "tests" / "cases" / "losses.json").read_text())
    lines = []
    for pair, kinds in counts["lost"].items():
        of = counts["recordings"][pair.partition(" -> ")[0]]
        cells = [_lost(kinds.get(kind, {})) for kind in ("request", "answer")]
        changed = kinds.get("request_home", {}) | kinds.get("answer_home", {})
        lines.append((code(pair), str(of), *cells, _lost(changed)))
    head = (
        "from -> to",
        "recordings",
        "left out of requests",
        "left out of answers",
        "other when home again",
    )
    return table(head, lines)


def _lost(counts: dict[str, int]) -> str:
    return ", ".join(f"{code(name)} {count}" for name, count in counts.items())


PARTS: Final[dict[str, Callable[[], str]]] = {
    "losses": losses,
    "flags": flags,
    "settings": settings,
    "operations": operations,
    "failures": failures,
    "strategies": strategies,
    "wishes": wishes,
    "causes": causes,
    "providers": providers,
    "command-line": command_line,
    "config-file": config_file,
    "cures": cures,
    "troubles": troubles,
    "figures": figures,
    "peers": peers,
    "compatibility": compatibility,
}


def _schema() -> str:
    from multillama.control.json_schema import schema_text

    return schema_text()


FILES: Final[dict[str, Callable[[], str]]] = {"docs/multillama.schema.json": _schema}
"""Whole files, by their path."""


def _by_group(head: tuple[str, ...], cells: Callable[[Setting], Iterable[str]]) -> str:
    groups = dict.fromkeys(row.group for row in SETTINGS)
    return "\n".join(
        f"**{group}**\n\n{table(head, (cells(row) for row in SETTINGS if row.group == group))}"
        for group in groups
    )


def _default(row: Setting) -> str:
    if row.default is None:
        return ""
    return code(f"{row.default:g}" if isinstance(row.default, float) else str(row.default))


def _bounds(row: Setting) -> str:
    if row.choices:
        return ", ".join(map(code, row.choices))
    if row.minimum is None or row.maximum is None:
        return ""
    return f"{row.minimum:.15g} to {row.maximum:.15g} {row.unit}".rstrip()


def _meaning(row: Setting) -> str:
    notes = [row.help]
    if row.repeats:
        notes.append(
            "May be given several times; the variable holds several values with blanks between."
        )
    if row.secret:
        notes.append("A secret: never shown.")
    return " ".join(notes)


def _base(row: Provider) -> str:
    return row.base if "://" in row.base else f"your URL + {row.base}"


def _key_variables(row: Provider) -> str:
    names = ", ".join(map(code, row.keys))
    # such a key opens other doors than models too, so detection leaves it alone
    return f"({names}: only with `--key env:NAME`)" if row.general_key and names else names


def _measured(name: str) -> dict[str, Any] | None:
    path = ROOT / "bench" / name
    return json.loads(path.read_text()) if path.exists() else None


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _bar(row: dict[str, Any]) -> str:
    if row["bar"] is None:
        return ""
    return f"{row['bar']:g} {row['unit']}" + ("" if row["is_met"] else " (**missed**)")


def _peer(name: str, what: str, facts: dict[str, Any]) -> tuple[str, ...]:
    cost = f"{_short(facts['cpu_us'] / facts['nginx_cpu_us'])} x nginx"
    sizes = f"{facts['rss_mb']} MB", f"{facts['packages']}", f"{facts['installed_mb']} MB"
    return (name, what, cost, *sizes)


def renewed(text: str) -> str:
    """A document with all its parts made anew; an unknown name is an error."""

    def renew(match: re.Match[str]) -> str:
        return f"{match['start']}\n{PARTS[match['name']]()}\n{match['end']}"

    return PART.sub(renew, text)


def documents(root: pathlib.Path) -> list[pathlib.Path]:
    return sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")])


def main(arguments: list[str], root: pathlib.Path = ROOT) -> int:
    stale = []
    parts = [(path, path.read_text(), renewed) for path in documents(root)]
    files = [(root / path, make) for path, make in FILES.items() if root == ROOT]
    wanted = [(path, text, renew(text)) for path, text, renew in parts]
    wanted += [(path, path.read_text() if path.exists() else "", make()) for path, make in files]
    for path, text, now in wanted:
        if now != text:
            stale.append(str(path.relative_to(root)))
            if "--check" not in arguments:
                path.write_text(now)
    if stale and "--check" in arguments:
        sys.stderr.write(f"Run `make docs`; stale: {', '.join(stale)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
