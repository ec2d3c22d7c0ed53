import ast
import shlex
import subprocess

import msgspec
import pytest
from hypothesis import given, strategies as st

from multillama.web.snippets import NO_MODEL, pick_model, snippets
from tests.web.fakes import model

BASE = "http://localhost:3000/v1"

HOSTILE = [
    "it's", 'say "hi"', "back\\slash", "$(rm -rf ~)", "`id`", "'; rm -rf ~; '", "line\nbreak", "tab\there",
    "nul\0", "\x1b[201~", "turn\u202eround", "sep\u2028arator", "</script><img src=x onerror=alert(1)>",
    "%s {0} ${x}", "häuschen", "模型", "emoji-\N{LLAMA}", "-d@/etc/passwd", "!!",
]  # fmt: skip


def texts(name: str | None, *, needs_key: bool = False) -> dict[str, str]:
    return {each.id: each.text for each in snippets(BASE, name, needs_key=needs_key)}


def curl_words(text: str) -> list[str]:
    """What `curl` is given when the example is pasted into a shell."""
    script = 'curl() { printf "%s\\0" "$@"; }\n' + text
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True, timeout=10)
    return done.stdout.decode().split("\0")[:-1]


def curl_body(text: str) -> object:
    return msgspec.json.decode(curl_words(text)[-1])


def python_model(text: str) -> object:
    tree = ast.parse(text)
    return next(
        ast.literal_eval(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "model"
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_in_its_quotes_in_the_shell(name: str) -> None:
    text = texts(name)["curl"]

    assert curl_words(text)[0] == f"{BASE}/chat/completions"
    assert len(curl_words(text)) == 5
    assert curl_body(text) == {"model": name, "messages": [{"role": "user", "content": "Hello!"}]}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_in_its_quotes_in_python(name: str) -> None:
    assert python_model(texts(name)["python"]) == name


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
def test_no_name_at_all_gets_out_of_its_quotes_in_the_shell(name: str) -> None:
    # In a table of one shell each this would take minutes; `shlex` only lacks continued lines.
    words = shlex.split(texts(name)["curl"].replace("\\\n", ""))

    body = msgspec.json.decode(words[-1])

    assert len(words) == 6
    assert body["model"] == name


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
def test_nothing_invisible_is_copied(name: str) -> None:
    assert all(text.replace("\n", "").isprintable() for text in texts(name).values())


def test_the_examples_call_this_gateway_with_the_model() -> None:
    made = texts("gpt-4o")

    assert all(BASE in text and '"gpt-4o"' in text for text in made.values())
    assert list(made) == ["curl", "python", "javascript"]


def test_an_embedding_model_is_asked_for_an_embedding() -> None:
    made = texts("nomic-embed-text")

    assert curl_body(made["curl"]) == {"model": "nomic-embed-text", "input": "Hello!"}
    assert f"{BASE}/embeddings" in made["curl"]
    assert "client.embeddings.create(" in made["python"]
    assert "client.embeddings.create(" in made["javascript"]


def test_a_needed_key_comes_from_the_environment() -> None:
    made = texts("gpt-4o", needs_key=True)

    assert '"Authorization: Bearer $MULTILLAMA_API_KEY"' in made["curl"]
    assert 'os.environ["MULTILLAMA_API_KEY"]' in made["python"]
    assert "process.env.MULTILLAMA_API_KEY" in made["javascript"]
    assert python_model(made["python"]) == "gpt-4o"


def test_without_a_model_there_is_a_word_to_replace() -> None:
    assert python_model(texts(None)["python"]) == NO_MODEL


def test_an_address_with_brackets_is_quoted_for_shells_that_expand_them() -> None:
    made = snippets("http://[::1]:3000/v1", "m", needs_key=False)

    assert made[0].text.startswith("curl 'http://[::1]:3000/v1/chat/completions'")


@pytest.mark.parametrize(
    ("names", "wanted", "picked"),
    [
        ((), None, None),
        ((), "gpt-4o", None),
        (("text-embedding-3", "gpt-4o"), None, "gpt-4o"),
        (("text-embedding-3", "whisper-1"), None, "text-embedding-3"),
        (("gpt-4o", "whisper-1"), "whisper-1", "whisper-1"),
        (("gpt-4o", "whisper-1"), "no-such", "gpt-4o"),
    ],
)
def test_the_example_uses_a_model_that_exists_and_chats_if_there_is_one(
    names: tuple[str, ...], wanted: str | None, picked: str | None
) -> None:
    assert pick_model([model(name) for name in names], wanted) == picked
