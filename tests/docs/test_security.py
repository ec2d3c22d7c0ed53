"""Each promise of SECURITY.md, with the tests that prove it."""

import ast
import pathlib
import re

import pytest

from multillama.dataplane.downstream import LINGER_S
from multillama.web.live import STREAMS
from multillama.web.tries import Tries
from multillama.wire import answers, chunked, heads
from tests.docs.test_seed import is_there

ROOT = pathlib.Path(__file__).parents[2]
TEXT = " ".join((ROOT / "SECURITY.md").read_text().split())

GUARDS = "tests/http/test_guards_of_requests.py::test_"
ANSWERS = "tests/http/test_guards_of_answers.py::test_"
OWN = "tests/docs/test_security.py::test_"
PAGES = "tests/web/test_pages.py::test_"

PROOFS = {
    "Loopback by default": [
        "tests/config/test_load.py::test_seed_host_is_localhost_by_default",
        "tests/cli/test_serve.py::test_listening_beyond_loopback_without_a_key_warns_and_works",
    ],
    "Keys stay secret": [
        "tests/observe/test_log.py::test_no_configured_key_comes_out_in_any_line",
        "tests/observe/test_lines.py::test_a_key_that_a_client_sends_as_a_model_or_a_path_is_hidden",
        "tests/app/test_view.py::test_a_key_is_given_or_not_and_never_told",
        "tests/core/test_auth.py::test_a_wrong_key_is_refused_and_neither_key_is_told",
        "tests/core/test_record.py::test_there_is_no_field_for_a_prompt_an_answer_or_a_key",
        "tests/core/test_snapshot.py::test_no_secret_is_shown_however_it_is_printed",
        "tests/config/test_load.py::test_a_key_can_be_in_the_environment",
        "tests/config/test_load.py::test_a_key_can_be_in_a_file_whose_last_newline_does_not_count",
    ],
    "A client's key never reaches an endpoint": [
        "tests/wire/test_heads.py::test_framing_credentials_and_hop_by_hop_fields_end_here",
        "tests/docs/test_seed_live.py::test_each_endpoint_gets_its_own_key_and_null_is_none",
        "tests/control/test_endpoints.py::test_the_key_is_in_the_heads_and_nowhere_else",
        "tests/faults/test_pass_through.py::test_a_redirect_passes_and_is_not_followed",
        "tests/control/test_lister.py::test_a_redirect_names_its_target_without_secrets",
    ],
    "`--api-key` is compared in constant time": [
        OWN + "keys_are_compared_in_constant_time_only",
        "tests/dataplane/test_exchange.py::test_a_request_is_judged_by_its_head_before_its_body_is_read",
        "tests/dataplane/test_builtin.py::test_the_models_are_for_those_with_the_key",
        PAGES + "without_the_key_no_path_shows_anything",
    ],
    "One request stays one request": [
        GUARDS + "g05_an_announced_size_is_judged_before_a_byte_of_it_is_read",
        GUARDS + "g06_the_only_coding_is_chunked_and_only_in_http_11",
        GUARDS + "g10_what_must_be_single_is_not_there_twice",
        GUARDS + "g19_a_length_is_forwarded_as_the_number_it_is",
        ANSWERS + "g16_bytes_behind_an_answer_reach_nobody",
        "tests/http/test_table.py::test_a_row_comes_true_in_one_go_and_byte_by_byte_alike",
    ],
    "Sizes and waits are bounded": [
        OWN + "the_constants_are_the_ones_that_are_told",
        GUARDS + "g03_wire_bytes_are_limited_not_parsed_ones",
        ANSWERS + "g15_a_flood_of_interim_answers_is_a_failure_of_the_endpoint",
        "tests/wire/test_chunked.py::test_the_longest_trailer_is_read",
        "tests/http/test_time.py::test_a_refused_body_is_drained_for_a_second_at_most",
        "tests/http/test_time.py::test_a_head_that_drips_in_is_cut_off_in_time",
        "tests/web/test_live.py::test_too_many_pages_are_refused_until_one_is_closed",
        "tests/web/test_guard.py::test_guessing_ends_after_ten_tries_even_for_the_right_key",
    ],
    "The page": [
        "tests/web/test_headers.py::test_the_policy_has_no_hole",
        "tests/web/test_safety_in_chromium.py::test_markup_that_gets_in_all_the_same_does_not_run",
        "tests/web/test_guard.py::test_without_a_key_a_rebound_name_stays_out",
        "tests/web/test_guard.py::test_a_change_from_another_page_is_refused",
    ],
    "No call home": [
        "tests/control/test_detect.py::test_only_loopback_is_asked_and_never_our_own_port",
        "tests/control/test_detect.py::test_every_key_that_is_found_leads_to_its_own_provider",
        "tests/control/test_detect.py::test_nothing_is_found_in_an_empty_environment",
    ],
    "Few dependencies": [
        "tests/packaging/test_locks.py::test_an_installation_has_few_packages",
        "tests/packaging/test_locks.py::test_every_locked_package_has_its_hashes",
        OWN + "no_version_younger_than_a_week_is_locked",
    ],
}
"""The bold words of a promise to the tests that prove it."""


def promises(text: str) -> list[str]:
    section = text.partition("## What we promise")[2].partition("## ")[0]
    return [words.rstrip(".,") for words in re.findall(r"- \*\*(.+?)\*\*", section)]


def test_every_promise_has_its_proof() -> None:
    assert promises(TEXT) == list(PROOFS)


@pytest.mark.parametrize("promise", PROOFS)
def test_every_proof_is_there(promise: str) -> None:
    assert [node for node in PROOFS[promise] if not is_there(node)] == []


def test_the_constants_are_the_ones_that_are_told() -> None:
    told = re.findall(
        r"(\d+) (fields|KiB of trailers|interim answers|s in which|open pages|wrong keys)", TEXT
    )

    assert {what: int(number) for number, what in told} == {
        "fields": heads.MAX_FIELDS,
        "KiB of trailers": chunked.MAX_TRAILER_BYTES // 1024,
        "interim answers": answers.MAX_INTERIM,
        "s in which": LINGER_S,
        "open pages": STREAMS,
        "wrong keys": Tries(lambda: 0.0)._limit,
    }


def compares_by_hand(source: str) -> bool:
    """Say whether something called a key or a credential is compared with `==` or `!=` to more than nothing."""
    secrets = {"api_key", "_api_key", "credential", "candidate"}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.In):
            sides = (node.left, *node.comparators)
            names = {getattr(side, "id", getattr(side, "attr", "")) for side in sides}
            if names & secrets:
                return True
    return False


@pytest.mark.parametrize("module", ["core/auth.py", "app/view.py", "web/guard.py"])
def test_keys_are_compared_in_constant_time_only(module: str) -> None:
    source = (ROOT / "src" / "multillama" / module).read_text()

    assert not compares_by_hand(source)
    assert "compare_digest(" in source or module == "web/guard.py"  # which asks the view


@pytest.mark.parametrize("line", ["credential == api_key", "self._api_key != key"])
def test_a_comparison_by_hand_is_seen(line: str) -> None:
    assert compares_by_hand(line)


def test_no_version_younger_than_a_week_is_locked() -> None:
    makefile = (ROOT / "Makefile").read_text()

    recipe = makefile.partition("\nlock:")[2].partition("\n\n")[0].splitlines()[1:]
    assert recipe != []
    assert [line for line in recipe if not line.startswith("\t$(LOCK) ")] == []
    assert "--exclude-newer '7 days'" in makefile.partition("\nLOCK :=")[2].partition("\n\n")[0]
    assert "--generate-hashes" in makefile.partition("\nLOCK :=")[2].partition("\n\n")[0]


def test_a_promise_without_a_proof_is_seen() -> None:
    assert promises("## What we promise - **New.** It is. ## What is yours") == ["New"]
