"""Each sentence of the first user's own description, with the tests that prove it.

The description was written for a program in another language; "Node.js" and "zero dependencies" are read as
"Python" and "few dependencies". A sentence whose proof is renamed or removed fails here.
"""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[2]

LIVE = "tests/docs/test_seed_live.py::test_"
LOAD = "tests/config/test_load.py::test_"
MAIN = "tests/cli/test_main.py::test_"
SIDE = "tests/e2e/test_side_by_side.py::test_"
CURL = "tests/e2e/test_curl.py::test_"
COMPILE = "tests/control/test_compile.py::test_"
BESIDE = "tests/e2e/test_side_by_side.py::test_"

PROOFS = {
    # Features
    "Connect to multiple LLM API endpoints": [
        LIVE + "all_models_of_all_endpoints_are_listed_and_tagged_with_their_source",
    ],
    "Support for endpoints with and without authentication": [
        LIVE + "each_endpoint_gets_its_own_key_and_null_is_none",
    ],
    "Provides /v1/models, /v1/chat/completions, /v1/completions and /v1/embeddings endpoints": [
        LIVE + "all_models_of_all_endpoints_are_listed_and_tagged_with_their_source",
        LIVE + "a_request_goes_to_the_endpoint_that_has_its_model",
    ],
    "Routes requests to the correct endpoint based on the requested model": [
        LIVE + "a_request_goes_to_the_endpoint_that_has_its_model",
    ],
    "Fetches and lists available models from all configured endpoints": [
        LIVE + "all_models_of_all_endpoints_are_listed_and_tagged_with_their_source",
        COMPILE + "the_openai_sdk_lists_the_seeds_three_endpoints",
    ],
    "Simple HTML interface to view connected endpoints": [
        LIVE + "the_web_page_shows_the_connected_endpoints",
    ],
    "Few dependencies": [
        "tests/packaging/test_wheel.py::test_an_installation_has_few_packages_that_agree",
        "tests/packaging/test_locks.py::test_an_installation_has_few_packages",
    ],
    # Usage
    "Run the server with the required parameters": [
        MAIN + "seed_the_readmes_command_serves_without_naming_a_verb",
        CURL + "the_command_of_the_readme_is_understood",
        LIVE + "a_request_goes_to_the_endpoint_that_has_its_model",
    ],
    "--port: required, 1-65535": [
        LOAD + "seed_a_missing_port_says_port_is_required",
        LOAD + "seed_a_port_is_from_1_to_65535",
        LOAD + "seed_any_other_port_is_refused",
    ],
    "--host: default localhost": [LOAD + "seed_host_is_localhost_by_default"],
    "--url: can be specified multiple times": [LOAD + "seed_urls_and_keys_pair_up_in_order"],
    "--key: API key for the corresponding URL": [LOAD + "seed_urls_and_keys_pair_up_in_order"],
    "--key null: an endpoint without authentication": [
        LIVE + "each_endpoint_gets_its_own_key_and_null_is_none",
    ],
    # Examples
    "OpenAI, Anthropic and Ollama side by side": [
        CURL + "the_command_of_the_readme_is_understood",
        SIDE + "all_models_are_listed_and_tagged_with_their_endpoint",
        SIDE + "a_chat_is_served_by_the_endpoint_that_has_the_model",
        "tests/control/test_endpoints.py::test_the_seeds_three_endpoints_are_made_side_by_side",
        COMPILE + "the_openai_sdk_lists_the_seeds_three_endpoints",
        COMPILE + "the_anthropic_sdk_lists_the_seeds_three_endpoints",
        BESIDE + "all_models_are_listed_and_tagged_with_their_endpoint",
        BESIDE + "a_chat_is_served_by_the_endpoint_that_has_the_model",
    ],
    "A URL without /v1 works": [
        "tests/providers/test_base_url.py::test_any_form_of_a_url_leads_to_the_right_base",
    ],
    "--host 0.0.0.0 --port 8080": [
        LIVE + "a_host_and_a_port_can_be_chosen",
        LOAD + "seed_host_and_port_can_be_chosen",
    ],
    # API endpoints
    "GET /: web interface showing connected endpoints": [
        LIVE + "the_web_page_shows_the_connected_endpoints",
    ],
    "GET /v1/models: all available models from all endpoints": [
        LIVE + "all_models_of_all_endpoints_are_listed_and_tagged_with_their_source",
    ],
    "POST /v1/chat/completions, /v1/completions, /v1/embeddings (routed by model)": [
        LIVE + "a_request_goes_to_the_endpoint_that_has_its_model",
    ],
    # How it works
    "Startup: connects to all specified endpoints and fetches available models": [
        LIVE + "the_console_shows_the_endpoints_and_their_models",
    ],
    "Each model is tagged with its source endpoint": [
        LIVE + "all_models_of_all_endpoints_are_listed_and_tagged_with_their_source",
    ],
    "Looks up which endpoint hosts that model, forwards the request to it": [
        LIVE + "a_request_goes_to_the_endpoint_that_has_its_model",
    ],
    "Returns the response to the client": [
        LIVE + "the_endpoints_answer_is_returned",
        CURL + "the_curl_lines_of_the_readme_work",
        CURL + "the_python_lines_of_the_readme_work",
    ],
    # Requirements, license
    "Runs on the Python that its metadata names, from a plain installation": [
        "tests/packaging/test_wheel.py::test_the_installed_command_says_its_version",
    ],
    "Open source: the licence file has the details": [
        "tests/packaging/test_wheel.py::test_the_wheel_holds_the_pages_the_types_mark_and_the_licence",
    ],
    # Troubleshooting
    "Port is required": [
        MAIN + "seed_port_is_required",
        LOAD + "seed_a_missing_port_says_port_is_required",
    ],
    "Number of keys must match number of URLs": [
        MAIN + "seed_number_of_keys_must_match_number_of_urls",
        LOAD + "seed_counts_that_differ_say_that_keys_must_match_urls",
    ],
    "Model not found": [LIVE + "a_model_that_is_not_found_says_so"],
    # Debug information
    "The server logs connected endpoints and their models": [
        LIVE + "the_console_shows_the_endpoints_and_their_models",
    ],
    "The server logs request routing decisions": [
        LIVE + "the_console_shows_where_each_request_went_and_how_it_ended",
    ],
    "The server logs proxy requests and responses": [
        LIVE + "the_console_shows_where_each_request_went_and_how_it_ended",
        "tests/observe/test_lines.py::test_a_text_line_tells_where_a_request_went_and_how_it_ended",
    ],
}
"""Sentence of the description to the tests that prove it."""


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


@pytest.mark.parametrize("sentence", PROOFS)
def test_every_sentence_has_its_proof(sentence):
    nodes = PROOFS[sentence]

    assert nodes != []
    assert [node for node in nodes if not is_there(node)] == []


def test_a_lost_proof_is_seen():
    assert not is_there("tests/docs/test_seed.py::test_that_was_removed")
    assert not is_there("tests/docs/test_removed.py::test_x")
    assert is_there("tests/docs/test_seed.py::test_a_lost_proof_is_seen")
