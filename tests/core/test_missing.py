import pytest

from multillama.core.missing import gemini_call, is_gemini_call, missing, suggest, wrong_method
from multillama.core.operations import BY_PATH, OPERATIONS


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("/v1/chat/completion", "/v1/chat/completions"),
        ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("/openai/v1/chat/completions", "/v1/chat/completions"),
        ("/api/v1/models", "/v1/models"),
        ("/v1/chat/completions/", "/v1/chat/completions"),
        ("/V1/Chat/Completions", "/v1/chat/completions"),
        ("/v1/embedding", "/v1/embeddings"),
        ("/v1/message", "/v1/messages"),
        ("/healthz", "/health"),
    ],
)
def test_a_slip_is_answered_with_the_right_path_first(path: str, first: str) -> None:
    assert suggest(path)[0] == first


def test_the_longest_ending_comes_first() -> None:
    assert suggest("/x/chat/completions")[:2] == ["/v1/chat/completions", "/v1/completions"]


def test_a_path_like_nothing_gets_no_suggestion() -> None:
    found = missing("GET", "/wp-login.php")

    assert suggest("/wp-login.php") == []
    assert found.error.text == (
        "There is no /wp-login.php here. GET / in a browser shows what there is."
    )


def test_every_operation_is_suggested_for_a_path_that_lacks_its_last_letter() -> None:
    for operation in OPERATIONS:
        assert operation.public_path in suggest(operation.public_path[:-1])


def test_an_unknown_path_is_the_clients_404() -> None:
    found = missing("POST", "/v1/chat/completion")

    assert (found.error.kind, found.error.status, found.allow) == ("path_not_found", 404, ())
    assert found.error.text == (
        "There is no /v1/chat/completion here. Did you mean /v1/chat/completions or /v1/completions?"
    )


@pytest.mark.parametrize("path", [path.decode() for path in BY_PATH])
def test_every_operation_takes_post_only(path: str) -> None:
    found = missing("GET", path)

    assert (found.error.status, found.allow) == (405, ("POST",))


@pytest.mark.parametrize("path", ["/v1/models", "/health", "/ready"])
def test_what_is_read_takes_no_post(path: str) -> None:
    found = missing("POST", path)

    assert (found.error.kind, found.allow) == ("method_not_allowed", ("GET", "HEAD"))


def test_a_wrong_method_is_told_the_right_ones() -> None:
    found = wrong_method("DELETE", "/x", ("GET", "HEAD", "POST"))

    assert found.error.text == "/x does not take DELETE; it takes GET, HEAD or POST."


def test_a_long_path_is_not_repeated_whole():
    found = wrong_method("GET", "/" + "a" * 100_000, ("POST",))

    assert len(found.error.text) < 300


def test_a_long_path_is_cut_and_compared_in_no_time() -> None:
    found = missing("G" * 500, "/" + "a" * 100_000)

    assert len(found.error.text) < 300


def test_bytes_that_are_no_text_are_still_answered() -> None:
    assert missing("GET", "/\udcff").error.status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/gemini-2.5-flash:batchGenerateContent",
        "/v1/models/llama3:8b:predictLongRunning",
        "/v1beta/models/imagen:predict",
    ],
)
def test_a_call_of_geminis_own_dialect_is_told_what_is_served_instead(path: str) -> None:
    error = gemini_call(path)

    assert is_gemini_call("POST", path)
    assert (error.kind, error.status) == ("not_implemented", 501)
    assert error.text.startswith(
        path.rpartition(":")[2] + " of Gemini's own API is not served here"
    )
    for operation in OPERATIONS:
        assert operation.public_path in error.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models/x:generateContent"),
        ("POST", "/v1/models/llama3:latest"),
        ("POST", "/v1/models/llama3:8b"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/x:generateContent"),
    ],
)
def test_a_name_with_a_colon_is_no_call_of_gemini(method: str, path: str) -> None:
    assert not is_gemini_call(method, path)


def test_a_long_action_is_not_told_back_whole() -> None:
    short = len(gemini_call("/v1/models/x:aB").text)

    assert len(gemini_call("/v1/models/x:a" + "B" * 5000).text) < short + 50
