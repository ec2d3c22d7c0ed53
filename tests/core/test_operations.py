import pytest

from multillama.core.operations import (
    BY_NAME,
    BY_PATH,
    OPERATIONS,
    Body,
    Kind,
    Operation,
    find_call,
    find_operation,
)  # fmt: skip

PATHS = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "embeddings": "/v1/embeddings",
    "responses": "/v1/responses",
    "input_tokens": "/v1/responses/input_tokens",
    "messages": "/v1/messages",
    "count_tokens": "/v1/messages/count_tokens",
    "images": "/v1/images/generations",
    "speech": "/v1/audio/speech",
    "moderations": "/v1/moderations",
    "rerank": "/v1/rerank",
    "score": "/v1/score",
    "transcriptions": "/v1/audio/transcriptions",
    "translations": "/v1/audio/translations",
    "image_edits": "/v1/images/edits",
    "image_variations": "/v1/images/variations",
    "generate_content": "/v1beta/models/{model}:generateContent",
    "stream_generate_content": "/v1beta/models/{model}:streamGenerateContent",
    "count_content": "/v1beta/models/{model}:countTokens",
    "embed_content": "/v1beta/models/{model}:embedContent",
    "batch_embed_contents": "/v1beta/models/{model}:batchEmbedContents",
    "ollama_chat": "/api/chat",
    "ollama_generate": "/api/generate",
    "ollama_embed": "/api/embed",
    "ollama_embeddings": "/api/embeddings",
    "ollama_show": "/api/show",
}
BY_BODY = [row for row in OPERATIONS if row.body is not Body.PATH]
BY_CALL = [row for row in OPERATIONS if row.body is Body.PATH]


def test_what_we_serve_is_what_we_promise():
    assert {operation.name: operation.public_path for operation in OPERATIONS} == PATHS


@pytest.mark.parametrize("operation", BY_BODY, ids=lambda operation: operation.name)
def test_each_is_served_under_all_its_prefixes(operation):
    paths = [f"{prefix}{operation.path}".encode() for prefix in operation.prefixes]

    assert [find_operation(path) for path in paths] == [operation] * len(paths)


@pytest.mark.parametrize("operation", BY_CALL, ids=lambda operation: operation.name)
@pytest.mark.parametrize("version", ["/v1", "/v1beta", "/v1alpha", ""])
def test_a_call_is_found_with_its_model(operation, version):
    path = f"{version}{operation.path}".replace("{model}", "org%2Fm:1").encode()

    assert find_call(path) == (operation, "org/m:1")
    assert find_operation(path) == operation


@pytest.mark.parametrize("before", ["models", "tunedModels", "publishers/google/models"])
def test_a_model_may_stand_in_several_places(before):
    path = f"/v1beta/{before}/x:generateContent".encode()

    assert find_call(path) == (BY_NAME["generate_content"], "x")


@pytest.mark.parametrize(
    "path",
    [
        b"/v1/models/x",
        b"/v1/models/x:predict",
        b"/v2/models/x:generateContent",
        b"/v1/models/:generateContent",
    ],
)
def test_what_is_no_call_of_ours_is_none(path):
    assert find_call(path) is None
    assert find_operation(path) is None


def test_no_two_share_a_path():
    assert len(BY_PATH) == sum(len(operation.prefixes) for operation in BY_BODY)


def test_only_files_come_as_forms():
    forms = {operation.name for operation in OPERATIONS if operation.body is Body.MULTIPART}

    assert forms == {"transcriptions", "translations", "image_edits", "image_variations"}


def test_an_operation_is_passed_on_as_it_is_unless_its_row_says_otherwise():
    row = Operation("new", "/new", "openai.new")

    assert (row.kind, row.body, row.streams, row.prefixes) == (
        Kind.OTHER,
        Body.JSON,
        False,
        ("/v1", ""),
    )
