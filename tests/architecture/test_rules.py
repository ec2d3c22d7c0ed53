"""The rules of the house hold on the whole tree, and each of them has been seen to bite."""

import pytest

from tests.architecture import rules

BITES = {
    "a_file_fits_in_the_head": ("core/routing.py", "x = 1\n" * (rules.FILE_LINES + 1)),
    "a_function_fits_on_the_screen": (
        "core/routing.py",
        "def pick():\n" + "    x = 1\n" * rules.FUNCTION_LINES,
    ),
    "an_outside_library_has_one_home": (
        "core/routing.py",
        "def pick():\n    import httptools.parser",
    ),
    "only_the_last_resorts_catch_everything": (
        "dataplane/pool.py",
        "try:\n    x = 1\nexcept (OSError, Exception):\n    x = 2",
    ),
    "tasks_start_through_spawn": (
        "control/discovery.py",
        "async def look(loop):\n    loop.create_task(look(loop))",
    ),
    "no_module_holds_state": ("core/routing.py", "SEEN = {}\ndef pick(m):\n    SEEN[m] = True"),
    "decisions_do_no_input_or_output": (
        "core/auth.py",
        "def load():\n    return open('keys').read()",
    ),
    "every_module_has_its_test": ("core/unheard_of.py", ""),
}
"""Rule to a module (its path, its source) that offends it once."""


@pytest.mark.parametrize("module", rules.modules())
@pytest.mark.parametrize("rule", rules.RULES)
def test_the_tree_keeps_the_rule_that(rule, module):
    offences = rules.RULES[rule](module, rules.source_of(module))

    assert offences == []


@pytest.mark.parametrize("rule", rules.RULES)
def test_an_offence_is_seen_against_the_rule_that(rule):
    module, source = BITES[rule]

    offences = rules.RULES[rule](module, source)

    assert len(offences) == 1


@pytest.mark.parametrize(
    "handler",
    [
        "except:",
        "except Exception:",
        "except BaseException as error:",
        "except (OSError, Exception):",
    ],
)
def test_every_way_to_catch_everything_is_seen(handler):
    source = f"try:\n    x = 1\n{handler}\n    x = 2"

    assert rules.broad_excepts("dataplane/pool.py", source) != []
    assert rules.broad_excepts("tasks.py", source) == []


def test_a_handler_that_tidies_up_and_passes_on_is_well():
    source = "try:\n    x = 1\nexcept BaseException:\n    close()\n    raise"

    assert rules.broad_excepts("dataplane/pool.py", source) == []


def test_suppressing_everything_is_seen_and_suppressing_one_error_is_not():
    everything = rules.broad_excepts(
        "cli/main.py", "with contextlib.suppress(Exception):\n    x = 1"
    )
    one = rules.broad_excepts("cli/main.py", "with contextlib.suppress(OSError):\n    x = 1")

    assert (len(everything), one) == (1, [])


@pytest.mark.parametrize(
    "source",
    [
        "seen = []",
        "seen: dict[str, int] = {}",
        "SEEN = collections.deque()",
        "LOCK: Final = asyncio.Lock()",
        "NEXT = itertools.count()",
        "def pick():\n    global seen\n    seen = 1",
        "SEEN = []\ndef pick(m):\n    SEEN.append(m)",
        "SEEN = {}\nasync def pick(m):\n    del SEEN[m]",
    ],
)
def test_every_kind_of_module_state_is_seen(source):
    assert len(rules.module_state(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "ROWS: Final = {'chat': 1}",
        "_ROWS = [1, 2]",
        "__all__ = ['pick']",
        "names = ('a', 'b')",
        "ROWS = {}\ndef pick(rows):\n    rows['x'] = 1\n    return ROWS['x']",
    ],
)
def test_a_constant_table_is_no_state(source):
    assert rules.module_state(source) == []


def test_packages_need_no_test_of_their_own(tmp_path):
    assert rules.missing_test("core/__init__.py", tmp_path) == []


def test_a_module_with_its_test_is_content(tmp_path):
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "test_routing.py").write_text("")

    assert rules.missing_test("core/routing.py", tmp_path) == []


def test_the_tables_of_the_rules_name_what_exists():
    named = {place for places in rules.HOMES.values() for place in places} | set(rules.DECISIONS)

    lost = [
        place
        for place in named | set(rules.BROAD_EXCEPTS)
        if not any(rules.is_in(module, (place,)) for module in rules.modules())
    ]

    assert lost == []
