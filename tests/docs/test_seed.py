"""Each line of the first user's own description, with the tests that prove it, or why none can.

The description was written for a program in another language; "Node.js" and "zero dependencies" are read as
"Python" and "few dependencies". A line whose proof is renamed or removed fails here.
"""

import ast
import pathlib
import tomllib

import pytest

ROOT = pathlib.Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

LIVE = "tests/docs/test_seed_live.py::test_"
LOAD = "tests/config/test_load.py::test_"
MAIN = "tests/cli/test_main.py::test_"
SIDE = "tests/e2e/test_side_by_side.py::test_"
CURL = "tests/e2e/test_curl.py::test_"
COMPILE = "tests/control/test_compile.py::test_"
OWN = "tests/docs/test_seed.py::test_"

LISTED = LIVE + "all_models_of_all_endpoints_are_listed_and_tagged_with_their_source"
ROUTED = LIVE + "a_request_goes_to_the_endpoint_that_has_its_model"
KEYS = LIVE + "each_endpoint_gets_its_own_key_and_null_is_none"
PAGE = LIVE + "the_web_page_shows_the_connected_endpoints"
TOLD_MODELS = LIVE + "the_console_shows_the_endpoints_and_their_models"
TOLD_REQUESTS = LIVE + "the_console_shows_where_each_request_went_and_how_it_ended"

PROOFS = {
    "aggregates multiple LLM (Large Language Model) endpoints into a single OpenAI-compatible API": [
        LISTED,
        ROUTED,
        SIDE + "a_chat_is_served_by_the_endpoint_that_has_the_model",
    ],
    # Features
    "Connect to multiple LLM API endpoints": [LISTED],
    "Support for endpoints with and without authentication": [KEYS],
    "Provides `/v1/models`, `/v1/chat/completions`, `/v1/completions`, and `/v1/embeddings` endpoints": [
        LISTED,
        ROUTED,
    ],
    "Intelligently routes requests to the correct endpoint based on the requested model": [ROUTED],
    "Automatically fetches and lists available models from all configured endpoints": [
        LISTED,
        COMPILE + "the_openai_sdk_lists_the_seeds_three_endpoints",
    ],
    "Simple HTML interface to view connected endpoints": [PAGE],
    "Zero dependencies": [
        "tests/packaging/test_wheel.py::test_an_installation_has_few_packages_that_agree",
        "tests/packaging/test_locks.py::test_an_installation_has_few_packages",
    ],
    # Installation
    "Clone the repository:": [
        "tests/packaging/test_wheel.py::test_the_installed_command_serves_health_models_and_a_chat",
        "tests/packaging/test_words.py::test_make_alone_lists_the_words",
        OWN + "the_readme_installs_from_a_clone",
    ],
    # Usage
    "Run the server with the required parameters:": [
        MAIN + "seed_the_readmes_command_serves_without_naming_a_verb",
        CURL + "the_command_of_the_readme_is_understood",
        ROUTED,
    ],
    "`--port <number>`: **Required**. Port number to run the server on (1-65535)": [
        LOAD + "seed_a_missing_port_says_port_is_required",
        LOAD + "seed_a_port_is_from_1_to_65535",
        LOAD + "seed_any_other_port_is_refused",
    ],
    "`--host <string>`: Host to bind to (default: `localhost`)": [
        LOAD + "seed_host_is_localhost_by_default"
    ],
    "`--url <string>`: LLM endpoint URL (can be specified multiple times)": [
        LOAD + "seed_urls_and_keys_pair_up_in_order"
    ],
    "`--key <string>`: API key for the corresponding URL.": [
        LOAD + "seed_urls_and_keys_pair_up_in_order"
    ],
    "Use `null` for endpoints without authentication": [KEYS],
    # Examples
    "Single endpoint with API key:": [
        "tests/providers/test_base_url.py::test_any_form_of_a_url_leads_to_the_right_base",
        CURL + "the_curl_lines_of_the_readme_work",
    ],
    "Multiple endpoints:": [
        CURL + "the_command_of_the_readme_is_understood",
        SIDE + "all_models_are_listed_and_tagged_with_their_endpoint",
        SIDE + "a_chat_is_served_by_the_endpoint_that_has_the_model",
        "tests/control/test_endpoints.py::test_the_seeds_three_endpoints_are_made_side_by_side",
        COMPILE + "the_openai_sdk_lists_the_seeds_three_endpoints",
        COMPILE + "the_anthropic_sdk_lists_the_seeds_three_endpoints",
    ],
    "Custom host and port:": [
        LIVE + "a_host_and_a_port_can_be_chosen",
        LOAD + "seed_host_and_port_can_be_chosen",
    ],
    # API endpoints
    "`GET /`: Web interface showing connected endpoints": [PAGE],
    "`GET /v1/models`: List all available models from all endpoints": [LISTED],
    "`POST /v1/chat/completions`: Chat completions (routes based on model)": [ROUTED],
    "`POST /v1/completions`: Text completions (routes based on model)": [ROUTED],
    "`POST /v1/embeddings`: Text embeddings (routes based on model)": [ROUTED],
    # How it works
    "The server connects to all specified endpoints and fetches available models": [TOLD_MODELS],
    "Each model is tagged with its source endpoint": [LISTED],
    "Looks up which endpoint hosts that model": [ROUTED],
    "Forwards the request to the appropriate endpoint": [ROUTED],
    "Returns the response to the client": [
        LIVE + "the_endpoints_answer_is_returned",
        CURL + "the_curl_lines_of_the_readme_work",
        CURL + "the_python_lines_of_the_readme_work",
    ],
    # Requirements
    "**Node.js LTS** (v18+ recommended for native ES modules support)": [
        "tests/packaging/test_wheel.py::test_the_installed_command_says_its_version",
        OWN + "the_python_that_is_asked_for_is_the_one_of_the_metadata",
    ],
    "Internet connection to reach LLM endpoints": [
        SIDE + "a_chat_is_served_by_the_endpoint_that_has_the_model",
        "tests/app/test_gateway.py::test_an_endpoint_that_is_down_never_stops_the_start",
    ],
    # Contributing
    "Fork the repository": [OWN + "contributing_says_how_to_begin_and_how_to_commit"],
    "Create your feature branch (`git checkout -b feature/amazing-feature`)": [
        OWN + "contributing_says_how_to_begin_and_how_to_commit"
    ],
    "Commit your changes (`git commit -m 'Add some amazing feature'`)": [
        OWN + "contributing_says_how_to_begin_and_how_to_commit"
    ],
    # License
    "This project is open source. Please check the license file for more details.": [
        "tests/packaging/test_wheel.py::test_the_wheel_holds_the_pages_the_types_mark_and_the_licence",
    ],
    # Troubleshooting
    '"Port is required": Make sure to specify the `--port` argument': [
        MAIN + "seed_port_is_required",
        LOAD + "seed_a_missing_port_says_port_is_required",
    ],
    '"Number of keys must match number of URLs": Each `--url` must have a corresponding `--key`': [
        MAIN + "seed_number_of_keys_must_match_number_of_urls",
        LOAD + "seed_counts_that_differ_say_that_keys_must_match_urls",
    ],
    "Model not found: Ensure the endpoint is reachable and the API key is valid": [
        LIVE + "a_model_that_is_not_found_says_so",
        LIVE + "a_model_that_is_not_found_while_an_endpoint_is_down_says_what_to_check",
        OWN + "the_readme_says_what_to_check_when_a_model_is_not_found",
    ],
    # Debug information
    "Connected endpoints and their models": [TOLD_MODELS],
    "Request routing decisions": [TOLD_REQUESTS],
    "Proxy requests and responses": [
        TOLD_REQUESTS,
        "tests/observe/test_lines.py::test_a_text_line_tells_where_a_request_went_and_how_it_ended",
    ],
    "Check the console output for debugging information.": [TOLD_MODELS, TOLD_REQUESTS],
}
"""Line of the description to the tests that prove it."""

REASONS = {
    "A Node.js proxy server": "this one is written in Python",
    "Pure Node.js implementation with no external dependencies": "few dependencies, each with its reason",
    "git clone <your-repo-url>": "the address is the reader's own",
    "node src/index.js": "the command is `multillama`; its flags are the same",
    "This project uses only Node.js built-in modules": "as above: few dependencies",
    "Push to the branch (`git push origin feature/amazing-feature`)": "git's business, not the project's",
    "Open a Pull Request": "the hosting site's business, not the project's",
}
"""Line of the description to why no test can prove it."""


def is_there(node: str) -> bool:
    """Say whether a test of that name stands in that file."""
    path, _, name = node.partition("::")
    if not (ROOT / path).exists():
        return False
    tree = ast.parse((ROOT / path).read_text())
    return any(
        isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) and part.name == name
        for part in tree.body
    )


@pytest.mark.parametrize("line", PROOFS)
def test_every_line_has_its_proof(line):
    nodes = PROOFS[line]

    assert nodes != []
    assert [node for node in nodes if not is_there(node)] == []


def test_a_lost_proof_is_seen():
    assert not is_there("tests/docs/test_seed.py::test_that_was_removed")
    assert not is_there("tests/docs/test_removed.py::test_x")
    assert is_there("tests/docs/test_seed.py::test_a_lost_proof_is_seen")


def test_a_line_is_proved_or_excused_and_not_both():
    assert PROOFS.keys() & REASONS.keys() == set()
    assert [line for line, reason in REASONS.items() if not reason] == []


def test_the_readme_installs_from_a_clone():
    start = README.partition("## Quick start")[2].partition("\n## ")[0]

    assert "From a clone" in start
    assert "pip install .\n" in start


def test_the_python_that_is_asked_for_is_the_one_of_the_metadata():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    least = project["requires-python"].removeprefix(">=")
    assert f"Python {least} or newer" in README


def test_contributing_says_how_to_begin_and_how_to_commit():
    text = (ROOT / "CONTRIBUTING.md").read_text()

    for words in ("Fork", "branch", "pull request", "make setup", "## Commits"):
        assert words in text


def test_the_readme_says_what_to_check_when_a_model_is_not_found():
    (row,) = [line for line in README.splitlines() if line.startswith("| Model not found")]

    assert "endpoint is reachable" in row
    assert "key valid" in row
