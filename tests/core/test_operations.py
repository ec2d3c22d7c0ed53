import pytest

from multillama.core.operations import BY_PATH, OPERATIONS, Body, Operation

PATHS = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "embeddings": "/embeddings",
    "responses": "/responses",
    "messages": "/messages",
    "count_tokens": "/messages/count_tokens",
    "images": "/images/generations",
    "speech": "/audio/speech",
    "moderations": "/moderations",
    "rerank": "/rerank",
    "score": "/score",
    "transcriptions": "/audio/transcriptions",
    "translations": "/audio/translations",
    "image_edits": "/images/edits",
    "image_variations": "/images/variations",
}


def test_what_we_serve_is_what_we_promise():
    assert {operation.name: operation.path for operation in OPERATIONS} == PATHS


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_each_is_served_with_and_without_the_prefix(operation):
    found = [BY_PATH[b"/v1" + operation.path.encode()], BY_PATH[operation.path.encode()]]

    assert found == [operation, operation]


def test_no_two_share_a_path():
    assert len(BY_PATH) == 2 * len(OPERATIONS)


def test_only_files_come_as_forms():
    forms = {operation.name for operation in OPERATIONS if operation.body is Body.MULTIPART}

    assert forms == {"transcriptions", "translations", "image_edits", "image_variations"}


def test_an_operation_is_served_bare_unless_its_row_says_otherwise():
    row = Operation("new", "/new", "openai.new")

    assert (row.bare, row.body) == (True, Body.JSON)
