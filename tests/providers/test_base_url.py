"""What people paste becomes the right base, whatever form it has."""

import pytest
from hypothesis import given, strategies as st

from multillama.providers.base_url import read_base_url

PATHS = [
    # the seed's own
    ("https://api.openai.com/", "/v1"),
    ("https://api.anthropic.com/", "/v1"),
    ("http://localhost:11434/", "/v1"),
    # every form of one base
    ("https://api.openai.com", "/v1"),
    ("https://api.openai.com/v1", "/v1"),
    ("https://api.openai.com/v1/", "/v1"),
    ("https://api.openai.com//v1//", "/v1"),
    ("https://api.openai.com/v1?x=1", "/v1"),
    ("https://api.openai.com/v1/chat/completions", "/v1"),
    ("https://api.openai.com/v1/models", "/v1"),
    ("https://api.openai.com/v1/audio/transcriptions", "/v1"),
    ("  https://api.openai.com/v1  ", "/v1"),
    # bases that are not /v1
    ("https://api.groq.com", "/openai/v1"),
    ("https://api.groq.com/openai", "/openai/v1"),
    ("https://api.groq.com/openai/v1", "/openai/v1"),
    ("https://api.groq.com/v1", "/openai/v1"),
    ("https://api.groq.com/openai/v1/chat/completions", "/openai/v1"),
    ("https://openrouter.ai", "/api/v1"),
    ("https://openrouter.ai/api", "/api/v1"),
    ("https://generativelanguage.googleapis.com", "/v1beta/openai"),
    ("https://generativelanguage.googleapis.com/v1beta/", "/v1beta/openai"),
    ("https://generativelanguage.googleapis.com/v1beta/openai/", "/v1beta/openai"),
    ("https://api.perplexity.ai", ""),
    ("https://api.perplexity.ai/v1", ""),
    ("https://api.perplexity.ai/chat/completions", ""),
    ("https://api.deepinfra.com", "/v1/openai"),
    ("https://api.deepinfra.com/v1", "/v1/openai"),
    ("https://api.z.ai", "/api/paas/v4"),
    ("https://api.z.ai/api/paas/v4", "/api/paas/v4"),
    ("https://api.z.ai/api/anthropic", "/api/paas/v4"),
    ("https://api.z.ai/api/coding/paas/v4", "/api/coding/paas/v4"),
    ("https://api.fireworks.ai", "/inference/v1"),
    ("https://api.novita.ai", "/v3/openai"),
    ("https://ark.cn-beijing.volces.com", "/api/v3"),
    ("https://dashscope.aliyuncs.com", "/compatible-mode/v1"),
    ("https://api.cohere.com", "/compatibility/v1"),
    ("https://models.github.ai", "/inference"),
    ("https://models.github.ai/orgs/acme/inference", "/orgs/acme/inference"),
    ("https://api.upstage.ai/v1", "/v1/solar"),
    ("https://api.deepseek.com", "/v1"),
    ("https://api.deepseek.com/anthropic", "/v1"),
    ("https://api.deepseek.com/anthropic/v1/messages", "/v1"),
    ("https://api.deepseek.com/beta", "/beta"),
    ("https://router.huggingface.co/together", "/together/v1"),
    ("https://acme.openai.azure.com/", "/openai/v1"),
    (
        "https://acme.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-06-01",
        "/openai/v1",
    ),
    (
        "https://api.cloudflare.com/client/v4/accounts/0a/ai/v1",
        "/client/v4/accounts/0a/ai/v1",
    ),
    ("https://api.cloudflare.com/client/v4/accounts/0a/ai", "/client/v4/accounts/0a/ai/v1"),
    ("https://dbc-1.cloud.databricks.com", "/serving-endpoints"),
    # local runtimes
    ("http://localhost:11434/api", "/v1"),
    ("http://localhost:11434/api/tags", "/v1"),
    ("http://localhost:1234/api/v1", "/v1"),
    ("http://localhost:12434", "/engines/v1"),
    ("http://localhost:12434/engines/llama.cpp/v1", "/engines/llama.cpp/v1"),
    # servers nobody knows
    ("http://h", "/v1"),
    ("http://h/llm", "/llm/v1"),
    ("http://h/llm/", "/llm/v1"),
    ("http://h/v1/llm", "/v1/llm"),
    ("http://h/llm/v1", "/llm/v1"),
    ("http://h/llm/v2beta", "/llm/v2beta"),
    ("http://h/llm/v1/embeddings", "/llm/v1"),
    ("http://h/v1/a/b", "/v1/a/b/v1"),
    ("http://h/ä b".replace(" ", "%20"), "/%C3%A4%20b/v1"),
]


@pytest.mark.parametrize(("url", "path"), PATHS)
def test_any_form_of_a_url_leads_to_the_right_base(url: str, path: str) -> None:
    assert read_base_url(url).path == path


@pytest.mark.parametrize(("url", "path"), PATHS)
def test_a_base_read_again_stays_what_it_is(url: str, path: str) -> None:
    base = read_base_url(url)

    again = read_base_url(f"{base.scheme}://{base.authority}{base.path}")

    assert again.path == path


@pytest.mark.parametrize(
    ("url", "host", "port", "authority"),
    [
        ("https://Example.COM/", "example.com", 443, "example.com"),
        ("https://example.com:443/", "example.com", 443, "example.com"),
        ("http://example.com/", "example.com", 80, "example.com"),
        ("http://example.com:443/", "example.com", 443, "example.com:443"),
        ("http://[::1]:8080/", "::1", 8080, "[::1]:8080"),
        ("https://bücher.example/", "xn--bcher-kva.example", 443, "xn--bcher-kva.example"),
    ],
)
def test_the_address_is_what_a_socket_and_a_host_header_need(
    url: str, host: str, port: int, authority: str
) -> None:
    base = read_base_url(url)

    assert (base.host, base.port, base.authority) == (host, port, authority)


@pytest.mark.parametrize(
    ("url", "query"),
    [
        ("https://acme.openai.azure.com/openai/v1?api-version=preview", "api-version=preview"),
        ("https://acme.openai.azure.com/?api-version=preview", "api-version=preview"),
        ("https://h/llm/v1/chat/completions?a=1&b=%20ä", "a=1&b=%20%C3%A4"),
        ("https://h/llm/v1", ""),
        ("https://h/llm/v1?", ""),
        # the version is that of the path, for which a newer one without versions stands in
        ("https://acme.openai.azure.com/openai/deployments/d?api-version=2024-06-01", ""),
    ],
)
def test_a_query_is_kept_with_the_path_it_belongs_to(url: str, query: str) -> None:
    assert read_base_url(url).query == query


def test_what_is_shown_has_no_query() -> None:
    base = read_base_url("https://example.com/llm/?code=CANARY")

    assert base.shown == "https://example.com/llm/"


@pytest.mark.parametrize(
    ("url", "cure"),
    [
        ("api.openai.com", "must start with http:// or https://"),
        ("ftp://example.com/CANARY", "must start with http:// or https://"),
        ("http://", "must start with http:// or https://"),
        ("https://user:CANARY@example.com/", "give the key with --key"),
        ("https://CANARY@example.com/", "give the key with --key"),
        ("https://example.com/?key=CANARY", "a key in its query; .* give the key with --key"),
        ("https://example.com/?a=b&api-key=CANARY", "a key in its query"),
        ("https://example.com/?access_token=CANARY", "a key in its query"),
        ("https://example.com/v1#CANARY", "holds a #"),
        ("https://example.com/v1#", "holds a #"),
        ("http://example.com:99999/", "malformed"),
        ("http://[::1/", "malformed"),
        ("http://exa mple.com/", "blank"),
        ("http://example.com/\r\nx-evil: 1", "line break"),
        ("http://exa<mple.com/", "not a host name"),
        ("http://" + "ä" * 80 + "/", "not a host name"),
    ],
)
def test_what_cannot_be_a_base_is_refused_with_its_cure(url: str, cure: str) -> None:
    with pytest.raises(ValueError, match=cure) as caught:
        read_base_url(url)

    assert "CANARY" not in str(caught.value)


@given(st.text() | st.builds("http://{}/{}".format, st.text(max_size=20), st.text(max_size=20)))
def test_any_text_is_read_as_clean_ascii_or_refused(url: str) -> None:
    try:
        base = read_base_url(url)
    except ValueError:
        return

    line = f"{base.authority}{base.path}"
    assert line.isascii()
    assert line.isprintable()
    assert " " not in line
